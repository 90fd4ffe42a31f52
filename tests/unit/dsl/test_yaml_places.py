"""Where a character of a value stands in its file, in code points, whatever the style of the scalar."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dsl.diagnostics import Findings
from engine.dsl.nodes import Scalar
from engine.dsl.source import parse
from engine.model.span import Span

MARK = "¤"  # stands once in every source, and is looked for


def scalar(source: str, key: str = "key") -> Scalar:
    findings = Findings()
    documents, _ = parse(source.encode(), "a.yaml", findings)
    assert not findings.items, findings.items
    node = documents[0].get(key)
    assert isinstance(node, Scalar)
    return node


def place_of(source: str, char: str = MARK) -> tuple[int, int]:
    before = source[: source.index(char)]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def found_at(source: str) -> tuple[int, int]:
    node = scalar(source)
    span = node.within(node.text.index(MARK))
    assert (span.end_line, span.end_column) == (span.line, span.column + 1)
    return span.line, span.column


@pytest.mark.parametrize(
    "source",
    [
        "key: Привет ¤\n",
        "key: 😀😀 ¤ 😀\n",
        "other: x\nkey:\n    a ¤\n",
        "key: first line\n  second\n\n  third ¤ line\n",
        "key: 'it''s ''¤'\n",
        "key: 'folded\n  it''s\n\n\n  here ¤'\n",
        'key: "quoted ¤"\n',
        r'key: "tab\t quote\" backslash\\ \u0416\x41\U0001F600 ¤"' + "\n",
        'key: "a\\\n    joined \\"¤\\"\n    b"\n',
        'key: "\n  starts ¤ on the next line"\n',
        'key: "one\n\n\n  two   \n  ¤"\n',
        'key: "\\ \\N\\_\\L ¤"\n',
        "key: |\n  Строка\n    сдвинута\n\n  потом ¤ дальше\n",
        "key: |-   # a comment\n    x\n      y ¤\n",
        "key: |2\n    two more\n   ¤\n",
        "key: >\n  folded text\n  goes on\n\n    more indented\n  and ¤ on\n",
        "key: >-\n  😀 ¤\n",
        "key: &anchor ¤ x\n",
        "key: &¤anchor 'aa¤'\n".replace("¤anchor", "anchor"),
        "key: &a # why\n  'x ¤'\n",
        "key: &a |\n  {{ a ¤\n",
        "{key: [¤], b: c}\n".replace("[¤]", "x ¤"),
        'a: [1, 2]\n\nkey: "\\"\\"¤"\n',
    ],
)
def test_a_character_is_found_where_it_stands(source: str) -> None:
    assert found_at(source) == place_of(source)


def test_carriage_returns_do_not_move_it() -> None:
    source = "key: |\n  a\n\n  b ¤\n"
    assert found_at(source.replace("\n", "\r\n")) == place_of(source)
    assert found_at(source.replace("\n", "\r")) == place_of(source)


word = st.text(st.sampled_from("abcЖЩ😀é.,;"), min_size=1, max_size=5)
words = st.lists(word, min_size=0, max_size=6)


def folded(parts: list[str], breaks: list[bool]) -> str:
    """Words on one line or several, as a flow scalar may have them."""
    text = parts[0]
    for part, broken in zip(parts[1:], breaks, strict=False):
        text += ("\n   " if broken else " ") + part
    return text


flows = st.tuples(words, words, st.lists(st.booleans(), min_size=14, max_size=14)).map(lambda t: folded([*t[0], f"x{MARK}", *t[1]], t[2]))


@settings(max_examples=80, deadline=None)
@given(flows)
def test_in_a_plain_scalar(text: str) -> None:
    source = f"a: b\nkey: w{text}\n"
    assert found_at(source) == place_of(source)


@settings(max_examples=80, deadline=None)
@given(flows, words)
def test_in_single_quotes(text: str, quoted: list[str]) -> None:
    source = f"a: b\nkey: '{''.join(word + chr(39) * 2 for word in quoted)}{text}'\n"
    assert found_at(source) == place_of(source)


@settings(max_examples=80, deadline=None)
@given(
    flows, st.lists(st.sampled_from([r"\n", r"\t", r"\"", r"\\", r"\x41", "\\u0416", r"\U0001F600", "\\\n    ", r"\ ", "Ж"]), max_size=6)
)
def test_in_double_quotes(text: str, escapes: list[str]) -> None:
    source = f'a: b\nkey: "{"".join(escapes)}.{text}"\n'
    assert found_at(source) == place_of(source)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(["|", "|-", "|+", ">", ">-"]), st.lists(words, max_size=4), st.lists(st.integers(0, 2), min_size=7, max_size=7))
def test_in_a_block(style: str, before: list[list[str]], indents: list[int]) -> None:
    lines = ["first", *(" ".join(line) for line in before), f"then {MARK} here", "last"]
    body = "".join(
        f"    {' ' * indent if number else ''}{line}\n" for number, (line, indent) in enumerate(zip(lines, indents, strict=False))
    )
    source = f"a: b\nkey: {style}\n{body}c: d\n"
    assert found_at(source) == place_of(source)


@settings(max_examples=60, deadline=None)
@given(flows, st.data())
def test_any_stretch_of_a_text_has_a_place_in_the_file(text: str, data: st.DataObject) -> None:
    source = f'key: "{text}"\n'
    lines = source.split("\n")
    node = scalar(source)
    offset = data.draw(st.integers(0, len(node.text)))
    span = node.within(offset, data.draw(st.integers(0, len(node.text) - offset)))
    assert 1 <= span.line <= len(lines)
    assert 1 <= span.column < span.end_column <= len(lines[span.line - 1]) + 2


def test_a_stretch_ends_behind_its_last_character() -> None:
    node = scalar(r'key: "tier == \"vipp\" and x"' + "\n")
    assert node.within(node.text.index('"vipp"'), 6) == Span("a.yaml", 1, 15, 1, 23)
    node = scalar("key: |\n  tier == 'vipp'\n")
    assert node.within(8, 6) == Span("a.yaml", 2, 11, 2, 17)


def test_a_value_begins_behind_its_anchor() -> None:
    assert scalar("key: &a 'x'\n").span == Span("a.yaml", 1, 9, 1, 12)
    assert scalar("key: &a\n  x\n").span == Span("a.yaml", 2, 3, 2, 4)

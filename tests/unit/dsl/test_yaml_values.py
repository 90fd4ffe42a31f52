"""YAML 1.2's core schema, what the language leaves out of YAML, and the limits of a file."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dsl.diagnostics import Diagnostic, Findings
from engine.dsl.nodes import Mapping, Scalar
from engine.dsl.source import MAX_BYTES, MAX_DEPTH, find_files, find_names, parse, read
from engine.errors import UsageError


def read_text(source: str | bytes) -> tuple[list[Mapping], list[Diagnostic]]:
    findings = Findings()
    documents, _ = parse(source if isinstance(source, bytes) else source.encode(), "a.yaml", findings)
    return documents, findings.items


def only_fault(source: str | bytes) -> Diagnostic:
    documents, (finding,) = read_text(source)
    assert not documents
    return finding


def place(finding: Diagnostic) -> tuple[int, int]:
    assert finding.span is not None
    return finding.span.line, finding.span.column


@pytest.mark.parametrize(
    ("written", "value"),
    [
        # words of YAML 1.1 are text
        ("yes", "yes"),
        ("no", "no"),
        ("NO", "NO"),
        ("on", "on"),
        ("Off", "Off"),
        ("y", "y"),
        ("=", "="),
        ("2026-03-02", "2026-03-02"),
        ("12:30:45", "12:30:45"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("+79161234567", 79161234567),
        # numbers
        ("012", 12),
        ("-012", -12),
        ("0o17", 15),
        ("-0o17", "-0o17"),
        ("0o18", "0o18"),
        ("0x1F", 31),
        ("0xG", "0xG"),
        ("1e3", 1000.0),
        ("1E-2", 0.01),
        (".5", 0.5),
        ("5.", 5.0),
        ("+1.5e+3", 1500.0),
        ("1e", "1e"),
        (".", "."),
        ("+", "+"),
        ("1.2.3", "1.2.3"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        ("9" * 301, "9" * 301),
        # true, false, nothing
        ("true", True),
        ("FALSE", False),
        ("tRue", "tRue"),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("", None),
        # quotes make text
        ('"no"', "no"),
        ("'012'", "012"),
        ('"~"', "~"),
        ("''", ""),
        ("|\n  1e3", "1e3\n"),
        (">-\n  a\n  b", "a b"),
        ("{a: 1, b: no}", {"a": 1, "b": "no"}),
        ("[1, ~, x]", [1, None, "x"]),
    ],
)
def test_a_scalar_is_what_the_core_schema_says(written: str, value: object) -> None:
    ((document,), findings) = read_text(f"key: {written}\n")
    assert not findings
    assert (document.data["key"], type(document.data["key"])) == (value, type(value))


@pytest.mark.parametrize("char", ["\x85", "\u2028", "\u2029"])
def test_what_broke_a_line_in_the_yaml_of_old_is_a_character(char: str) -> None:
    text = f"# a{char}b\na: x{char}y\nb: 'x{char} y'\nc: \"{char}\\L\"\nd: |\n  x{char}y\n  z\ne{char}: g\n"
    ((document,), findings) = read_text(text)
    assert not findings
    assert document.data == {"a": f"x{char}y", "b": f"x{char} y", "c": f"{char}\u2028", "d": f"x{char}y\nz\n", f"e{char}": "g"}
    finding = only_fault(f"a: x{char}y\nb\ue000{char}: [c\n")
    assert place(finding) == (2, 6)
    assert finding.message == "not valid YAML: this `[` is never closed"


def test_not_a_number_is_one() -> None:
    ((document,), _) = read_text("key: .nan\n")
    assert math.isnan(document.data["key"])


@pytest.mark.parametrize("written", ["+79161234567", "012", "0o17", "1e3", "no", "true", "~", "null", ".5", "2026-03-02"])
def test_the_text_of_a_plain_scalar_is_its_source(written: str) -> None:
    ((document,), _) = read_text(f"{written}: {written}\n")
    value = document.get(written)
    assert isinstance(value, Scalar)
    assert value.text == written
    assert list(document.data) == [written]


@pytest.mark.parametrize(
    ("source", "code", "at", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", "SND002", (3, 1), "`a` stands here twice"),
        ('a: {"k": 1, k: 2}\n', "SND002", (1, 13), "`k` stands here twice"),
        ("1: a\n'1': b\n", "SND002", (2, 1), "`1` stands here twice"),
        ("a: !!str x\n", "SND005", (1, 4), "the tag `!!str` is not allowed"),
        ("a: !mine {b: c}\n", "SND005", (1, 4), "the tag `!mine` is not allowed"),
        ("a: !!set [b]\n", "SND005", (1, 4), "the tag `!!set` is not allowed"),
        ("!x a: b\n", "SND005", (1, 1), "the tag `!x` is not allowed"),
        ("a: &a {b: 1}\nc: {<<: *a}\n", "SND005", (2, 5), "merge keys"),
        ("a: [1, 2]\n? [b]\n: c\n", "SND001", (2, 3), "a key is a name"),
        ("just text\n", "SND105", (1, 1), "begins with its kind"),
        ("- a\n- b\n", "SND105", (1, 1), "begins with its kind"),
        ("a: *b\n", "SND001", (1, 4), "undefined alias"),
        ("a: привет \x01\n", "SND001", (1, 11), "U+0001"),
        ("a:\n\t- b\n", "SND001", (2, 1), "not valid YAML"),
        ("a: b: c\n", "SND001", (1, 5), "mapping values"),
        ("a: x\n  b: y\n", "SND001", (2, 4), "mapping values"),
        # what is never closed: the opener
        ("a: 'x\nb: c\n", "SND001", (1, 4), "this quote is never closed"),
        ('a: "x\n', "SND001", (1, 4), "this quote is never closed"),
        ("a: {b: [1, 2}\n", "SND001", (1, 8), "this `[` is never closed"),
        ("a: [1, 2\nb: c\n", "SND001", (1, 4), "this `[` is never closed"),
        ("a:\n  - {b: c\n", "SND001", (2, 5), "this `{` is never closed"),
        ('t: s\na:\n  title: "hello\n  body: "there"\n', "SND001", (3, 10), "this quote is never closed"),
        ("t: s\na:\n  title: 'hello\n  body: 'there'\n", "SND001", (3, 10), "this quote is never closed"),
        ("title: 'hello\nbody: it's there\n", "SND001", (1, 8), "this quote is never closed"),
        ('if: "score <= 6\nthen: [{ticket: {title: "x"}}]\n', "SND001", (1, 5), "this quote is never closed"),
        ('if: "score <= 6\nthen: [{ticket: {title: "x: y"}}]\n', "SND001", (1, 5), "this quote is never closed"),
        ('q:\n  s: {type: nps, ask: "Would you?}\n  r: {type: text, ask: "Why?"}\n', "SND001", (2, 23), "this quote is never closed"),
        ('a: "x\n"b": c\n', "SND001", (1, 4), "this quote is never closed"),
        ('- "one\n- "two"\n', "SND001", (1, 3), "this quote is never closed"),
        ('a: "x\n---\nb: c\n', "SND001", (1, 4), "this quote is never closed"),
        ('a: "fine\n  so far"\nb: "x" y\n', "SND001", (3, 4), "not valid YAML: did not find"),
        ('a: "one line\n  and another" y\n', "SND001", (2, 16), "not valid YAML: did not find"),
        ("then: [{ticket: {title: x}]\n", "SND001", (1, 8), "this `{` is never closed"),
        ("then: [{ticket: {title: hello]\n", "SND001", (1, 17), "this `{` is never closed"),
        ("then: [{ticket: {title: x]}]\n", "SND001", (1, 17), "this `{` is never closed"),
        ("then: [{ticket: {title: x}}]]\n", "SND001", (1, 29), "this `]` closes nothing"),
        ("then: {ticket: {title: x}}}\nb: c\n", "SND001", (1, 27), "this `}` closes nothing"),
    ],
)
def test_what_the_language_has_not_is_refused_where_it_stands(source: str, code: str, at: tuple[int, int], says: str) -> None:
    finding = only_fault(source)
    assert (finding.code, place(finding)) == (code, at)
    assert says in finding.message


@pytest.mark.parametrize(
    ("source", "at", "hint"),
    [
        ("subject: {{ x }}\n", (1, 10), 'quote it: "{{ … }}"'),
        ("subject: {{ x }} and more\n", (1, 10), 'quote it: "{{ … }}"'),
        ("a: {subject: {{ x }}, b: c}\n", (1, 14), 'quote it: "{{ … }}"'),
        ('if: "vip" == x\n', (1, 5), "quote it"),
        ("if: 'vip' == x and y\n", (1, 5), "quote it"),
        ('then:\n  - {if: "vip" == x, b: c}\n', (2, 10), "quote it"),
        ("- if: [1, 2] == x\n", (1, 7), "quote it"),
        ("cron: * * * * mon\n", (1, 7), "quote it: YAML reserves a `*`"),
        ("cron: */5 * * * *\n", (1, 7), "quote it: YAML reserves a `*`"),
        ("cron: '*/5' * * * *\n", (1, 7), "quote it"),
        ("to: @channel\n", (1, 5), "quote it: YAML reserves a `@`"),
        ("sample: %25\n", (1, 9), "quote it: YAML reserves a `%`"),
        ("text: 'it's'\n", (1, 7), "quote it"),
        ("text: Note: it is\n", (1, 11), "quote it: the value has a `: ` in it"),
        ("if: !contact.opted_out\n", (1, 5), "quote it"),
        ("a:\n\tb: c\n", (2, 1), "indent with spaces, not tabs"),
        ("a: b\n c: d\n", (2, 3), "begin the key below the keys"),
    ],
)
def test_the_usual_traps_come_with_a_hint(source: str, at: tuple[int, int], hint: str) -> None:
    finding = only_fault(source)
    assert (place(finding), hint in str(finding.hint)) == (at, True), finding


def test_a_file_may_hold_several_documents_and_empty_ones_are_none() -> None:
    documents, findings = read_text("---\n# nothing\n---\na: 1\n---\nb: 2\n...\n---\nc: 3\n")
    assert ([document.data for document in documents], findings) == ([{"a": 1}, {"b": 2}, {"c": 3}], [])
    assert [document.span.line for document in documents] == [4, 6, 9]


def test_an_empty_file_has_no_document() -> None:
    assert read_text("") == ([], [])
    assert read_text("# only a comment\n") == ([], [])


def test_a_byte_order_mark_and_carriage_returns_count_for_nothing() -> None:
    source = "\ufeffa: 1\r\nb: [x,\r\n  y]\r\nb: 2\r\n"
    assert place(only_fault(source)) == (4, 1)
    assert place(only_fault(source.replace("\r\n", "\r"))) == (4, 1)


def test_other_separators_of_lines_are_characters() -> None:
    """libyaml takes them for ends of lines; lines that people see are counted."""
    assert place(only_fault("a: 'x\u2028y\u0085z'\na: 2\n")) == (2, 1)


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [
        (b"a: \xff\n", "SND004", "not UTF-8: byte 4, in line 1"),
        ("a: b".encode("utf-16"), "SND004", "not UTF-8"),
        (b"a: " + b"x" * MAX_BYTES, "SND003", "at most 1,048,576"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_has_a_finding_without_place(source: bytes, code: str, says: str) -> None:
    finding = only_fault(source)
    assert (finding.code, finding.span, finding.file) == (code, None, "a.yaml")
    assert says in finding.message


@pytest.mark.parametrize(
    "source",
    [
        "a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH,
        "a: " + "{b: " * MAX_DEPTH + "}" * MAX_DEPTH,
        "".join(" " * level + "a:\n" for level in range(MAX_DEPTH + 1)),
        "- " * 3_000,
        "a: " + "[" * 100_000,
        "a: " + "{" * 100_000,
        "a: " + "[" * 50_000 + "]" * 50_000,
        "? " * 20_000,
        "a: &a [*a]",
    ],
)
def test_deep_nesting_is_refused(source: str) -> None:
    finding = only_fault(source)
    assert finding.code == "SND003"
    assert "64 levels" in finding.message


def test_the_deepest_nesting_that_is_allowed_is_read() -> None:
    depth = MAX_DEPTH - 1  # the document itself is a level
    assert not read_text("a: " + "[" * depth + "]" * depth)[1]


def test_aliases_repeat_up_to_a_limit() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "aliases repeat more than 10,000 nodes" in only_fault("\n".join(lines)).message
    documents, findings = read_text("\n".join(lines[:3]))
    assert not findings
    assert len(documents[0].data["a2"]) == 10


def test_an_anchored_value_is_the_same_wherever_it_is_used() -> None:
    ((document,), _) = read_text("a: &x {ru: Да}\nb: *x\nc: &y text\nd: [*y]\n")
    assert document.data == {"a": {"ru": "Да"}, "b": {"ru": "Да"}, "c": "text", "d": ["text"]}


PIECES = [
    "a: b\n",
    "- ",
    "? ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "'",
    '"',
    "|\n",
    ">\n",
    "&a ",
    "*a ",
    "!t ",
    "#",
    "%",
    "\t",
    "\n",
    "  ",
    "---\n",
    "...\n",
    "Ж",
    "😀",
    "\r",
    "{{",
    "\\",
]


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=60),
        st.text(max_size=40).map(str.encode),
        st.lists(st.sampled_from(PIECES), max_size=16).map(lambda found: "".join(found).encode()),
    )
)
def test_arbitrary_bytes_are_read_or_refused(data: bytes) -> None:
    documents, findings = read_text(data)
    assert all(isinstance(document, Mapping) for document in documents)
    lines = data.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for finding in findings:
        assert not documents
        assert finding.message
        if finding.span is not None:
            assert 1 <= finding.span.line <= len(lines)
            assert 1 <= finding.span.column <= len(lines[finding.span.line - 1]) + 1


def test_a_real_file_with_a_byte_changed_is_read_or_refused() -> None:
    """Seeded: the same hundred damages every time."""
    original = (Path(__file__).parents[3] / "automations" / "nps_delivery.yaml").read_bytes()
    chance = random.Random(20260302)
    for _ in range(100):
        damaged = bytearray(original)
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b"{}[]'\":|>&*!#\t\n -\xff")
        read_text(bytes(damaged))


# -- files ----------------------------------------------------------------------------------------------------------------


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")


def test_a_project_is_its_file_and_the_yaml_in_its_folders(tmp_path: Path) -> None:
    write(tmp_path, "sounding.yaml", "surveys/b.yml", "surveys/a.yaml", "surveys/deep/er/c.yaml", "templates/t.yaml")
    write(tmp_path, "other.yaml", "docs/x.yaml", "surveys/notes.md", "reports/r.yaml")
    found = [path.relative_to(tmp_path).as_posix() for path in find_files(tmp_path)]
    assert found == ["sounding.yaml", "surveys/a.yaml", "surveys/b.yml", "surveys/deep/er/c.yaml", "templates/t.yaml", "reports/r.yaml"]


def test_a_folder_with_a_project_of_its_own_is_not_read(tmp_path: Path) -> None:
    write(tmp_path, "sounding.yaml", "surveys/a.yaml", "surveys/other/sounding.yaml", "surveys/other/surveys/b.yaml")
    assert [path.name for path in find_files(tmp_path)] == ["sounding.yaml", "a.yaml"]


def test_a_project_may_name_its_folders(tmp_path: Path) -> None:
    write(tmp_path, "surveys/a.yaml", "mine/b.yaml", "mine/deep/c.yaml", "other/d.yaml")
    write(tmp_path / "outside", "e.yaml")
    project = tmp_path / "sounding.yaml"
    project.write_text("project: shop\npaths: [other, mine/deep, mine, ../outside, /, nowhere]\n", encoding="utf-8")
    assert [path.name for path in find_files(tmp_path)] == ["sounding.yaml", "d.yaml", "c.yaml", "b.yaml"]
    project.write_text("project: shop\npaths: ['.']\n", encoding="utf-8")
    assert sorted(path.name for path in find_files(tmp_path)) == ["a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yaml", "sounding.yaml"]


def test_the_current_folder_is_named_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "mine/a.yaml", "b.yaml")
    (tmp_path / "sounding.yaml").write_text("project: shop\npaths: ['.']\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert find_names(Path()) == find_names(tmp_path)
    assert sorted(find_names(Path())) == ["b.yaml", "mine/a.yaml", "sounding.yaml"]


def test_a_folder_without_the_file_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no sounding\.yaml in "):
        find_files(tmp_path)


def test_a_link_that_leads_nowhere_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path, "sounding.yaml")
    (tmp_path / "surveys").mkdir()
    (tmp_path / "surveys" / "gone.yaml").symlink_to(tmp_path / "nothing.yaml")
    (tmp_path / "surveys" / "folder.yaml").mkdir()
    _, path = find_files(tmp_path)
    findings = Findings()
    assert read(path, "surveys/gone.yaml", findings) == ([], "")
    (finding,) = findings.items
    assert (finding.code, finding.file, finding.span) == ("SND001", "surveys/gone.yaml", None)

"""Formatting changes no value, loses no comment, and has nothing left to do the second time: for generated files and our own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from engine.dsl import source
from engine.dsl.diagnostics import Findings
from engine.dsl.format.rewrite import rewrite
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence

ROOT = Path(__file__).parents[3]
PROJECTS = [ROOT, *sorted(path.parent for path in ROOT.glob("examples/**/sounding.yaml"))]
OURS = [path for project in PROJECTS for path in source.find_files(project)]

WORDS = ["+79161234567", "012", "0o17", "0x1F", "~", "null", "true", "yes", "no", "on", "1e3", "-1", ".5", "1.50", "12:30", "50/s", "a:b"]
WORDS += [
    "x#y",
    "-x",
    "2026-03-02T09:00:00Z",
    "don't",
    "👍",
    "как дела",
    "score <= 6 and x",
    "a -b",
    "http://x.test/?q=1#f",
    'say "hi"',
    "\u00a0x",
]
BLOCK_WORDS = [*WORDS, "a, b", "x[0]", "it, {is} [so]", "?x", ":x", "--x"]
KEYS = ["survey", "questions", "type", "ask", "if", "then", "a", "b-c", "ключ", "x y", "'q: r'", '"\\u00e9"', "on", "1", "~", "text"]
LINES = ["", "text", "  more", " one more", "# no comment", "a: b", "- x", 'it\'s "so"', "слово", "trailing  ", "---"]


class _Writer:
    """Writes valid YAML that looks as no formatter would leave it. Every comment has a name of its own."""

    def __init__(self, draw: DrawFn) -> None:
        self.draw = draw
        self.comments: list[str] = []
        self.anchors: list[str] = []  # of the document, that an alias may name
        self.names = 0
        self.after_block = False  # a comment indented like a block scalar before it would be part of that

    def one(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def chance(self, of: int) -> bool:
        return self.number(1, of) == of

    def comment(self) -> str:
        self.comments.append(f"#c{len(self.comments)}")
        return self.comments[-1] + self.one("", " words", ": x, [", " 'open", "  ")

    def end(self) -> str:
        return self.one(" ", "   ") + self.comment() if self.chance(5) else self.one("", "", "  ")

    def between(self, column: int) -> list[str]:
        """Empty lines and comments in front of an entry."""
        found = [self.one("", "   ")] if self.chance(5) else []
        while self.chance(5):
            deep = 0 if self.after_block else self.draw(st.sampled_from([0, column, column, column + 1, column + 4]))
            found.append(" " * deep + self.comment())
            found += [""] * self.number(0, 2)
        return found

    def documents(self) -> str:
        lines: list[str] = self.between(0)
        started = self.chance(2)
        if started and self.chance(4):
            lines.append("%YAML 1.1" + self.end())
            lines += [*self.between(0), "---"]
        elif started:
            lines.append("---" + self.end())
        for index in range(self.number(1, 3)):
            self.anchors = []
            if index:
                lines += self.between(0) + ([f"...{self.end()}"] if self.chance(4) else []) + [f"---{self.end()}"]
                self.after_block = False
            lines += self.document(may_be_empty=started or index > 0)
        lines += self.between(0)
        return "\n".join(lines) + self.one("\n", "", "\n\n")

    def document(self, *, may_be_empty: bool) -> list[str]:
        if may_be_empty and self.chance(8):
            return self.between(0)
        if self.chance(6):
            return [self.flow_map(2, 2) + self.end()]
        if self.chance(6):
            return [f"&root{self.end()}", *self.mapping(0, 3)]
        return self.mapping(self.one("", "  ").count(" "), 3)

    def mapping(self, column: int, depth: int, *, compact: bool = False) -> list[str]:
        lines: list[str] = []
        for key in self.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True)):
            if lines or not compact:
                lines += self.between(column)
            self.after_block = False
            if self.chance(12):
                lines += [f"{' ' * column}? {key}{self.end()}", *self.entry(" " * column + ":", column, depth, in_map=True)]
            else:
                lines += self.entry(" " * column + key + self.one("", "", " ") + ":", column, depth, in_map=True)
        return lines

    def sequence(self, column: int, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(self.number(1, 3)):
            if lines:
                lines += self.between(column)
            self.after_block = False
            lines += self.entry(" " * column + "-", column, depth, in_map=False)
        return lines

    def entry(self, opening: str, column: int, depth: int, *, in_map: bool) -> list[str]:
        if self.anchors and self.chance(8):
            return [f"{opening} *{self.one(*self.anchors)}{self.end()}"]
        if self.chance(8):
            return [opening + self.end()]
        if not in_map and depth and self.chance(3):
            gap = self.one(" ", "   ")
            inner = column + 1 + len(gap)
            lines = self.mapping(inner, depth - 1, compact=True) if self.chance(2) else self.sequence(inner, depth - 1)
            return [opening + gap + lines[0][inner:], *lines[1:]]
        if not self.chance(8):
            return self.valued(opening, column, depth, in_map=in_map)
        # Its name is known only behind the value: a value does not hold itself.
        self.names += 1
        name = f"n{self.names}"
        lines = self.valued(f"{opening}{self.one(' ', '  ')}&{name}", column, depth, in_map=in_map)
        self.anchors.append(name)
        return lines

    def valued(self, opening: str, column: int, depth: int, *, in_map: bool) -> list[str]:
        inner = column + self.number(1, 5)
        gap = self.one(" ", " ", "  ", "     ")
        match self.number(0, 6 if depth else 4):
            case 0:
                return [f"{opening}{gap}{self.one(*BLOCK_WORDS)}{self.end()}"]
            case 1:
                start = f"{self.end()}\n{' ' * inner}" if self.chance(3) else gap
                return [f"{opening}{start}{self.quoted(inner)}{self.end()}"]
            case 2:
                first, *others = (self.one("one", "два", "it's, so", "3") for _ in range(self.number(2, 4)))
                folded = "".join(self.one("\n", "  \n", "\n\n") + " " * self.number(inner, inner + 3) + text for text in others)
                return [f"{opening}{gap}{first}{folded}{self.end()}"]
            case 3:
                return [f"{opening}{gap}{self.block(column, inner)}"]
            case 4:
                return [f"{opening}{gap}{self.flow(inner, 2)}{self.end()}"]
            case 5:
                return [f"{opening}{self.end()}", *self.mapping(inner, depth - 1)]
        indent = column if in_map and self.chance(2) else inner
        return [f"{opening}{self.end()}", *self.between(indent), *self.sequence(indent, depth - 1)]

    def quoted(self, indent: int) -> str:
        text = self.draw(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff"), max_size=12))
        if self.chance(3):
            broken = self.one(" \n", "\n", "\n\n", "\\\n", "\\t \\ \n") + " " * indent
            return '"' + broken.join(["one", self.one("two", "\\u00e9", "# no"), " three "]) + '"'
        if self.chance(3):
            return "'" + ("\n" + " " * indent).join(["o''ne", "two ", "# no"]) + "'"
        return json.dumps(text, ensure_ascii=False) if self.chance(2) else "'" + text.replace("'", "''") + "'"

    def block(self, column: int, indent: int) -> str:
        lines = self.draw(st.lists(st.sampled_from(LINES), min_size=0, max_size=5))
        first = next((line for line in lines if line), "")
        digit = str(indent - column) if first.startswith(" ") or self.chance(5) else ""
        self.after_block = True
        header = self.one("|", ">") + digit + self.one("", "-", "+")
        return header + self.end() + "".join("\n" + (" " * indent + line if line else "") for line in lines)

    def flow(self, indent: int, depth: int) -> str:
        if self.chance(2):
            return self.flow_map(indent, depth)
        items = [self.flow_node(indent, depth) for _ in range(self.number(0, 3))]
        if self.chance(6):
            items.append("k: " + self.flow_node(indent, depth))
        return f"[{self.space(indent)}{self.joined(items, indent)}{self.space(indent)}]"

    def flow_map(self, indent: int, depth: int) -> str:
        keys = self.draw(st.lists(st.sampled_from(KEYS), max_size=4, unique=True))
        pairs = [key if self.chance(10) else f"{key}: {self.one('', ' ')}{self.flow_node(indent, depth)}" for key in keys]
        return f"{{{self.space(indent)}{self.joined(pairs, indent)}{self.space(indent)}}}"

    def flow_node(self, indent: int, depth: int) -> str:
        if depth and self.chance(3):
            return self.flow(indent, depth - 1)
        if self.chance(12):
            return "''"
        return self.quoted(indent) if self.chance(4) else self.one(*WORDS, "two\n" + " " * indent + "lines", "x" * 50)

    def joined(self, items: list[str], indent: int) -> str:
        return "".join(
            item + (self.space(indent) + "," + self.space(indent) if index < len(items) - 1 else "") for index, item in enumerate(items)
        )

    def space(self, indent: int) -> str:
        if self.chance(12):
            return f" {self.comment()}\n{' ' * indent}"
        if self.chance(12):
            return f"\n{' ' * indent}{self.comment()}\n\n{' ' * indent}"
        return self.one("", " ", " ", "  ", "\n" + " " * indent) if self.chance(3) else " "


@st.composite
def _files(draw: DrawFn) -> tuple[str, list[str]]:
    writer = _Writer(draw)
    return writer.documents(), writer.comments


def _formatted(text: str) -> str:
    findings = Findings()
    found = rewrite(text.encode(), "a.yaml", findings)
    assert not findings.items, f"{findings.items}\n{text}"
    assert found is not None
    return found


def _meaning(text: str) -> list[Any]:
    findings = Findings()
    documents, _ = source.parse(text.encode(), "a.yaml", findings)
    assert not findings.items, f"{findings.items}\n{text}"
    return [_values(document) for document in documents]


def _values(node: Node) -> Any:
    """Source texts and typed values; the order of a map's keys is no part of it."""
    if isinstance(node, Mapping):
        return {key: _values(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [_values(item) for item in node.items]
    assert isinstance(node, Scalar)
    return node.text, repr(node.data)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_files(), st.sampled_from(["\n", "\n", "\r\n", "\r"]), st.booleans())
def test_generated_files_keep_what_they_say(file: tuple[str, list[str]], newline: str, mark: bool) -> None:
    text, comments = file
    written = "\ufeff" * mark + text.replace("\n", newline)
    found = _formatted(written)
    assert _meaning(found) == _meaning(written)
    assert sorted(re.findall(r"#c\d+", found)) == sorted(comments)
    assert found == _formatted(found)
    assert "\r" not in found
    assert found.endswith("\n") or not found


EDITS = st.tuples(
    st.integers(0, 4000),
    st.integers(0, 3),
    st.sampled_from(["", *"-?:,[]{}#&*!|>'\"%@` \n\\~", "- ", ": ", "\n  ", "\n# x\n", "---\n", "\u2028", "\n\n\n"]),
)


def _never_fails(data: bytes) -> None:
    findings = Findings()
    found = rewrite(data, "a.yaml", findings)
    assert (found is None) == bool(findings.items)
    if found is not None:
        assert _meaning(found) == _meaning(data.decode())
        assert found == _formatted(found)


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for at, cut, insert in edits:
        place = at % (len(text) + 1)
        text = text[:place] + insert + text[place + cut :]
    return text


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(OURS), st.lists(EDITS, min_size=1, max_size=4))
def test_a_file_with_slips_is_reported_or_keeps_what_it_says(path: Path, edits: list[tuple[int, int, str]]) -> None:
    _never_fails(_edited(path.read_text(encoding="utf-8"), edits).encode())


@pytest.mark.soak
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(_files(), st.lists(EDITS, max_size=3))
@example(("a: |\n |\u2028\n 'o", []), [])
@example(("a: |+ # c\n  foo\n\u2028\n # x\nb: 1\n", []), [])
def test_generated_files_with_slips_are_reported_or_keep_what_they_say(
    file: tuple[str, list[str]], edits: list[tuple[int, int, str]]
) -> None:
    _never_fails(_edited(file[0], edits).encode())


@pytest.mark.parametrize("folder", ["tests/fixtures", "engine", "ci"])
def test_other_files_of_ours_are_reported_or_keep_what_they_say(folder: str) -> None:
    for path in sorted((ROOT / folder).rglob("*.y*ml")):
        _never_fails(path.read_bytes())


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_our_own_files_keep_what_they_say(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = _formatted(text)
    assert _meaning(found) == _meaning(text)
    assert _formatted(found) == found

"""Text with `{{ }}`, `{% if %}`, `{% for %}` and comments, checked where it stands.

The scanner finds the expressions and hands them to the one type checker; Jinja2 later renders a body in which each
expression is the call `_(n)`, so that templates, too, have a single meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.dsl.expressions.check import Checker, Facts, Problem
from engine.dsl.expressions.parse import Node, ParseError, parse
from engine.dsl.expressions.unparse import unparse
from engine.model import terms as t
from engine.model.types import Type

_OPEN = re.compile(r"\{\{|\{%|\{#")
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.S)
_TAG = re.compile(r"\s*(-?)\s*([a-z]+)\b(.*?)(-?)\s*", re.S)
_FOR = re.compile(r"\s*([A-Za-z_]\w*)\s+in\s(.*)", re.S)
_NOTHING: Facts = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """One expression of a template: its text in canonical form, its term, and where it begins."""

    text: str
    term: t.Term
    offset: int
    begin: int  # where the text starts that the term's offsets count from


@dataclass(slots=True)
class _Block:
    kind: str  # if, for
    offset: int
    names: Mapping[str, Type]
    known: Facts  # what holds around it
    local: str | None = None


@dataclass(slots=True)
class Scan:
    """Reads one template. ``body`` is None where the text has no markup."""

    text: str
    names: Mapping[str, Type]
    known: Facts = _NOTHING
    problems: list[Problem] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    body: str | None = None
    _blocks: list[_Block] = field(default_factory=list)

    def run(self) -> Scan:
        pieces: list[str] = []
        position = 0
        names, known = self.names, self.known
        while opener := _OPEN.search(self.text, position):
            pieces.append(self.text[position : opener.start()])
            closer = self._close(opener[0], opener.end())
            if closer is None:
                self._refuse("SND401", f"this `{opener[0]}` is never closed", opener.start(), 2, f"close it with `{_CLOSERS[opener[0]]}`")
                return self
            inner, start = self.text[opener.end() : closer], opener.end()
            if opener[0] == "{{":
                pieces.append(self._output(inner, start, names, known))
            elif opener[0] == "{%":
                piece, names, known = self._tag(inner, start, names, known)
                pieces.append(piece)
            position = closer + 2
        pieces.append(self.text[position:])
        for block in self._blocks:
            self._refuse(
                "SND401", f"this `{{% {block.kind} %}}` is never closed", block.offset, 2, f"close it with `{{% end{block.kind} %}}`"
            )
        if "{{" in self.text or "{%" in self.text or "{#" in self.text:
            self.body = "".join(pieces)
        return self

    def _close(self, opener: str, start: int) -> int | None:
        """Where the markup ends; a closer inside quotes does not count."""
        closer, position = _CLOSERS[opener], start
        while True:
            end = self.text.find(closer, position)
            if end < 0:
                return None
            quoted = next((q for q in _QUOTED.finditer(self.text, start) if q.start() < end < q.end()), None) if opener != "{#" else None
            if quoted is None:
                return end
            position = quoted.end()

    def _refuse(self, code: str, message: str, offset: int, length: int = 1, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, offset, length, hint))

    def _output(self, inner: str, start: int, names: Mapping[str, Type], known: Facts) -> str:
        trimmed = inner.removeprefix("-").removesuffix("-") if inner[:1] == "-" or inner[-1:] == "-" else inner
        begin = start + (1 if inner.startswith("-") else 0)
        found = self._expression(trimmed, begin, names, known)
        if found is None:
            return ""
        kind = found.term.type
        if kind.optional or kind.kind == "none":
            self._refuse(
                "SND305", f"`{found.text}` may be missing, so it cannot be printed", found.offset, len(found.text), "add `|default(…)`"
            )
        elif kind.kind in ("object", "money"):
            self._refuse("SND304", f"`{found.text}` is an object: name the field to print", found.offset, len(found.text))
        dash = ("-" if inner.startswith("-") else "", "-" if inner.endswith("-") and len(inner) > 1 else "")
        return "{{" + dash[0] + f" _({self._keep(found)}{self._locals()}) " + dash[1] + "}}"

    def _tag(self, inner: str, start: int, names: Mapping[str, Type], known: Facts) -> tuple[str, Mapping[str, Type], Facts]:
        shape = _TAG.fullmatch(inner)
        word = shape[2] if shape else ""
        rest = shape[3] if shape else ""
        offset = start + (shape.start(3) if shape else 0)
        left, right = (shape[1], shape[4]) if shape else ("", "")
        here = start + (shape.start(2) if shape else 0)
        block = self._blocks[-1] if self._blocks else None
        match word:
            case "if":
                self._blocks.append(_Block("if", start - 2, names, known))
                source, known = self._condition(rest, offset, names, known)
                return f"{{%{left} if {source} {right}%}}", names, known
            case "elif" if block and block.kind == "if":
                source, known = self._condition(rest, offset, names, block.known)
                return f"{{%{left} elif {source} {right}%}}", names, known
            case "else" if block:
                return f"{{%{left} else {right}%}}", block.names, block.known
            case "for":
                return self._for(rest, offset, start, names, known, (left, right))
            case "endif" | "endfor" if block and block.kind == word[3:]:
                self._blocks.pop()
                return f"{{%{left} {word} {right}%}}", block.names, block.known
            case "elif" | "else" | "endif" | "endfor":
                self._refuse("SND401", f"`{{% {word} %}}` stands where nothing is open for it", here, len(word))
            case _:
                self._refuse(
                    "SND401",
                    f"`{word or inner.strip()}` is no tag: there are `if`, `elif`, `else`, `endif`, `for`, `endfor`",
                    here,
                    len(word),
                )
        return "", names, known

    def _condition(self, text: str, offset: int, names: Mapping[str, Type], known: Facts) -> tuple[str, Facts]:
        node = self._parse(text, offset)
        if node is None:
            return "false", known
        checker = Checker(names, known)
        checked = checker.condition(node)
        self._adopt(checker, offset)
        if checked is None:
            return "false", known
        found = Found(unparse(node), checked[0], offset, offset)
        return f"_({self._keep(found)}{self._locals()})", known | checked[1]

    def _for(
        self, text: str, offset: int, start: int, names: Mapping[str, Type], known: Facts, dash: tuple[str, str]
    ) -> tuple[str, Mapping[str, Type], Facts]:
        shape = _FOR.fullmatch(text)
        if shape is None:
            self._refuse("SND401", "a loop is written `{% for item in list %}`", start, 1)
            self._blocks.append(_Block("for", start - 2, names, known))
            return "", names, known
        found = self._expression(shape[2], offset + shape.start(2), names, known)
        self._blocks.append(_Block("for", start - 2, names, known, shape[1]))
        if found is None:
            return "", names, known
        kind = found.term.type
        if kind.kind != "list" or kind.optional or kind.item is None:
            why = "may be missing: guard it with `{% if … is not none %}`" if kind.optional else f"is {kind}, and a loop needs a list"
            self._refuse("SND309", f"`{found.text}` {why}", found.offset, len(found.text))
            return "", names, known
        number = self._keep(found)
        outer = self._locals(skip_last=True)
        return f"{{%{dash[0]} for {shape[1]} in _({number}{outer}) {dash[1]}%}}", {**names, shape[1]: kind.item}, known

    def _locals(self, *, skip_last: bool = False) -> str:
        """Loop variables travel to the expression as arguments."""
        blocks = self._blocks[:-1] if skip_last else self._blocks
        return "".join(f", {block.local}={block.local}" for block in blocks if block.local)

    def _expression(self, text: str, offset: int, names: Mapping[str, Type], known: Facts) -> Found | None:
        node = self._parse(text, offset)
        if node is None:
            return None
        checker = Checker(names, known)
        term = checker.value(node)
        self._adopt(checker, offset)
        return None if term is None else Found(unparse(node), term, offset + node.offset, offset)

    def _parse(self, text: str, offset: int) -> Node | None:
        try:
            return parse(text)
        except ParseError as error:
            self._refuse("SND301", error.message, offset + error.offset, 1, error.hint)
            return None

    def _adopt(self, checker: Checker, offset: int) -> None:
        for problem in checker.problems:
            self._refuse(problem.code, problem.message, problem.offset + offset, problem.length, problem.hint)

    def _keep(self, found: Found) -> int:
        self.found.append(found)
        return len(self.found) - 1

"""Text with `{{ }}`, `{% if %}`, `{% for %}` and comments, checked where it stands.

The scanner finds the expressions and hands them to the one type checker; Jinja2 later renders a body in which each
expression is the call `_(n)`, so that templates, too, have a single meaning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.dsl.expressions.check import Facts
from engine.dsl.expressions.comparing import Problem
from engine.dsl.expressions.functions import KEYWORDS
from engine.dsl.expressions.likeness import printable
from engine.dsl.expressions.once import Checked, Parsed, check_condition, check_value, parsed
from engine.dsl.expressions.parse import ParseError
from engine.model import terms as t
from engine.model.types import Type

MAX_BLOCKS = 16  # Python, which Jinja2 writes, nests twenty loops at most

_OUTPUT = re.compile(r"""\{\{([^{}%#'"]*)\}\}""")
_OPEN = re.compile(r"\{\{|\{%|\{#")
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}
# What counts on the way to a closer: text in quotes does not, and another opener means that the closer was forgotten.
_STEP = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\}\}|%\}|\{\{|\{%|\{\#""", re.S)
_TAG = re.compile(r"\s*(-?)\s*([a-z]+)\b(.*?)(-?)\s*", re.S)
_FOR = re.compile(r"\s*(\w+)\s+in\s(.*)", re.S)
_VARIABLE = re.compile(r"[a-z][a-z0-9_]*")
_NOTHING: Facts = frozenset()


class Found(NamedTuple):
    """One expression of a template: its text in canonical form, its term, and where it begins."""

    text: str
    term: t.Term
    offset: int
    begin: int  # where the text starts that the term's offsets count from


class Scanned(NamedTuple):
    """What a template says. ``body`` is None where the text has no markup."""

    body: str | None
    found: list[Found]
    problems: list[Problem]


def scan(text: str, names: Mapping[str, Type], known: Facts = _NOTHING, *, keeps_type: bool = False) -> Scanned:
    """Read one template. With ``keeps_type``, a text that is one `{{ }}` is no text, but a value, which may be missing."""
    return _only_outputs(text, names, known) or _Scan(text, names, known, keeps_type).run()


def _only_outputs(text: str, names: Mapping[str, Type], known: Facts) -> Scanned | None:
    """Reads what nearly every template is: text with short `{{ }}` and nothing wrong. Leaves everything else to be read in full."""
    position = 0
    body = ""
    found: list[Found] = []
    for output in _OUTPUT.finditer(text):
        inner, start = output[1], output.start(1)
        if inner[:1] == "-" or inner[-1:] == "-":
            return None
        try:
            read, checked = parsed(inner), check_value(inner, names, known)
        except ParseError:
            return None
        term = checked.term
        if term is None or term.type.optional or not printable(term.type):
            return None
        body += f"{text[position : start - 2]}{{{{ _({len(found)}) }}}}"
        found.append(Found(read.text, term, start + read.tree.offset, start))
        position = output.end()
    if text.count("{") != 2 * len(found):
        return None
    return Scanned(body + text[position:] if found else None, found, [])


@dataclass(slots=True)
class _Block:
    kind: str  # if, for
    offset: int
    names: Mapping[str, Type]
    known: Facts  # what holds around it
    local: str | None = None
    ended: bool = False  # its `else` was there
    refused: bool = False  # what stands in it reads names, or relies on facts, that an error keeps from us
    otherwise: Facts = _NOTHING  # what holds where none of its conditions so far does


@dataclass(slots=True)
class _Scan:
    """Reads one template in full."""

    text: str
    names: Mapping[str, Type]
    known: Facts
    keeps_type: bool
    problems: list[Problem] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    _blocks: list[_Block] = field(default_factory=list)

    def run(self) -> Scanned:
        return Scanned(self._body(), self.found, self.problems)

    def _body(self) -> str | None:
        pieces: list[str] = []
        position = 0
        names, known = self.names, self.known
        while opener := _OPEN.search(self.text, position):
            pieces.append(self.text[position : opener.start()])
            closer = self._close(opener[0], opener.end())
            if closer is None:
                self._refuse("SND401", f"this `{opener[0]}` is never closed", opener.start(), 2, f"close it with `{_CLOSERS[opener[0]]}`")
                return None
            inner, start = self.text[opener.end() : closer], opener.end()
            if opener[0] == "{{":
                pieces.append(self._output(inner, start, names, known))
            elif opener[0] == "{%":
                before = len(self.problems)
                piece, names, known = self._tag(inner, start, names, known)
                pieces.append(piece)
                if any(problem.code == "SND401" for problem in self.problems[before:]):
                    return None  # where the blocks are unclear, all that follows is
            position = closer + 2
        pieces.append(self.text[position:])
        for block in self._blocks:
            self._refuse(
                "SND401", f"this `{{% {block.kind} %}}` is never closed", block.offset, 2, f"close it with `{{% end{block.kind} %}}`"
            )
        return "".join(pieces) if _OPEN.search(self.text) else None

    def _close(self, opener: str, start: int) -> int | None:
        """Where the markup ends; a closer inside quotes does not count, unless the quote itself is never closed."""
        closer = _CLOSERS[opener]
        first = self.text.find(closer, start)
        if first < 0 or opener == "{#":
            return first if first >= 0 else None
        end = len(self.text)
        for step in _STEP.finditer(self.text, start):
            if step[0] == closer:
                return step.start()
            if step[0] in _CLOSERS:
                end = step.start()
                break
        return first if first < end else None

    def _refuse(self, code: str, message: str, offset: int, length: int = 1, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, offset, length, hint))

    def _output(self, inner: str, start: int, names: Mapping[str, Type], known: Facts) -> str:
        trimmed = inner.removeprefix("-").removesuffix("-") if inner[:1] == "-" or inner[-1:] == "-" else inner
        begin = start + (1 if inner.startswith("-") else 0)
        found = self._expression(trimmed, begin, names, known)
        if found is None:
            return ""
        kind = found.term.type
        whole = self.keeps_type and start == 2 and start + len(inner) + 2 == len(self.text) and kind.kind != "none"
        if not whole and (kind.optional or kind.kind == "none"):
            self._refuse(
                "SND305", f"`{found.text}` may be missing, so it cannot be printed", found.offset, len(found.text), "add `|default(…)`"
            )
        elif not printable(kind):
            self._refuse("SND304", f"`{found.text}` is {kind}: name the field to print", found.offset, len(found.text))
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
        if word in ("if", "for") and len(self._blocks) == MAX_BLOCKS:
            self._refuse("SND401", f"nested more than {MAX_BLOCKS} levels deep", here, len(word))
        match word:
            case "if":
                self._blocks.append(_Block("if", start - 2, names, known))
                source, known = self._condition(rest, offset, names, known)
                return f"{{%{left} if {source} {right}%}}", names, known
            case "for":
                return self._for(rest, offset, start, names, known, (left, right))
            case "elif" if block and block.kind == "if" and not block.ended:
                source, known = self._condition(rest, offset, names, block.known | block.otherwise)
                return f"{{%{left} elif {source} {right}%}}", names, known
            case "else" if block and not block.ended:
                self._nothing_behind(word, rest, offset)
                block.ended, block.local = True, None
                return f"{{%{left} else {right}%}}", block.names, block.known | block.otherwise
            case "endif" | "endfor" if block and block.kind == word[3:]:
                self._nothing_behind(word, rest, offset)
                self._blocks.pop()
                return f"{{%{left} {word} {right}%}}", block.names, block.known
            case "elif" | "else" | "endif" | "endfor":
                self._refuse("SND401", f"`{{% {word} %}}` stands where nothing is open for it", here, len(word))
            case _:
                what = f"`{word or inner.strip()}`" if inner.strip() else "nothing"
                known_tags = "`if`, `elif`, `else`, `endif`, `for`, `endfor`"
                self._refuse("SND401", f"{what} is no tag: there are {known_tags}", here, max(len(word), 1))
        return "", names, known

    def _nothing_behind(self, word: str, rest: str, offset: int) -> None:
        if rest.strip():
            hint = "write `elif`" if word == "else" else None
            place = offset + len(rest) - len(rest.lstrip())
            self._refuse("SND401", f"nothing can stand behind `{word}`", place, len(rest.strip()), hint)

    def _condition(self, text: str, offset: int, names: Mapping[str, Type], known: Facts) -> tuple[str, Facts]:
        """What Jinja2 is to ask, for a tag whose block is open, and what is known where it holds."""
        read = self._parse(text, offset)
        checked = check_condition(text, names, known) if read is not None else None
        found = self._adopt(read, checked, offset)
        if found is None or checked is None:
            self._blocks[-1].refused = True
            return "false", known
        self._blocks[-1].otherwise |= checked.otherwise
        return f"_({self._keep(found)}{self._locals()})", known | checked.holds

    def _for(
        self, text: str, offset: int, start: int, names: Mapping[str, Type], known: Facts, dash: tuple[str, str]
    ) -> tuple[str, Mapping[str, Type], Facts]:
        shape = _FOR.fullmatch(text)
        if shape is None:
            self._refuse("SND401", "a loop is written `{% for item in list %}`", start - 2, 2)
            self._blocks.append(_Block("for", start - 2, names, known))
            return "", names, known
        if not _VARIABLE.fullmatch(shape[1]) or shape[1] in KEYWORDS:
            place = offset + shape.start(1)
            self._refuse("SND106", f"`{shape[1]}` is not a name (a-z, 0-9 and _, a letter first)", place, len(shape[1]))
        found = self._expression(shape[2], offset + shape.start(2), names, known)
        outer, variable = self._locals(), f"v{len(self._blocks)}"
        block = _Block("for", start - 2, names, known, shape[1], refused=True)
        self._blocks.append(block)
        if found is None:
            return "", names, known
        kind = found.term.type
        if kind.kind != "list" or kind.optional or kind.item is None:
            why = "may be missing: guard it with `{% if … is not none %}`" if kind.optional else f"is {kind}, and a loop needs a list"
            self._refuse("SND309", f"`{found.text}` {why}", found.offset, len(found.text))
            return "", names, known
        block.refused = False
        loop = f"{{%{dash[0]} for {variable} in _({self._keep(found)}{outer}) {dash[1]}%}}"
        return loop, {**names, shape[1]: kind.item}, frozenset(path for path in known if path[0] != shape[1])

    def _locals(self) -> str:
        """Loop variables travel to the expression as arguments; Jinja2 has them under names of our own."""
        inner = {block.local: level for level, block in enumerate(self._blocks) if block.local}
        return "".join(f", {name}=v{level}" for name, level in inner.items())

    def _expression(self, text: str, offset: int, names: Mapping[str, Type], known: Facts) -> Found | None:
        read = self._parse(text, offset)
        return self._adopt(read, check_value(text, names, known), offset) if read is not None else None

    def _parse(self, text: str, offset: int) -> Parsed | None:
        if any(block.refused for block in self._blocks):
            return None
        try:
            return parsed(text)
        except ParseError as error:
            self._refuse("SND301", error.message, offset + error.offset, 1, error.hint)
            return None

    def _adopt(self, read: Parsed | None, checked: Checked | None, offset: int) -> Found | None:
        if read is None or checked is None:
            return None
        for problem in checked.problems:
            self._refuse(problem.code, problem.message, problem.offset + offset, problem.length, problem.hint)
        return Found(read.text, checked.term, offset + read.tree.offset, offset) if checked.term is not None else None

    def _keep(self, found: Found) -> int:
        self.found.append(found)
        return len(self.found) - 1

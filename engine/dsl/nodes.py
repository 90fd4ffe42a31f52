"""A YAML document as values with places: what `source` makes of a file and `build` reads."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from typing import Any, cast

from engine.model.span import Span

_ESCAPE_WIDTH = {"x": 2, "u": 4, "U": 8}
_BREAK = re.compile("\n")
_FOLD = re.compile(r"[ \t]*\n[ \t\n]*")


class SourceFile:
    """The text of one file, by its name relative to the project."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._starts: list[int] = []  # where each line begins, and where one would behind the text; empty until somebody asks

    def _lines(self) -> list[int]:
        self._starts = [0, *(found.end() for found in _BREAK.finditer(self.text)), sys.maxsize]
        return self._starts

    def place(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the text."""
        starts = self._starts or self._lines()
        line = bisect_right(starts, index)
        return line, index - starts[line - 1] + 1

    def begin(self, line: int) -> int:
        """Where a line begins."""
        return (self._starts or self._lines())[line - 1]

    def span(self, start: int, end: int) -> Span:
        # Not by way of `place`: of every file there are dozens.
        starts = self._starts or self._lines()
        line = bisect_right(starts, start)
        before = starts[line - 1] - 1
        if end < starts[line]:
            return Span(self.name, line, start - before, line, end - before)
        return Span(self.name, line, start - before, *self.place(end))

    def written(self, span: Span) -> str:
        """The text of a span of one line; empty where it is of several, or of another file."""
        if span.file != self.name or span.line != span.end_line:
            return ""
        begin = self.begin(span.line) - 1
        return self.text[begin + span.column : begin + span.end_column]

    def within_line(self, start: int, end: int) -> Span:
        """From ``start`` to ``end``, or one character where the end stands on another line."""
        starts = self._starts or self._lines()
        line = bisect_right(starts, start)
        before = starts[line - 1] - 1
        behind = max(end, start + 1)
        return Span(self.name, line, start - before, line, (behind if behind < starts[line] else start + 1) - before)


class Node:
    """``data`` is the value as YAML 1.2's core schema reads it; it stands at ``start`` of the file's text and ends before ``end``."""

    __slots__ = ("data", "end", "file", "start")

    def __init__(self, data: Any, file: SourceFile, start: int, end: int) -> None:
        self.data = data
        self.file = file
        self.start = start
        self.end = end

    @property
    def span(self) -> Span:
        # What is not written, as an item behind a bare `-`, is pointed at all the same.
        return self.file.span(self.start, self.end) if self.end > self.start else self.file.within_line(self.start, self.end)

    @property
    def place(self) -> Span:
        """The span, for a field of a frozen record, which works it out when somebody reads it (see `engine.model.frozen`)."""
        return cast(Span, self)


class Scalar(Node):
    """``text`` is the source text of a plain scalar, the content of a quoted one."""

    __slots__ = ("_sources", "plain", "text")

    def __init__(self, data: Any, text: str, plain: bool, file: SourceFile, start: int, end: int) -> None:
        # Not by the base class: nine of ten nodes are scalars, and the call would cost as much as the rest.
        self.data = data
        self.file = file
        self.start = start
        self.end = end
        self.text = text
        self.plain = plain
        self._sources: list[tuple[int, int]] | None = None

    def within(self, offset: int, length: int = 1) -> Span:
        """The place of ``length`` characters of ``text`` from ``offset``, whatever the scalar's style."""
        begin = self._verbatim()
        if begin is not None:
            return self.file.within_line(begin + offset, begin + offset + max(length, 1))
        first = self._source(offset)[0]
        last, width = self._source(offset + max(length, 1) - 1)
        return self.file.within_line(first, last + width)

    def _verbatim(self) -> int | None:
        """Where the text begins in the file, if it stands there as it is."""
        start, around = self.start, self.end - self.start - len(self.text)
        quote = around // 2
        return start + quote if around in (0, 2) and self.file.text.startswith(self.text, start + quote) else None

    def _source(self, offset: int) -> tuple[int, int]:
        """Where the character at ``offset`` stands in the file, and how many characters it takes there."""
        if self.file.text.startswith("|", self.start) and not self.plain:
            return self._literal(offset)
        if self._sources is None:
            self._sources = self._align()
        if offset < len(self._sources):
            return self._sources[offset]
        last, width = self._sources[-1] if self._sources else (self.start, 1)
        return last + width, 1

    def _literal(self, offset: int) -> tuple[int, int]:
        """In a literal block each line is a line of the file behind the indentation, which is the same for all."""
        raw = self.file.text
        at = self.file.begin(self.file.place(self.start)[0] + 1 + self.text.count("\n", 0, offset))
        begin = self.text.rfind("\n", 0, offset) + 1
        end, raw_end = self.text.find("\n", begin), raw.find("\n", at)
        written = (raw_end if raw_end >= 0 else len(raw)) - at
        indentation = max(written - ((end if end >= 0 else len(self.text)) - begin), 0)
        return min(at + indentation + offset - begin, self.end), 1

    def _align(self) -> list[tuple[int, int]]:
        """Value and source are read side by side, since folding, indentation and escapes make them differ."""
        raw = self.file.text
        style = "" if self.plain else raw[self.start : self.start + 1]
        if style == ">":
            return _align_block(self.text, raw, raw.find("\n", self.start) + 1, self.end)
        return _align_flow(self.text, raw, self.start + len(style), style)


def _align_flow(text: str, raw: str, at: int, style: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    while len(found) < len(text):
        fold = _FOLD.match(raw, at)
        if fold is not None:  # one line break is a space; of several, all but the first stay
            found += [(at, 1)] * max(fold[0].count("\n") - 1, 1)
            at = fold.end()
        elif style == '"' and raw.startswith("\\\n", at):  # the line goes on behind the indentation
            at += 2
            while raw.startswith((" ", "\t"), at):
                at += 1
        else:
            escaped = style == '"' and raw.startswith("\\", at)
            width = 2 + _ESCAPE_WIDTH.get(raw[at + 1], 0) if escaped else 1 + (style == "'" and raw.startswith("'", at))
            found.append((at, width))
            at += width
    return found


def _align_block(text: str, raw: str, at: int, end: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for char in text:
        while at < end and raw[at] != char and not (char.isspace() and not raw[at].isspace()):
            at += 1  # indentation
        found.append((at if at < end else end, 1))
        at += at < end and raw[at] == char
    return found


class Shifted:
    """A stretch of a scalar's text that begins at an offset: an expression inside a template, which is pointed at by its ``mark``."""

    __slots__ = ("_by", "_mark", "_scalar")

    def __init__(self, scalar: Scalar, by: int, mark: int) -> None:
        self._scalar = scalar
        self._by = by
        self._mark = mark

    @property
    def span(self) -> Span:
        return self._scalar.within(self._mark)

    @property
    def place(self) -> Span:
        """The span, for a field of a frozen record."""
        return cast(Span, self)

    def within(self, offset: int, length: int = 1) -> Span:
        return self._scalar.within(self._by + offset, length)


class Sequence(Node):
    __slots__ = ("items",)

    def __init__(self, data: list[Any], items: list[Node], file: SourceFile, start: int, end: int) -> None:
        super().__init__(data, file, start, end)
        self.items = items


class Mapping(Node):
    """``entries`` maps each key to its own node and its value's."""

    __slots__ = ("entries",)

    def __init__(self, data: dict[str, Any], entries: dict[str, tuple[Scalar, Node]], file: SourceFile, start: int, end: int) -> None:
        super().__init__(data, file, start, end)
        self.entries = entries

    def get(self, key: str) -> Node | None:
        found = self.entries.get(key)
        return found[1] if found else None

    def key(self, key: str) -> Scalar:
        return self.entries[key][0]

    def key_span(self, key: str) -> Span:
        return self.entries[key][0].span

    @property
    def first_key(self) -> Span:
        return next(iter(self.entries.values()))[0].span if self.entries else self.span

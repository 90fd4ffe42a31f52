"""A YAML document as values with places: what `source` makes of a file and `build` reads."""

from __future__ import annotations

from typing import Any

from engine.model.span import Span

_ESCAPE_WIDTH = {"x": 2, "u": 4, "U": 8}


class SourceFile:
    """The text of one file, by its name relative to the project."""

    __slots__ = ("name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    def place(self, index: int) -> tuple[int, int]:
        """Line and column, from 1, of a character of the text."""
        line = self.text.count("\n", 0, index) + 1
        return line, index - (self.text.rfind("\n", 0, index) + 1) + 1


class Node:
    """``data`` is the value as YAML 1.2's core schema reads it; lines and columns count from 0 as the parser gives them."""

    __slots__ = ("data", "end", "file", "start")

    def __init__(self, data: Any, file: SourceFile, start: Any, end: Any) -> None:
        self.data = data
        self.file = file
        self.start = start
        self.end = end

    @property
    def span(self) -> Span:
        start, end = self.start, self.end
        return Span(self.file.name, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


class Scalar(Node):
    """``text`` is the source text of a plain scalar, the content of a quoted one."""

    __slots__ = ("plain", "text")

    def __init__(self, data: Any, text: str, plain: bool, file: SourceFile, start: Any, end: Any) -> None:
        super().__init__(data, file, start, end)
        self.text = text
        self.plain = plain

    def within(self, offset: int, length: int = 1) -> Span:
        """The place of ``length`` characters of ``text`` from ``offset``, whatever the scalar's style."""
        index = self._index(offset)
        line, column = self.file.place(index)
        return Span(self.file.name, line, column, line, column + length)

    def _index(self, offset: int) -> int:
        """The index in the file of the character at ``offset``: value and source are read side by side, since folding,
        indentation and escapes make them differ."""
        raw = self.file.text
        at, end = int(self.start.index), int(self.end.index)
        style = raw[at : at + 1]
        if style in "|>" and not self.plain:
            at = raw.find("\n", at) + 1
        elif style in "'\"" and not self.plain:
            at += 1
        for position, char in enumerate(self.text):
            while at < end and raw[at] != char:
                if style == '"' and raw[at] == "\\":
                    break
                if char.isspace() and not raw[at].isspace():
                    break
                at += 1
            if position >= offset:
                return at
            if style == '"' and at < end and raw[at] == "\\":
                at += 2 + _ESCAPE_WIDTH.get(raw[at + 1 : at + 2], 0)
            elif style == "'" and raw[at : at + 2] == "''":
                at += 2
            elif at < end and (raw[at] == char or char.isspace()):
                at += 1 if raw[at] == char else 0
        return min(at, end)


class Shifted:
    """A stretch of a scalar's text that begins at an offset: an expression inside a template."""

    __slots__ = ("_by", "_scalar")

    def __init__(self, scalar: Scalar, by: int) -> None:
        self._scalar = scalar
        self._by = by

    def within(self, offset: int, length: int = 1) -> Span:
        return self._scalar.within(self._by + offset, length)


class Sequence(Node):
    __slots__ = ("items",)

    def __init__(self, data: list[Any], items: list[Node], file: SourceFile, start: Any, end: Any) -> None:
        super().__init__(data, file, start, end)
        self.items = items


class Mapping(Node):
    """``entries`` maps each key to its own node and its value's."""

    __slots__ = ("entries",)

    def __init__(self, data: dict[str, Any], entries: dict[str, tuple[Scalar, Node]], file: SourceFile, start: Any, end: Any) -> None:
        super().__init__(data, file, start, end)
        self.entries = entries

    def get(self, key: str) -> Node | None:
        found = self.entries.get(key)
        return found[1] if found else None

    def key_span(self, key: str) -> Span:
        return self.entries[key][0].span

    @property
    def first_key(self) -> Span:
        return next(iter(self.entries.values()))[0].span if self.entries else self.span

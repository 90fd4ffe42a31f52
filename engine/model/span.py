"""Where something stands in a file."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import NamedTuple


class Span(NamedTuple):
    """A stretch of one source file. Lines and columns count from 1, columns in code points; the end is exclusive.

    A tuple, since a large project has hundreds of thousands of them, and no other record is made as quickly.
    """

    file: str  # relative to the project
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Stretches:
    """Stretches of files, and whether any of them lies within another: asked as often as there are findings."""

    __slots__ = ("_in_order",)

    def __init__(self) -> None:
        self._in_order: list[Span] = []

    def add(self, span: Span) -> None:
        insort(self._in_order, span)

    def any_within(self, outer: Span) -> bool:
        end = (outer.end_line, outer.end_column)
        for place in range(bisect_left(self._in_order, outer[:3]), len(self._in_order)):
            file, line, column, *inner_end = self._in_order[place]
            if file != outer.file or (line, column) > end:
                return False
            if tuple(inner_end) <= end:
                return True
        return False

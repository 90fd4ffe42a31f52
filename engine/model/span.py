"""Where something stands in a file."""

from __future__ import annotations

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

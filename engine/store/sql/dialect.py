"""What a database must be able to say, so that a condition means the same in it as in the language.

Values are held as: text; ``float8``/``REAL`` for each number; booleans; days and instants as the ISO text that is stored, whose order
is their order; lists as JSON. NULL is a missing value. A stored value that does not fit its type reads as missing.
"""

from __future__ import annotations

import sys
from typing import Protocol

from engine.store.sql.pieces import Piece

LARGEST = sys.float_info.max  # where the language's arithmetic stays when it overflows
EXACT = 2.0**53  # every whole number up to here is a double


class Dialect(Protocol):
    """The words of one database. Each method gives an expression; none of them can fail on a row."""

    name: str
    deepest: int | None  # the nesting that its parser takes, as `Piece.depth` counts it

    # -- values -------------------------------------------------------------------------------------------------------

    def text(self, value: str) -> Piece: ...
    def number(self, value: float) -> Piece: ...
    def json(self, value: str) -> Piece:
        """A list, from JSON text."""
        ...

    def load(self, kind: str, column: str, path: tuple[str, ...]) -> Piece:
        """The value at ``path`` inside the JSON of ``column``; kind is text, number, boolean or list."""
        ...

    def absent(self, column: str, path: tuple[str, ...]) -> Piece:
        """Whether nothing, whatever its type, is at ``path``."""
        ...

    # -- comparing ----------------------------------------------------------------------------------------------------

    def same(self, left: Piece, right: Piece) -> Piece:
        """Equality of scalars, where missing equals missing."""
        ...

    def same_list(self, left: Piece, right: Piece) -> Piece: ...
    def member(self, item: Piece, collection: Piece) -> Piece:
        """Whether a list holds the item; a missing item is in no list, and nothing is in a missing list."""
        ...

    def among(self, item: Piece, others: list[Piece]) -> Piece:
        """Whether the item equals one of the others, all scalars of its type; missing equals missing."""
        ...

    # -- numbers ------------------------------------------------------------------------------------------------------

    def add(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        """``safe``: the operands are known to be so small that nothing overflows. Else what overflows stays at the largest double."""
        ...

    def subtract(self, left: Piece, right: Piece, *, safe: bool) -> Piece: ...
    def multiply(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        """``safe``: in addition, nothing is so small that the product vanishes."""
        ...

    def divide(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        """Missing where the divisor is zero."""
        ...

    def divide_whole(self, left: Piece, right: Piece) -> Piece:
        """``//`` of whole numbers up to `EXACT`; missing where the divisor is zero."""
        ...

    def modulo_whole(self, left: Piece, right: Piece) -> Piece:
        """``%`` of whole numbers up to `EXACT`, with the divisor's sign."""
        ...

    def round_half_away(self, value: Piece, digits: int) -> Piece: ...

    # -- text and days ------------------------------------------------------------------------------------------------

    def whole_text(self, value: Piece) -> Piece:
        """The digits of a whole number up to `EXACT`."""
        ...

    def lowered(self, value: Piece, pairs: dict[str, str]) -> Piece:
        """Each capital of ``pairs`` as its small letter; what becomes of other capitals is open, but no small letter of ``pairs``."""
        ...

    def text_length(self, value: Piece) -> Piece:
        """How many code points."""
        ...

    def list_length(self, value: Piece) -> Piece: ...
    def days_since(self, day: Piece, today: str) -> Piece:
        """Days from one day to another, as a number."""
        ...

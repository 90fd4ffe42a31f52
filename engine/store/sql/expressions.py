"""Checked conditions as SQL.

What a database cannot say exactly is left open: such a part counts as true where that lets more rows through, under `not` as false.
So the SQL never leaves out a row for which the condition holds, and where it is not exact, the interpreter looks at what it lets
through.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.dsl.expressions.meaning import NOW, ZONE, lower
from engine.model import terms as t
from engine.store.sql.dialect import Dialect
from engine.store.sql.fold import fold
from engine.store.sql.pieces import Piece, joined, listed, piece
from engine.store.sql.postgresql import POSTGRESQL
from engine.store.sql.sqlite import SQLITE
from engine.store.sql.texts import capitals, storable
from engine.store.sql.values import Value, Values

__all__ = ["POSTGRESQL", "SQLITE", "Dialect", "Sql", "to_sql"]

_TRUE, _FALSE = Piece("TRUE"), Piece("FALSE")
_MOST_READ = 500  # items of a list that are no constants; databases take a bounded number of columns


@dataclass(frozen=True, slots=True)
class Sql:
    """A condition to stand in a WHERE, with the values for its placeholders, in their order.

    Where it is ``exact``, it is true for the rows for which the expression holds, false for all others, and never NULL. Else it is
    also true for rows that the interpreter must still judge.
    """

    text: str
    parameters: tuple[object, ...]
    exact: bool


def to_sql(term: t.Term, dialect: Dialect, columns: Mapping[str, str], *, now: dt.datetime, zone: ZoneInfo) -> Sql:
    """A checked boolean term as SQL, with the decision's instant and the project's time zone.

    ``columns`` has for each name of the scope the SQL of its JSON, qualified by a table's name (``{"contact": "c.data"}``): text for
    SQLite, ``jsonb`` for PostgreSQL, NULL where the object is missing. What reads any other name is left open. The placeholders are
    ``?`` and ``%s``, so a percent sign in a column of PostgreSQL is doubled.
    """
    scope = {NOW: now, ZONE: zone}
    conditions = _Conditions(Values(dialect, columns, scope))
    found = conditions.of(fold(term, scope), over=True)
    return Sql(found.text, found.parameters, conditions.exact)


class _Conditions:
    """Translates conditions; ``over`` says on which side of the truth an approximation must be."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.dialect = values.dialect
        self.exact = True
        values.condition = self._exactly

    def of(self, term: t.Term, *, over: bool) -> Piece:
        found = self._of(term, over)
        if self.dialect.deepest is not None and found.depth > self.dialect.deepest:
            return self._open(over)
        return found

    def _open(self, over: bool) -> Piece:
        """A part that only the interpreter can judge."""
        self.exact = False
        return _TRUE if over else _FALSE

    def _exactly(self, term: t.Term) -> Piece | None:
        """The condition as a value for others to work with; None where it has no exact form."""
        before, self.exact = self.exact, True
        found = self.of(term, over=True)
        exact, self.exact = self.exact, before
        return found if exact else None

    def _of(self, term: t.Term, over: bool) -> Piece:
        match term:
            case t.Constant():
                return _TRUE if term.value else _FALSE
            case t.Not():
                return piece("(NOT {})", self.of(term.operand, over=not over))
            case t.And():
                return joined(" AND ", [self.of(operand, over=over) for operand in term.operands])
            case t.Or():
                return joined(" OR ", [self.of(operand, over=over) for operand in term.operands])
            case t.Compare(op="==" | "!="):
                same = self._equal(term.left, term.right, over if term.op == "==" else not over)
                return same if term.op == "==" else piece("(NOT {})", same)
            case t.Compare():
                return self._ordered(term, over)
            case t.Within():
                return self._within(term, over)
            case t.IsNone():
                missing = self.values.missing(term.operand)
                return missing if missing is not None else self._open(over)
            case t.Load() | t.Default():
                value = self.values.of(term)
                # The contract says that it is there, but the store may be older than the contract: then it holds as little as False.
                return piece("COALESCE({}, FALSE)", value.piece) if value is not None else self._open(over)
        return self._open(over)  # a function that gives a boolean: none of them has an SQL form

    # -- comparisons --------------------------------------------------------------------------------------------------

    def _equal(self, a: t.Term, b: t.Term, over: bool) -> Piece:
        for one, other in ((a, b), (b, a)):
            if isinstance(other, t.Constant) and other.value is None:
                missing = self.values.missing(one)
                return missing if missing is not None else self._open(over)
            if _is_lowered(one) and isinstance(other, t.Constant):
                return self._lowered_among(one, [other], over)
        left, right = self.values.of(a), self.values.of(b)
        if left is None or right is None:
            return self._open(over)
        if left.kind == "list":
            return self.dialect.same_list(left.piece, right.piece)
        slack = left.slack + right.slack
        if not slack:
            return self.dialect.same(left.piece, right.piece)
        open_ = self._open(over)
        return self._near(left, right, slack) if over else open_

    def _near(self, left: Value, right: Value, slack: float) -> Piece:
        margin = self.dialect.number(slack)
        return piece("COALESCE(abs({} - {}) <= {}, FALSE)", left.piece, right.piece, margin)

    def _ordered(self, term: t.Compare, over: bool) -> Piece:
        left, right = self.values.of(term.left), self.values.of(term.right)
        if left is None or right is None:
            return self._open(over)
        a, b, slack = left.piece, right.piece, left.slack + right.slack
        if slack:
            self.exact = False
            # Where rows must not be lost, the smaller side may be smaller by the margin; where none may be gained, it is greater.
            smaller = term.op in ("<", "<=")
            widen = "({} - {})" if smaller == over else "({} + {})"
            a = piece(widen, a, self.dialect.number(slack))
        return piece(f"({{}} {term.op} {{}})", a, b)

    # -- lists --------------------------------------------------------------------------------------------------------

    def _within(self, term: t.Within, over: bool) -> Piece:
        if not isinstance(term.collection, t.Listing):
            item, collection = self.values.of(term.item), self.values.of(term.collection)
            if item is None or collection is None or item.kind == "list" or item.slack or collection.holds_none:
                return self._open(over)
            return self.dialect.member(item.piece, collection.piece)
        others = [other for other in term.collection.items if not (isinstance(other, t.Constant) and other.value is None)]
        holds_none = len(others) < len(term.collection.items)
        if not others:
            return self._equal(term.item, t.Constant(type=term.item.type.maybe(), value=None), over) if holds_none else _FALSE
        if _is_lowered(term.item) and all(isinstance(other, t.Constant) for other in others):
            return self._lowered_among(term.item, others, over)  # a lower-case text is never missing
        item = self.values.of(term.item)
        found = [self.values.of(other) for other in others]
        values = [value for value in found if value is not None]
        if item is None or len(values) < len(found) or item.slack or any(value.slack for value in values):
            return self._open(over)
        pieces = [value.piece for value in values]
        if item.kind == "list":
            tests = [self.dialect.same_list(item.piece, one) for one in pieces]
            return joined(" OR ", [*tests, piece("({} IS NULL)", item.piece)] if holds_none else tests)
        if all(isinstance(other, t.Constant) for other in others):
            # Only a missing item makes this NULL, and then it is in the list if `none` is.
            return piece(f"COALESCE({{}} IN ({{}}), {'TRUE' if holds_none else 'FALSE'})", item.piece, listed(pieces))
        if len(pieces) > _MOST_READ:
            return self._open(over)
        test = self.dialect.among(item.piece, pieces)
        return joined(" OR ", [test, piece("({} IS NULL)", item.piece)]) if holds_none else test

    def _lowered_among(self, term: t.Term, others: list[t.Term], over: bool) -> Piece:
        """``text|lower`` against constants: mapping only the letters that occur in them, every database can do that."""
        assert isinstance(term, t.Call)
        value = self.values.of(term.arguments[0])
        wanted = [other.value for other in others if isinstance(other, t.Constant) and isinstance(other.value, str)]
        wanted = [text for text in wanted if lower(text) == text]  # a lower-case text equals no other
        pairs = capitals(wanted)
        if value is None or pairs is None or not all(storable(text) for text in wanted):
            return self._open(over)
        if not wanted:
            return _FALSE
        lowered = self.dialect.lowered(value.piece, pairs)
        return piece("COALESCE({} IN ({}), FALSE)", lowered, listed([self.dialect.text(text) for text in wanted]))


def _is_lowered(term: t.Term) -> bool:
    return isinstance(term, t.Call) and term.name == "lower"

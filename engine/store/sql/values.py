"""Terms that are no conditions as SQL: fields, arithmetic, days, text."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from engine.dsl.expressions.interpret import Scope
from engine.dsl.expressions.meaning import ZONE, text_of, today
from engine.model import terms as t
from engine.model.types import Type
from engine.store.sql.dialect import EXACT, LARGEST, Dialect
from engine.store.sql.pieces import Piece, piece
from engine.store.sql.texts import begins_apart, storable

_MOST_DIGITS = 15  # of `round`
_CALENDAR = 4e6  # days, from the first to the last that a date can be
_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu"})


@dataclass(frozen=True, slots=True)
class Value:
    """An expression for a value. It is NULL where the value is missing."""

    piece: Piece
    kind: str  # text, number, boolean, day, instant, list
    whole: bool = False  # of a number: no fraction
    limit: float = LARGEST  # of a number: its size at most
    slack: float = 0.0  # of a number: how far the true one may be away
    holds_none: bool = False  # of a list

    @property
    def countable(self) -> bool:
        """Whether the value is a whole number that a 64-bit integer holds too."""
        return self.whole and self.limit <= EXACT and not self.slack


@dataclass(slots=True)
class Values:
    """Translates terms to values. None is for a term that has no exact SQL form."""

    dialect: Dialect
    columns: Mapping[str, str]
    scope: Scope  # the instant and the time zone
    condition: Callable[[t.Term], Piece | None] = lambda term: None

    def of(self, term: t.Term) -> Value | None:
        found = self._of(term)
        too_deep = found is not None and self.dialect.deepest is not None and found.piece.depth > self.dialect.deepest
        return None if too_deep else found

    def missing(self, term: t.Term) -> Piece | None:
        """Whether a value is missing; None where that cannot be said."""
        if isinstance(term, t.Load) and _kind(term.type) is None:
            column = self._column(term.path)
            return None if column is None else self.dialect.absent(column, term.path[1:])
        value = self.of(term)
        if value is not None:
            return piece("({} IS NULL)", value.piece)
        if isinstance(term, t.Arithmetic) and term.op in ("/", "//", "%"):
            divisor = self.of(term.right)
            return None if divisor is None or divisor.slack else piece("COALESCE({} = 0, FALSE)", divisor.piece)
        return None if term.type.optional else Piece("FALSE")

    def _of(self, term: t.Term) -> Value | None:
        match term:
            case t.Constant():
                return self._constant(term.value)
            case t.Load():
                return self._load(term)
            case t.Listing():
                return self._listing(term)
            case t.Not() | t.And() | t.Or() | t.Compare() | t.Within() | t.IsNone():
                found = self.condition(term)
                return None if found is None else Value(found, "boolean")
            case t.Arithmetic():
                left, right = self.of(term.left), self.of(term.right)
                return None if left is None or right is None else self._arithmetic(term.op, left, right)
            case t.Negate():
                value = self.of(term.operand)
                return None if value is None else replace(value, piece=piece("(- {})", value.piece))
            case t.Concat():
                return self._concat(term)
            case t.Default():
                return self._default(term)
            case t.Call():
                return self._call(term)
        raise AssertionError(f"no SQL for {type(term).__name__}")

    # -- leaves -------------------------------------------------------------------------------------------------------

    def _constant(self, value: t.Value) -> Value | None:
        match value:
            case None:
                return None  # where `none` may stand, it is asked for by itself
            case bool():
                return Value(Piece("TRUE" if value else "FALSE"), "boolean")
            case int() | float():
                # An integer that is no double would be another number in the database.
                number = float(value)
                if number != value or abs(number) > LARGEST:
                    return None
                return Value(self.dialect.number(number), "number", number.is_integer(), abs(number))
            case str():
                return Value(self.dialect.text(value), "text") if storable(value) else None
            case dt.datetime():
                return Value(self.dialect.text(value.astimezone(dt.UTC).isoformat()), "instant")
            case dt.date():
                return Value(self.dialect.text(value.isoformat()), "day")

    def _column(self, path: tuple[str, ...]) -> str | None:
        return None if any('"' in name for name in path) else self.columns.get(path[0])

    def _load(self, term: t.Load) -> Value | None:
        column, kind = self._column(term.path), _kind(term.type)
        if column is None or kind is None:
            return None
        stored = "text" if kind in ("day", "instant") else kind
        whole = term.type.kind == "integer"
        found = self.dialect.load(stored, column, term.path[1:])
        return Value(found, kind, whole, EXACT if whole else LARGEST)

    def _listing(self, term: t.Listing) -> Value | None:
        """A list of constants, as JSON."""
        items: list[object] = []
        for item in term.items:
            if not isinstance(item, t.Constant):
                return None
            if item.value is not None and self._constant(item.value) is None:
                return None
            instant = item.value.astimezone(dt.UTC) if isinstance(item.value, dt.datetime) else item.value
            items.append(instant.isoformat() if isinstance(instant, dt.date) else instant)
        return Value(self.dialect.json(json.dumps(items, ensure_ascii=False)), "list", holds_none=None in items)

    # -- numbers ------------------------------------------------------------------------------------------------------

    def _arithmetic(self, op: str, a: Value, b: Value) -> Value | None:
        whole = a.whole and b.whole
        d = self.dialect
        if op in ("+", "-"):
            limit = a.limit + b.limit
            slack = a.slack + b.slack
            if slack and not (whole and limit <= EXACT):
                return None
            do = d.add if op == "+" else d.subtract
            return Value(do(a.piece, b.piece, safe=limit < LARGEST), "number", whole, min(limit, LARGEST), slack)
        if a.slack or b.slack:
            return None
        if op == "*":
            limit = a.limit * b.limit
            return Value(d.multiply(a.piece, b.piece, safe=whole and limit < LARGEST), "number", whole, min(limit, LARGEST))
        if op == "/":
            # A whole divisor makes nothing greater, and one of moderate size nothing vanish.
            safe = whole and b.limit <= EXACT
            return Value(d.divide(a.piece, b.piece, safe=safe), "number", limit=a.limit if b.whole else LARGEST)
        if not (a.countable and b.countable):
            return None  # floor and remainder of doubles would need more digits than a double has
        if op == "//":
            return Value(d.divide_whole(a.piece, b.piece), "number", whole=True, limit=a.limit)
        return Value(d.modulo_whole(a.piece, b.piece), "number", whole=True, limit=b.limit)

    def _call(self, term: t.Call) -> Value | None:
        match term.name, term.arguments:
            case "length", (operand,):
                value = self.of(operand)
                if value is None:
                    return None
                counted = self.dialect.list_length(value.piece) if value.kind == "list" else self.dialect.text_length(value.piece)
                return Value(counted, "number", whole=True, limit=EXACT)
            case "round", (operand, *rest):
                return self._round(operand, rest[0] if rest else None)
            case ("days_since" | "days_until") as name, (operand,):
                return self._days(operand, since=name == "days_since")
        return None

    def _round(self, operand: t.Term, digits: t.Term | None) -> Value | None:
        value = self.of(operand)
        places = 0 if digits is None else digits.value if isinstance(digits, t.Constant) else None
        if value is None or value.slack or not isinstance(places, (int, float)) or abs(places) > _MOST_DIGITS:
            return None
        if value.countable and int(places) == 0:
            return value
        return Value(self.dialect.round_half_away(value.piece, int(places)), "number", whole=int(places) <= 0)

    def _days(self, operand: t.Term, *, since: bool) -> Value | None:
        value = self.of(operand)
        if value is None:
            return None
        zone = self.scope[ZONE]
        assert isinstance(zone, ZoneInfo)
        # An instant is stored in UTC, where its day begins with its text; elsewhere it is that day, the one before or the one behind.
        day, slack = value.piece, 0.0
        if value.kind == "instant":
            day, slack = piece("substr({}, 1, 10)", day), float(zone.key not in _UTC_NAMES)
        days = self.dialect.days_since(day, today(self.scope).isoformat())
        return Value(days if since else piece("(- {})", days), "number", whole=True, limit=_CALENDAR, slack=slack)

    # -- texts, and values in place of others -------------------------------------------------------------------------

    def _concat(self, term: t.Concat) -> Value | None:
        """Two texts in normal form, joined, are in normal form only if the second begins with a character of its own."""
        left, right = self._text(term.left), self._text(term.right)
        if left is None or right is None or not begins_apart(term.right):
            return None
        return Value(piece("({} || {})", left, right), "text")

    def _text(self, term: t.Term) -> Piece | None:
        """A value as `~` prints it."""
        if isinstance(term, t.Constant):
            text = text_of(term.value)
            return self.dialect.text(text) if storable(text) else None
        value = self.of(term)
        if value is None:
            return None
        match value.kind:
            case "text" | "day":
                return value.piece
            case "instant" if isinstance(term, t.Load):
                return value.piece
            case "boolean":
                return piece("CASE WHEN {} THEN 'true' ELSE 'false' END", value.piece)
            case "number" if value.countable:
                return self.dialect.whole_text(value.piece)
        return None  # databases print doubles in ways of their own

    def _default(self, term: t.Default) -> Value | None:
        value, fallback = self.of(term.operand), self.of(term.fallback)
        if value is None or fallback is None or value.slack or fallback.slack:
            return None
        return Value(
            piece("COALESCE({}, {})", value.piece, fallback.piece),
            value.kind,
            value.whole and fallback.whole,
            max(value.limit, fallback.limit),
            holds_none=value.holds_none or fallback.holds_none,
        )


def _kind(kind: Type) -> str | None:
    """How a type is held in SQL; None for what is no scalar or list of scalars."""
    match kind.kind:
        case "integer" | "number":
            return "number"
        case "boolean":
            return "boolean"
        case "date":
            return "day"
        case "datetime":
            return "instant"
        case "list":
            return "list" if kind.item is not None and _kind(kind.item) not in (None, "list") else None
    return "text" if kind.is_text else None

"""PostgreSQL's words. The JSON stands in a ``jsonb`` column. It raises where a double overflows or vanishes, so that is asked before.

``OFFSET 0`` keeps the planner from copying a subquery's column to each place that reads it: nested arithmetic would grow without end.
"""

from __future__ import annotations

import math

from engine.store.sql.dialect import LARGEST
from engine.store.sql.pieces import Piece, numbered, piece


def _double(value: float) -> str:
    return f"'{value!r}'::float8"


_BOUND = _double(LARGEST)
_HALF = _double(LARGEST / 2)
_HALF_STEP = _double(2.0**970)  # half the distance from the largest double to what would be the next
_UP, _DOWN = _double(2.0**512), _double(2.0**-512)
_EXACT = _double(2.0**53)


class PostgreSQL:
    name = "postgresql"
    deepest = None

    def text(self, value: str) -> Piece:
        return Piece("%s::text", (value,))

    def number(self, value: float) -> Piece:
        return Piece("%s::float8", (value,))

    def json(self, value: str) -> Piece:
        return Piece("%s::jsonb", (value,))

    def load(self, kind: str, column: str, path: tuple[str, ...]) -> Piece:
        at, found = _path(column, path)
        match kind:
            case "number":
                text = f"CASE jsonb_typeof({at}) WHEN 'number' THEN ({at})::float8 END"
            case "boolean":
                text = f"CASE jsonb_typeof({at}) WHEN 'boolean' THEN ({at})::boolean END"
            case "list":
                text = f"CASE jsonb_typeof({at}) WHEN 'array' THEN {at} END"
            case _:
                text = f"CASE jsonb_typeof({at}) WHEN 'string' THEN ({at}) #>> '{{}}' END COLLATE \"C\""
        return Piece(f"({text})", (*found, *found))

    def absent(self, column: str, path: tuple[str, ...]) -> Piece:
        at, found = _path(column, path)
        return Piece(f"(COALESCE(jsonb_typeof({at}), 'null') = 'null')", found)

    def same(self, left: Piece, right: Piece) -> Piece:
        return piece("({} IS NOT DISTINCT FROM {})", left, right)

    def same_list(self, left: Piece, right: Piece) -> Piece:
        return self.same(left, right)

    def member(self, item: Piece, collection: Piece) -> Piece:
        return piece("COALESCE({} @> to_jsonb({}), FALSE)", collection, item)

    def among(self, item: Piece, others: list[Piece]) -> Piece:
        tests = " OR ".join(f"v.x IS NOT DISTINCT FROM v.i{n}" for n in range(len(others)))
        return piece("(SELECT " + tests + " FROM (SELECT {} AS x, {} OFFSET 0) AS v)", item, numbered(others))

    def add(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        if safe:
            return piece("({} + {})", left, right)
        # Of two halves at most nothing overflows. Else the gap between the greater one and the largest double is exact, and so is
        # what the smaller one has beyond it: half a step more, and the sum would be rounded to infinity.
        beyond = f"least(abs(v.l), abs(v.r)) - ({_BOUND} - greatest(abs(v.l), abs(v.r)))"
        return _of_two(
            f"CASE WHEN v.l IS NULL OR v.r IS NULL THEN NULL WHEN abs(v.l) <= {_HALF} AND abs(v.r) <= {_HALF} THEN v.l + v.r"
            f" WHEN (v.l < 0) <> (v.r < 0) THEN v.l + v.r WHEN {beyond} < {_HALF_STEP} THEN v.l + v.r"
            f" WHEN v.l < 0 THEN -{_BOUND} ELSE {_BOUND} END",
            left,
            right,
        )

    def subtract(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        return piece("({} - {})", left, right) if safe else self.add(left, piece("(- {})", right), safe=False)

    def multiply(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        if safe:
            return piece("({} * {})", left, right)
        # Both factors scaled by a power of two: the product is rounded as the real one, and cannot leave the range itself. (Only a
        # product that exceeds 2**-1075 by less than one part in 2**53 is judged to vanish too early.)
        overflows = f"(abs(v.l) * {_DOWN}) * (abs(v.r) * {_DOWN}) >= 1"
        vanishes = f"(abs(v.l) * {_UP}) * (abs(v.r) * {_UP}) <= {_double(2.0**-51)}"
        return _of_two(
            f"CASE WHEN v.l IS NULL OR v.r IS NULL THEN NULL WHEN v.l = 0 OR v.r = 0 THEN 0"
            f" WHEN abs(v.l) >= 1 AND abs(v.r) >= 1 THEN CASE WHEN {overflows} THEN {_signed_bound()} ELSE v.l * v.r END"
            f" WHEN greatest(abs(v.l), abs(v.r)) < {_double(2.0**-600)} THEN 0"
            f" WHEN abs(v.l) < 1 AND abs(v.r) < 1 THEN CASE WHEN {vanishes} THEN 0 ELSE v.l * v.r END"
            " ELSE v.l * v.r END",
            left,
            right,
        )

    def divide(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        if safe:
            return piece("({} / NULLIF({}, 0))", left, right)
        # Scaled by powers of two, dividend and divisor can be compared without dividing: a quotient of 2**1024 overflows, one of
        # 2**-1075 is rounded to zero.
        overflows = f"abs(v.l) * {_DOWN} >= abs(v.r) * {_UP}"
        vanishes = f"abs(v.l) * {_UP} <= abs(v.r) * {_double(2.0**-563)}"
        return _of_two(
            "CASE WHEN v.l IS NULL OR v.r = 0 THEN NULL WHEN v.l = 0 THEN 0 WHEN abs(v.r) < 1 AND abs(v.l) > 1e-100"
            f" THEN CASE WHEN {overflows} THEN {_signed_bound()} ELSE v.l / v.r END"
            f" WHEN abs(v.r) > 1 AND abs(v.l) < 1 THEN CASE WHEN {vanishes} THEN 0 ELSE v.l / v.r END"
            " ELSE v.l / v.r END",
            left,
            right,
        )

    def divide_whole(self, left: Piece, right: Piece) -> Piece:
        return _of_integers("((v.l - mod(mod(v.l, v.r) + v.r, v.r)) / v.r)::float8", left, right)

    def modulo_whole(self, left: Piece, right: Piece) -> Piece:
        return _of_integers("mod(mod(v.l, v.r) + v.r, v.r)::float8", left, right)

    def round_half_away(self, value: Piece, digits: int) -> Piece:
        factor = Piece(_double(10.0 ** abs(digits)))
        size = Piece("abs(v.x)")
        # Below 1e-300 nothing is left of the number, at any number of digits that is asked for.
        scaled = self.divide(size, factor, safe=True) if digits < 0 else piece("({} * {})", size, factor)
        rounded = "(floor(w.s) + (w.s - floor(w.s) >= 0.5)::int)"
        back = self.multiply(Piece(rounded), factor, safe=False) if digits < 0 else piece("({} / {})", Piece(rounded), factor)
        largest = LARGEST if digits <= 0 else _largest_factor(10.0**digits)
        return piece(
            f"(SELECT CASE WHEN abs(w.x) < 1e-300 THEN 0 WHEN w.s IS NULL THEN w.x WHEN w.x < 0 THEN - {{}} ELSE {{}} END FROM"
            f" (SELECT v.x, CASE WHEN abs(v.x) BETWEEN 1e-300 AND {_double(largest)} THEN {{}} END AS s FROM"
            " (SELECT {} AS x OFFSET 0) AS v OFFSET 0) AS w)",
            back,
            back,
            scaled,
            value,
        )

    def whole_text(self, value: Piece) -> Piece:
        return piece(f"(SELECT CASE WHEN abs(v.x) <= {_EXACT} THEN v.x::bigint::text END FROM (SELECT {{}} AS x OFFSET 0) AS v)", value)

    def lowered(self, value: Piece, pairs: dict[str, str]) -> Piece:
        # The built-in `lower` depends on the database's locale.
        inner = piece("translate({}, %s::text, %s::text)", value)
        return Piece(inner.text, (*inner.parameters, "".join(pairs), "".join(pairs.values())), inner.depth)

    def text_length(self, value: Piece) -> Piece:
        return piece("length({})::float8", value)

    def list_length(self, value: Piece) -> Piece:
        return piece("jsonb_array_length({})::float8", value)

    def days_since(self, day: Piece, today: str) -> Piece:
        # The pattern guards the cast, which would fail on a text that is no day.
        cast = r"CASE WHEN v.x ~ '^\d\d\d\d-\d\d-\d\d$' THEN v.x::date END"
        return piece("(SELECT ({} - " + cast + ")::float8 FROM (SELECT {} AS x OFFSET 0) AS v)", Piece("%s::date", (today,)), day)


def _path(column: str, path: tuple[str, ...]) -> tuple[str, tuple[object, ...]]:
    return column + " -> %s::text" * len(path), path


def _largest_factor(other: float) -> float:
    """The largest double whose product with the other does not overflow."""
    found = LARGEST / other
    while math.isinf(found * other):
        found = math.nextafter(found, 0.0)
    while not math.isinf(math.nextafter(found, math.inf) * other):
        found = math.nextafter(found, math.inf)
    return found


def _signed_bound() -> str:
    return f"CASE WHEN (v.l < 0) = (v.r < 0) THEN {_BOUND} ELSE -{_BOUND} END"


def _of_two(template: str, left: Piece, right: Piece) -> Piece:
    return piece(f"(SELECT {template} FROM (SELECT {{}} AS l, {{}} AS r OFFSET 0) AS v)", left, right)


def _of_integers(template: str, left: Piece, right: Piece) -> Piece:
    # A stored number beyond the contract must not make the query fail.
    fits = f"CASE WHEN abs(v.l) <= {_EXACT} AND abs(v.r) <= {_EXACT} AND v.r <> 0 THEN"
    cast = template.replace("v.l", "v.l::bigint").replace("v.r", "v.r::bigint")
    return _of_two(f"{fits} {cast} END", left, right)


POSTGRESQL = PostgreSQL()

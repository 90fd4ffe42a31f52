"""SQLite's words. The JSON stands in a text column; booleans are 0 and 1; nothing raises, but NaN and overflow want care."""

from __future__ import annotations

from engine.store.sql.dialect import LARGEST
from engine.store.sql.pieces import Piece, numbered, piece

_BOUND = repr(LARGEST)
_EXACT = "9007199254740992.0"


class SQLite:
    name = "sqlite"
    # The parser of SQLite before 3.46 has room for 100 open symbols.
    deepest = 88

    def text(self, value: str) -> Piece:
        return Piece("?", (value,))

    def number(self, value: float) -> Piece:
        return Piece("?", (value,))

    def json(self, value: str) -> Piece:
        return Piece("?", (value,))

    def load(self, kind: str, column: str, path: tuple[str, ...]) -> Piece:
        at = _path(path)
        match kind:
            case "number":
                text = f"CASE WHEN json_type({column}, ?) IN ('integer', 'real') THEN CAST(json_extract({column}, ?) AS REAL) END"
            case "boolean":
                return Piece(f"CASE json_type({column}, ?) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END", (at,))
            case "list":
                text = f"CASE json_type({column}, ?) WHEN 'array' THEN json_extract({column}, ?) END"
            case _:
                text = f"CASE json_type({column}, ?) WHEN 'text' THEN json_extract({column}, ?) END"
        return Piece(text, (at, at), 6)

    def absent(self, column: str, path: tuple[str, ...]) -> Piece:
        return Piece(f"(COALESCE(json_type({column}, ?), 'null') = 'null')", (_path(path),), 6)

    def same(self, left: Piece, right: Piece) -> Piece:
        return piece("({} IS {})", left, right)

    def same_list(self, left: Piece, right: Piece) -> Piece:
        return piece(
            "(SELECT CASE WHEN v.l IS NULL OR v.r IS NULL THEN v.l IS v.r"
            " WHEN json_array_length(v.l) <> json_array_length(v.r) THEN FALSE"
            " ELSE NOT EXISTS (SELECT 1 FROM json_each(v.l) AS a JOIN json_each(v.r) AS b ON a.key = b.key WHERE a.value IS NOT b.value)"
            " END FROM (SELECT {} AS l, {} AS r) AS v)",
            left,
            right,
        )

    def member(self, item: Piece, collection: Piece) -> Piece:
        return piece(
            "(SELECT EXISTS (SELECT 1 FROM json_each(v.l) AS e WHERE e.value = v.x) FROM (SELECT {} AS l, {} AS x) AS v)", collection, item
        )

    def among(self, item: Piece, others: list[Piece]) -> Piece:
        tests = " OR ".join(f"v.x IS v.i{n}" for n in range(len(others)))
        return piece("(SELECT " + tests + " FROM (SELECT {} AS x, {}) AS v)", item, numbered(others))

    def add(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        return piece("({} + {})", left, right) if safe else _within_bounds("{} + {}", left, right)

    def subtract(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        return piece("({} - {})", left, right) if safe else _within_bounds("{} - {}", left, right)

    def multiply(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        return piece("({} * {})", left, right) if safe else _within_bounds("{} * {}", left, right)

    def divide(self, left: Piece, right: Piece, *, safe: bool) -> Piece:
        return piece("({} / {})", left, right) if safe else _within_bounds("{} / {}", left, right)

    def divide_whole(self, left: Piece, right: Piece) -> Piece:
        return _of_integers("CAST((v.l - ((v.l % v.r) + v.r) % v.r) / v.r AS REAL)", left, right)

    def modulo_whole(self, left: Piece, right: Piece) -> Piece:
        return _of_integers("CAST(((v.l % v.r) + v.r) % v.r AS REAL)", left, right)

    def round_half_away(self, value: Piece, digits: int) -> Piece:
        # Casting to an integer cuts off the fraction; from 2**53 on there is none.
        factor = repr(10.0 ** abs(digits))
        scale, back = ("/", "*") if digits < 0 else ("*", "/")
        whole = "(CAST(w.s AS INTEGER) + (w.s - CAST(w.s AS INTEGER) >= 0.5))"
        result = f"CASE WHEN w.s < {_EXACT} THEN CAST({whole} AS REAL) ELSE w.s END {back} {factor}"
        return piece(
            f"(SELECT CASE WHEN w.s > {_BOUND} THEN w.x WHEN w.x < 0 THEN - min({result}, {_BOUND}) ELSE min({result}, {_BOUND}) END"
            f" FROM (SELECT v.x AS x, abs(v.x) {scale} {factor} AS s FROM (SELECT {{}} AS x) AS v) AS w)",
            value,
        )

    def whole_text(self, value: Piece) -> Piece:
        return piece("CAST(CAST({} AS INTEGER) AS TEXT)", value)

    def lowered(self, value: Piece, pairs: dict[str, str]) -> Piece:
        # The built-in `lower` knows ASCII only. A capital outside of ASCII must be named.
        others = {capital: small for capital, small in pairs.items() if not capital.isascii()}
        text, parameters = "lower({})", []
        for capital, small in others.items():
            text = f"replace({text}, ?, ?)"
            parameters += [capital, small]
        inner = piece(text, value)
        return Piece(inner.text, (*inner.parameters, *parameters), inner.depth)

    def text_length(self, value: Piece) -> Piece:
        return piece("CAST(length({}) AS REAL)", value)

    def list_length(self, value: Piece) -> Piece:
        return piece("CAST(json_array_length({}) AS REAL)", value)

    def days_since(self, day: Piece, today: str) -> Piece:
        return piece("(julianday({}) - julianday({}))", Piece("?", (today,)), day)


def _path(path: tuple[str, ...]) -> str:
    return "$" + "".join(f'."{name}"' for name in path)


def _within_bounds(template: str, left: Piece, right: Piece) -> Piece:
    return piece(f"min(max({template}, -{_BOUND}), {_BOUND})", left, right)


def _of_integers(template: str, left: Piece, right: Piece) -> Piece:
    return piece(f"(SELECT {template} FROM (SELECT CAST({{}} AS INTEGER) AS l, CAST({{}} AS INTEGER) AS r) AS v)", left, right)


SQLITE = SQLite()

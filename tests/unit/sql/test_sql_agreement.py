"""Random expressions on random rows: interpreter, generated Python, SQLite and PostgreSQL give one value."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import Databases, databases

from engine.dsl.expressions.check import Checker
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import NOW, ZONE
from engine.dsl.expressions.parse import parse
from engine.dsl.expressions.to_python import to_function
from engine.model import terms as t
from engine.model.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, TEXT, Type, object_type
from engine.rules.facts import conform, hydrate
from engine.store.sql.expressions import POSTGRESQL, SQLITE, Dialect, to_sql

NOW_IS = dt.datetime(2026, 3, 1, 22, 30, tzinfo=dt.UTC)  # the next day in Moscow
ZONES = [ZoneInfo("Europe/Moscow"), ZoneInfo("UTC"), ZoneInfo("America/New_York"), ZoneInfo("Pacific/Kiritimati")]
TIER = Type("one_of", options=("standard", "vip", "ВИП"))
CONTACT = object_type(
    {
        "name": TEXT,
        "role": TEXT.maybe(),
        "tier": TIER.maybe(),
        "country": Type("country", optional=True),
        "age": INTEGER,
        "nps": INTEGER.maybe(),
        "balance": NUMBER,
        "mrr": NUMBER.maybe(),
        "employee": BOOLEAN,
        "member": BOOLEAN.maybe(),
        "born": DATE,
        "bought": DATE.maybe(),
        "seen": DATETIME.maybe(),
        "tags": Type("list", item=TEXT),
        "likes": Type("list", item=TIER, optional=True),
        "marks": Type("list", item=NUMBER, optional=True),
    }
)
COMPANY = object_type({"name": TEXT, "size": INTEGER.maybe(), "tier": TIER}, optional=True)
NAMES = {"contact": CONTACT, "company": COMPANY}
COLUMNS = {"contact": "r.contact", "company": "r.company"}

TEXTS = [
    "",
    "a",
    "A",
    "vip",
    "Москва",
    "МОСКВА",
    "москва",
    "straße",
    "İstanbul",
    "ΣΑΣ",
    "é",
    "T̈",
    "👍",
    "100%",
    "o'neil",
    '"q"',
    "\\",
    "\u0301a",
]
WHOLES = [0, 1, -1, 2, 3, 6, 7, 9, 10, -7, 100, 86400, 2**53, -(2**53)]
DOUBLES = [0.1, 0.5, -2.5, 1.5, 0.30000000000000004, 123456.789, 1e-9, 1e22, -1e300, 1.7976931348623157e308, 5e-324, 1e-200, 2.675]
DAYS = ["2026-03-01", "2026-03-02", "2026-02-28", "2024-02-29", "1999-12-31", "2027-01-01", "0001-01-01", "9999-12-31"]
INSTANTS = [
    "2026-03-01T22:30:00+00:00",
    "2026-03-01T20:59:59.999999Z",
    "2026-03-01T21:00:00Z",
    "2026-02-28T05:00:00Z",
    "1990-07-01T12:00:00Z",
]


def _rows(count: int) -> list[dict[str, Mapping[str, Any] | None]]:
    """Rows as the store keeps them, the same ones in each run."""
    pick = random.Random(3)

    def value(kind: Type) -> Any:
        if kind.optional and pick.random() < 0.3:
            return None
        match kind.kind:
            case "integer":
                return pick.choice(WHOLES)
            case "number":
                return pick.choice(WHOLES + DOUBLES)
            case "boolean":
                return pick.random() < 0.5
            case "date":
                return pick.choice(DAYS)
            case "datetime":
                return pick.choice(INSTANTS)
            case "one_of":
                return pick.choice(kind.options)
            case "country":
                return pick.choice(["RU", "UA", "GB"])
            case "list":
                assert kind.item is not None
                return [value(kind.item) for _ in range(pick.randrange(4))]
        return pick.choice(TEXTS)

    def record(name: str, kind: Type) -> Mapping[str, Any] | None:
        raw = {field: value(inner) for field, inner in kind.fields.items()}
        if pick.random() < 0.5:
            raw = {field: found for field, found in raw.items() if found is not None}
        found, misfits = conform(name, kind, raw)
        assert not misfits
        return found

    return [
        {"contact": record("contact", CONTACT), "company": record("company", COMPANY) if pick.random() < 0.7 else None}
        for _ in range(count)
    ]


ROWS = _rows(120)
SCOPES = [{name: None if data is None else hydrate(NAMES[name], data) for name, data in row.items()} for row in ROWS]


# -- expressions ------------------------------------------------------------------------------------------------------

FIELDS = [("contact", CONTACT), ("company", COMPANY)]


class Writer:
    """Writes expressions of a type. Nearly all of them are well typed; the checker has the last word."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.known: list[str] = []

    def one(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def paths(self, *kinds: str, sure: bool) -> list[str]:
        found = []
        for owner, kind in FIELDS:
            for name, inner in kind.fields.items():
                path = f"{owner}.{name}"
                missing = (kind.optional or inner.optional) and path not in self.known
                if inner.kind in kinds and not (sure and missing):
                    found.append(path)
        return found

    def text(self, depth: int, *, sure: bool = True) -> str:
        form = self.draw(st.integers(0, 9 if depth else 4))
        if form < 2:
            return repr(self.draw(st.sampled_from(TEXTS)))
        if form < 5:
            return self.one(*self.paths("text", "one_of", "country", sure=sure))
        if form < 6:
            return f"{self.one(*self.paths('text', sure=False))}|default({self.text(depth - 1)})"
        if form < 7:
            return f"({self.text(depth - 1)})|lower"
        return f"({self.joined(depth - 1)} ~ {self.joined(depth - 1)})"

    def joined(self, depth: int) -> str:
        kind = self.draw(st.integers(0, 5))
        if kind == 0:
            return f"({self.number(depth)})"
        if kind == 1:
            return self.one(*self.paths("date", "boolean", "datetime", sure=True))
        return self.text(depth)

    def number(self, depth: int, *, sure: bool = True) -> str:
        form = self.draw(st.integers(0, 12 if depth > 0 else 4))
        if form < 2:
            number = self.draw(st.sampled_from([*WHOLES, *DOUBLES]) | st.integers(-20, 20))
            return f"({number!r})" if number < 0 else repr(number)
        if form < 5:
            return self.one(*self.paths("integer", "number", sure=sure))
        if form < 6:
            return f"{self.one(*self.paths('integer', 'number', sure=False))}|default({self.number(depth - 1)})"
        if form < 7:
            return f"({self.text(depth - 1)})|length" if self.draw(st.booleans()) else f"{self.list()}|length"
        if form < 8:
            return f"({self.number(depth - 1)})|round" + self.one("", "(1)", "(2)", "(-1)", "(-3)")
        if form < 9:
            return f"{self.one('days_since', 'days_until')}({self.one('today()', *self.paths('date', 'datetime', sure=True))})"
        if form < 10:
            return f"-{self.one(*self.paths('integer', 'number', sure=True))}"
        op = self.one("+", "-", "*", "+", "-", "*", "/", "//", "%")
        right = self.number(depth - 1)
        if op in ("/", "//", "%"):
            return f"(({self.number(depth - 1)}) {op} ({right}))" + ("" if not sure else f"|default({self.number(0)})")
        return f"(({self.number(depth - 1)}) {op} ({right}))"

    def list(self) -> str:
        return self.one(*self.paths("list", sure=True), "contact.likes|default(['vip'])", "contact.marks|default([1, 0.5])", "['a', 'b']")

    def condition(self, depth: int) -> str:
        form = self.draw(st.integers(0, 13 if depth > 0 else 6))
        if form == 0:
            return self.one(*self.paths("boolean", sure=True), "contact.member|default(true)", "true")
        if form == 1:
            return f"{self.text(1, sure=False)} {self.one('==', '!=')} {self.text(1, sure=False)}"
        if form == 2:
            return f"{self.number(2, sure=False)} {self.one('==', '!=')} {self.number(2, sure=False)}"
        if form == 3:
            return f"{self.number(2)} {self.one('<', '<=', '>', '>=')} {self.number(2)}"
        if form == 4:
            return self.membership()
        if form == 5:
            path = self.one(
                "company",
                *self.paths("text", "number", "integer", "list", "date", "boolean", sure=False),
                f"(contact.age {self.one('/', '//', '%', '+')} {self.number(2)})",
            )
            return f"{path} is {self.one('none', 'not none')}"
        if form == 6:
            kind = self.one("date", "datetime")
            now = {"date": "today()", "datetime": "now()"}[kind]
            day = f"{self.one(*self.paths(kind, sure=False))}|default({now})"
            return f"{day} {self.one('<', '<=', '==', '!=', '>')} {self.one(now, *self.paths(kind, sure=True))}"
        if form == 7:
            return (
                f"{self.text(1)}|lower {self.one('==', '!=')} {self.one(*map(repr, TEXTS), repr('straße'), repr('istanbul'), repr('σας'))}"
            )
        if form == 8:
            return f"not ({self.condition(depth - 1)})"
        if form == 9:
            return f"({self.condition(depth - 1)}) {self.one('==', '!=')} ({self.condition(depth - 1)})"
        if form == 10:
            return self.guarded(depth)
        word = f" {self.one('and', 'or')} "
        return word.join(f"({self.condition(depth - 1)})" for _ in range(self.draw(st.integers(2, 4))))

    def membership(self) -> str:
        word = self.one("in", "not in")
        form = self.draw(st.integers(0, 5))
        if form == 0:
            return f"{self.text(1, sure=False)} {word} [{self.text(0)}, {self.text(0)}, {self.one('none', *map(repr, TEXTS))}]"
        if form == 1:
            return f"{self.number(1, sure=False)} {word} [{self.number(0)}, {self.number(1)}]"
        if form == 2:
            return f"{self.text(1, sure=False)} {word} {self.one('contact.tags', '[]', '[none]')}"
        if form == 3:
            likes = self.one("contact.likes", "contact.likes|default(contact.tags)")
            return f"{self.one('contact.tier', *map(repr, TIER.options))} {word} {likes}"
        if form == 4:
            return f"{self.number(1, sure=False)} {word} contact.marks"
        lists = ["contact.tags", "contact.likes", "contact.likes|default([])", "['vip']", "[]"]
        return f"{self.one(*lists)} {self.one('==', '!=')} {self.one(*lists)}"

    def guarded(self, depth: int) -> str:
        path = self.one("contact.mrr", "contact.nps", "contact.role", "contact.bought", "contact.seen", "contact.member", "company.size")
        self.known.append(path)
        inner = self.condition(depth - 1)
        self.known.remove(path)
        return f"({path} is not none and ({inner}))"


@st.composite
def expressions(draw: st.DrawFn) -> str:
    return Writer(draw).condition(3)


def checked(text: str) -> t.Term | None:
    found = Checker(NAMES).condition(parse(text))
    return None if found is None else found[0]


# -- the property -----------------------------------------------------------------------------------------------------

SEEN: Counter[str] = Counter()


@pytest.fixture(scope="module")
def both() -> Iterator[Databases]:
    with databases() as found:
        found.fill(ROWS)
        yield found
    # Not a proof of nothing: most of what was written was well typed, and most of that is exact.
    assert SEEN["accepted"] > 0.5 * SEEN["written"]
    assert SEEN["exact"] > 0.5 * SEEN["asked"]


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(text=expressions(), zone=st.sampled_from(ZONES))
def test_four_ways_to_evaluate_give_one_value(both: Databases, text: str, zone: ZoneInfo) -> None:
    SEEN["written"] += 1
    term = checked(text)
    if term is None:
        return
    SEEN["accepted"] += 1
    scopes: list[dict[str, object]] = [{**scope, NOW: NOW_IS, ZONE: zone} for scope in SCOPES]
    expected = [evaluate(term, scope) for scope in scopes]
    function = to_function(term)
    assert [function(scope) for scope in scopes] == expected
    compare(both, SQLITE, term, zone, expected)
    compare(both, POSTGRESQL, term, zone, expected)


def compare(both: Databases, dialect: Dialect, term: t.Term, zone: ZoneInfo, expected: list[object]) -> None:
    """The condition and its negation: what is approximated must be on the other side under `not`."""
    for asked, answers in ((term, expected), (t.Not(type=BOOLEAN, operand=term), [not value for value in expected])):
        sql = to_sql(asked, dialect, COLUMNS, now=NOW_IS, zone=zone)
        SEEN["asked"] += 1
        found = both.ask(dialect.name, sql.text, sql.parameters)
        if sql.exact:
            SEEN["exact"] += 1
            assert found == answers, dialect.name
        else:
            lost = [row for row, (there, wanted) in enumerate(zip(found, answers, strict=True)) if wanted and not there]
            assert not lost, dialect.name

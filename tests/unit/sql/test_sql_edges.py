"""At the edges of numbers, texts, days and lists both databases do what the interpreter does."""

from __future__ import annotations

import datetime as dt
import math
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import pytest
from postgres import Databases, databases

from engine.dsl.expressions.check import Checker
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import NOW, ZONE
from engine.dsl.expressions.parse import parse
from engine.model import terms as t
from engine.model.types import DATE, DATETIME, INTEGER, NUMBER, TEXT, Type, object_type
from engine.rules.facts import hydrate
from engine.store.sql.expressions import POSTGRESQL, SQLITE, Dialect, Sql, to_sql

NOW_IS = dt.datetime(2026, 3, 1, 22, 30, tzinfo=dt.UTC)
MOSCOW = ZoneInfo("Europe/Moscow")
DIALECTS: list[Dialect] = [SQLITE, POSTGRESQL]
CONTACT = object_type(
    {
        "name": TEXT,
        "role": TEXT.maybe(),
        "nps": INTEGER.maybe(),
        "age": INTEGER,
        "mrr": NUMBER,
        "rate": NUMBER,
        "bought": DATE.maybe(),
        "seen": DATETIME.maybe(),
        "tags": Type("list", item=TEXT, optional=True),
    }
)
COMPANY = object_type({"name": TEXT, "size": INTEGER.maybe()}, optional=True)
NAMES = {"contact": CONTACT, "company": COMPANY}
COLUMNS = {"contact": "r.contact", "company": "r.company"}

Row = Mapping[str, Mapping[str, object] | None]


@pytest.fixture(scope="module")
def both() -> Iterator[Databases]:
    with databases() as found:
        yield found


def term_of(text: str) -> t.Term:
    checker = Checker(NAMES)
    found = checker.condition(parse(text))
    assert found is not None, checker.problems
    return found[0]


def sql_of(text: str, dialect: Dialect, zone: ZoneInfo = MOSCOW) -> Sql:
    return to_sql(term_of(text), dialect, COLUMNS, now=NOW_IS, zone=zone)


def interpreted(text: str, rows: Sequence[Row], zone: ZoneInfo = MOSCOW) -> list[bool]:
    term = term_of(text)
    scopes = [{name: None if data is None else hydrate(NAMES[name], data) for name, data in row.items()} for row in rows]
    return [bool(evaluate(term, {**scope, NOW: NOW_IS, ZONE: zone})) for scope in scopes]


def agree(both: Databases, text: str, rows: Sequence[Row], zone: ZoneInfo = MOSCOW) -> list[bool]:
    """What the interpreter says, after both databases said it too."""
    expected = interpreted(text, rows, zone)
    for dialect in DIALECTS:
        sql = sql_of(text, dialect, zone)
        assert sql.exact, dialect.name
        assert both.ask(dialect.name, sql.text, sql.parameters) == expected, dialect.name
    return expected


def contacts(*found: Mapping[str, object]) -> list[Row]:
    return [{"contact": data, "company": None} for data in found]


# -- numbers ----------------------------------------------------------------------------------------------------------


def _doubles() -> list[float]:
    pick = random.Random(11)
    edges = [
        0.0,
        1.0,
        0.5,
        2.5,
        1e-300,
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        8.98846567431158e307,
        1e154,
        1.3407807929942596e154,
    ]
    edges += [2.0**53, 2.0**53 - 1, 0.49999999999999994, 1.005, 2.675, 1.3407807929942596e154, 1e22, 2.0**-538, 2.0**-537, 1e-162]
    edges += [math.nextafter(edge, way) for edge in edges for way in (0.0, math.inf)]
    drawn = [struct.unpack("d", pick.getrandbits(64).to_bytes(8, "little"))[0] for _ in range(200)]
    found = [value for value in edges + drawn + [pick.uniform(-1e4, 1e4) for _ in range(100)] if math.isfinite(value)]
    return found + [-value for value in edges if math.isfinite(value)]


def _pairs() -> list[Row]:
    values, pick = _doubles(), random.Random(12)
    found = [(a, b) for a in values for b in (values[0], values[1], values[6], values[7])]
    found += [(pick.choice(values), pick.choice(values)) for _ in range(1500)]
    # Results right at the edges of what a double can be, halfway to the next one among them.
    found += [(1.7976931348623157e308, 2.0**970), (1.7976931348623157e308, math.nextafter(2.0**970, 0.0)), (2.0**1000, 2.0**-24)]
    found += [(2.0**-538, 2.0**-537), (2.0**-538, 3 * 2.0**-538), (2.0**-1000, 2.0**75), (3 * 2.0**-1001, 2.0**75), (2.0**512, 2.0**512)]
    found += [(-a, b) for a, b in found[-8:]]
    for _ in range(500):
        a = math.ldexp(pick.uniform(1, 2), pick.randint(-1000, 1000))
        for edge in (1.7976931348623157e308, 2.5e-324, 5e-324):
            b = math.nextafter(edge / a, pick.choice([0.0, math.inf])) if 1e-300 < abs(edge / a) < 1e300 else 1.0
            found += [(a, b), (a * edge if a < 1 else edge, a)]
    return contacts(*({"mrr": a, "rate": b} for a, b in found))


@pytest.mark.parametrize("op", ["+", "-", "*", "/"])
def test_arithmetic_is_that_of_doubles_and_never_fails(both: Databases, op: str) -> None:
    rows = _pairs()
    both.fill(rows)
    dividing = "|default(-5)" if op == "/" else ""
    for other in ("0", "contact.mrr", "1.7976931348623157e308", "(-1.7976931348623157e308)", "1e-310", "contact.rate * 3"):
        agree(both, f"(contact.mrr {op} contact.rate){dividing} > {other}", rows)
        agree(both, f"(contact.mrr {op} contact.rate){dividing} == {other}", rows)


@pytest.mark.parametrize("digits", ["", "(1)", "(2)", "(7)", "(15)", "(-1)", "(-2)", "(-15)", "(1.9)"])
def test_rounding_is_half_away_from_zero(both: Databases, digits: str) -> None:
    rows = contacts(*({"mrr": value, "rate": float(other)} for value in _doubles() for other in (value, round(value, 2), 3)))
    both.fill(rows)
    agree(both, f"(contact.mrr|round{digits}) == contact.rate", rows)
    agree(both, f"(contact.mrr|round{digits}) > contact.rate", rows)
    agree(both, f"(contact.mrr|round{digits}) < 0", rows)


def test_floor_and_remainder_of_whole_numbers_take_the_sign_of_the_divisor(both: Databases) -> None:
    wholes = [0, 1, -1, 2, 3, -3, 7, -7, 10, 2**53, -(2**53), 2**53 - 1, 3 * 2**50]
    rows = contacts(*({"age": a, "nps": b} for a in wholes for b in [*wholes, None]))
    both.fill(rows)
    for result in wholes:
        agree(both, f"contact.nps is not none and contact.age // contact.nps == ({result})", rows)
        agree(both, f"contact.nps is not none and contact.age % contact.nps == ({result})", rows)
    assert agree(both, "contact.nps is not none and (contact.age % contact.nps) is none", rows).count(True) == len(wholes)


def test_a_stored_number_is_read_as_the_double_that_was_written(both: Databases) -> None:
    values = _doubles()
    both.fill(contacts(*({"mrr": value} for value in values)))
    assert not any(math.isnan(value) for value in values)
    column = SQLITE.load("number", "r.contact", ("mrr",))
    assert [value for (value,) in both.sqlite.execute(f"SELECT {column.text} FROM r ORDER BY n", column.parameters)] == values


# -- texts, days, lists -----------------------------------------------------------------------------------------------


def test_lower_case_is_that_of_python(both: Databases) -> None:
    letters = [chr(code) for code in range(0x20, 0x600) if chr(code).isprintable()] + ["ẞ", "ꙁ", "Ꙁ", "ǅ", "T̈", "İ", "Å", "ΑΣ"]
    names = [*letters, *(letter.lower() for letter in letters), "МОСКВА", "Москва", "ЁЛКА", "ЇЖАК", "ÉCOLE", "Straße", "STRASSE"]
    rows = contacts(*({"name": name} for name in dict.fromkeys(names)))
    both.fill(rows)
    for word in ("москва", "Москва", "ёлка", "їжак", "école", "straße", "i", "k", "å", "й", "ǆ", "ꙁ"):
        found = agree(both, f'contact.name|lower == "{word}"', rows)
        assert any(found) == (word == word.lower())
    agree(both, 'contact.name|lower not in ["москва", "їжак", "VIP", "é"]', rows)


def test_length_counts_code_points(both: Databases) -> None:
    rows = contacts(*({"name": name} for name in ("", "a", "é", "👍", "👩‍👩‍👧", "сто рублей", "a" * 300)))
    both.fill(rows)
    for length in range(12):
        agree(both, f"contact.name|length == {length}", rows)


@pytest.mark.parametrize("zone", ["Europe/Moscow", "America/New_York", "Pacific/Kiritimati", "UTC"])
def test_days_are_those_of_the_projects_zone(both: Databases, zone: str) -> None:
    start = dt.datetime(2026, 2, 26, tzinfo=dt.UTC)
    instants = [(start + dt.timedelta(minutes=20 * step)).isoformat() for step in range(200)]
    rows = contacts(*({"seen": instant, "bought": instant[:10]} for instant in instants), {"seen": "0001-01-01T00:00:00+00:00"}, {})
    both.fill(rows)
    here = ZoneInfo(zone)
    for text in ("days_since({}) <= 1", "days_since({}) > 1", "days_since({}) == 2", "days_until({}) + 3 < 2", "not (days_since({}) >= 2)"):
        agree(both, f"contact.bought is not none and {text.format('contact.bought')}", rows, here)
        seen = f"contact.seen is not none and {text.format('contact.seen')}"
        if zone == "UTC":
            agree(both, seen, rows, here)
            continue
        expected = interpreted(seen, rows, here)
        for dialect in DIALECTS:
            sql = sql_of(seen, dialect, here)
            found = both.ask(dialect.name, sql.text, sql.parameters)
            assert not sql.exact
            assert all(there for there, wanted in zip(found, expected, strict=True) if wanted)
            # Within a day of the edge on each side: the interpreter has little left to judge.
            assert found.count(True) - expected.count(True) <= 3 * 72


def test_lists_hold_and_equal(both: Databases) -> None:
    tags: list[object] = [None, [], ["a"], ["a", "b"], ["b", "a"], ["a", "a"], ["é", "'"], ["a,b"], ['["a"]']]
    rows = contacts(*({"tags": found, "role": role, "name": "b"} for found in tags for role in (None, "a", "b", "'")))
    both.fill(rows)
    for text in (
        '"a" in contact.tags',
        "contact.role in contact.tags",
        "contact.role not in contact.tags",
        "none in contact.tags",
        "contact.tags == []",
        'contact.tags == ["a", "b"]',
        'contact.tags != ["a"]',
        "contact.tags == none",
        'contact.tags in [["a"], ["b", "a"], none]',
        '(contact.tags|default(["a"]))|length == 1',
        'contact.role in ["a", "b", none]',
        "contact.role in [contact.name, none]",
        'contact.role in [contact.name, contact.role|default("a")]',
    ):
        agree(both, text, rows)


def test_missing_objects_have_missing_fields(both: Databases) -> None:
    rows: list[Row] = [
        {"contact": {"role": role}, "company": company}
        for role in (None, "a")
        for company in (None, {}, {"name": "a"}, {"name": "a", "size": 3})
    ]
    both.fill(rows)
    for text in (
        "company is none",
        "company.name == contact.role",
        "company.name != contact.role",
        "company.size is not none and company.size > 2",
    ):
        agree(both, text, rows)


def test_what_does_not_fit_the_contract_reads_as_missing(both: Databases) -> None:
    """The store may be older than the contract. A query over a million rows must not fail on one of them."""
    odd: list[object] = ["text", 3, 2.5, True, [], ["a"], {"a": 1}, "2026-W09-7", "2026-02", 10**300, ""]
    fields = ["role", "nps", "mrr", "bought", "seen", "tags"]
    rows = contacts(*({"name": "b", "age": 1, "rate": 1, "mrr": 1, field: value} for field in fields for value in odd))
    both.fill(rows)
    for text in (
        "contact.role is none",
        "contact.nps is none or contact.nps // 7 == 0 or contact.nps % 7 > 0",
        "contact.mrr * 1e10 > contact.rate / 3",
        "contact.bought is not none and days_since(contact.bought) > 3",
        "contact.seen is not none and days_since(contact.seen) > 3",
        '"a" in contact.tags or contact.tags == ["a"]',
        "(contact.tags|default([]))|length == 0",
    ):
        answers = []
        for dialect in DIALECTS:
            sql = sql_of(text, dialect)
            answers.append([bool(holds) for holds in both.ask(dialect.name, sql.text, sql.parameters)])
        assert answers[0] == answers[1]

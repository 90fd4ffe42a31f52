"""Which conditions have an exact SQL form, that values are bound, and that no condition is too large for a database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

import pytest
from postgres import Databases, databases

from engine.dsl.expressions.check import Checker
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import NOW, ZONE
from engine.dsl.expressions.parse import MAX_LENGTH, parse
from engine.model import terms as t
from engine.model.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, TEXT, Type, object_type
from engine.store.sql.expressions import POSTGRESQL, SQLITE, Dialect, Sql, to_sql

NOW_IS = dt.datetime(2026, 3, 1, 22, 30, tzinfo=dt.UTC)
MOSCOW = ZoneInfo("Europe/Moscow")
DIALECTS: list[Dialect] = [SQLITE, POSTGRESQL]
CONTACT = object_type(
    {
        "name": TEXT,
        "role": TEXT.maybe(),
        "tier": Type("one_of", options=("standard", "vip"), optional=True),
        "country": Type("country"),
        "nps": INTEGER.maybe(),
        "age": INTEGER,
        "mrr": NUMBER,
        "rate": NUMBER,
        "employee": BOOLEAN,
        "bought": DATE.maybe(),
        "seen": DATETIME.maybe(),
        "tags": Type("list", item=TEXT, optional=True),
        "sale": Type("money", optional=True),
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


def agree(both: Databases, term: t.Term, rows: Sequence[Row]) -> Sql:
    """The condition as SQL for SQLite, after both databases gave the rows that the interpreter gives."""
    expected = [bool(evaluate(term, {**row, NOW: NOW_IS, ZONE: MOSCOW})) for row in rows]
    for dialect in DIALECTS:
        sql = to_sql(term, dialect, COLUMNS, now=NOW_IS, zone=MOSCOW)
        found = both.ask(dialect.name, sql.text, sql.parameters)
        lost = [row for row, there, wanted in zip(rows, found, expected, strict=True) if wanted and not there]
        assert not lost if not sql.exact else found == expected
    return to_sql(term, SQLITE, COLUMNS, now=NOW_IS, zone=MOSCOW)


# -- what is exact ----------------------------------------------------------------------------------------------------

EXACT = [
    'contact.tier == "vip"',
    "contact.tier != contact.role",
    'contact.tier in ["vip", none]',
    "company is none",
    'company.name == "Acme" or company.size is none',
    "contact.nps is not none and contact.nps >= 9",
    "contact.mrr * 12 > 1e6 and (contact.mrr / contact.rate) is not none",
    "contact.age // 10 == 4 or contact.age % 2 == 1",
    "(contact.mrr|round(2)) == 10.25",
    "contact.bought is not none and days_since(contact.bought) <= 90",
    "contact.seen is not none and contact.seen < now()",
    'contact.name|lower in ["анна", "ada"]',
    "contact.name|length > 3",
    '"vip" in contact.tags|default([])',
    'contact.tags == ["a", "b"]',
    'contact.name ~ " (" ~ contact.country ~ ", " ~ contact.age ~ ")" == "Ada (GB, 36)"',
    "(contact.age > 18) == contact.employee",
    "contact.sale is none",
    # The floor of doubles is open, but not whether there is one.
    "(contact.mrr // contact.rate) is none",
]
OPEN = [
    'contains(contact.name, "slow")',
    'matches(contact.name, "^A")',
    "contact.name|lower == contact.country",
    'contact.name|lower == "σας"',
    'contact.name|lower == "é̂x"',
    'contact.name|lower == "ẗ"',  # its capital is two characters
    'contact.name ~ contact.name == "x"',
    'contact.mrr ~ "" == "x"',
    "contact.mrr // 2 == 1",
    "contact.mrr % 2 == 1",
    "contact.age * contact.age * contact.age % 7 == 1",
    "contact.nps|default(0.5) % 2 == 1",
    "contact.nps|default(1e300) % 2 == 1",
    "contact.mrr == 9007199254740993",
    "contact.mrr|round(contact.age) == 1",
    'contact.name == "\\x00"',
]


@pytest.mark.parametrize("text", EXACT)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_what_every_database_can_say_is_exact(text: str, dialect: Dialect) -> None:
    assert sql_of(text, dialect).exact


@pytest.mark.parametrize("text", OPEN)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_rest_is_left_to_the_interpreter(text: str, dialect: Dialect) -> None:
    sql = sql_of(text, dialect)
    assert not sql.exact
    assert sql_of(f"not ({text})", dialect).text in ("(NOT FALSE)", "(NOT (NOT TRUE))")
    assert sql.text == "TRUE"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_the_exact_part_of_a_condition_still_filters(dialect: Dialect) -> None:
    exact, mixed = sql_of('contact.tier == "vip"', dialect), sql_of('contact.tier == "vip" and contains(contact.name, "slow")', dialect)
    assert mixed == Sql(f"({exact.text} AND TRUE)", exact.parameters, False)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_name_without_a_column_is_left_open(dialect: Dialect) -> None:
    sql = to_sql(term_of('company.name == "x" or contact.age > 3'), dialect, {"contact": "r.contact"}, now=NOW_IS, zone=MOSCOW)
    assert not sql.exact
    assert sql.text.startswith("(TRUE OR ")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_value_is_bound(dialect: Dialect) -> None:
    sql = sql_of("""contact.name in ["o'neil", "zzz"] or contact.age == 8675309 or contact.name|lower == "robert'); --" """, dialect)
    assert {"o'neil", "zzz", 8675309.0, "robert'); --"} <= set(sql.parameters)
    assert not any(value in sql.text for value in ("neil", "zzz", "8675309", "robert", "name", "age"))


# -- size -------------------------------------------------------------------------------------------------------------

ROWS: list[Row] = [
    {"contact": {"name": name, "age": age, "country": "GB", "mrr": 1, "rate": 2, "employee": age > 2}, "company": None}
    for name in ("a", "b42", "Z")
    for age in range(6)
]


def test_long_conditions_do_not_nest(both: Databases) -> None:
    both.fill(ROWS)
    names = ", ".join(f'"b{number}"' for number in range(2000))
    assert len(names) < MAX_LENGTH
    assert agree(both, term_of(f"contact.name in [{names}]"), ROWS).exact
    one = term_of("contact.age == 3")
    assert agree(both, t.Or(type=BOOLEAN, operands=(one,) * 2000), ROWS).exact
    read = ", ".join(["contact.age"] * 1300)
    assert not agree(both, term_of(f"contact.age in [{read}]"), ROWS).exact


@pytest.mark.parametrize(
    ("whole", "leaf"),
    [
        ("({})", "contact.age > 3"),
        ("not ({})", "contact.age > 3"),
        ("(contact.employee and ({} or contact.age == 1))", "contact.age > 3"),
        ("({}) == contact.employee", "contact.age > 3"),
        ("(contact.mrr + {})", "contact.rate"),
        ("({} * contact.mrr)", "contact.rate"),
        ("({} / 2)|round(1)", "contact.rate"),
        ("({} // 3)", "contact.age"),
        ("(contact.name ~ {})", "contact.country"),
        ("{}|lower", "contact.name"),
    ],
)
def test_deep_conditions_are_no_more_than_a_parser_takes(both: Databases, whole: str, leaf: str) -> None:
    both.fill(ROWS)
    text, shallow_is_exact = leaf, False
    for depth in range(29):
        text = whole.format(text)
        wanted = text if ">" in leaf else f"{text} == {leaf}"
        if wanted.count("(") > 28:
            break
        exact = agree(both, term_of(wanted), ROWS).exact
        shallow_is_exact |= exact and depth < 3
    assert shallow_is_exact or "lower" in whole

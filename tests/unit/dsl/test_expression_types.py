"""What the type checker refuses, at which character, with which help; and what it takes for known behind a guard."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest

from engine.dsl.expressions.check import MAX_CHAINS, Checker
from engine.dsl.expressions.comparing import Problem
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import NOW, ZONE
from engine.dsl.expressions.parse import parse
from engine.dsl.expressions.to_python import to_function
from engine.model.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, TEXT, Type, object_type

CONTACT = object_type(
    {
        "name": TEXT,
        "tier": Type("one_of", options=("standard", "vip")),
        "role": TEXT.maybe(),
        "country": Type("country", optional=True),
        "language": Type("language"),
        "email": Type("email", optional=True, personal=True),
        "phone": Type("phone", optional=True, personal=True),
        "timezone": Type("timezone", optional=True),
        "age": INTEGER,
        "mrr": NUMBER.maybe(),
        "employee": BOOLEAN,
        "asked": BOOLEAN.maybe(),
        "last_purchase": DATE.maybe(),
        "born": DATE,
        "seen": DATETIME,
    }
)
MONEY = {"amount": NUMBER, "currency": TEXT}
NAMES: Mapping[str, Type] = {
    "price": Type("money", fields=MONEY, currency="RUB"),
    "paid": Type("money", fields=MONEY, currency="RUB", optional=True),
    "fee": Type("money", fields=MONEY, optional=True),
    "contact": CONTACT,
    "company": object_type({"name": TEXT, "size": INTEGER.maybe()}, optional=True),
    "score": INTEGER,
    "reason": TEXT.maybe(),
    "likes": Type("list", item=Type("one_of", options=("price", "speed"))),
    "wishes": Type("list", item=TEXT, optional=True),
}
SCOPE: Mapping[str, object] = {
    NOW: dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC),
    ZONE: ZoneInfo("Europe/Moscow"),
    "contact": {"name": "Анна", "tier": "vip", "language": "ru", "age": 30, "employee": False, "born": dt.date(1996, 1, 1)},
    "score": 3,
    "likes": ("price",),
    "price": {"amount": 90.5, "currency": "RUB"},
}


def test_only_what_is_the_same_value_is_known_with_it() -> None:
    """A loop variable, or anything else of another type, is no answer."""
    names = {"answer": object_type({"reason": TEXT.maybe(), "mrr": NUMBER.maybe()}), "reason": TEXT.maybe(), "mrr": INTEGER.maybe()}
    for text, refused in (
        ("answer.reason is not none and reason|length > 1", []),
        ("answer.mrr is not none and mrr > 1", ["SND305"]),
        ("answer.reason is none and reason|length > 1", ["SND305"]),
        ("answer.reason is not none and answer.mrr > 1", ["SND305"]),
    ):
        checker = Checker(names)
        checker.condition(parse(text))
        assert [problem.code for problem in checker.problems] == refused, text


def problems(text: str) -> list[Problem]:
    checker = Checker(NAMES)
    checker.condition(parse(text))
    return checker.problems


def accepts(text: str) -> bool:
    return not problems(text)


def value_of(text: str) -> object:
    checker = Checker(NAMES)
    term = checker.value(parse(text))
    assert term is not None, checker.problems
    value = evaluate(term, SCOPE)
    assert to_function(term)(SCOPE) == value
    return value


@pytest.mark.parametrize(
    ("text", "code", "hint"),
    [
        # an unknown name: where it stands; an unknown attribute: the attribute
        ('«contcat».tier == "vip"', "SND302", "did you mean `contact`?"),
        ("score <= 6 and «reson» is none", "SND302", "did you mean `reason`?"),
        ("«now» < contact.seen", "SND302", "write `now(…)`"),
        ('contact.«teir» == "vip"', "SND303", "did you mean `tier`?"),
        ('( contact . «teir» ) == "vip"', "SND303", "did you mean `tier`?"),
        ('score.«category» == "x"', "SND303", None),
        # an unknown function or filter
        ("«days_sinc»(contact.born) > 3", "SND308", "did you mean `days_since`?"),
        ('contact.name|«lowr» == "x"', "SND308", "did you mean `lower`?"),
        ("«length»(contact.name) > 1", "SND308", None),
        ("«days_since»() > 1", "SND308", None),
        ("«days_since»(contact.born, 1) > 1", "SND308", None),
        ("score|«default» == 1", "SND308", None),
        ('contains(contact.name, «"!!!"»)', "SND308", None),
        ("contains(contact.name, «contact.tier»)", "SND308", None),
        ("matches(contact.name, «'('»)", "SND308", None),
        ("«matches»(contact.name, 'a', 'b')", "SND308", None),
        # an unknown option, or a value that no value of this kind has
        ('contact.tier == «"vipp"»', "SND306", "did you mean `vip`?"),
        ('«"vipp"» != contact.tier', "SND306", "did you mean `vip`?"),
        ("contact.tier in ['vip', «'gold'»]", "SND306", "known here: `standard`, `vip`"),
        ('«"pace"» in likes', "SND306", None),
        ('likes == ["price", «"pace"»]', "SND306", None),
        ('contact.tier|default("standard") == «"vipp"»', "SND306", "did you mean `vip`?"),
        ('contact.country == «"Russia"»', "SND306", None),
        ('contact.country in ["RU", «"EN"»]', "SND306", None),
        ('contact.language == «"ua"»', "SND306", None),
        ('contact.email == «"nobody"»', "SND306", None),
        ('contact.phone == «"0791"»', "SND306", None),
        ('contact.timezone == «"Moscow"»', "SND306", None),
        # unlike types: the literal operand, else the right one
        ('score == «"6"»', "SND304", "write the number without quotes: `6`"),
        ('«"6"» <= score', "SND304", "write the number without quotes: `6`"),
        ("contact.name == «score»", "SND304", None),
        ("score == «contact.name»", "SND304", None),
        ("1 < score < «contact.name»", "SND304", None),
        ('contact.born > «"2026-01-01"»', "SND304", None),
        ("contact.born < «contact.seen»", "SND304", None),
        ("contact.seen == «contact.born»", "SND304", None),
        # what is made of several parts: all of it
        ("«contact.age + 1» and contact.employee", "SND307", None),
        ("contact.employee or «contact.name|lower»", "SND307", None),
        ("contact.name == «days_since(contact.born)»", "SND304", None),
        ("contact.age in [1, «['a', 'b']»]", "SND304", None),
        ("«-(contact.age)» or contact.employee", "SND307", None),
        ("contact.age + «contact.name|lower» > 1", "SND304", None),
        ("today() <= «now()»", "SND304", None),
        ("contact == «company»", "SND304", None),
        ("contact.employee == «1»", "SND304", None),
        ("«true» == score", "SND304", None),
        ("score in [«'a'», 'b']", "SND304", None),
        ("«5» in likes", "SND304", None),
        ("score in «likes»", "SND304", None),
        ('score in [1, «"2"»]', "SND304", None),
        ("score|default(«'x'») == 1", "SND304", None),
        ("«contact.name» + 1 > 2", "SND304", None),
        ("+«contact.name» == 'x'", "SND304", None),
        ("-«contact.born» == 1", "SND304", None),
        ("days_since(«score») > 3", "SND304", None),
        ('contains(«score», "x")', "SND304", None),
        ("(«contact» ~ 'x') == 'y'", "SND304", None),
        ("«contact»|length > 1", "SND304", None),
        ("fee == «5»", "SND304", None),
        ("price == «'90 RUB'»", "SND304", None),
        ("(«price» ~ '') == ''", "SND304", None),
        # no order
        ('«contact.name» < "x"', "SND304", "compare with `==`, `!=` or `in`"),
        ('«contact.tier» >= "vip"', "SND304", "compare with `==`, `!=` or `in`"),
        ("«contact.employee» < true", "SND304", None),
        ("«likes» < likes", "SND304", None),
        # may be missing: the first character of the path
        ("«contact.mrr» > 5", "SND305", "write `contact.mrr is not none and …` before it, or `contact.mrr|default(…)`"),
        ("5 < «contact.mrr»", "SND305", None),
        ("score < 5 and days_since(«contact.last_purchase») < 3", "SND305", None),
        ("«contact.asked»", "SND305", None),
        ("not «contact.asked»", "SND305", None),
        ("«company.size» > 5", "SND305", None),
        ("«company.name»|length > 5", "SND305", None),
        ("«contact.mrr» + 1 > 5", "SND305", None),
        ("«reason» ~ 'x' == 'y'", "SND305", None),
        ("«wishes»|length > 1", "SND305", None),
        ("«reason»|lower == 'x'", "SND305", None),
        ("contains(«reason», 'slow')", "SND305", None),
        ("«score / contact.age» > 1", "SND305", "add `|default(…)`"),
        ("score < 5 or «score // (contact.age - 1)» > 1", "SND305", None),
        ("«none» < 5", "SND305", None),
        ("«paid» > 5", "SND305", None),
        ("«paid.amount» > 5", "SND305", None),
        # not true or false
        ("«contact.tier»", "SND307", 'compare it: `contact.tier == "…"`'),
        ("«score» and contact.employee", "SND307", "compare it with something"),
        ("not «reason»", "SND307", None),
        ('«"vip"»', "SND307", None),
        ("score <= 6 or «7»", "SND307", None),
        ("«none»", "SND307", None),
        # no list
        ("score in «5»", "SND309", 'write the values in brackets: `in ["a", "b"]`'),
        ('"a" in «contact.name»', "SND309", None),
    ],
)
def test_a_fault_is_found_at_its_characters(text: str, code: str, hint: str | None) -> None:
    """« » stand around what is underlined."""
    before, blamed, behind = re.split("[«»]", text)
    (problem,) = problems(before + blamed + behind)
    assert (problem.code, problem.offset, problem.length) == (code, len(before), len(blamed)), problem
    assert hint is None or hint in str(problem.hint)


@pytest.mark.parametrize(
    "text",
    [
        "contact.mrr is not none and contact.mrr > 5",
        "contact.mrr is not none and (score < 3 or contact.mrr > 5)",
        "score < 3 and contact.mrr is not none and contact.mrr > 5 and contact.mrr < 9",
        "not (contact.mrr is none) and contact.mrr > 5",
        "contact.mrr is none or contact.mrr > 5",
        "contact.mrr is none or score > 3 or contact.mrr > 5",
        "not (contact.mrr is none or contact.mrr > 5)",
        "contact.mrr == 5 and contact.mrr < 9",
        "contact.mrr in [1, 2] and contact.mrr < 9",
        "3 == contact.mrr < 5",
        "company.size is not none and company.name|length > 3",
        "company is not none and company.name|length > 3",
        "company is not none and company.size is not none and company.size > 3",
        "contact.asked is not none and contact.asked",
        "contact.asked is none or not contact.asked",
        "contact.mrr|default(0) > 5",
        "not contact.asked|default(false)",
        "(contact.mrr is not none and contact.mrr > 5) or score < 3",
        "(contact.mrr is not none or score < 3) == true",
        "contact.mrr != none and contact.mrr > 5",
        "none != reason and reason|length > 1",
        "contact.mrr == none or contact.mrr > 5",
        "company.size != none and company.name|length > 3",
    ],
)
def test_a_guard_rules_out_that_the_value_is_missing(text: str) -> None:
    assert accepts(text), problems(text)


@pytest.mark.parametrize(
    "text",
    [
        "contact.mrr > 5 and contact.mrr is not none",
        "contact.mrr is not none or contact.mrr > 5",
        "(contact.mrr is not none or score < 3) and contact.mrr > 5",
        "not (contact.mrr is not none) and contact.mrr > 5",
        "contact.mrr is none and contact.mrr > 5",
        "contact.mrr != 5 and contact.mrr < 9",
        "contact.mrr in [none, 2] and contact.mrr < 9",
        "contact.mrr == none and contact.mrr < 9",
        "contact.mrr != none or contact.mrr < 9",
        "contact.mrr != company.size and contact.mrr < 9",
        "company.name is not none and company.size > 5",
        "company is not none and company.size > 5",
        "(contact.mrr is not none and score < 3) or contact.mrr > 5",
        "not (contact.mrr is none and score < 3) and contact.mrr > 5",
        "contact.role == reason and reason|length > 1",
    ],
)
def test_what_is_no_guard_rules_nothing_out(text: str) -> None:
    assert {problem.code for problem in problems(text)} == {"SND305"}


@pytest.mark.parametrize(
    "text",
    [
        "contact.role == none",
        "none != reason",
        "contact.mrr == 5",
        "contact.mrr == score",
        'contact.country == "RU"',
        'contact.country not in ["RU", "UA"]',
        "reason in ['a', none]",
        "'a' in wishes",
        "wishes is none or 'x' in wishes",
        "contact.role == contact.country",
        "contact.role == contact.tier",
        "wishes == []",
        "score in []",
        "[] == likes",
        "company is none",
        "1 < score <= 5 != 3",
        "score // 2 == 1",
        "score % -3 == 1",
        "score / 0.5 > 1",
        'contact.email|default("nobody") == "nobody"',
        'contact.country|default("nowhere") == "nowhere"',
        "[score, 2.5]|length == 2",
        "price > 90 and price == 90.5 and price.amount < 100 and price.currency == 'RUB'",
        "paid == 90 or paid is not none and paid <= price and paid.amount + 1 > 5",
        "fee is not none and fee.currency == 'UAH' or fee.amount == 5",
    ],
)
def test_equality_and_membership_are_total(text: str) -> None:
    assert accepts(text), problems(text)


def test_an_error_in_a_guard_is_not_followed_by_what_the_guard_would_have_ruled_out() -> None:
    (problem,) = problems("contact.mmr is not none and contact.mrr > 5")
    assert (problem.code, problem.offset) == ("SND303", 8)


def test_an_error_that_is_no_guard_hides_nothing() -> None:
    assert [problem.code for problem in problems("contact.nme == 'x' and contact.mrr > 5")] == ["SND303", "SND305"]


def test_each_fault_of_its_own_is_found() -> None:
    found = problems("contact.nme == 'x' and contact.mrr == 'x' and score in [1, 'x']")
    assert [(problem.code, problem.offset) for problem in found] == [("SND303", 8), ("SND304", 38), ("SND304", 59)]


def test_chained_comparisons_in_one_another_have_a_limit() -> None:
    """Each reads its middle operands twice, so that the work doubles with every level."""
    nested = "true"
    for _ in range(MAX_CHAINS):
        nested = f"(true == {nested} == true)"
    assert accepts(nested)
    (problem,) = problems(f"(true == {nested} == true)")
    assert "chained comparisons in one another" in problem.message


def test_defaults_behind_one_another_stay_small() -> None:
    checker = Checker(NAMES)
    term = checker.value(parse("contact.mrr" + "|default(1)" * 50))
    assert term is not None
    assert to_function(term)(SCOPE) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("-7 % 3", 2),
        ("7 % -3", -2),
        ("1 // 0.1", 9),
        ("1 / 3 * 3", 1),
        ("4 / 2", 2),
        ("score / (score - 3)", None),
        ("score // (score - 3)", None),
        ("score % (score - 3)", None),
        ("0.1 + 0.2", 0.30000000000000004),
        ("2.5|round", 3),
        ("-2.5|round", -3),
        ("0.49999999999999994|round", 0),
        ("1.25|round(1)", 1.3),
        ("250|round(-2)", 300),
        ("-0.4|round", 0),
        ("'ÄЖ'|lower", "äж"),
        ("'J\u030c'|lower", "ǰ"),
        ("'e' ~ '\u0301'", "é"),
        ("1.0 ~ '/' ~ true ~ '/' ~ [1, 2.5]", "1/true/1, 2.5"),
        ("'Анна'|length", 4),
        ("contact.name ~ ''", "Анна"),
        ("likes|length", 1),
        ("contains(contact.name, 'анны', 'борис')", True),
        ("contains('Слишком дорого!', 'дорогой') and not contains('Дорогой друг', 'друзья детства')", True),
        ("matches('order 17', 'r \\d+$')", True),
        ("matches('order 17', '^\\d')", False),
        ("contact.mrr|default(score)", 3),
        ("days_since(contact.born)", 11018),
        ("days_until(today())", 0),
        ("today() ~ ''", "2026-03-02"),
        ("1 < score < 3", False),
        ("1 < score <= 3", True),
        ("'price' in likes and 'speed' not in likes", True),
        ("none in [1, none]", True),
        ("none in likes", False),
        ("contact.mrr in [1, 2]", False),
        ("contact.mrr not in [1, 2]", True),
        ("contact.mrr == company.size", True),
        ("wishes is none", True),
        ("'x' in wishes", False),
        ("(0) is none", False),
        ("[] is none", False),
        ("(not true) is none", False),
        ("none is none", True),
        ("price > 90 and 90 < price.amount and price != 91", True),
        ("paid == price or paid == 5", False),
        ("price in [90.5, 3] and paid not in [1]", True),
        ("price.currency ~ ' ' ~ price.amount", "RUB 90.5"),
    ],
)
def test_the_meaning_of_operators_and_functions(text: str, value: object) -> None:
    found = value_of(text)
    assert (found, type(found)) == (value, type(value))


def test_a_day_is_counted_in_the_projects_time_zone() -> None:
    late = {**SCOPE, NOW: dt.datetime(2026, 3, 2, 22, tzinfo=dt.UTC), "contact": {"seen": dt.datetime(2026, 3, 1, 20, tzinfo=dt.UTC)}}
    checker = Checker(NAMES)
    term = checker.value(parse("days_since(contact.seen)"))
    assert term is not None
    assert evaluate(term, late) == 2  # in Moscow it is the 3rd already, and then it was the 1st still

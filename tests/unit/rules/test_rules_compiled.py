"""However it is compiled: what holds is what the reference interpreter says, in one order, from any thread, and cheaply again."""

from __future__ import annotations

import datetime as dt
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_rules import EVENTS, PROJECT, a_scope, an_automation, condition_of, names_behind, reference, with_rules

from engine.checks.run import check_project
from engine.dsl.expressions.meaning import NOW
from engine.model.definitions import Definitions
from engine.model.terms import Term
from engine.rules.compile import RuleSet, partial
from engine.rules.compile import tree as tree_module
from engine.rules.compile.tree import Tree

ANSWERED = "survey.nps.answered"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    root: Path = tmp_path_factory.mktemp("shop")
    (root / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    loaded = check_project(root)
    assert not loaded.findings.errors, loaded.findings.items
    assert loaded.definitions is not None
    return loaded.definitions


def with_conditions(shop: Definitions, *conditions: str, when: tuple[str, ...] = (ANSWERED,)) -> Definitions:
    names = names_behind(shop, when)
    automations = {}
    for number, text in enumerate(conditions):
        condition = condition_of(text, names)
        assert condition is not None, text
        automations[f"a{number:04}"] = an_automation(f"a{number:04}", when, condition)
    return replace(shop, automations=automations)


def holding(rules: RuleSet, event: str, scope: dict[str, object]) -> list[str]:
    return [candidate.address for candidate in rules.holding(event, scope)]


# -- what holds ---------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[8, 1], ids=["as_it_is", "at_every_value"])
def split_when_worth(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few random conditions read the same path, so the property is shown for trees that split wherever they can, too."""
    monkeypatch.setattr(partial, "_WORTH", request.param)


@pytest.mark.usefixtures("split_when_worth")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(random=st.randoms(use_true_random=True), count=st.sampled_from((3, 30, 150)))
def test_random_rules_hold_for_random_events_as_the_interpreter_says(shop: Definitions, random: Random, count: int) -> None:
    rules = RuleSet(with_rules(shop, random, count))
    for _ in range(40):
        event = random.choice(EVENTS)
        scope = a_scope(rules, event, random)
        assert holding(rules, event, scope) == reference(rules, event, scope)


@pytest.mark.usefixtures("split_when_worth")
def test_random_rules_are_split_by_values_and_do_hold(shop: Definitions) -> None:
    """Or the property above would say little."""
    random, seen, split = Random(5), set(), 0
    for _ in range(5):
        rules = RuleSet(with_rules(shop, random, 150))
        for _ in range(40):
            event = random.choice(EVENTS)
            seen |= {rules.definitions.by_address()[one].name for one in holding(rules, event, a_scope(rules, event, random))}
        split += sum(tree.entries for tree in rules.trees.values())
    assert len(seen) > 200
    assert split > 5


TIERS = [f'score {op} {number} and contact.tier == "{tier}"' for op in ("<=", ">") for number in (2, 6) for tier in ("vip", "gold")]


@pytest.mark.parametrize("stored", ["bronze", "", 7, ["vip"], {"vip": 1}, None])
def test_a_stored_value_that_no_longer_fits_the_contract_is_like_no_other(shop: Definitions, stored: object) -> None:
    rules = RuleSet(with_conditions(shop, *TIERS, *('contact.tier != "vip"', 'contact.tier not in ["vip", "gold"]') * 3))
    scope = a_scope(rules, ANSWERED, Random(1)) | {"contact": {"tier": stored, "name": "Ada"}}
    for score in range(11):
        now = {**scope, "score": score}
        assert holding(rules, ANSWERED, now) == reference(rules, ANSWERED, now)


def test_a_guard_keeps_what_is_behind_it_from_being_judged_without_a_value(shop: Definitions) -> None:
    """Also where another name is what proves that the value is there: `==` with one that always is."""
    rules = RuleSet(with_conditions(shop, *[f"later == score and later < {n} and later + {n} > 0" for n in range(1, 13)]))
    scope = a_scope(rules, ANSWERED, Random(2))
    for later in (None, 1, 3, 5):
        for score in (0, 3, 5):
            now = {**scope, "later": later, "score": score}
            assert holding(rules, ANSWERED, now) == reference(rules, ANSWERED, now)


def test_rules_that_wait_for_one_event_and_for_many_come_in_one_order(shop: Definitions) -> None:
    both = ("survey.nps.answered", "survey.second.answered")
    one = with_conditions(shop, *["score < 9"] * 9).automations
    many = with_conditions(shop, *["score < 8"] * 9, when=both).automations
    mixed = {name: (one if number % 2 else many)[name] for number, name in enumerate(one)}
    rules = RuleSet(replace(shop, automations=mixed))
    scope = a_scope(rules, ANSWERED, Random(3)) | {"score": 7}
    assert holding(rules, ANSWERED, scope) == [f"automation.a{n:04}" for n in range(9)]
    assert holding(rules, both[1], scope) == [f"automation.a{n:04}" for n in range(0, 9, 2)]


# -- what is generated --------------------------------------------------------------------------------------------------


class Counting(dict[str, object]):
    """A scope that counts how often the decision's instant is read."""

    reads = 0

    def __getitem__(self, name: str) -> object:
        self.reads += name == NOW
        return super().__getitem__(name)


def test_a_shared_sub_condition_is_computed_once_and_only_where_it_is_needed(shop: Definitions) -> None:
    texts = [f"score > 3 and days_since(contact.born) > {n} and reason is none" for n in range(40)]
    rules = RuleSet(with_conditions(shop, *texts))
    old = {"contact": {"born": dt.date(1999, 12, 31)}, "reason": None, "score": 9}
    scope = Counting(a_scope(rules, ANSWERED, Random(4)) | old)
    assert len(holding(rules, ANSWERED, scope)) == 40
    assert scope.reads == 1
    scope = Counting(scope | {"score": 1})
    assert holding(rules, ANSWERED, scope) == []
    assert scope.reads == 0


def test_names_and_constants_are_never_code(shop: Definitions) -> None:
    hostile = ["') or found.clear() or ('", "\\", '"', "\n return []", "{c}", "\u2028", "__import__('os')"]
    tests = [
        "contact.name == '{}'",
        "contact.name in ['x', '{}']",
        "contact.name|lower == '{}'",
        "(contact.name ~ reason|default('')) == '{}'",
    ]
    texts = [test.format(word.replace("\\", "\\\\").replace("'", "\\'")) for test in tests for word in hostile]
    rules = RuleSet(with_conditions(shop, *texts, "score >= 0"))
    scope = a_scope(rules, ANSWERED, Random(5))
    for name in hostile:
        now = {**scope, "contact": {"name": name, "tier": "vip"}, "reason": None}
        assert holding(rules, ANSWERED, now) == reference(rules, ANSWERED, now)
        assert len(holding(rules, ANSWERED, now)) >= 3


NESTED = ["({}) or score > 11", "not ({})", "(score|default(1) > 0 and ({}))", "({}) == true", "({})|default(false)", "(({}) in [true])"]


@pytest.mark.parametrize("step", NESTED)
def test_conditions_as_deep_as_the_language_allows_are_compiled(shop: Definitions, step: str) -> None:
    """Each in the one before it, so that every level is shared and remembered."""
    names, texts = names_behind(shop, (ANSWERED,)), ["reason is none"]
    while (text := step.format(texts[-1])) and _fits(text) and condition_of(text, names) is not None:
        texts.append(text)
    assert len(texts) > 10
    rules = RuleSet(with_conditions(shop, *texts))
    scope = a_scope(rules, ANSWERED, Random(6))
    for reason in (None, "slow"):
        assert holding(rules, ANSWERED, {**scope, "reason": reason}) == reference(rules, ANSWERED, {**scope, "reason": reason})


def _fits(text: str) -> bool:
    from engine.dsl.expressions.parse import ParseError, parse

    try:
        parse(text)
    except ParseError:
        return False
    return True


def test_very_many_conditions_make_no_huge_function(shop: Definitions) -> None:
    rules = RuleSet(with_conditions(shop, *[f"contact.name ~ reason|default('-') != 'x{n}'" for n in range(3_000)]))
    scope = a_scope(rules, ANSWERED, Random(7))
    assert holding(rules, ANSWERED, scope) == reference(rules, ANSWERED, scope)


def test_a_tree_that_has_grown_enough_gets_no_more_tables_and_stays_right(shop: Definitions, monkeypatch: pytest.MonkeyPatch) -> None:
    tests = [f'score > {n} and contact.tier != "vip" and contact.country == "RU" and later|default(1) > 2' for n in range(11)]
    definitions = with_conditions(shop, *tests)
    scopes = [a_scope(RuleSet(definitions), ANSWERED, Random(n)) for n in range(100)]
    grown = []
    for most in (1, 2_000):
        monkeypatch.setattr(tree_module, "_MOST_ENTRIES", most)
        rules = RuleSet(definitions)
        assert all(holding(rules, ANSWERED, scope) == reference(rules, ANSWERED, scope) for scope in scopes)
        grown.append(sum(tree.entries for tree in rules.trees.values()))
    assert grown[0] <= 3 < 8 < grown[1]  # the first table alone: RU, another country, none


def test_of_rules_that_name_a_value_each_only_those_that_name_it_are_judged(shop: Definitions, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f'event.page == "p{n}" and event.minutes > {n % 7}' for n in range(200)] + [
        'event.page not in ["p1", "p2"]',
        "event.minutes == 1",
    ]
    rules = RuleSet(with_conditions(shop, *texts, when=("visit.ended",)))
    scope = a_scope(rules, "visit.ended", Random(1))
    rules.holding("visit.ended", scope)
    judged: list[Term] = []

    def noted(term: Term, path: tuple[str, ...], value: object) -> Term:
        judged.append(term)
        return partial.given(term, path, value)

    monkeypatch.setattr(tree_module, "given", noted)
    for page in ("p1", "p7", "p150", "elsewhere", None):
        judged.clear()
        for minutes in (1, 9):
            now = {**scope, "event": {"page": page, "minutes": minutes}}
            assert holding(rules, "visit.ended", now) == reference(rules, "visit.ended", now)
        assert page is None or len(judged) <= 2


def test_a_project_is_compiled_alike_every_time(shop: Definitions) -> None:
    definitions = with_rules(shop, Random(8), 60)
    one, another = RuleSet(definitions), RuleSet(definitions)
    events = [(event, a_scope(one, event, Random(n))) for n in range(60) for event in EVENTS]
    forwards = [holding(one, event, scope) for event, scope in events]
    backwards = [holding(another, event, scope) for event, scope in reversed(events)]
    assert forwards == backwards[::-1] == [holding(one, event, scope) for event, scope in events]


# -- from several threads -----------------------------------------------------------------------------------------------


@pytest.fixture
def impatient() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("impatient")
def test_threads_may_decide_while_the_rules_are_being_compiled(shop: Definitions) -> None:
    definitions = with_rules(shop, Random(9), 80)
    plain = RuleSet(definitions)
    events = [(event, a_scope(plain, event, Random(n))) for n in range(30) for event in EVENTS]
    expected = [reference(plain, event, scope) for event, scope in events]
    for _ in range(3):
        rules, start = RuleSet(definitions), threading.Barrier(6)

        def decide(seed: int, rules: RuleSet = rules, start: threading.Barrier = start) -> dict[int, list[str]]:
            start.wait()
            return {at: holding(rules, *events[at]) for at in Random(seed).sample(range(len(events)), len(events))}

        with ThreadPoolExecutor(6) as pool:
            for found in pool.map(decide, range(6)):
                assert [found[at] for at in range(len(events))] == expected


# -- after a change -----------------------------------------------------------------------------------------------------


def test_a_changed_automation_compiles_only_what_waits_with_it(shop: Definitions, monkeypatch: pytest.MonkeyPatch) -> None:
    before = with_conditions(shop, "score < 3", "score < 4")
    others = with_conditions(shop, "event.minutes > 3", "event.minutes > 4", when=("visit.ended",)).automations
    before = replace(before, automations={**before.automations, **{f"v{name}": replace(a, name=f"v{name}") for name, a in others.items()}})
    old = RuleSet(before)
    visit, answer = a_scope(old, "visit.ended", Random(1)), a_scope(old, ANSWERED, Random(2)) | {"score": 4}
    old.holding("visit.ended", visit)
    assert holding(old, ANSWERED, answer) == []

    compiled: list[int] = []
    make = Tree.__init__

    def noted(tree: Tree, conditions: Sequence[Term]) -> None:
        compiled.append(len(conditions))
        make(tree, conditions)

    monkeypatch.setattr(Tree, "__init__", noted)
    changed = with_conditions(shop, "score < 5").automations["a0000"]
    new = RuleSet(replace(before, automations={**before.automations, "a0000": changed}), earlier=old)
    assert holding(new, ANSWERED, answer) == ["automation.a0000"]
    assert compiled == [2]
    assert holding(new, "visit.ended", visit) == holding(old, "visit.ended", visit)
    assert compiled == [2]
    assert holding(old, ANSWERED, answer) == []


def test_a_rule_that_moved_or_does_something_else_is_found_as_it_is_now(shop: Definitions) -> None:
    before = with_conditions(shop, "score < 3")
    old = RuleSet(before)
    scope = a_scope(old, ANSWERED, Random(1)) | {"score": 1}
    assert [c.rule for c in old.holding(ANSWERED, scope)] == [before.automations["a0000"]]
    moved = replace(before.automations["a0000"], at=before.automations["a0000"].at._replace(line=99))
    new = RuleSet(replace(before, automations={"a0000": moved}), earlier=old)
    (found,) = new.holding(ANSWERED, scope)
    assert found.rule.at.line == 99

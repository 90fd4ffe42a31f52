"""A trace tells what was decided, and the operands that it names are the ones that decide."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import small_project
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dsl.expressions.check import Checker
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.parse import parse
from engine.dsl.expressions.unparse import unparse
from engine.model.events import Event
from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.types import BOOLEAN
from engine.rules.compile import RuleSet
from engine.rules.decide import decide
from engine.rules.scope import alone
from engine.rules.trace import explain, judged

HERE, NOON = Span("a.yaml", 1, 1, 1, 2), dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
NAMES = "abcde"

sources = st.recursive(
    st.sampled_from(NAMES),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(sources, st.lists(st.booleans(), min_size=5, max_size=5), st.lists(st.booleans(), min_size=5, max_size=5))
def test_what_did_not_decide_makes_no_difference(source: str, values: list[bool], others: list[bool]) -> None:
    scope: dict[str, object] = dict(zip(NAMES, values, strict=True))
    tree = parse(source)
    checked = Checker(dict.fromkeys(NAMES, BOOLEAN), frozenset()).condition(tree)
    if checked is None:
        return
    found = judged("if", Expression(text=unparse(tree), term=checked[0], at=HERE), scope)
    assert found.holds is evaluate(checked[0], scope)
    read = {path for operand in found.decided for path in operand.read}
    kept = {name: value if name in read else others[n] for n, (name, value) in enumerate(scope.items())}
    assert evaluate(checked[0], kept) is found.holds
    assert all(operand.holds is scope[operand.text.removeprefix("not ")] or operand.text.startswith("not ") for operand in found.decided)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["order.delivered", "survey.nps_delivery.answered", "deal.won", "visit.ended"]), st.integers(0, 10), st.booleans())
def test_a_trace_fires_what_the_decision_fires(type_: str, score: int, contact: bool) -> None:
    rules, zone = RuleSet(small_project.definitions()), ZoneInfo("Europe/Moscow")
    data = {
        "deal": {"id": "d", "title": "Coat"},
        "answers": {"score": score},
        **({"contact": {"id": "1", "email": "ada@example.test"}} if contact else {}),
    }
    event = Event(id="e", source="s", type=type_, time=NOON, data=data)
    there = alone(rules.definitions, rules.events[type_], event, zone)
    decision = decide(rules, type_, there.scope)
    traced = explain(rules, type_, there, zone, time=NOON)
    assert tuple(trace.address for trace in traced if trace.fired) == decision.fired
    assert [trace.address for trace in traced] == [candidate.address for candidate in rules.candidates(type_)]
    assert all(trace.reason is not None for trace in traced if not trace.fired)

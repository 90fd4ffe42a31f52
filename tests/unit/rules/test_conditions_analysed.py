"""What analysis says of conditions is what trying every value says."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dsl.expressions.check import Checker
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.parse import parse
from engine.model import terms as t
from engine.model.types import BOOLEAN, INTEGER, NUMBER, TEXT, Type, object_type
from engine.rules.analysis.domains import Answers, Space, answer_name
from engine.rules.analysis.leaves import ALWAYS, Reader, Variable, joint
from engine.rules.analysis.overlaps import NAMED, meetings
from engine.rules.analysis.verdicts import constant_operands, verdict

SCORE = Type("integer", range=(0, 10))
CONTACT = object_type({"tier": Type("one_of", options=("standard", "vip", "gold")), "mrr": NUMBER.maybe(), "vip": BOOLEAN, "name": TEXT})
NAMES: Mapping[str, Type] = {"score": SCORE, "contact": CONTACT, "solved": BOOLEAN.maybe(), "count": INTEGER}
TIERS = ("standard", "vip", "gold")

ATOMS = st.one_of(
    st.builds("score {} {}".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), st.integers(-1, 11)),
    st.builds("{} < score <= {}".format, st.integers(0, 5), st.integers(4, 10)),
    st.builds("contact.tier == '{}'".format, st.sampled_from(TIERS)),
    st.builds("contact.tier not in ['{}', '{}']".format, st.sampled_from(TIERS), st.sampled_from(TIERS)),
    st.sampled_from(
        ["contact.vip", "solved == false", "solved is none", "solved|default(true)", "contact.mrr is none", "true", "count > 2"]
    ),
    st.builds("score {0} score".format, st.sampled_from(["<", "<=", ">", ">=", "==", "!="])),
    st.sampled_from(["contact.mrr == contact.mrr", "solved != solved"]),
    st.builds("(contact.mrr is not none and contact.mrr {} {})".format, st.sampled_from(["<", ">="]), st.sampled_from([5, 10])),
    st.builds("contact.mrr|default({}) > {}".format, st.sampled_from([0, 7]), st.sampled_from([5, 10])),
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner), st.builds("({} or {})".format, inner, inner), st.builds("(not {})".format, inner)
    ),
    max_leaves=6,
)
NESTED = (
    "score <= 3",
    "score <= 6",
    "score <= 6 and contact.vip",
    "score > 6",
    "contact.vip",
    "score <= 3 or contact.vip",
    "score <= 2 and contact.vip or score <= 1 and contact.tier == 'vip'",
)
GRID = [
    {"score": score, "solved": solved, "count": count, "contact": {"tier": tier, "mrr": mrr, "vip": vip, "name": "Ada"}}
    for score, tier, mrr, vip, solved, count in product(
        range(11), TIERS, (None, 4, 5, 7.5, 10, 11), (True, False), (True, False, None), (2, 3)
    )
]


def term(text: str) -> t.Term:
    checker = Checker(NAMES)
    checked = checker.condition(parse(text))
    assert checked is not None, checker.problems
    return checked[0]


def cases(text: str) -> set[int]:
    read = term(text)
    return {number for number, scope in enumerate(GRID) if evaluate(read, scope)}


@settings(deadline=None, max_examples=60)
@given(CONDITIONS)
def test_a_condition_that_never_or_always_holds_is_found_and_no_other(text: str) -> None:
    held = cases(text)
    expected = None if 0 < len(held) < len(GRID) else bool(held)
    assert verdict(term(text)) is expected


@settings(deadline=None, max_examples=60)
@given(CONDITIONS, CONDITIONS)
def test_two_conditions_meet_where_some_data_make_both_hold(a: str, b: str) -> None:
    both = joint(Reader().condition(term(a)), Reader().condition(term(b)))
    assert bool(Space([both]).cubes(both)) is bool(cases(a) & cases(b))


@settings(deadline=None, max_examples=60)
@given(st.lists(CONDITIONS, min_size=2, max_size=7), st.sets(st.integers(0, 6)) | st.none())
def test_overlaps_are_those_that_trying_all_pairs_finds(texts: list[str], wanted: set[int] | None) -> None:
    wanted = {number for number in wanted if number < len(texts)} if wanted is not None else None
    conditions = [Reader().condition(term(text)) for text in texts]
    space = Space(conditions)
    held = [cases(text) for text in texts]
    found = {meeting.rule: meeting for meeting in meetings(space, [space.cubes(condition) or [] for condition in conditions], wanted)}
    for later, data in enumerate(held):
        others = [number for number in range(later) if wanted is None or wanted & {number, later}]
        earlier = {number for number in others if held[number] & data}
        assert (later in found) is bool(earlier)
        if later in found:
            meeting = found[later]
            assert set(meeting.earlier) <= earlier
            assert len(meeting.earlier) == min(len(earlier), NAMED)
            assert meeting.more is (len(earlier) > NAMED)
            first = held[meeting.earlier[0]]
            assert not meeting.shadowed or data <= first
            assert not meeting.shadows or first <= data


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(NESTED), max_size=7), st.sets(st.integers(0, 6)) | st.none())
def test_a_rule_within_another_is_said_to_be(texts: list[str], wanted: set[int] | None) -> None:
    wanted = {number for number in wanted if number < len(texts)} if wanted is not None else None
    conditions = [Reader().condition(term(text)) for text in texts]
    space = Space(conditions)
    held = [cases(text) for text in texts]
    found = {meeting.rule: meeting for meeting in meetings(space, [space.cubes(condition) or [] for condition in conditions], wanted)}
    for later, data in enumerate(held):
        others = [number for number in range(later) if wanted is None or wanted & {number, later}]
        wider, narrower = ([n for n in others if data <= held[n]], [n for n in others if held[n] <= data])
        assert (later in found and found[later].covers) is bool(wider or narrower)
        if wider:
            assert found[later].shadowed
            assert found[later].earlier[0] == wider[0]


@pytest.mark.parametrize(
    ("texts", "meet"),
    [
        (["contact.name|lower == 'ada'", "contact.name|length > 2"], False),  # cannot tell: both are made of the name
        (["contact.name|length > 2", "contact.name|length < 9"], True),
        (["contact.mrr is not none and contact.mrr / 2 > 4", "contact.mrr is not none"], True),
        (["contact.mrr is not none and contact.mrr / 2 > 4", "contact.mrr is not none and contact.mrr < 3"], False),
        (["contains(contact.name, 'a')", "contact.vip"], True),
        (["days_since(today()) > 3", "contact.vip"], True),
    ],
)
def test_what_is_made_of_one_value_is_not_said_to_meet(texts: list[str], meet: bool) -> None:
    conditions = [Reader().condition(term(text)) for text in texts]
    space = Space(conditions)
    assert bool(list(meetings(space, [space.cubes(condition) or [] for condition in conditions]))) is meet


def test_a_condition_with_too_many_alternatives_is_left_undecided() -> None:
    long = " and ".join(f"(score == {n} or contact.mrr == {n} or count == {n})" for n in range(9))
    assert Reader().condition(term(long)).cubes is None
    assert verdict(term(long)) is None


def test_an_operand_is_judged_within_what_is_given() -> None:
    low = Reader().condition(term("score <= 6"))
    found = list(constant_operands(term("contact.vip and score >= 9"), given=low))
    assert [(operand.offset, always) for operand, always in found] == [(16, False)]
    assert list(constant_operands(term("contact.vip and score >= 6"), given=low)) == []
    assert list(constant_operands(term("score >= 9"), given=ALWAYS)) == []


def test_categories_follow_from_scores() -> None:
    name = "answer.score"
    classes = [(score, "promoter" if score > 8 else "passive" if score > 6 else "detractor", None) for score in range(11)]
    answers = Answers(metric=Variable(name, SCORE), classes=tuple(classes))
    answer = object_type({"score": SCORE, "category": Type("one_of", options=("promoter", "passive", "detractor"))})
    checked = Checker({"answer": answer}).condition(parse("answer.category != 'passive' and answer.score >= 7"))
    assert checked is not None
    condition = Reader().condition(checked[0])
    space = Space([condition], answers)
    (cube,) = space.cubes(condition) or []
    assert space.shown(name, cube[name]) == [9, 10]


@pytest.mark.parametrize(
    ("text", "always"),
    [
        ("level == tier", False),
        ("level != tier", True),
        ("level == other_tier", False),  # one of the two is always there
        ("other_level == other_tier", None),  # both may be missing, and are equal then
        ("other_level is not none and other_level == other_tier", None),
        ("level == mixed", None),
        ("name|length < 0", False),
        ("name|length >= 0", True),
        ("name|length == -1", False),
        ("0 > name|length", False),
        ("name|length < 1", None),
        ("name|length > 3 and name|length < 4", False),
        ("name|length > 0 or name|length == 0", True),
        ("name|length in [-2, -1]", False),
        ("name|length - 1 < 0", None),
    ],
)
def test_what_no_values_can_be_is_told_and_nothing_else(text: str, always: bool | None) -> None:
    tiers, levels = Type("one_of", options=("standard", "vip")), Type("one_of", options=("low", "high"))
    names = {"tier": tiers, "level": levels, "other_tier": tiers.maybe(), "other_level": levels.maybe(), "name": TEXT}
    names["mixed"] = Type("one_of", options=("low", "vip"))
    checked = Checker(names).condition(parse(text))
    assert checked is not None
    assert verdict(checked[0]) is always


def test_a_question_that_is_hidden_has_no_answer() -> None:
    names = {"score": SCORE, "reason": TEXT.maybe()}
    term, shown = (
        checked[0]
        for text in ("reason is not none", "reason is none or score <= 6")
        if (checked := Checker(names).condition(parse(text))) is not None
    )
    condition = Reader(answer_name).condition(term)
    space = Space([condition], Answers(metric=Variable("answer.score", SCORE), shown={"answer.reason": shown}))
    (cube,) = space.cubes(condition) or []
    assert space.shown("answer.score", cube["answer.score"]) == list(range(7))

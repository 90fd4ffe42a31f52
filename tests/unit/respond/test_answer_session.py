from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dsl.load import load
from engine.errors import SoundingError
from engine.model.definitions import Survey
from engine.respond.form import Form
from engine.respond.parsing import Problem
from engine.respond.session import Accepted, Invalid, Opened, Reading, from_json, read, scope, submit, thanks
from engine.rules.scoring import sentiment

PROJECT = """
project: acme
languages: [en]
timezone: Europe/Moscow
objects:
  contact: {name: text, tier: [standard, vip], since: optional date}
"""
BRANCHES = """
  score:  {type: nps, ask: Score}
  reason: {type: text, ask: Why, show_if: score <= 6}
  call:   {type: yes_no, ask: Call, show_if: reason is not none}
  likes:  {type: multiple, ask: Likes, options: {price: Price, speed: Speed}, other: true, show_if: score >= 9}
  vip:    {type: text, ask: Vip, show_if: contact.tier == "vip"}
"""


class Build(Protocol):
    def __call__(self, questions: str, metric: str = "nps", rest: str = "") -> Survey: ...


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """A survey from its questions, and what follows them, as YAML."""

    def survey(questions: str, metric: str = "nps", rest: str = "") -> Survey:
        root: Path = tmp_path_factory.mktemp("project")
        (root / "surveys").mkdir()
        (root / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
        (root / "surveys" / "s.yaml").write_text(f"survey: s\nmetric: {metric}\nquestions:{questions}\n{rest}", encoding="utf-8")
        loaded = load(root)
        assert not loaded.findings.errors, loaded.findings.items
        assert loaded.definitions is not None
        return loaded.definitions.surveys["s"]

    return survey


@pytest.fixture(scope="module")
def branches(build: Build) -> Form:
    return Form.of(build(BRANCHES))


def background(tier: str = "standard", since: dt.date | None = None) -> dict[str, object]:
    return {"contact": {"name": "Ada", "tier": tier, "since": since}}


def names(form: Form) -> list[list[str]]:
    return [[question.id for question in page] for page in form.pages]


def answer(form: Form, tier: str = "standard", **fields: str | list[str]) -> Accepted | Invalid:
    return submit(form, _fields(fields), background(tier))


def reading(form: Form, tier: str = "standard", **fields: str | list[str]) -> Reading:
    return read(form, _fields(fields), background(tier))


def _fields(fields: Mapping[str, str | list[str]]) -> dict[str, Sequence[str]]:
    return {name: [value] if isinstance(value, str) else value for name, value in fields.items()}


def test_a_whole_answer_has_values_score_and_category(branches: Form) -> None:
    found = answer(branches, tier="vip", score=" 9 ", likes=["other", "price"], likes_other="smell", vip="hi", unknown="x", _page="1")
    assert found == Accepted(
        values={"score": 9, "likes": ["price", "other"], "likes_other": "smell", "vip": "hi"}, score=9.0, category="promoter"
    )


def test_hidden_questions_lose_what_was_posted(branches: Form) -> None:
    assert answer(branches, score="8", reason="late", call="yes", likes="price", vip="hi") == Accepted(
        values={"score": 8}, score=8.0, category="passive"
    )


def test_a_hidden_answer_reads_as_none_in_later_conditions(branches: Form) -> None:
    assert "call" in reading(branches, score="3", reason="late").visible
    assert "call" not in reading(branches, score="8", reason="late").visible


@given(score=st.integers(0, 10), reason=st.sampled_from(["", "late"]), call=st.sampled_from(["", "yes", "no"]))
def test_only_shown_questions_have_values(branches: Form, score: int, reason: str, call: str) -> None:
    found = answer(branches, score=str(score), reason=reason, call=call, likes=["price"])
    assert isinstance(found, Accepted)
    shown = {"score"} | ({"reason"} if score <= 6 else set()) | ({"call"} if score <= 6 and reason else set())
    assert found.values.keys() <= shown | ({"likes"} if score >= 9 else set())
    json.dumps(found.values)


def test_errors_name_the_question_and_keep_what_was_right(branches: Form) -> None:
    assert answer(branches, tier="vip", score="11", vip="hi") == Invalid(errors={"score": Problem.CHOICE}, values={"vip": "hi"})
    assert answer(branches) == Invalid(errors={"score": Problem.REQUIRED}, values={})


def test_a_condition_on_a_wrong_answer_is_not_decided(branches: Form) -> None:
    found = reading(branches, score="eleven", reason="late", likes="price")
    assert found.undecided == {"reason", "call", "likes"}
    assert not found.visible & found.undecided


def test_a_hidden_required_question_is_not_missed(build: Build) -> None:
    form = Form.of(build("\n  score: {type: nps, ask: A}\n  why: {type: text, ask: B, required: true, show_if: score <= 6}"))
    assert isinstance(answer(form, score="9"), Accepted)
    assert answer(form, score="6", why=" ") == Invalid(errors={"why": Problem.REQUIRED}, values={"score": 6})


def test_pages_split_before_a_question_that_reads_their_answers(branches: Form) -> None:
    assert names(branches) == [["score"], ["reason"], ["call", "likes", "vip"]]


def test_texts_that_read_an_answer_come_later_too(build: Build) -> None:
    form = Form.of(build('\n  score: {type: nps, ask: A}\n  why: {type: text, ask: "Why {{ score }}?"}\n  more: {type: text, ask: More}'))
    assert names(form) == [["score"], ["why", "more"]]


def test_given_pages_are_kept_and_split_only_where_they_must(build: Build) -> None:
    rest = "pages: [[score, a], [b, c]]"
    asked = "\n  score: {type: nps, ask: S}\n  a: {type: text, ask: A}\n  b: {type: yes_no, ask: B}\n  c: {type: text, ask: C%s}"
    assert names(Form.of(build(asked % "", rest=rest))) == [["score", "a"], ["b", "c"]]
    assert names(Form.of(build(asked % ", show_if: answer.score <= 6", rest=rest))) == [["score", "a"], ["b", "c"]]
    assert names(Form.of(build(asked % ", show_if: b == true", rest=rest))) == [["score", "a"], ["b"], ["c"]]


def test_pages_in_an_impossible_order_are_refused(build: Build) -> None:
    asked = "\n  score: {type: nps, ask: S}\n  a: {type: text, ask: A, show_if: score <= 6}"
    survey = replace(build(asked), pages=(("a",), ("score",)))
    with pytest.raises(SoundingError, match="question a: its page comes before that of score"):
        Form.of(survey)


def test_what_cannot_be_asked_is_refused_with_its_place(build: Build) -> None:
    survey = build("\n  score: {type: nps, ask: S}")
    matrix = replace(survey.questions[0], type="matrix")
    with pytest.raises(SoundingError, match=r"s\.yaml:4:\d+: survey\.s, question score: questions of type matrix cannot be asked yet"):
        Form.of(replace(survey, questions=(matrix,)))
    with pytest.raises(SoundingError, match="an nps question is asked on 0-10"):
        Form.of(replace(survey, questions=(replace(survey.questions[0], scale=(1, 5)),)))


def test_a_link_that_is_none_is_refused(build: Build) -> None:
    survey = build("\n  score: {type: nps, ask: S}", rest="thanks: [{text: T, link: 'https://example.test'}]")
    with pytest.raises(SoundingError, match="thanks 1: the link 'javascript:alert"):
        Form.of(replace(survey, thanks=(replace(survey.thanks[0], link="javascript:alert(1)"),)))


def test_the_way_through_the_pages_skips_what_is_hidden(branches: Form) -> None:
    unhappy, happy, passive = (reading(branches, score=score) for score in ("3", "9", "8"))
    assert [unhappy.next_page(0), happy.next_page(0), passive.next_page(0)] == [1, 2, None]
    assert [unhappy.next_page(1), happy.page_before(2), happy.page_before(0)] == [None, 0, None]
    assert reading(branches, score="3", reason="late").next_page(1) == 2


def test_progress_counts_what_may_still_be_asked(branches: Form) -> None:
    assert reading(branches).progress(0) == (1, 3)
    assert reading(branches, score="9").progress(2) == (2, 2)
    assert reading(branches, score="3").progress(1) == (2, 3)


def test_errors_of_pages_not_asked_yet_do_not_count(build: Build) -> None:
    form = Form.of(build("\n  a: {type: text, ask: A}\n  score: {type: nps, ask: S}", rest="pages: [[a], [score]]"))
    assert reading(form).first_error(0) is None
    assert reading(form).first_error(1) == 1


@pytest.mark.parametrize(
    ("metric", "classes"),
    [
        ("nps", {"detractor": "0123456", "passive": "78", "promoter": ["9", "10"]}),
        ("csat", {"negative": "12", "neutral": "3", "positive": "45"}),
        ("ces", {"negative": "123", "neutral": "4", "positive": "567"}),
    ],
)
def test_categories(build: Build, metric: str, classes: dict[str, Sequence[str]]) -> None:
    form = Form.of(build(f"\n  s: {{type: {metric}, ask: S}}", metric))
    for category, scores in classes.items():
        for score in scores:
            assert answer(form, s=score) == Accepted(values={"s": int(score)}, score=float(score), category=category)


def test_categories_of_a_longer_csat_scale_keep_its_proportions(build: Build) -> None:
    form = Form.of(build("\n  s: {type: csat, scale: 1-10, ask: S}", "csat"))
    found = [a.category for score in range(1, 11) if isinstance(a := answer(form, s=str(score)), Accepted)]
    assert found == ["negative"] * 4 + ["neutral"] * 2 + ["positive"] * 4


def test_gcr_has_a_category_and_no_score(build: Build) -> None:
    form = Form.of(build("\n  goal: {type: gcr, ask: G}\n  why: {type: text, ask: W, show_if: goal == 'no'}", "gcr"))
    assert answer(form, goal="partly", why="x") == Accepted(values={"goal": "partly"}, score=None, category="partly")
    assert answer(form, goal="no", why="x") == Accepted(values={"goal": "no", "why": "x"}, score=None, category="no")


def test_no_metric_no_score(build: Build) -> None:
    assert answer(Form.of(build("\n  s: {type: stars, ask: S}", "none")), s="5") == Accepted(values={"s": 5}, score=None, category=None)


def test_sentiments() -> None:
    assert [sentiment(each) for each in ("promoter", "positive", "yes")] == ["positive"] * 3
    assert [sentiment(each) for each in ("passive", "neutral", "partly")] == ["neutral"] * 3
    assert [sentiment(each) for each in ("detractor", "negative", "no")] == ["negative"] * 3


def test_thanks_are_the_first_that_hold(build: Build) -> None:
    rest = "thanks:\n  - {if: score >= 9, text: Great}\n  - {if: score <= 6 and contact.tier == 'vip', text: Sorry}\n"
    form = Form.of(build("\n  score: {type: nps, ask: S}", rest=rest))
    said = {tier + score: thanks(reading(form, tier, score=score)) for tier in ("vip", "standard") for score in ("3", "8", "10")}
    assert {key: found.text.pick("en", "en").text for key, found in said.items() if found} == {
        "vip3": "Sorry",
        "vip10": "Great",
        "standard10": "Great",
    }


def test_dates_are_dates_in_conditions_and_text_in_the_store(build: Build) -> None:
    survey = build(
        "\n  score: {type: nps, ask: S}\n  day: {type: date, ask: D}\n"
        "  old: {type: text, ask: O, show_if: day is not none and days_since(day) >= 1}\n"
        "  likes: {type: multiple, ask: L, options: {a: A}}"
    )
    opened = Opened(
        survey=survey,
        languages=("en",),
        language=None,
        default_language="en",
        state="open",
        contact={"name": "Ada", "tier": "vip", "since": None},
        now=dt.datetime(2026, 3, 2, 22, 30, tzinfo=dt.UTC),  # the third of March in Moscow
        zone=ZoneInfo("Europe/Moscow"),
    )
    form = Form.of(survey)
    fields = {"score": ["7"], "day": ["2026-03-02"], "old": ["yes"], "likes": ["a"]}
    found = submit(form, fields, opened.background)
    assert isinstance(found, Accepted)
    assert found.values == {"score": 7, "day": "2026-03-02", "old": "yes", "likes": ["a"]}
    assert "old" not in read(form, {**fields, "day": ["2026-03-03"]}, opened.background).visible

    stored = json.loads(json.dumps(found.values))
    assert from_json(survey, stored) == {"score": 7, "day": dt.date(2026, 3, 2), "old": "yes", "likes": ("a",)}


def test_the_scope_names_every_question_and_the_class(branches: Form) -> None:
    known = scope(branches.survey, {"score": 3}, {"contact": None})
    answers = {"score": 3, "reason": None, "call": None, "likes": None, "likes_other": None, "vip": None}
    assert known == {"contact": None, **answers, "answer": {**answers, "category": "detractor", "sentiment": "negative"}}

"""What an answer that comes as an event says where it leaves questions out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.checks.run import check_project
from engine.rules.compile import RuleSet
from engine.rules.scope import Situation, situation

PROJECT = """project: shop
languages: [en]
timezone: Europe/Moscow
objects:
  contact: {name: text, tier: [standard, vip]}
  deal: {title: text}
---
survey: nps
metric: nps
about: deal
questions:
  score: {type: nps, ask: Score?}
  likes: {type: multiple, ask: What?, options: {price: Price, speed: Speed}}
  order: {type: ranking, ask: In which order?, options: {price: Price, speed: Speed}}
  agrees: {type: consent, ask: May we call?}
  grid: {type: matrix, ask: How was it?, rows: {clean: Clean, quick: Quick}, options: {good: Good, bad: Bad}}
  comment: {type: text, ask: Why?}
  faults: {type: multiple, ask: What was wrong?, options: {price: Price, speed: Speed}, show_if: score <= 6}
  listed: {type: ranking, ask: In which order?, options: {price: Price, speed: Speed}, show_if: '"price" in faults'}
  call: {type: consent, ask: May we call?, show_if: 'contact.tier == "vip"'}
  model: {type: multiple, ask: Which?, options: {a: A, b: B}, show_if: 'contains(deal.title, "coat")'}
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    root: Path = tmp_path_factory.mktemp("shop")
    (root / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    loaded = check_project(root)
    assert loaded.definitions is not None, loaded.findings.items
    return RuleSet(loaded.definitions)


def answered(rules: RuleSet, answers: Mapping[str, Any], **objects: Mapping[str, Any]) -> Situation:
    now = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    return situation(rules.definitions, rules.events["survey.nps.answered"], {"answers": answers}, objects, now, ZoneInfo("UTC"))


ADA = {"name": "Ada", "tier": "vip"}
COAT = {"title": "Coat"}


@pytest.mark.parametrize("left", [{}, {"likes": None, "order": None, "agrees": None, "grid": None, "faults": None}])
def test_what_was_shown_and_left_empty_is_an_empty_list_and_no_consent(rules: RuleSet, left: Mapping[str, Any]) -> None:
    there = answered(rules, {"score": 3, **left}, contact=ADA, deal=COAT)
    assert there.misfits == []
    shown = {"likes": (), "order": (), "agrees": False, "grid": {}, "faults": (), "call": False, "model": ()}
    assert {name: there.scope[name] for name in shown} == shown
    assert (there.scope["comment"], there.scope["listed"]) == (None, None)


def test_what_was_hidden_has_no_answer(rules: RuleSet) -> None:
    there = answered(rules, {"score": 9, "likes": ["price"]}, contact={**ADA, "tier": "standard"}, deal={"title": "Hat"})
    assert there.misfits == []
    assert {there.scope[name] for name in ("faults", "listed", "call", "model")} == {None}
    assert there.scope["likes"] == ("price",)


def test_what_depends_on_an_object_that_is_not_linked_was_not_shown(rules: RuleSet) -> None:
    there = answered(rules, {"score": 9})
    assert there.misfits == []
    assert (there.scope["call"], there.scope["model"]) == (None, None)


def test_what_was_answered_stays_as_it_was_answered(rules: RuleSet) -> None:
    given = {"score": 3, "likes": ["speed"], "agrees": True, "faults": ["price"], "listed": ["speed", "price"], "grid": {"clean": "good"}}
    there = answered(rules, given, contact=ADA, deal=COAT)
    assert there.misfits == []
    assert (there.scope["likes"], there.scope["agrees"], there.scope["listed"]) == (("speed",), True, ("speed", "price"))
    assert there.scope["grid"] == {"clean": "good"}


def test_the_score_is_never_made_up(rules: RuleSet) -> None:
    assert [misfit.path for misfit in answered(rules, {"likes": []}, contact=ADA, deal=COAT).refused] == ["answer.score"]


def test_an_option_written_in_decomposed_letters_is_the_option(tmp_path: Path) -> None:
    words = PROJECT.replace("tier: [standard, vip]", "tier: [caf\u00e9, vip]").replace('== "vip"', '== "caf\u00e9"')
    (tmp_path / "sounding.yaml").write_text(words, encoding="utf-8")
    definitions = check_project(tmp_path).definitions
    assert definitions is not None
    assert definitions.project.objects["contact"].fields["tier"].options == ("caf\u00e9", "vip")

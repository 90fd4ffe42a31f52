"""The generated decision function says what the reference interpreter says, for whatever data; and what an event's scope holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

import pytest

from engine.checks.run import check_project
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import NOW, ZONE
from engine.model.definitions import Automation, Definitions
from engine.rules.compile import RuleSet
from engine.rules.scope import situation

CONDITIONS = [
    "",
    "score <= 6",
    'score <= 6 and contact.tier == "vip"',
    'contact.tier in ["vip", "gold"] or score > 8',
    "reason is not none and reason|length > 3",
    "contact.mrr is not none and contact.mrr / 12 > 10 and contact.mrr * 2 < 1000",
    "contact.mrr|default(0) // 100 == 1",
    "deal.amount is none or deal.amount > 50",
    'company.size is not none and company.size > 10 and company.name != "x"',
    "company is none",
    'answer.category == "detractor" and answer.sentiment != "positive"',
    '"price" in likes and not ("speed" in likes)',
    "days_since(contact.since) > 100",
    'invitation.channel == "email" and invitation.sent_at is not none and invitation.sent_at < now()',
    'contains(contact.name, "anna") or matches(contact.name, "^B.*b$")',
    'contact.name|lower == "anna" and (score ~ "") in ["1", "2", "3"]',
    "(1 < score < 5) != contact.employee",
]
PROJECT = """project: shop
languages: [en]
timezone: Europe/Moscow
objects:
  contact: {name: text, tier: [standard, vip, gold], mrr: optional number, since: date, employee: boolean}
  company: {name: text, size: optional integer}
  deal: {title: text, amount: optional number}
events:
  visit.ended: {object: contact, page: optional text, minutes: integer}
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
  mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}
---
survey: nps
metric: nps
about: deal
questions:
  score: {type: nps, ask: Score?}
  reason: {type: text, ask: Why?}
  likes: {type: multiple, ask: What?, options: {price: Price, speed: Speed}}
---
audience: all
of: contact
---
cadence: by_event
survey: nps
audience: deals
when: visit.ended
if: event.minutes > 5
via: [mail]
---
cadence: by_contact
survey: nps
audience: deals
when: visit.ended
if: event.minutes > 5 and contact.employee
via: [mail]
---
audience: deals
of: deal
---
automation: about_a_firm
when: company.updated
if: company.name|length > 3 and "name" in event.changed
then: [{ticket: {title: "{{ company.name }}"}}]
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> RuleSet:
    root: Path = tmp_path_factory.mktemp("shop")
    automations = [
        f"automation: a{(number * 7) % len(CONDITIONS):02}\nwhen: survey.nps.answered\n"
        + (f"if: >-\n  {condition}\n" if condition else "")
        + 'then: [{ticket: {title: "{{ score }}"}}]\n'
        for number, condition in enumerate(CONDITIONS)
    ]
    (root / "sounding.yaml").write_text("---\n".join([PROJECT, *automations]), encoding="utf-8")
    loaded = check_project(root)
    assert not loaded.findings.errors, loaded.findings.items
    assert loaded.definitions is not None
    return RuleSet(loaded.definitions)


def a_scope(random: Random, definitions: Definitions) -> dict[str, object]:
    def maybe(value: object) -> object:
        return value if random.random() < 0.7 else None

    score = random.randrange(11)
    answers = {"score": score, "reason": maybe("slow"), "likes": random.sample(["price", "speed"], random.randrange(3))}
    contact = {
        "name": random.choice(["Anna", "Bob", "Жанна"]),
        "tier": random.choice(["standard", "vip", "gold"]),
        "mrr": maybe(random.choice([0, 99.5, 120, 450])),
        "since": random.choice(["2025-01-01", "2026-02-28"]),
        "employee": random.random() < 0.5,
    }
    objects = {
        "contact": contact,
        "company": {"name": random.choice(["x", "Acme"]), "size": maybe(random.randrange(20))},
        "deal": {"title": "Coat", "amount": maybe(random.randrange(100))},
    }
    present = {name: value for name, value in objects.items() if random.random() < 0.8}
    data = {"answers": answers, "invitation": {"channel": random.choice(["email", "sms"]), "sent_at": maybe("2026-03-01T09:00:00Z")}}
    kind = RuleSet(definitions).events["survey.nps.answered"]
    there = situation(definitions, kind, data, present, dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ZoneInfo("Europe/Moscow"))
    assert not there.refused
    return there.scope


def reference(rules: RuleSet, event: str, scope: Mapping[str, object]) -> list[str]:
    found = []
    for candidate in rules.candidates(event):
        condition = candidate.rule.condition
        there = all(scope.get(name) is not None for name in candidate.needs)
        if condition is None or (there and evaluate(condition.term, scope)):
            found.append(candidate.address)
    return found


def test_what_holds_is_what_the_interpreter_says(rules: RuleSet) -> None:
    random, seen = Random(7), set()
    for _ in range(200):
        scope = a_scope(random, rules.definitions)
        holding = [candidate.address for candidate in rules.holding("survey.nps.answered", scope)]
        assert holding == reference(rules, "survey.nps.answered", scope)
        assert holding == sorted(holding)
        seen |= set(holding)
    assert len(seen) == len(CONDITIONS)  # each came true at least once


def test_a_condition_that_reads_what_is_not_there_does_not_hold(rules: RuleSet) -> None:
    scope: dict[str, object] = {NOW: dt.datetime(2026, 3, 2, tzinfo=dt.UTC), ZONE: ZoneInfo("UTC"), "event": {"changed": ("name",)}}
    assert rules.holding("company.updated", scope) == []
    assert [c.rule.name for c in rules.holding("company.updated", {**scope, "company": {"name": "Acme"}})] == ["about_a_firm"]


def test_a_cadence_that_reads_objects_is_judged_when_it_sends(rules: RuleSet) -> None:
    """Nobody is refused at the event whom the claim for sending would allow."""
    scope: dict[str, object] = {"contact": {"employee": False}, "event": {"minutes": 9}}
    assert [c.address for c in rules.holding("visit.ended", scope)] == ["cadence.by_contact", "cadence.by_event"]
    assert [c.address for c in rules.holding("visit.ended", {**scope, "event": {"minutes": 1}})] == ["cadence.by_contact"]


def test_an_event_that_nobody_waits_for_has_no_rules(rules: RuleSet) -> None:
    assert rules.holding("deal.lost", {}) == []
    assert rules.candidates("no.such.event") == ()


def test_the_scope_of_an_answer_has_its_answers_by_name_and_its_class(rules: RuleSet) -> None:
    definitions = rules.definitions
    data = {"answers": {"score": 9, "likes": ["price"], "unknown": 1}, "invitation": {"channel": "qr", "language": "en"}}
    now = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    there = situation(definitions, rules.events["survey.nps.answered"], data, {}, now, ZoneInfo("UTC"))
    assert [misfit.path for misfit in there.misfits] == ["answer.unknown"]
    assert there.scope["score"] == 9
    assert there.scope["reason"] is None
    assert there.scope["likes"] == ("price",)
    answer, invitation = there.scope["answer"], there.scope["invitation"]
    assert isinstance(answer, Mapping)
    assert isinstance(invitation, Mapping)
    assert (answer["score"], answer["category"], answer["sentiment"]) == (9, "promoter", "positive")
    assert (invitation["channel"], invitation.get("sent_at")) == ("qr", None)
    assert "contact" not in there.scope


def test_an_answer_that_does_not_fit_its_survey_refuses(rules: RuleSet) -> None:
    now = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    refused: list[dict[str, object]] = [{"likes": []}, {"score": "9"}, {"score": 9, "likes": ["pace"]}]
    for answers in refused:
        there = situation(rules.definitions, rules.events["survey.nps.answered"], {"answers": answers}, {}, now, ZoneInfo("UTC"))
        assert [misfit.required for misfit in there.refused] == [True]


def test_the_names_of_rules_are_in_the_order_of_addresses(rules: RuleSet) -> None:
    addresses = [candidate.address for candidate in rules.candidates("survey.nps.answered")]
    assert addresses == sorted(addresses)
    assert all(isinstance(candidate.rule, Automation) for candidate in rules.candidates("survey.nps.answered"))

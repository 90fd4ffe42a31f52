"""A project with N automations, and events for it: the same ones for the same N, whatever runs them.

Ten automations belong to each survey; of a hundred, one waits for every survey's answers. Their conditions are what teams write:
a bound on the score, alone or with the contact's tier or country, the deal's amount, the channel, whether there is a comment.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from engine.rules.compile import RuleSet
from engine.rules.facts import conform
from engine.rules.scope import situation

TIERS = ("free", "standard", "vip", "enterprise")
COUNTRIES = ("DE", "FR", "US", "GB", "ES", "IT", "NL", "PL", "BR", "JP", "IN", "SE")
CHANNELS = ("email", "sms", "web", "qr")
COMMENTS = (None, None, "too slow", "great service, thanks", "price")
SCORES = (0, 10, 1, 10, 2, 10, 3, 9, 4, 9, 5, 9, 6, 9, 6, 8, 7, 8, 7, 8, 7, 8)  # mostly content customers, as they are
PER_SURVEY = 10
SHARED = 0.01  # of the automations wait for the answers to every survey
NOW = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)

PROJECT = f"""\
project: benchmark
languages: [en]
timezone: UTC
objects:
  contact: {{name: text, tier: [{", ".join(TIERS)}], country: country}}
  deal: {{title: text, amount: number}}
connections:
  desk: {{use: zendesk, url: {{env: DESK_URL}}, user: {{env: DESK_USER}}, token: {{env: DESK_TOKEN}}}}
"""
SURVEY = """\
survey: {name}
metric: nps
about: deal
questions:
  score: {{type: nps, ask: "Would you recommend us?"}}
  comment: {{type: text, ask: "Why?"}}
"""
AUTOMATION = """\
---
automation: {name}
when: {when}
if: {condition}
then: [{{ticket: {{via: desk, title: "{{{{ contact.name }}}} gave {{{{ score }}}}"}}}}]
"""


def survey_name(number: int) -> str:
    return f"s{number:05}"


def write_project(root: Path, automations: int, shared: float = SHARED) -> None:
    """A file for each survey with its automations, and one for those of every survey."""
    random = Random(automations)
    surveys = max(1, automations // PER_SURVEY)
    for_all = set(random.sample(range(automations), int(automations * shared)))
    files = [SURVEY.format(name=survey_name(number)) for number in range(surveys)]
    common = ""
    for number in range(automations):
        condition = _condition(random)
        name, survey = f"a{number:05}", number % surveys
        if number in for_all:
            common += AUTOMATION.format(name=name, when="{survey.*.answered: {metric: nps}}", condition=condition)
        else:
            files[survey] += AUTOMATION.format(name=name, when=f"survey.{survey_name(survey)}.answered", condition=condition)
    (root / "surveys").mkdir()
    (root / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    for number, text in enumerate(files):
        (root / "surveys" / f"{survey_name(number)}.yaml").write_text(text, encoding="utf-8")
    if common:
        (root / "surveys" / "every.yaml").write_text(common, encoding="utf-8")


def _condition(random: Random) -> str:
    low, high = random.choice((3, 4, 5, 6, 6, 6)), random.choice((8, 9, 9, 9, 10))
    tier, channel = random.choice(TIERS), random.choice(CHANNELS)
    amount = random.randrange(50, 2000, 10) + 0.5
    countries = ", ".join(f'"{country}"' for country in sorted(random.sample(COUNTRIES, random.randint(2, 4))))
    return random.choice(
        (
            f"score <= {low}",
            f'score <= {low} and contact.tier == "{tier}"',
            f"score >= {high} and comment is not none",
            f'7 <= score <= 8 and invitation.channel == "{channel}"',
            f"score >= {high} and contact.country in [{countries}]",
            f'score <= {low} and (deal.amount > {amount} or contact.tier == "enterprise")',
            f"comment is none and score <= {low}",
            f"deal.amount > {amount} and contact.country in [{countries}] and score <= {low}",
            f'(contact.tier == "vip" or contact.tier == "enterprise") and contact.country not in [{countries}]',
            f'score >= {high} and deal.amount > {amount} and invitation.channel == "{channel}"',
        )
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """One event, as JSON brings it."""

    survey: str
    data: Mapping[str, Any]  # contact, deal, answers, invitation

    @property
    def type(self) -> str:
        return f"survey.{self.survey}.answered"


def answers(automations: int, count: int) -> list[Answer]:
    random = Random(count)
    surveys = max(1, automations // PER_SURVEY)
    return [
        Answer(
            survey_name(random.randrange(surveys)),
            {
                "contact": {"name": "Ada", "tier": random.choice(TIERS), "country": random.choice(COUNTRIES)},
                "deal": {"title": "Coat", "amount": random.randrange(2500) + 0.25},
                "answers": {"score": random.choice(SCORES), "comment": random.choice(COMMENTS)},
                "invitation": {"channel": random.choice(CHANNELS)},
            },
        )
        for _ in range(count)
    ]


def scopes(rules: RuleSet, events: Sequence[Answer]) -> list[tuple[str, dict[str, object]]]:
    """What the daemon decides on: the type of each event, and its data judged against the contract and typed."""
    definitions = rules.definitions
    contract, zone = definitions.project.objects, ZoneInfo(definitions.project.timezone)
    found = []
    for event in events:
        objects = {name: conform(name, contract[name], event.data[name])[0] for name in ("contact", "deal")}
        there = situation(definitions, rules.events[event.type], event.data, objects, NOW, zone)
        assert not there.misfits
        found.append((event.type, there.scope))
    return found

"""A whole decision, microseconds of processor time an event: which rules fire, their effects, and whether the contact may be asked.

N automations on the answers to N/10 surveys, as YAML through the real loader; a tenth waits in its steps, a third has guarded steps.
Every tenth event is a delivery, to which N/100 cadences (one at least) respond, with audience, policy and quiet hours.

- *matching* is the search for the rules alone, in the same events: what a decision adds to it is effects, modes and eligibility.
- *interpreter* is the plain reading of the same project: every condition and guard of the event's rules evaluated in turn.
- *traced* is the explanation of a decision, which is made only where somebody asks. A decision carries nothing for it.
- *claim* is eligibility alone, as the claim for sending asks it, over a ledger of ten messages.

One line of JSON goes to stdout. Nothing is asserted about speed, but what is decided must be the same on every way.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from engine.dsl.expressions.interpret import evaluate
from engine.dsl.load import load
from engine.model.definitions import Automation
from engine.model.events import Event
from engine.model.feedback import Asked
from engine.rules.compile import RuleSet
from engine.rules.decide import Ask, decide
from engine.rules.eligibility import Asking, Ledger
from engine.rules.needs import absent
from engine.rules.scope import Situation, alone
from engine.rules.trace import explain

NOON = dt.datetime(2026, 3, 3, 12, tzinfo=dt.UTC)  # a Tuesday
ZONE = ZoneInfo("Europe/Kyiv")
TIERS, COUNTRIES = ("free", "standard", "vip", "enterprise"), ("UA", "PL", "DE", "FR", "US", "GB")
PROJECT = """\
project: shop
languages: [en]
timezone: Europe/Kyiv
objects:
  contact: {name: text, email: optional email, timezone: optional timezone, tier: [free, standard, vip, enterprise], country: country,
    opted_out: boolean, orders: integer}
  company: {name: text}
  deal: {title: text, amount: number}
events: {order.delivered: {object: deal, warehouse: text}}
may_ask: not contact.opted_out
frequency: [{max: 1, per: 30d, of: contact}, {max: 5, per: 1q, of: company}]
quiet: {between: "22:00-08:00", days: [sun]}
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
  mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}
"""

_SURVEY = """\
survey: NAME
metric: nps
questions:
  score: {type: nps, ask: Score?}
  why: {type: text, ask: Why?}
"""
_CADENCE = """\
cadence: NAME
survey: SURVEY
audience: buyers
when: order.delivered
if: event.warehouse == "PLACE"
via: [mail]
"""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sizes", type=int, nargs="+", default=[10, 100, 1_000], metavar="N", help="how many automations")
    options.add_argument("--events", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=7, help="the median of so many counts")
    wanted = options.parse_args()
    found = {"benchmark": "decide", "unit": "µs of processor time an event", "python": platform.python_version()}
    results = [_measured(size, wanted.events, wanted.rounds) for size in wanted.sizes]
    print(json.dumps({**found, "events": wanted.events, "results": results}, ensure_ascii=False))
    return 0


def _measured(size: int, count: int, rounds: int) -> dict[str, Any]:
    rules = _rules(size)
    cases = [_case(rules, event) for event in _events(size, count)]
    decisions = [decide(rules, type_, there.scope, keys) for type_, there, keys in cases]
    for (type_, there, keys), decision in zip(cases, decisions, strict=True):
        if list(decision.fired) != _interpreted(rules, type_, there):
            raise SystemExit(f"{type_} is decided otherwise by the interpreter")
        if tuple(one.address for one in explain(rules, type_, there, ZONE, time=NOON, subjects=keys) if one.fired) != decision.fired:
            raise SystemExit(f"{type_} is explained otherwise than decided")
    few = cases[: max(20, 20_000 // size)]
    times = _side_by_side(
        rounds,
        {
            "decide": (len(cases), lambda: [decide(rules, type_, there.scope, keys) for type_, there, keys in cases]),
            "matching": (len(cases), lambda: [rules.holding(type_, there.scope) for type_, there, _ in cases]),
            "traced": (len(few), lambda: [explain(rules, type_, there, ZONE, time=NOON, subjects=keys) for type_, there, keys in few]),
            "interpreter": (len(few), lambda: [_interpreted(rules, type_, there) for type_, there, _ in few]),
            **_claims(rules, [there for type_, there, _ in cases if type_ == "order.delivered"]),
        },
    )
    effects = sum(len(decision.effects) for decision in decisions)
    asks = sum(isinstance(effect, Ask) for decision in decisions for effect in decision.effects)
    return {
        "automations": size,
        "fired_per_event": round(sum(len(decision.fired) for decision in decisions) / len(cases), 2),
        "effects_per_event": round(effects / len(cases), 2),
        "asks_per_event": round(asks / len(cases), 3),
        **{f"{name}_us": round(value, 2) for name, value in times.items()},
        "decide_over_matching": round(times["decide"] / times["matching"], 2),
        "interpreter_over_decide": round(times["interpreter"] / times["decide"], 1),
    }


def _side_by_side(rounds: int, works: dict[str, tuple[int, Callable[[], object]]]) -> dict[str, float]:
    """The median of each, all of them in every round, so that a busy machine is busy for all."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, (count, work) in works.items():
            begun = time.process_time()
            work()
            found[name].append((time.process_time() - begun) / count * 1e6)
    return {name: statistics.median(values) for name, values in found.items()}


def _interpreted(rules: RuleSet, type_: str, there: Situation) -> list[str]:
    """The plain reading: conditions in turn, then consent and audience, which a cadence that sends at once is asked already now."""
    found = []
    for candidate in rules.candidates(type_):
        rule = candidate.rule
        if absent(candidate.needs, there.scope) is None and (rule.condition is None or evaluate(rule.condition.term, there.scope)):
            if isinstance(rule, Automation):
                for step in rule.then:
                    if step.condition is not None:
                        evaluate(step.condition.term, there.scope)
            elif not _reads_as_member(rules, rule.audience, there):
                continue
            found.append(candidate.address)
    return found


def _reads_as_member(rules: RuleSet, audience: str, there: Situation) -> bool:
    policy, where = rules.definitions.project.may_ask, rules.definitions.audiences[audience].where
    assert policy is not None
    assert where is not None
    return bool(evaluate(policy.term, there.scope)) and bool(evaluate(where.term, there.scope))


def _claims(rules: RuleSet, cases: Sequence[Situation]) -> dict[str, tuple[int, Callable[[], object]]]:
    cadence = next(iter(rules.definitions.cadences.values()))
    asking = Asking(cadence=cadence, survey=cadence.survey, channel="email", part=0, invitation="mine", due=NOON, lifetime=None)
    ages = [dt.timedelta(days=40 + number) for number in range(5)]
    lines = {
        group: [Asked(part=0, group=group, at=NOON - age, survey="s", channel="email", invitation=str(age)) for age in ages]
        for group in ("contact/1", "company/1")
    }
    keys = {"contact": "1", "company": "1"}

    def claim() -> object:
        return [rules.eligibility.may_send(asking, None, there.scope, keys, Ledger(lines.__getitem__), NOON) for there in cases]

    return {"claim": (len(cases), claim)}


# -- the project and its events -----------------------------------------------------------------------------------------------


def _rules(size: int) -> RuleSet:
    source, surveys = random.Random(7 + size), max(1, size // 10)
    documents = [PROJECT, "audience: buyers\nof: contact\nwhere: contact.orders > 0\n"]
    documents += [_SURVEY.replace("NAME", f"s{n:05}") for n in range(surveys)]
    documents += [_automation(source, n, n % surveys) for n in range(size)]
    documents += [_cadence(n, n % surveys) for n in range(max(1, size // 100))]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "surveys").mkdir()
        (Path(folder) / "sounding.yaml").write_text(documents[0], encoding="utf-8")
        for number in range(1, len(documents), 500):
            text = "---\n".join(documents[number : number + 500])
            (Path(folder) / "surveys" / f"{number}.yaml").write_text(text, encoding="utf-8")
        loaded = load(Path(folder))
    if loaded.definitions is None or loaded.findings.errors:
        raise SystemExit(f"the project does not validate: {loaded.findings.items[:3]}")
    return RuleSet(loaded.definitions)


def _cadence(number: int, survey: int) -> str:
    return _CADENCE.replace("NAME", f"c{number:04}").replace("SURVEY", f"s{survey:05}").replace("PLACE", f"w{number % 7}")


def _automation(source: random.Random, number: int, survey: int) -> str:
    low, tier, country = source.choice([3, 5, 6, 6]), source.choice(TIERS), source.choice(COUNTRIES)
    condition = source.choice(
        [
            f"score <= {low}",
            f'score <= {low} and contact.tier == "{tier}"',
            f'score >= 9 and contact.country in ["{country}", "UA"]',
            "score >= 9 and why is not none",
            f'score in [7, 8] and invitation.channel == "{source.choice(["email", "sms"])}"',
        ]
    )
    ticket = '  - ticket: {title: "{{ contact.name }}: {{ score }}"}\n'
    guarded = f'  - email: {{subject: Thanks, body: Thanks}}\n    if: contact.tier == "{tier}"\n'
    waits = "    as: case\n  - {wait_for: case.closed, at_most: 2bd}\n"
    steps = ticket + (waits if number % 10 == 0 else guarded if number % 3 == 0 else "")
    return f"automation: a{number:05}\nwhen: survey.s{survey:05}.answered\nif: '{condition}'\nthen:\n{steps}"


def _events(size: int, count: int) -> list[Event]:
    source, surveys = random.Random(11), max(1, size // 10)
    found = []
    for number in range(count):
        contact = {
            "id": str(number % 500),
            "name": "Ada",
            "email": "ada@example.test",
            "tier": source.choice(TIERS),
            "country": source.choice(COUNTRIES),
            "opted_out": source.random() < 0.1,
            "orders": source.randrange(3),
        }
        answers = {"score": source.randrange(11), "why": source.choice([None, "price"])}
        data: dict[str, Any] = {"contact": contact, "company": {"id": "1", "name": "Acme"}}
        if number % 10 == 0:
            type_, data = "order.delivered", {**data, "deal": {"id": "d", "title": "Coat", "amount": 9}, "warehouse": f"w{number % 7}"}
        else:
            type_ = f"survey.s{source.randrange(surveys):05}.answered"
            data |= {"answers": answers, "invitation": {"channel": source.choice(["email", "sms"])}}
        found.append(Event(id=str(number), source="bench", type=type_, time=NOON, data=data))
    return found


def _case(rules: RuleSet, event: Event) -> tuple[str, Situation, dict[str, str]]:
    there = alone(rules.definitions, rules.events[event.type], event, ZONE)
    if there.refused:
        raise SystemExit(f"an event does not fit: {there.refused[0]}")
    return event.type, there, {"contact": event.data["contact"]["id"], "company": "1", "deal": "d"}


if __name__ == "__main__":
    sys.exit(main())

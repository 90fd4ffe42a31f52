"""Random automations, cadences and events over a small project, and what the reference interpreter says of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from zoneinfo import ZoneInfo

from engine.dsl.contract import face_of
from engine.dsl.expressions.check import Checker
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.parse import parse
from engine.dsl.others import Names
from engine.dsl.scopes import of_answer, of_event, shared
from engine.model.definitions import Automation, Cadence, Definitions
from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.types import Type
from engine.rules.compile import RuleSet
from engine.rules.facts import conform
from engine.rules.scope import situation

PROJECT = """project: shop
languages: [en]
timezone: Europe/Moscow
objects:
  contact:
    name: text
    role: optional text
    tier: [standard, vip, gold]
    rank: optional [a, b, c]
    country: optional country
    age: integer
    mrr: optional number
    spent: optional money RUB
    employee: boolean
    asked: optional boolean
    born: date
    bought: optional date
    seen: optional datetime
    tags: list of text
    marks: optional list of number
  company: {name: text, size: optional integer, plan: [free, paid]}
  deal: {title: text, amount: optional number, price: money, stage: text, manager: optional text}
events:
  visit.ended: {object: contact, page: optional text, minutes: integer, kind: [web, shop], days: list of date}
  order.placed: {object: deal, page: optional text, minutes: integer, kind: [web, shop], total: money}
---
survey: nps
metric: nps
about: deal
questions:
  score: {type: nps, ask: Score?}
  reason: {type: text, ask: Why?}
  likes: {type: multiple, ask: What?, options: {price: Price, speed: Speed}}
  later: {type: csat, ask: And now?}
---
survey: second
metric: nps
about: deal
questions:
  score: {type: nps, ask: Score?}
  reason: {type: text, ask: Why?}
  likes: {type: multiple, ask: What?, options: {price: Price, speed: Speed}, show_if: score > 3}
---
survey: passing_by
metric: gcr
open: true
questions:
  solved: {type: gcr, ask: Solved?}
  reason: {type: text, ask: Why?}
---
{audience: all, of: contact}
"""
EVENTS = ("survey.nps.answered", "survey.second.answered", "survey.passing_by.answered", "visit.ended", "order.placed")
WAITS = (
    *((event,) for event in (*EVENTS, "survey.nps.answered", "survey.nps.answered")),
    ("survey.nps.answered", "survey.second.answered"),
    ("survey.nps.answered", "survey.second.answered", "survey.passing_by.answered"),
    ("order.placed", "visit.ended"),
)

_TEXTS = ("", "a", "vip", "Москва", "anna slow", "o'neil", '"q"', "\\", "{0}", "') or True or ('", "👍")
_WHOLES = (0, 1, 6, 7, 9, 10, -1, 100)
_NUMBERS = (*_WHOLES, 0.5, 99.25, -2.5, 1e300)
_DAYS = ("2026-03-01", "2026-02-28", "1999-12-31", "2027-01-01")
_INSTANTS = ("2026-03-01T22:30:00+00:00", "2026-02-28T05:00:00Z", "2030-01-01T00:00:00Z")
_HERE = Span("sounding.yaml", 1, 1, 1, 2)


# -- expressions --------------------------------------------------------------------------------------------------------


class Writer:
    """Writes conditions over the names behind an event. Nearly all of them are well typed; the checker has the last word."""

    def __init__(self, names: Names, random: Random) -> None:
        self._random = random
        self._paths = _paths(names)
        # Or no path would be read by many conditions: three that have few values, and one more.
        few = [(path, kind) for path, kind in self._paths if kind.kind in ("one_of", "boolean") or kind.range is not None]
        self._favourites = [*random.sample(few, 3), random.choice(self._paths)]

    def path(self, *kinds: str) -> tuple[str, Type]:
        loved = [(path, kind) for path, kind in self._favourites if kind.kind in kinds]
        if loved and self._random.random() < 0.7:
            return self._random.choice(loved)
        return self._random.choice([(path, kind) for path, kind in self._paths if kind.kind in kinds])

    def sure(self, *kinds: str) -> str:
        """A value that is there."""
        path, kind = self.path(*kinds)
        return f"({path}|default({self.literal(kind)}))" if kind.optional else path

    def literal(self, kind: Type) -> str:
        match kind.kind:
            case "one_of":
                return _quoted(self._random.choice(kind.options))
            case "country":
                return self._random.choice(('"RU"', '"GB"'))
            case "integer" if kind.range is not None:
                return str(self._random.randint(kind.range[0], kind.range[1]))
            case "integer":
                return str(self._random.choice(_WHOLES))
            case "number":
                return repr(self._random.choice(_NUMBERS))
            case "boolean":
                return self._random.choice(("true", "false"))
            case "date" | "datetime":
                return {"date": "today()", "datetime": "now()"}[kind.kind]
            case "list":
                return "[]"
        return _quoted(self._random.choice(_TEXTS))

    def number(self, depth: int) -> str:
        if depth == 0:
            return self._random.choice((self.sure("integer", "number"), repr(self._random.choice(_WHOLES[:6]))))
        day = self._random.choice((self.sure("date"), self.sure("date", "datetime"), "now()"))
        return self._random.choice(
            (
                self.sure("integer", "number"),
                f"({self.number(depth - 1)} {self._random.choice('+-*')} {self.number(depth - 1)})",
                f"({self.number(depth - 1)} {self._random.choice(('/', '//', '%'))} {self.number(depth - 1)})|default(1)",
                f"(-{self.sure('integer', 'number')})",
                f"{self.sure('number', 'integer')}|round(1)",
                f"{self.sure('text', 'list')}|length",
                f"{self._random.choice(('days_since', 'days_until'))}({day})",
            )
        )

    def text(self, depth: int) -> str:
        if depth == 0:
            return self.sure("text", "one_of", "country")
        return self._random.choice(
            (
                self.sure("text"),
                f"({self.text(depth - 1)} ~ {self.sure('integer', 'date', 'boolean', 'text')})",
                f"({self.text(depth - 1)})|lower",
            )
        )

    def atom(self) -> str:
        path, kind = self.path("one_of", "text", "country", "boolean", "integer", "number", "date", "list", "money", "object")
        equal = self._random.choice(("==", "!="))
        order = self._random.choice(("<", "<=", ">", ">=", "==", "!="))
        forms = [f"{path} is {self._random.choice(('none', 'not none'))}"]
        if kind.kind in ("one_of", "text", "country", "integer", "number"):
            values = ", ".join([self.literal(kind), self.literal(kind), *self._random.choice(([], ["none"]))])
            forms += [f"{path} {equal} {self.literal(kind)}"] * 3 + [f"{path} {self._random.choice(('in', 'not in'))} [{values}]"] * 2
        if kind.kind in ("integer", "number", "date"):
            there = "" if not kind.optional else f"{path} is not none and "
            low, high = sorted([self._random.randrange(11), self._random.randrange(11)])
            other = self.literal(kind) if kind.kind == "date" else str(high)
            forms += [f"({there}{path} {order} {self.literal(kind)})"] * 3 + [f"({there}{low} <= {path} <= {other})"] * (
                kind.kind != "date"
            )
        match kind.kind:
            case "boolean":
                forms = [f"{path}|default(true)" if kind.optional else path, f"{path} {equal} {self.literal(kind)}"]
            case "money" if kind.currency is not None:
                forms += [f"({path} is not none and {path} {order} 100)", f"{path} {equal} {path}"]
            case "money":
                forms += [f"{path}.amount {order} 100 and {path}.currency {equal} 'RUB'"]
            case "list" if kind.item is not None:
                forms += [f"{self.literal(kind.item)} {self._random.choice(('in', 'not in'))} {path}", f"{path} {equal} []"]
        return self._random.choice(forms)

    def condition(self, depth: int) -> str:
        if depth == 0 or self._random.random() < 0.3:
            return self.atom()
        forms: tuple[Callable[[], str], ...] = (
            lambda: f"{self.number(2)} {self._random.choice(('<', '<=', '>', '>=', '==', '!='))} {self.number(1)}",
            lambda: f"{self.text(2)} {self._random.choice(('==', '!='))} {self.text(1)}",
            lambda: f"{self.text(1)} in [{self.text(1)}, {_quoted(self._random.choice(_TEXTS))}]",
            lambda: f'contains({self.sure("text")}, "slow", "👍")',
            lambda: f'matches({self.sure("text")}, "^[av].*")',
            lambda: f"{self.sure('datetime')} {self._random.choice(('<', '>='))} now()",
            lambda: f"({self.condition(depth - 1)}) {self._random.choice(('==', '!='))} ({self.condition(depth - 1)})",
            lambda: f"not ({self.condition(depth - 1)})",
            *(lambda: f" {self._random.choice(('and', 'or'))} ".join(f"({self.condition(depth - 1)})" for _ in range(2)),) * 4,
        )
        return self._random.choice(forms)()


def _paths(names: Mapping[str, Type], before: str = "", optional: bool = False) -> list[tuple[str, Type]]:
    found = []
    for name, kind in names.items():
        path, widened = f"{before}{name}", kind.maybe() if optional else kind
        found.append((path, widened))
        if kind.kind == "object":
            found += _paths(kind.fields, f"{path}.", widened.optional)
    return found


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# -- rules --------------------------------------------------------------------------------------------------------------


def names_behind(definitions: Definitions, when: tuple[str, ...]) -> Names:
    """What may be read behind each of these events."""
    events, objects = RuleSet(definitions).events, definitions.project.objects

    def scope(name: str) -> Names:
        survey = definitions.surveys.get(name.split(".")[1]) if name.startswith("survey.") else None
        return of_answer(objects, events[name], face_of(survey)) if survey is not None else of_event(objects, events[name])

    return shared(scope(name) for name in when)


def condition_of(text: str, names: Names) -> Expression | None:
    """The checked condition; None where the checker refuses it."""
    found = Checker(names).condition(parse(text))
    return Expression(text=text, term=found[0], at=_HERE) if found is not None else None


def an_automation(name: str, when: tuple[str, ...], condition: Expression | None) -> Automation:
    return Automation(name=name, when=when, condition=condition, then=(), at=_HERE)


def a_cadence(name: str, when: tuple[str, ...], condition: Expression | None) -> Cadence:
    return Cadence(
        name=name, survey="nps", audience="all", when=when, condition=condition, after=None, via=(), invite=None, expires=None, at=_HERE
    )


def with_rules(definitions: Definitions, random: Random, count: int) -> Definitions:
    """The project with so many random automations, and some cadences."""
    automations, cadences = {}, {}
    writers = {when: (Writer(names, random), names) for when in WAITS for names in [names_behind(definitions, when)]}
    for number in range(count):
        when = random.choice(WAITS)
        writer, names = writers[when]
        condition = condition_of(writer.condition(3), names) if random.random() < 0.95 else None
        name = f"r{random.randrange(10_000):04}_{number}"
        if random.random() < 0.1:
            cadences[name] = a_cadence(name, when, condition)
        else:
            automations[name] = an_automation(name, when, condition)
    return replace(definitions, automations=automations, cadences=cadences)


# -- events -------------------------------------------------------------------------------------------------------------


def a_value(kind: Type, random: Random) -> object:
    """A value as JSON has it; None, or no key at all, where it may be missing."""
    if kind.optional and random.random() < 0.35:
        return None
    match kind.kind:
        case "integer":
            return random.randint(*kind.range) if kind.range else random.choice(_WHOLES)
        case "number":
            return random.choice(_NUMBERS)
        case "boolean":
            return random.random() < 0.5
        case "date":
            return random.choice(_DAYS)
        case "datetime":
            return random.choice(_INSTANTS)
        case "one_of":
            return random.choice(kind.options)
        case "country":
            return random.choice(("RU", "UA", "GB"))
        case "language":
            return "en"
        case "money":
            return {"amount": random.choice(_NUMBERS), "currency": kind.currency or random.choice(("RUB", "USD"))}
        case "list":
            assert kind.item is not None
            return [a_value(kind.item, random) for _ in range(random.randrange(3))]
        case "object":
            return a_record(kind, random)
    return random.choice(_TEXTS)


def a_record(kind: Type, random: Random) -> dict[str, object]:
    values = {name: a_value(inner, random) for name, inner in kind.fields.items()}
    return {name: value for name, value in values.items() if value is not None or random.random() < 0.5}


def a_scope(rules: RuleSet, event: str, random: Random) -> dict[str, object]:
    """The scope of a random event that fits the contract, as the daemon builds it; any object may not be linked."""
    definitions = rules.definitions
    objects = {}
    for name, kind in definitions.project.objects.items():
        if random.random() < 0.85:
            objects[name], misfits = conform(name, kind, a_record(kind, random))
            assert not misfits
    names = names_behind(definitions, (event,))
    own = a_record(names["event"], random)
    if "answer" in names:
        answers = {name: kind for name, kind in names["answer"].fields.items() if name not in ("category", "sentiment")}
        own["answers"] = a_record(Type("object", fields=answers), random)
        own["invitation"] = a_record(names["invitation"], random)
    now = dt.datetime(2026, 3, 1, 20, tzinfo=dt.UTC) + dt.timedelta(hours=random.randrange(10))
    there = situation(definitions, rules.events[event], own, objects, now, ZoneInfo(definitions.project.timezone))
    assert not there.misfits
    return there.scope


def reference(rules: RuleSet, event: str, scope: Mapping[str, object]) -> list[str]:
    """The addresses of the rules that hold, by the interpreter."""
    found = []
    for candidate in rules.candidates(event):
        condition = candidate.rule.condition
        later = isinstance(candidate.rule, Cadence) and not candidate.frozen
        there = all(scope.get(name) is not None for name in candidate.needs)
        if condition is None or later or (there and evaluate(condition.term, scope)):
            found.append(candidate.address)
    return found

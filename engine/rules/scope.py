"""What the expressions behind an event read: the event's own data, the answer, and the objects as they are now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from engine.dsl.contract import INVITATION, answer_types
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import NOW, ZONE
from engine.model.definitions import Definitions, EventType, Question, Survey
from engine.model.events import Event
from engine.model.types import object_type
from engine.rules.facts import conform, hydrate, missing
from engine.rules.misfits import Misfit, absent_object, no_object
from engine.rules.needs import Needs, absent, answered_survey, carried, promised, roots
from engine.rules.scoring import rate, sentiment

# What it means that a question was shown and left empty: no option, no consent. A hidden one has no answer at all.
_EMPTY: Mapping[str, object] = {"multiple": (), "ranking": (), "matrix": {}, "consent": False}

_LONGEST = 64  # characters of a name that a sender made up

Objects = Mapping[str, Mapping[str, Any]]  # kind → stored data; a kind that is not linked is absent


@dataclass(frozen=True, slots=True)
class Situation:
    """The names behind one event, and what is wrong with the data that it brought."""

    scope: dict[str, object]
    misfits: list[Misfit]

    @property
    def refused(self) -> list[Misfit]:
        """The misfits for which nothing may be decided."""
        return [misfit for misfit in self.misfits if misfit.required]


def alone(definitions: Definitions, kind: EventType, event: Event, zone: ZoneInfo) -> Situation:
    """What an event says by itself, where nothing is stored: its objects are as it brings them, and it happens now."""
    objects: dict[str, Mapping[str, Any]] = {}
    misfits: list[Misfit] = []
    for name, contract in definitions.project.objects.items():
        raw = event.data.get(name)
        if isinstance(raw, Mapping):
            objects[name], wrong = conform(name, contract, raw)
            misfits += wrong
        elif raw is not None:
            misfits.append(no_object(name, raw))
    there = situation(definitions, kind, event.data, objects, event.time, zone)
    said = {misfit.path for misfit in misfits}
    return Situation(there.scope, [*misfits, *(misfit for misfit in there.misfits if misfit.path not in said)])


def situation(
    definitions: Definitions, kind: EventType, data: Mapping[str, Any], objects: Objects, now: dt.datetime, zone: ZoneInfo
) -> Situation:
    """The scope of an event whose objects are ``objects``, judged against the data contract."""
    misfits: list[Misfit] = []
    scope: dict[str, object] = {NOW: now, ZONE: zone}
    for name, stored in objects.items():
        contract = definitions.project.objects.get(name)
        if contract is not None:
            misfits += missing(name, contract, stored)
            scope[name] = hydrate(contract, stored)
    own = object_type(kind.fields)
    fields, wrong = conform("event", own, data)
    misfits += wrong + [m for m in missing("event", own, fields) if m.path not in {w.path for w in wrong}]
    scope["event"] = hydrate(own, fields)
    survey = answered_survey(definitions, kind.name)
    if survey is not None:
        misfits += _answer(scope, survey, data)
        if not any(misfit.required for misfit in misfits):
            _leave_empty(scope, survey, promised(definitions, kind))
    return Situation(scope, misfits)


def lacking(definitions: Definitions, kind: EventType, scope: Mapping[str, object]) -> list[Misfit]:
    """The objects without which the event is none: those that its declaration names, and who answered where that is known."""
    return [absent_object(name) for name in sorted(carried(definitions, kind)) if scope.get(name) is None]


def _answer(scope: dict[str, object], survey: Survey, data: Mapping[str, Any]) -> list[Misfit]:
    answers = object_type(answer_types(survey))
    raw = data.get("answers")
    given = {name: value for name, value in raw.items() if value is not None} if isinstance(raw, Mapping) else {}
    values, misfits = conform("answer", answers, given)
    misfits += [
        Misfit(f"answer.{name[:_LONGEST]}", f"a question of {survey.name}", "none", False) for name in given if name not in answers.fields
    ]
    if raw is not None and not isinstance(raw, Mapping):
        misfits.append(no_object("answers", raw))
    empty = {question.id: _EMPTY[question.type] for question in survey.questions if _may_be_empty(question) and question.show_if is None}
    read = {**empty, **hydrate(answers, values)}
    misfits += [m for m in missing("answer", answers, read) if m.path not in {w.path for w in misfits}]
    _, category = rate(survey, read)
    for name in answers.fields:
        scope.setdefault(name, read.get(name))
    scope["answer"] = {**read, "category": category, "sentiment": sentiment(category) if category else None}
    invitation = data.get("invitation")
    known, wrong = conform("invitation", INVITATION, invitation if isinstance(invitation, Mapping) else {})
    scope["invitation"] = hydrate(INVITATION, {"channel": "link", "language": "", **known})
    return misfits + wrong


def _may_be_empty(question: Question) -> bool:
    return question.type in _EMPTY and not question.required


def _leave_empty(scope: dict[str, object], survey: Survey, sure: Needs) -> None:
    """The questions whose condition holds and that were left empty. Nothing that a condition reads is missing any more here."""
    answer = scope["answer"]
    assert isinstance(answer, Mapping)
    for question in survey.questions:
        if not _may_be_empty(question) or question.show_if is None or answer.get(question.id) is not None:
            continue
        term = question.show_if.term
        if absent(roots(term) & sure, scope) is None and evaluate(term, scope):
            scope[question.id] = _EMPTY[question.type]
            scope["answer"] = answer = {**answer, question.id: scope[question.id]}

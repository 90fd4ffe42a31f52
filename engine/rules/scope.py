"""What the expressions behind an event read: the event's own data, the answer, and the objects as they are now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from engine.dsl.contract import INVITATION, answer_types
from engine.dsl.expressions.meaning import NOW, ZONE
from engine.model.definitions import Definitions, EventType, Survey
from engine.model.types import object_type
from engine.rules.facts import Misfit, conform, hydrate, missing
from engine.rules.scoring import rate, sentiment

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


def answered_survey(definitions: Definitions, event_type: str) -> Survey | None:
    """The survey that an `answered` or `edited` event is about."""
    parts = event_type.split(".")
    if len(parts) == 3 and parts[0] == "survey" and parts[2] in ("answered", "edited"):
        return definitions.surveys.get(parts[1])
    return None


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
    return Situation(scope, misfits)


def _answer(scope: dict[str, object], survey: Survey, data: Mapping[str, Any]) -> list[Misfit]:
    answers = object_type(answer_types(survey))
    raw = data.get("answers")
    values, misfits = conform("answer", answers, raw if isinstance(raw, Mapping) else {})
    misfits += [m for m in missing("answer", answers, values) if m.path not in {w.path for w in misfits}]
    read = hydrate(answers, values)
    _, category = rate(survey, read)
    for name in answers.fields:
        scope.setdefault(name, read.get(name))
    scope["answer"] = {**read, "category": category, "sentiment": sentiment(category) if category else None}
    invitation = data.get("invitation")
    known, wrong = conform("invitation", INVITATION, invitation if isinstance(invitation, Mapping) else {})
    scope["invitation"] = hydrate(INVITATION, {"channel": "link", "language": "", **known})
    return misfits + wrong

"""What each place of the language may read: names and their types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from engine.dsl.others import Names, SurveyFace
from engine.model.definitions import EventType
from engine.model.types import Type, object_type


def of_contact(objects: Mapping[str, Type]) -> Names:
    """`contact`, and the company that may stand behind it."""
    names = {"contact": objects["contact"]} if "contact" in objects else {}
    if "company" in objects:
        names["company"] = object_type(objects["company"].fields, optional=True)
    return names


def of_audience(objects: Mapping[str, Type], kind: str) -> Names:
    """The object that an audience selects; with a contact, its company."""
    return of_contact(objects) if kind == "contact" else {kind: objects[kind]}


def of_event(objects: Mapping[str, Type], event: EventType) -> Names:
    """What an event's declaration names, and its linked contact."""
    names = of_contact(objects)
    for carried in event.objects:
        if carried in objects:
            names[carried] = objects[carried]
    names["event"] = object_type(event.fields)
    return names


def of_answer(objects: Mapping[str, Type], event: EventType, survey: SurveyFace) -> Names:
    """What an automation on an answer reads: the answers by their bare ids too."""
    names = of_event(objects, event)
    names["answer"] = survey.answer
    names["invitation"] = survey.invitation
    _hide_contact(names, anonymous=survey.anonymous, open_=survey.open)
    for name, kind in survey.answers.items():
        names.setdefault(name, kind)
    return names


def _hide_contact(names: Names, *, anonymous: bool, open_: bool) -> None:
    """An anonymous survey knows nobody; an open one may."""
    if anonymous:
        for name in ("contact", "company"):
            names.pop(name, None)
    elif open_ and "contact" in names:
        names["contact"] = object_type(names["contact"].fields, optional=True)


def of_questions(objects: Mapping[str, Type], about: str, earlier: Names, *, anonymous: bool, open_: bool) -> Names:
    """What `show_if` and the texts of a survey read: the answers to earlier questions (all for thanks), and whom it is about."""
    names = of_contact(objects)
    if about in objects:
        names[about] = objects[about]
    _hide_contact(names, anonymous=anonymous, open_=open_)
    names["answer"] = object_type(earlier)
    return {**names, **earlier}


def shared(scopes: Iterable[Names]) -> Names:
    """Where several events lead to one place: the names that all have, with one type."""
    found: Names | None = None
    for scope in scopes:
        if found is None:
            found = dict(scope)
        else:
            found = _common(found, scope)
    return found or {}


def _common(a: Mapping[str, Type], b: Mapping[str, Type]) -> Names:
    merged = {name: _merge(kind, b[name]) for name, kind in a.items() if name in b}
    return {name: kind for name, kind in merged.items() if kind is not None}


def _merge(a: Type, b: Type) -> Type | None:
    """The one type of both; it may be missing where either may. Scores on two scales are one type, with the values of both."""
    if a == b:  # nearly always: surveys are asked about the same contact
        return a
    if a.kind == b.kind == "object":
        return object_type(_common(a.fields, b.fields), optional=a.optional or b.optional)
    if replace(a, optional=False, range=None) != replace(b, optional=False, range=None):
        return None
    ends = (min(a.range[0], b.range[0]), max(a.range[1], b.range[1])) if a.range is not None and b.range is not None else None
    return replace(a, optional=a.optional or b.optional, range=ends)

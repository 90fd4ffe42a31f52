"""`scenario:` — what happens on a virtual clock, and what is expected. Names and data are checked as they are elsewhere."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from engine.dsl.build.bench import Bench
from engine.dsl.build.content import literal_fits
from engine.dsl.build.steps import ALL
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.schema.automation import ACTIONS, PRIORITIES
from engine.model.definitions import Scenario
from engine.model.types import Type, object_type

_ANY_ZONE = ZoneInfo("UTC")
ENTRY = ("at", "event", "answer", "contact", "data", "answers", "expect")
EXPECTED = (*ALL, "invitation", "reminder")
_SENT = frozenset({"survey", "via", "contact", "channel", "language", "variant", "cadence", "template", "to"})
_FIELDS = {  # what an effect that is expected may be told by; an `update` names objects of the author's
    **{action: frozenset({*keys, "via", "contact"}) for action, (_, keys) in ACTIONS.items()},
    "invitation": _SENT,
    "reminder": _SENT,
}


def build_scenario(bench: Bench, document: Mapping, name: str) -> Scenario | None:
    start = document.get("start")
    contacts, timeline = document.get("contacts"), document.get("timeline")
    assert start is not None
    assert isinstance(timeline, Sequence)
    known = list(contacts.entries) if isinstance(contacts, Mapping) else []
    for _, node in _entries(contacts):
        if "contact" in bench.objects:
            _fields(bench, "contact", bench.objects["contact"], node, judged=True)
    for entry in timeline.items:
        assert isinstance(entry, Mapping)
        _entry(bench, entry, known)
    try:
        begins = dt.datetime.fromisoformat(str(start.data))
    except ValueError:
        bench.error("SND103", f"`{start.data}` is no instant", start.span)
        return None
    _in_order(bench, timeline, begins)
    if bench.errors:
        return None
    title = document.get("title")
    return Scenario(
        name=name,
        title=bench.literal(title) if title is not None else None,
        start=begins,
        contacts={name: _object(person, bench.objects.get("contact")) for name, person in _entries(contacts)},
        timeline=tuple(_ordered(_object(entry, _kind(bench, entry))) for entry in timeline.items),
        renamed_from=bench.earlier_name(document),
        at=document.span,
    )


def _in_order(bench: Bench, timeline: Sequence, begins: dt.datetime) -> None:
    """What an entry expects began with the entry above it, so time goes on from one to the next."""
    times = [bench.duration(entry.get("at")) for entry in timeline.items if isinstance(entry, Mapping)]
    for entry, before, at in zip(timeline.items[1:], times, times[1:], strict=False):
        if before is not None and at is not None and not bench.errors and at.after(begins, _ANY_ZONE) < before.after(begins, _ANY_ZONE):
            assert isinstance(entry, Mapping)
            bench.error("SND103", f"`{at}` comes before `{before}`, which stands above it", entry.entries["at"][1].span)


def _entries(node: Node | None) -> list[tuple[str, Node]]:
    return [(name, value) for name, (_, value) in node.entries.items()] if isinstance(node, Mapping) else []


def _kind(bench: Bench, entry: Node) -> Type:
    """What an entry holds: objects and fields of its event, answers to its survey."""
    assert isinstance(entry, Mapping)
    event, survey = bench.event(str(entry.data.get("event"))), bench.others.survey(str(entry.data.get("answer")))
    data = object_type({**bench.objects, **event.fields} if event is not None else bench.objects)
    return object_type({"data": data, "answers": object_type(survey.answers if survey is not None else {})})


def _ordered(entry: dict[str, object]) -> dict[str, object]:
    """An entry's keys in an order of our own: the author's means nothing, and enters no fingerprint."""
    return {key: entry[key] for key in ENTRY if key in entry}


def _object(node: Node, kind: Type | None) -> dict[str, object]:
    fields = kind.fields if kind is not None else {}
    return {name: _value(value, fields.get(name)) for name, value in _entries(node)}


def _value(node: Node, kind: Type | None) -> object:
    """What is written; where text is expected, a plain scalar is its source text: `phone: +79161234567` keeps its plus."""
    if isinstance(node, Mapping):
        return _object(node, kind)
    if isinstance(node, Sequence):
        return tuple(_value(item, kind.item if kind is not None else None) for item in node.items)
    assert isinstance(node, Scalar)
    return node.text if kind is not None and kind.is_text and node.data is not None else node.data


def _fields(bench: Bench, kind: str, contract: Type, node: Node, *, judged: bool) -> None:
    """``judged``: the values must fit. Those of an event may not: what becomes of such is worth a scenario."""
    for field, (key, value) in node.entries.items() if isinstance(node, Mapping) else ():
        if field not in contract.fields:
            bench.error("SND303", f"`{kind}` has no `{field}`", key.span, did_you_mean(field, contract.fields))
        elif judged:
            _fit(bench, field, contract.fields[field], value)


def _fit(bench: Bench, name: str, wanted: Type, node: Node) -> None:
    match node:
        case Scalar() if wanted.kind in ("list", "object", "money"):
            fits = node.data is None and wanted.optional
        case Scalar():
            fits = (node.data is None and wanted.optional) or literal_fits(node, wanted)
        case Sequence() if wanted.kind == "list" and wanted.item is not None:
            for item in node.items:
                _fit(bench, name, wanted.item, item)
            return
        case Mapping() if wanted.kind in ("object", "money"):
            _fields(bench, name, wanted, node, judged=True)
            return
        case _:
            fits = False
    if not fits:
        written = f"`{node.text}`" if isinstance(node, Scalar) else "a list" if isinstance(node, Sequence) else "a map"
        hint = did_you_mean(node.text, wanted.options) if isinstance(node, Scalar) and wanted.options else None
        span = f" from {wanted.range[0]} to {wanted.range[1]}" if wanted.range is not None else ""
        bench.error("SND304", f"`{name}` is {wanted.required()}{span}, but the value is {written}", node.span, hint)


def _entry(bench: Bench, entry: Mapping, contacts: list[str]) -> None:
    event, answer, contact = entry.get("event"), entry.get("answer"), entry.get("contact")
    if event is not None and answer is not None:
        bench.error("SND108", "an entry has `event` or `answer`, not both", entry.key_span("answer"))
    if contact is not None and bench.literal(contact) not in contacts:
        bench.error(
            "SND201", f"there is no contact `{contact.data}` in this scenario", contact.span, did_you_mean(str(contact.data), contacts)
        )
    if event is not None:
        name = bench.literal(event)
        known = bench.event(name)
        if known is None:
            bench.error("SND202", f"there is no event `{name}`", event.span, did_you_mean(name, bench.event_names()))
        else:
            _data(bench, name, {*known.objects, "contact", "company"}, set(known.fields), entry.get("data"))
    if answer is not None:
        survey = bench.reference("survey", answer)
        answers = entry.get("answers")
        if survey is not None and isinstance(answers, Mapping):
            face = bench.others.survey(survey)
            if face is not None:
                _fields(bench, survey, object_type(face.answers), answers, judged=True)
    expect = entry.get("expect")
    for item in expect.items if isinstance(expect, Sequence) else ():
        assert isinstance(item, Mapping)
        for effect, (key, fields) in item.entries.items():
            if effect not in EXPECTED:
                bench.error("SND201", f"`{effect}` is no effect that could be expected", key.span, did_you_mean(effect, EXPECTED))
            elif effect in _FIELDS and isinstance(fields, Mapping):
                _expected(bench, effect, fields)


def _expected(bench: Bench, effect: str, fields: Mapping) -> None:
    """An effect is told by its fields: one that it never has would match nothing."""
    for field, (key, value) in fields.entries.items():
        if field not in _FIELDS[effect]:
            bench.error("SND303", f"`{effect}` has no `{field}`", key.span, did_you_mean(field, _FIELDS[effect]))
        elif field == "survey":
            bench.reference("survey", value)
        elif field == "priority" and value.data not in PRIORITIES:
            bench.error("SND103", f"`{value.data}` is not a priority", value.span, did_you_mean(str(value.data), PRIORITIES))


def _data(bench: Bench, event: str, objects: set[str], fields: set[str], node: Node | None) -> None:
    for name, (key, value) in node.entries.items() if isinstance(node, Mapping) else ():
        if name in bench.objects and name in objects:
            _fields(bench, name, bench.objects[name], value, judged=False)
        elif name not in fields:
            bench.error("SND303", f"`{event}` has no `{name}`", key.span, did_you_mean(name, objects | fields))

"""`scenario:` — what happens on a virtual clock, and what is expected. Names and data are checked as they are elsewhere."""

from __future__ import annotations

import datetime as dt

from engine.dsl.build.bench import Bench
from engine.dsl.build.steps import ALL
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.model.definitions import Scenario
from engine.model.types import Type, object_type

ENTRY = ("at", "event", "answer", "contact", "data", "answers", "expect")
EXPECTED = (*ALL, "invitation", "reminder")


def build_scenario(bench: Bench, document: Mapping, name: str) -> Scenario | None:
    start = document.get("start")
    contacts, timeline = document.get("contacts"), document.get("timeline")
    assert start is not None
    assert isinstance(timeline, Sequence)
    known = list(contacts.entries) if isinstance(contacts, Mapping) else []
    for _, (_, node) in contacts.entries.items() if isinstance(contacts, Mapping) else ():
        _fields(bench, "contact", bench.objects.get("contact"), node)
    for entry in timeline.items:
        assert isinstance(entry, Mapping)
        _entry(bench, entry, known)
    try:
        begins = dt.datetime.fromisoformat(str(start.data))
    except ValueError:
        bench.error("SND103", f"`{start.data}` is no instant", start.span)
        return None
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


def _fields(bench: Bench, kind: str, contract: Type | None, node: Node) -> None:
    for field, (key, _) in node.entries.items() if isinstance(node, Mapping) and contract is not None else ():
        if contract is not None and field not in contract.fields:
            bench.error("SND303", f"`{kind}` has no `{field}`", key.span, did_you_mean(field, contract.fields))


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
            for question, (key, _) in answers.entries.items() if face is not None else ():
                if face is not None and question not in face.answers:
                    bench.error("SND303", f"`{survey}` has no question `{question}`", key.span, did_you_mean(question, face.answers))
    expect = entry.get("expect")
    for item in expect.items if isinstance(expect, Sequence) else ():
        assert isinstance(item, Mapping)
        for effect, (key, _) in item.entries.items():
            if effect not in EXPECTED:
                bench.error("SND201", f"`{effect}` is no effect that could be expected", key.span, did_you_mean(effect, EXPECTED))


def _data(bench: Bench, event: str, objects: set[str], fields: set[str], node: Node | None) -> None:
    for name, (key, value) in node.entries.items() if isinstance(node, Mapping) else ():
        if name in bench.objects and name in objects:
            _fields(bench, name, bench.objects[name], value)
        elif name not in fields:
            bench.error("SND303", f"`{event}` has no `{name}`", key.span, did_you_mean(name, objects | fields))

"""What actions come to: rows of the outbox, changes of our own data, events, invitations — gathered, and written together."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.deploy.versions import Version
from engine.dsl.uses import OWN_ACTIONS
from engine.messages.render import template_value
from engine.model.definitions import Cadence, EventType, Step
from engine.model.delivery import Delivery
from engine.model.events import Event, Record
from engine.model.feedback import Invitation, InvitationState
from engine.model.runs import Delivered, Outcome, Replied, Skipped
from engine.model.texts import Template, Text
from engine.model.types import Type, object_type
from engine.rules.eligibility import no_address, reaching
from engine.rules.facts import conform
from engine.rules.flow import Act
from engine.runtime.people import People
from engine.runtime.suppression import Suppressing, addresses, suppress
from engine.schedule.durations import Duration
from engine.store.protocol import Incoming, NewDelivery, Settled, Told, Transaction

OWN_SOURCE = "sounding"
MAX_NOTED = 1_000  # kinds of things that came to nothing; senders choose the names in some


@dataclass(slots=True)
class Batch:
    """Writes, gathered so that what fails leaves nothing behind."""

    people: People
    settled: list[Settled] = field(default_factory=list)
    derived: list[Incoming] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)
    deliveries: list[NewDelivery] = field(default_factory=list)
    suppressing: list[Suppressing] = field(default_factory=list)
    noted: Counter[tuple[str, str]] = field(default_factory=Counter)  # (what, why) that came to nothing

    def flush(self, tx: Transaction, now: dt.datetime) -> None:
        self.people.flush()
        tx.add_invitations(self.invitations)
        tx.enqueue(self.deliveries)
        tx.accept(self.derived, now)
        tx.settle(self.settled)
        suppress(tx, self.suppressing, now)
        if self.noted:
            tx.note(self.noted, now, most=MAX_NOTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One event or one run, with all that its effects are made of."""

    version: Version
    cause: str  # names it for good; with an effect's origin it is the effect's idempotency key
    event: int | None  # sequence number
    time: dt.datetime  # of the event
    part: int
    records: Mapping[str, Record]
    scope: Mapping[str, object]
    own: Mapping[str, Any]  # what the event says of itself beyond its data; kept with each effect, since it is known only now
    depth: int  # of the event: how many were emitted one by another until it
    now: dt.datetime
    run: str | None = None  # that the effects belong to

    @property
    def subjects(self) -> dict[str, str]:
        return {kind: record.key for kind, record in self.records.items()}

    def key(self, origin: str) -> str:
        """The idempotency key of an effect: the same cause and origin are the same effect, always."""
        return effect_key(self.cause, origin)


def in_sight(kind: EventType, records: Mapping[str, Record]) -> dict[str, Mapping[str, Any]]:
    """What the rules behind an event may read: the objects that its declaration names, its contact and company."""
    return {name: record.data for name, record in records.items() if name in {*kind.objects, "contact", "company"}}


def cause_of(event: Event) -> str:
    return f"{event.source}\0{event.id}"


def effect_key(cause: str, origin: str) -> str:
    return "s-" + hashlib.blake2b(f"{cause}\0{origin}".encode(), digest_size=16).hexdigest()


def own_event(
    type_: str, cause: str, time: dt.datetime, data: Mapping[str, Any], subjects: Mapping[str, str], part: int, depth: int = 0
) -> Incoming:
    """An event of the engine's own; the same cause gives the same event, so it happens once."""
    event = Event(id=f"{type_}/{cause}", source=OWN_SOURCE, type=type_, time=time, data=data)
    return Incoming(event=event, part=part, subjects=subjects, depth=depth)


def carry_out(case: Case, act: Act, batch: Batch) -> Outcome | None:
    """Do what an action says; its outcome where that is known at once, None where it is on its way."""
    if act.step.action not in OWN_ACTIONS:
        batch.deliveries.append(_delivery(case, act))
        return None
    match act.step.action:
        case "update":
            _update(case, act, batch)
        case "emit":
            _emit(case, act, batch)
        case "ask":
            return _ask(case, act, batch)
        case "suppress":
            return _suppress(case, act, batch)
        case action:
            raise AssertionError(f"no way to carry out {action}")
    return Delivered(act.at)


def _delivery(case: Case, act: Act) -> NewDelivery:
    contact = case.records.get("contact")
    assert act.step.via is not None
    delivery = Delivery(
        id=0,
        part=contact.part if contact is not None else case.part,
        key=case.key(act.origin),
        action=act.step.action,
        connection=act.step.via,
        origin=act.origin,
        deployment=case.version.number,
        event=case.event,
        contact=contact.key if contact is not None else None,
        invitation=None,
        answer=None,
        subjects=case.subjects,
        payload=case.own,
        respondent=act.step.action == "email" and not _is_for_staff(act.step),
        run=case.run,
    )
    return NewDelivery(delivery=delivery, due=case.now)


def _is_for_staff(step: Step) -> bool:
    """Whether a mail goes to an address that is written in its step: that is nobody's whom events are about."""
    to = step.content.get("to")
    return isinstance(to, Text) and all(template.body is None for template in to.by_language.values())


def _update(case: Case, act: Act, batch: Batch) -> None:
    for kind, fields in act.step.content.items():
        assert isinstance(fields, Mapping)
        values = _values(kind, fields, case.version.definitions.project.objects[kind], case.scope)
        if kind in case.records:
            batch.people.update(kind, case.records[kind].key, values, case.now)


def _emit(case: Case, act: Act, batch: Batch) -> None:
    """An event of the project's own. It is about what its cause was about."""
    name, given = act.step.content["event"], act.step.content["data"]
    assert isinstance(name, str)
    assert isinstance(given, Mapping)
    contract = object_type(case.version.rules.events[name].fields)
    data = {field: value for field, value in _values("event", given, contract, case.scope).items() if value is not None}
    batch.derived.append(own_event(name, case.key(act.origin), case.now, data, case.subjects, case.part, case.depth + 1))


def _values(name: str, fields: Mapping[str, object], contract: Type, scope: Mapping[str, object]) -> dict[str, Any]:
    """What templates come to, by field and in its type."""
    values: dict[str, Any] = {}
    for field_name, template in fields.items():
        assert isinstance(template, Template)
        if template.body is not None:
            value = template_value(template, scope)
        else:
            value = _literal(template.text, contract.fields[field_name].kind)
        raw = value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value
        values |= {field_name: None} if raw is None else conform(name, contract, {field_name: raw})[0]
    return values


def _literal(text: str, kind: str) -> object:
    if kind == "boolean":
        return text.lower() == "true"
    if kind in ("integer", "number"):
        return int(text) if kind == "integer" else float(text)
    return text


def invite(case: Case, cadence: Cadence, batch: Batch) -> str | None:
    """Plan an invitation; the reason why not, where nothing reaches the contact."""
    contact, zone, works = case.records["contact"], case.version.zone, case.version.definitions.project.works
    due = max(cadence.after.after(case.time, zone, works) if cadence.after is not None else case.time, case.now)
    connection = reaching(case.version.definitions, cadence.via, contact.data)
    if connection is None:
        if due <= case.now:
            return no_address(cadence.via)
        connection = cadence.via[0]  # an address may be known by then; the claim judges
    assert case.event is not None
    origin = f"cadence.{cadence.name}"
    key = case.key(origin)
    invitation = Invitation(
        id=key,
        part=contact.part,
        contact=contact.key,
        survey=cadence.survey,
        cadence=cadence.name,
        deployment=case.version.number,
        event=case.event,
        subjects=case.subjects,
        state=InvitationState.PLANNED,
        due=due,
        lifetime=cadence.expires.seconds(due, zone, works) if cadence.expires is not None else None,
    )
    delivery = Delivery(
        id=0,
        part=contact.part,
        key=key,
        action="invite",
        connection=connection,
        origin=origin,
        deployment=case.version.number,
        event=case.event,
        contact=contact.key,
        invitation=key,
        answer=None,
        subjects=case.subjects,
        payload=case.own,
        respondent=True,
    )
    batch.invitations.append(invitation)
    batch.deliveries.append(NewDelivery(delivery=delivery, due=due))
    return None


def _ask(case: Case, act: Act, batch: Batch) -> Outcome:
    """Plan an invitation that a step asks for. Its id is known at once; what becomes of it is told to the run."""
    content, version = act.step.content, case.version
    contact, survey, after, expires, via = (
        case.records.get("contact"),
        content["survey"],
        content.get("after"),
        content.get("expires"),
        content.get("via") or tuple(version.definitions.project.connections),
    )
    assert isinstance(survey, str)
    assert isinstance(via, tuple)
    if contact is None or case.event is None:
        return Skipped(act.at, "no contact")
    works = version.definitions.project.works
    due = after.after(case.now, version.zone, works) if isinstance(after, Duration) else case.now
    connection = reaching(version.definitions, via, contact.data)
    if connection is None:
        return Skipped(act.at, no_address(via))
    key = case.key(act.origin)
    invitation = Invitation(
        id=key,
        part=contact.part,
        contact=contact.key,
        survey=survey,
        cadence="",
        deployment=version.number,
        event=case.event,
        subjects=case.subjects,
        state=InvitationState.PLANNED,
        due=due,
        lifetime=expires.seconds(due, version.zone, works) if isinstance(expires, Duration) else None,
    )
    delivery = Delivery(
        id=0,
        part=contact.part,
        key=key,
        action="invite",
        connection=connection,
        origin=act.origin,
        deployment=version.number,
        event=case.event,
        contact=contact.key,
        invitation=key,
        answer=None,
        subjects=case.subjects,
        payload=case.own,
        respondent=True,
        run=case.run,
    )
    batch.invitations.append(invitation)
    batch.deliveries.append(NewDelivery(delivery=delivery, due=due))
    return Delivered(act.at, {"id": key})


def _suppress(case: Case, act: Act, batch: Batch) -> Outcome:
    """Send nothing more to where the contact is reached now: through all channels or one, for good or `for` a time."""
    content, contact = act.step.content, case.records.get("contact")
    if contact is None:
        return Skipped(act.at, "no contact")
    channel, lasting = content.get("channel"), content.get("for")
    found = addresses(contact.data, channel if isinstance(channel, str) else None)
    if not found:
        return Skipped(act.at, f"no address for {channel}" if channel is not None else "no address")
    until = lasting.after(case.now, case.version.zone, case.version.definitions.project.works) if isinstance(lasting, Duration) else None
    reason = str(content.get("reason") or act.origin)
    batch.suppressing += [Suppressing(channel=name, address=address, until=until, reason=reason) for name, address in found]
    return Delivered(act.at)


def tell_asker(tx: Transaction, invitation: Invitation, verb: str) -> None:
    """The run whose step asked for an invitation hears what became of it."""
    if invitation.cadence:
        return
    row = tx.delivery(invitation.id)
    if row is not None and row.run is not None:
        tx.tell([Told(run=row.run, what=Replied(row.position, verb))])


def cancel(tx: Transaction, case: Case, cadence: Cadence, event_type: str, batch: Batch) -> None:
    """Take back invitations that nobody has begun to send: those about the event's own object, or about nothing of its kind."""
    contact, reason = case.records.get("contact"), f"cancelled by {event_type}"
    if contact is None:
        return
    about = case.version.rules.events[event_type].objects

    def concerned(invitation: Invitation) -> bool:
        mine = invitation.contact == contact.key and invitation.cadence == cadence.name and invitation.state is InvitationState.PLANNED
        return mine and all(case.records[kind].key == key for kind, key in invitation.subjects.items() if kind in about)

    for number, planned in enumerate(batch.invitations):
        if concerned(planned):
            batch.invitations[number] = replace(planned, state=InvitationState.DROPPED, reason=reason)
    for stored in tx.unsent(contact.key, cadence.name):
        if concerned(stored):
            tx.save_invitation(replace(stored, state=InvitationState.DROPPED, reason=reason))

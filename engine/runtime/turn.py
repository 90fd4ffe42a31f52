"""The turn: waiting events and due timers are decided, and everything that follows is written, in one transaction."""

from __future__ import annotations

import datetime as dt
import hashlib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.deploy.versions import Version, Versions
from engine.dsl.uses import USES
from engine.errors import RefusedError
from engine.messages.render import template_value
from engine.model.definitions import Cadence, EventType
from engine.model.delivery import Delivery
from engine.model.events import Event, Record
from engine.model.feedback import Invitation, InvitationState
from engine.model.runs import Delivered, Outcome, RunState
from engine.model.texts import Template
from engine.rules.decide import Ask, Begin, Decision, decide
from engine.rules.eligibility import address_for
from engine.rules.facts import conform
from engine.rules.flow import Act, advance, begin
from engine.rules.scope import situation
from engine.runtime.people import Brought, People, part_of
from engine.store.protocol import EventState, Incoming, NewDelivery, Settled, Transaction, Waiting

MAX_EVENTS = 500  # a turn
OWN_SOURCE = "sounding"
MAX_TRACEBACK = 4_000


@dataclass(slots=True)
class TurnReport:
    """What a turn did, for whoever waits for its effects."""

    decided: int = 0
    parked: int = 0
    quarantined: int = 0
    more: bool = False  # events are still waiting
    connections: set[str] = field(default_factory=set)  # with something new in the outbox
    next_timer: dt.datetime | None = None


@dataclass(slots=True)
class _Batch:
    """The writes of a turn, gathered so that an event that fails leaves nothing behind."""

    people: People
    settled: list[Settled] = field(default_factory=list)
    derived: list[Incoming] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)
    deliveries: list[NewDelivery] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """One event, with all that its effects are made of."""

    version: Version
    row: Waiting
    records: Mapping[str, Record]
    scope: Mapping[str, object]
    own: Mapping[str, Any]  # what the event says of itself beyond its data; kept with each effect, since it is known only now
    now: dt.datetime

    @property
    def subjects(self) -> dict[str, str]:
        return {kind: record.key for kind, record in self.records.items()}


def run_turn(tx: Transaction, versions: Versions, now: dt.datetime, limit: int = MAX_EVENTS) -> TurnReport:
    """Decide up to ``limit`` waiting events under the current version."""
    report = TurnReport()
    version = versions.refresh(tx)
    if version is None:
        return report
    _expire(tx, version, now)
    rows = tx.waiting(limit)
    report.more = len(rows) == limit
    _decide_all(tx, version, rows, now, report)
    report.next_timer = tx.next_timer()
    return report


def _decide_all(tx: Transaction, version: Version, rows: Sequence[Waiting], now: dt.datetime, report: TurnReport) -> None:
    """A batch in which the engine fails is halved until the culprit is alone. It is parked; those before and behind it are decided."""
    if not rows:
        return
    try:
        with tx.attempt():
            batch = _Batch(People(tx, version.definitions, rows))
            for row in rows:
                _decide_one(version, row, batch, now)
            _flush(tx, batch, now)
    except RefusedError:  # the store's fault, and no event's
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it is kept with the event that caused it
        if len(rows) == 1:
            _park(tx, rows[0], error)
            report.parked += 1
            return
        middle = len(rows) // 2
        _decide_all(tx, version, rows[:middle], now, report)
        _decide_all(tx, version, rows[middle:], now, report)
        return
    report.quarantined += sum(1 for one in batch.settled if one.state is EventState.QUARANTINED)
    report.decided += len(batch.settled)
    report.more |= bool(batch.derived)
    report.connections |= {row.delivery.connection for row in batch.deliveries}


def _park(tx: Transaction, row: Waiting, error: Exception) -> None:
    # The last frames only: local values may be personal and are in none of them.
    note = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
    tx.settle([Settled(seq=row.seq, state=EventState.PARKED, note=note)])


def _flush(tx: Transaction, batch: _Batch, now: dt.datetime) -> None:
    batch.people.flush()
    tx.add_invitations(batch.invitations)
    tx.enqueue(batch.deliveries)
    tx.accept(batch.derived, now)
    tx.settle(batch.settled)


def _decide_one(version: Version, row: Waiting, batch: _Batch, now: dt.datetime) -> None:
    event, people = row.event, batch.people
    if row.subjects is None:
        brought = people.bring(row)
    else:
        found = {kind: people.record(kind, key) for kind, key in row.subjects.items()}
        brought = Brought(records={kind: record for kind, record in found.items() if record is not None})
    if any(misfit.required for misfit in brought.misfits):
        batch.settled.append(_quarantined(row, brought.misfits, None))
        return
    records = people.around(brought.records)
    contact = records["contact"].key if "contact" in records else None
    kind = version.rules.events.get(event.type)
    if kind is None:
        people.keep(brought)
        batch.settled.append(Settled(seq=row.seq, state=EventState.DECIDED, contact=contact, trace={"unknown": event.type}))
        return
    own = {"changed": brought.changed.get(kind.objects[0], [])} if "changed" in kind.fields else {}
    there = situation(version.definitions, kind, {**event.data, **own}, in_sight(kind, records), now, version.zone)
    if there.refused and version.rules.candidates(event.type):
        # Taken as a whole or not at all: what is merged now would be no change any more when the event is replayed.
        known = contact is not None and people.record("contact", contact) is not None
        batch.settled.append(_quarantined(row, there.refused, contact if known else None))
        return
    people.keep(brought)
    _derive(row, kind, brought, batch)
    case = _Case(version=version, row=row, records=records, scope=there.scope, own=own, now=now)
    decision = decide(version.rules, event.type, there.scope, case.subjects)
    skipped = dict(decision.skipped) | _carry_out(case, decision, batch)
    trace: dict[str, Any] = {"deployment": version.number}
    if decision.fired:
        trace["fired"] = list(decision.fired)
    if skipped:
        trace["skipped"] = skipped
    misfits = brought.misfits + there.misfits
    if misfits:
        trace["misfits"] = [f"{m.path} is no {m.wanted}" for m in misfits]
    batch.settled.append(Settled(seq=row.seq, state=EventState.DECIDED, contact=contact, trace=trace))


def _quarantined(row: Waiting, misfits: Sequence[Any], contact: str | None) -> Settled:
    note = "; ".join(f"{m.path} must be {m.wanted}, but is {m.got}" for m in misfits if m.required)
    return Settled(seq=row.seq, state=EventState.QUARANTINED, contact=contact, note=note)


def in_sight(kind: EventType, records: Mapping[str, Record]) -> dict[str, Mapping[str, Any]]:
    """What the rules behind an event may read: the objects that its declaration names, its contact and company."""
    return {name: record.data for name, record in records.items() if name in {*kind.objects, "contact", "company"}}


def _derive(row: Waiting, kind: EventType, brought: Brought, batch: _Batch) -> None:
    """A deal whose stage is another one now: `deal.stage_changed`, and `deal.won` or `deal.lost` where the CRM says so."""
    if kind.name not in ("deal.created", "deal.updated") or "stage" not in brought.changed.get("deal", ()):
        return
    subjects = {name: record.key for name, record in brought.records.items()}
    for verb in ("stage_changed", row.event.outcome):
        if verb is not None:
            batch.derived.append(own_event(f"deal.{verb}", f"{row.event.source}/{row.event.id}", row.event.time, {}, subjects, row.part))


def own_event(type_: str, cause: str, time: dt.datetime, data: Mapping[str, Any], subjects: Mapping[str, str], part: int) -> Incoming:
    """An event of the engine's own; the same cause gives the same event, so it happens once."""
    event = Event(id=f"{type_}/{cause}", source=OWN_SOURCE, type=type_, time=time, data=data)
    return Incoming(event=event, part=part, subjects=subjects)


def _carry_out(case: _Case, decision: Decision, batch: _Batch) -> dict[str, str]:
    """Effects into the batch; what does nothing all the same, with the reason."""
    skipped: dict[str, str] = {}
    for effect in decision.effects:
        if isinstance(effect, Ask):
            refused = _invite(case, effect.cadence, batch)
            if refused is not None:
                skipped[f"cadence.{effect.cadence.name}"] = refused
        elif isinstance(effect, Begin):
            _run(case, effect, batch, skipped)
        else:
            _act(case, effect, batch)
    return skipped


def _act(case: _Case, act: Act, batch: _Batch) -> Outcome | None:
    """One action: done at once, or a row of the outbox."""
    if act.step.action == "update":
        _update(case, act, batch)
        return Delivered(act.at)
    batch.deliveries.append(_action(case, act))
    return None


def _run(case: _Case, effect: Begin, batch: _Batch, skipped: dict[str, str]) -> None:
    """A run whose steps look at what they have changed themselves. One that waits is not deployed (``deploy/executable.py``)."""

    def read() -> Mapping[str, object]:
        return _read_anew(case, batch).scope

    def do(act: Act) -> Outcome | None:
        return _act(_read_anew(case, batch), act, batch)

    def note(at: str, what: str) -> None:
        if what == "if" or what.startswith("no "):
            skipped[f"automation.{effect.flow.automation.name}/{at}"] = what

    run = begin(
        effect.flow,
        id=effect_key(case.row.event, f"automation.{effect.flow.automation.name}"),
        deployment=case.version.number,
        subject=effect.subject,
        type=case.row.event.type,
        time=case.row.event.time,
        data=case.row.event.data,
        subjects=case.subjects,
        event=case.row.seq,
    )
    run = advance(effect.flow, run, read, do, case.now, case.version.zone, note)
    assert run.state is RunState.DONE, f"{effect.flow.automation.name} waits, and runs are not stored"


def _read_anew(case: _Case, batch: _Batch) -> _Case:
    """The same case, with its objects as they are now."""
    records = {kind: batch.people.record(kind, record.key) or record for kind, record in case.records.items()}
    kind = case.version.rules.events[case.row.event.type]
    data = {**case.row.event.data, **case.own}
    there = situation(case.version.definitions, kind, data, in_sight(kind, records), case.now, case.version.zone)
    return replace(case, records=records, scope=there.scope)


def effect_key(event: Event, origin: str) -> str:
    """The idempotency key of an effect: the same event and origin are the same effect, always."""
    return "s-" + hashlib.blake2b(f"{event.source}\0{event.id}\0{origin}".encode(), digest_size=16).hexdigest()


def _action(case: _Case, act: Act) -> NewDelivery:
    contact = case.records.get("contact")
    assert act.step.via is not None
    delivery = Delivery(
        id=0,
        part=contact.part if contact is not None else case.row.part,
        key=effect_key(case.row.event, act.origin),
        action=act.step.action,
        connection=act.step.via,
        origin=act.origin,
        deployment=case.version.number,
        event=case.row.seq,
        contact=contact.key if contact is not None else None,
        invitation=None,
        answer=None,
        subjects=case.subjects,
        payload=case.own,
        respondent=act.step.action == "email",
    )
    return NewDelivery(delivery=delivery, due=case.now)


def _update(case: _Case, act: Act, batch: _Batch) -> None:
    for kind, fields in act.step.content.items():
        assert isinstance(fields, Mapping)
        contract = case.version.definitions.project.objects[kind]
        values: dict[str, Any] = {}
        for name, template in fields.items():
            assert isinstance(template, Template)
            if template.body is not None:
                value = template_value(template, case.scope)
            else:
                value = _literal(template.text, contract.fields[name].kind)
            raw = value.isoformat() if isinstance(value, (dt.date, dt.datetime)) else value
            values |= {name: None} if raw is None else conform(kind, contract, {name: raw})[0]
        if kind in case.records:
            batch.people.update(kind, case.records[kind].key, values, case.now)


def _literal(text: str, kind: str) -> object:
    if kind == "boolean":
        return text.lower() == "true"
    if kind in ("integer", "number"):
        return int(text) if kind == "integer" else float(text)
    return text


def _invite(case: _Case, cadence: Cadence, batch: _Batch) -> str | None:
    """Plan an invitation; the reason why not, where nothing reaches the contact."""
    contact, event, zone = case.records["contact"], case.row.event, case.version.zone
    due = max(cadence.after.after(event.time, zone) if cadence.after is not None else event.time, case.now)
    connection = reaching(case.version, cadence, contact.data)
    if connection is None:
        if due <= case.now:
            return "no address for " + " or ".join(cadence.via)
        connection = cadence.via[0]  # an address may be known by then; the claim judges
    origin = f"cadence.{cadence.name}"
    key = effect_key(event, origin)
    invitation = Invitation(
        id=key,
        part=contact.part,
        contact=contact.key,
        survey=cadence.survey,
        cadence=cadence.name,
        deployment=case.version.number,
        event=case.row.seq,
        subjects=case.subjects,
        state=InvitationState.PLANNED,
        due=due,
        lifetime=cadence.expires.seconds(due, zone) if cadence.expires is not None else None,
    )
    delivery = Delivery(
        id=0,
        part=contact.part,
        key=key,
        action="invite",
        connection=connection,
        origin=origin,
        deployment=case.version.number,
        event=case.row.seq,
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


def reaching(version: Version, cadence: Cadence, contact: Mapping[str, Any]) -> str | None:
    """The first connection of a cadence that has an address of the contact."""
    connections = version.definitions.project.connections
    for name in cadence.via:
        channel = USES[connections[name].use].channel
        if channel is not None and address_for(channel, contact) is not None:
            return name
    return None


def _expire(tx: Transaction, version: Version, now: dt.datetime) -> None:
    """Invitations whose time is over, and the event that says so where somebody waits for it."""
    timers = tx.due_timers(now, MAX_EVENTS)
    found = tx.invitations(timer.ref for timer in timers)
    for invitation in found.values():
        if invitation.state is not InvitationState.SENT:
            continue
        tx.save_invitation(replace(invitation, state=InvitationState.EXPIRED))
        type_ = f"survey.{invitation.survey}.expired"
        if version.rules.candidates(type_):
            tx.accept([own_event(type_, invitation.id, now, {}, invitation.subjects, part_of(invitation.contact))], now)

"""The turn: what runs were told, waits that are over and waiting events are decided, and everything that follows is written, in one
transaction."""

from __future__ import annotations

import datetime as dt
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from engine.deploy.versions import Version, Versions
from engine.dsl.uses import USES
from engine.errors import RefusedError
from engine.model.definitions import Cadence, EventType
from engine.model.events import Record
from engine.model.feedback import InvitationState
from engine.model.runs import Due, Happening
from engine.rules.decide import Ask, Begin, Cancel, Decision, decide
from engine.rules.eligibility import SUPPRESSED, reaching
from engine.rules.scope import lacking, situation
from engine.runtime.effects import Batch, Case, cancel, carry_out, cause_of, in_sight, invite, own_event, tell_asker
from engine.runtime.gather import Work, gather
from engine.runtime.people import Brought, People, part_of
from engine.runtime.runs import MAX_TRACEBACK, RunFailedError
from engine.runtime.suppression import is_suppressed
from engine.store.protocol import EventState, Settled, Transaction, Waiting

UNDECLARED = "no event of this type is declared"
MAX_EVENTS = 300  # a turn, so that the writer is not held for longer than some 50 ms; and as many runs that go on


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """An event whose data do not fit the contract, for the log: nothing in it is a value of its data."""

    seq: int
    type: str
    source: str
    id: str
    why: str


@dataclass(slots=True)
class TurnReport:
    """What a turn did, for whoever waits for its effects."""

    decided: int = 0
    parked: int = 0
    quarantined: list[Quarantined] = field(default_factory=list)
    undeclared: Counter[str] = field(default_factory=Counter)  # how many events of which type that nobody declared
    more: bool = False  # events are still waiting
    connections: set[str] = field(default_factory=set)  # with something new in the outbox
    next_timer: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    tx: Transaction
    versions: Versions
    version: Version  # the current one
    now: dt.datetime
    report: TurnReport


def run_turn(tx: Transaction, versions: Versions, now: dt.datetime, limit: int = MAX_EVENTS) -> TurnReport:
    """Decide up to ``limit`` waiting events under the current version; runs go on under their own."""
    report = TurnReport()
    version = versions.refresh(tx)
    if version is None:
        return report
    turn = _Turn(tx=tx, versions=versions, version=version, now=now, report=report)
    _expire(tx, version, now)
    _hear(turn)
    rows = tx.waiting(limit)
    _in_order(turn, rows, all_of_them=len(rows) < limit)
    report.next_timer = tx.next_timer()
    return report


def _hear(turn: _Turn) -> None:
    """The runs that were told something since the last turn."""
    told = turn.tx.told(MAX_EVENTS)
    turn.report.more = len(told) == MAX_EVENTS
    happened: dict[str, list[Happening]] = {}
    for one in told:
        happened.setdefault(one.run, []).append(one.what)
    _go_on_each(turn, happened)


def _in_order(turn: _Turn, rows: Sequence[Waiting], *, all_of_them: bool) -> None:
    """Events in the order of acceptance, and between them the waits that were over before: an event that was accepted in time ends a
    wait also where the daemon was down meanwhile, and one that came too late does not."""
    due = turn.tx.due_runs(turn.now, MAX_EVENTS)
    turn.report.more |= not all_of_them or len(due) == MAX_EVENTS
    done = over = 0
    for number, row in enumerate(rows if due else ()):
        first = over
        while over < len(due) and due[over][1] <= row.received:
            over += 1
        if over > first:
            _decide_all(turn, rows[done:number])
            done = number
            _time_out(turn, due[first:over])
    _decide_all(turn, rows[done:])
    if all_of_them:  # else events that were accepted sooner are still waiting
        _time_out(turn, due[over:])


def _time_out(turn: _Turn, due: Sequence[tuple[str, dt.datetime]]) -> None:
    _go_on_each(turn, {run: [Due(turn.now)] for run, _ in due})


def _go_on_each(turn: _Turn, happened: Mapping[str, Sequence[Happening]]) -> None:
    """As with events: where what runs come to cannot be written, they are halved until the culprit is alone, and it is parked."""
    if not happened:
        return

    def go_on(work: Work) -> None:
        work.runs.load(happened)
        for run, all_of_it in happened.items():
            for what in all_of_it:
                work.runs.happened(run, what)

    try:
        _gather(turn, [], go_on)
    except RefusedError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it is kept with the run that caused it
        runs = list(happened)
        if len(runs) == 1:
            _gather(turn, [], partial(_fail, runs[0], error, go_on))
            return
        middle = len(runs) // 2
        _go_on_each(turn, {run: happened[run] for run in runs[:middle]})
        _go_on_each(turn, {run: happened[run] for run in runs[middle:]})


def _fail(run: str, error: Exception, go_on: Callable[[Work], None], work: Work) -> None:
    """Have a run parked that did not fail by itself, but at what it came to."""
    if run not in work.broken:
        raise RunFailedError(run, error)
    go_on(work)


def _gather(turn: _Turn, rows: Sequence[Waiting], do: Callable[[Work], None]) -> Batch:
    work = gather(turn.tx, turn.versions, turn.version.definitions, rows, turn.now, do)
    turn.report.parked += len(work.broken)
    turn.report.more |= bool(work.batch.derived)
    turn.report.connections |= {row.delivery.connection for row in work.batch.deliveries}
    return work.batch


def _decide_all(turn: _Turn, rows: Sequence[Waiting]) -> None:
    """A batch in which the engine fails is halved until the culprit is alone. It is parked, and later events of its contact wait
    behind it; all others are decided."""
    if not rows:
        return

    def decide_each(work: Work) -> None:
        blocks = turn.tx.blocks()
        for row in rows:
            if not (blocks and _held(row, work)):
                _decide_one(turn.version, row, work, turn.now)

    try:
        batch = _gather(turn, rows, decide_each)
    except RefusedError:  # the store's fault, and no event's
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it is kept with the event that caused it
        if len(rows) == 1:
            _park(turn, rows[0], error)
            turn.report.parked += 1
            return
        middle = len(rows) // 2
        _decide_all(turn, rows[:middle])
        _decide_all(turn, rows[middle:])
        return
    turn.report.quarantined += _named(rows, batch.settled)
    turn.report.undeclared.update({what: many for (what, why), many in batch.noted.items() if why == UNDECLARED})
    turn.report.decided += len(batch.settled)


def _park(turn: _Turn, row: Waiting, error: Exception) -> None:
    # The last frames only: local values may be personal and are in none of them.
    note = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
    turn.tx.settle([Settled(seq=row.seq, state=EventState.PARKED, note=note)])
    try:
        names = People(turn.tx, turn.version.definitions, [row]).known_as(row)
    except RefusedError:
        raise
    except Exception:  # noqa: BLE001  # the engine fails at the very names: nobody can be told to wait behind it
        return
    turn.tx.block(names, row.seq)


def _held(row: Waiting, work: Work) -> bool:
    """Whether an earlier event of the contact is parked. What comes later must not overtake it, nor what waits behind it."""
    names = work.batch.people.known_as(row)
    behind = work.tx.blocked(names, row.seq)
    if behind is None:
        return False
    work.tx.hold(row.seq, behind)
    work.tx.block(names, behind)
    return True


def _decide_one(version: Version, row: Waiting, work: Work, now: dt.datetime) -> None:
    event, batch = row.event, work.batch
    people = batch.people
    replied = work.runs.reply(event)  # about what we made ourselves, whatever the contract says of such objects
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
        unknown: dict[str, Any] = {"unknown": event.type}
        _resume(event.type, records, work, replied, unknown)
        batch.settled.append(Settled(seq=row.seq, state=EventState.DECIDED, contact=contact, trace=unknown))
        if row.subjects is None:
            batch.noted[event.type, UNDECLARED] += 1
        return
    own = {"changed": brought.changed.get(kind.objects[0], [])} if "changed" in kind.fields else {}
    there = situation(version.definitions, kind, {**event.data, **own}, in_sight(kind, records), now, version.zone)
    refused = [*lacking(version.definitions, kind, there.scope), *there.refused]
    if refused and version.rules.candidates(event.type):
        # Taken as a whole or not at all: what is merged now would be no change any more when the event is replayed.
        known = contact is not None and people.record("contact", contact) is not None
        batch.settled.append(_quarantined(row, refused, contact if known else None))
        return
    people.keep(brought)
    _derive(row, kind, brought, batch)
    trace: dict[str, Any] = {"deployment": version.number}
    _resume(event.type, records, work, replied, trace)
    case = Case(
        version=version,
        cause=cause_of(event),
        event=row.seq,
        time=event.time,
        part=row.part,
        records=records,
        scope=there.scope,
        own=own,
        depth=row.depth,
        now=now,
    )
    decision = decide(version.rules, event.type, there.scope, case.subjects, work.runs.active)
    skipped = dict(decision.skipped) | _carry_out(case, decision, row, work)
    if decision.fired:
        trace["fired"] = list(decision.fired)
    if skipped:
        trace["skipped"] = skipped
    misfits = brought.misfits + there.misfits
    if misfits:
        trace["misfits"] = [str(misfit) for misfit in misfits]
    batch.noted.update((event.type, f"read as missing: {misfit}") for misfit in misfits)
    batch.noted.update((address, why) for address, why in skipped.items() if _is_worth_noting(address, why))
    batch.settled.append(Settled(seq=row.seq, state=EventState.DECIDED, contact=contact, trace=trace))


def _resume(type_: str, records: Mapping[str, Record], work: Work, replied: list[str], trace: dict[str, Any]) -> None:
    """The runs that waited for the event go on before it begins new ones."""
    resumed = replied + work.runs.event(type_, records)
    if resumed:
        trace["resumed"] = resumed


def _is_worth_noting(address: str, why: str) -> bool:
    """Not what a rule itself says of whom it is for, but what keeps it from acting."""
    return why != "if" if address.startswith("cadence.") else why.startswith("no ")


def _named(rows: Sequence[Waiting], settled: Sequence[Settled]) -> list[Quarantined]:
    aside = {one.seq: one.note or "" for one in settled if one.state is EventState.QUARANTINED}
    return [
        Quarantined(seq=row.seq, type=row.event.type, source=row.event.source, id=row.event.id, why=aside[row.seq])
        for row in (rows if aside else ())
        if row.seq in aside
    ]


def _quarantined(row: Waiting, misfits: Sequence[Any], contact: str | None) -> Settled:
    note = "; ".join(str(misfit) for misfit in misfits if misfit.required)
    return Settled(seq=row.seq, state=EventState.QUARANTINED, contact=contact, note=note)


def _derive(row: Waiting, kind: EventType, brought: Brought, batch: Batch) -> None:
    """A deal whose stage is another one now: `deal.stage_changed`, and `deal.won` or `deal.lost` where the CRM says so."""
    if kind.name not in ("deal.created", "deal.updated") or "stage" not in brought.changed.get("deal", ()):
        return
    subjects = {name: record.key for name, record in brought.records.items()}
    for verb in ("stage_changed", row.event.outcome):
        if verb is not None:
            batch.derived.append(own_event(f"deal.{verb}", f"{row.event.source}/{row.event.id}", row.event.time, {}, subjects, row.part))


def _carry_out(case: Case, decision: Decision, row: Waiting, work: Work) -> dict[str, str]:
    """Effects into the batch; what does nothing all the same, with the reason."""
    skipped: dict[str, str] = {}
    for effect in decision.effects:
        if isinstance(effect, Ask):
            refused = _suppressed(work.tx, case, effect.cadence) or invite(case, effect.cadence, work.batch)
            if refused is not None:
                skipped[f"cadence.{effect.cadence.name}"] = refused
        elif isinstance(effect, Cancel):
            cancel(work.tx, case, effect.cadence, row.event.type, work.batch)
        elif isinstance(effect, Begin):
            steps = work.runs.start(case, effect, row)
            name = effect.flow.automation.name
            skipped |= {f"automation.{name}/{at}": what for at, what in steps if what == "if" or what.startswith("no ")}
        else:
            carry_out(case, effect, work.batch)
    return skipped


def _suppressed(tx: Transaction, case: Case, cadence: Cadence) -> str | None:
    """Of an invitation that is due at once; a later one is judged when it is claimed."""
    if (cadence.after is not None and cadence.after.count) or not tx.suppresses():
        return None
    contact, definitions = case.records["contact"].data, case.version.definitions
    connection = reaching(definitions, cadence.via, contact)
    channel = USES[definitions.project.connections[connection].use].channel if connection is not None else None
    return SUPPRESSED if channel is not None and is_suppressed(tx, channel, contact, case.now) else None


def _expire(tx: Transaction, version: Version, now: dt.datetime) -> None:
    """Invitations whose time is over, and the event that says so where somebody waits for it."""
    timers = tx.due_timers(now, MAX_EVENTS)
    found = tx.invitations(timer.ref for timer in timers)
    for invitation in found.values():
        if invitation.state is not InvitationState.SENT or (invitation.expires is not None and invitation.expires > now):
            continue  # the second: it was sent once more meanwhile, and has a later timer
        tx.save_invitation(replace(invitation, state=InvitationState.EXPIRED))
        tell_asker(tx, invitation, "expired")
        type_ = f"survey.{invitation.survey}.expired"
        if version.rules.candidates(type_) or tx.listened(type_):
            tx.accept([own_event(type_, invitation.id, now, {}, invitation.subjects, part_of(invitation.contact))], now)

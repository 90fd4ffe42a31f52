"""The runs that a transaction touches: loaded when something concerns them, advanced in memory, written back together."""

from __future__ import annotations

import datetime as dt
import hashlib
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from engine.deploy.versions import Version, Versions
from engine.errors import RefusedError
from engine.model.delivery import ANSWERED_LATER, Delivery
from engine.model.events import Event, Record
from engine.model.feedback import InvitationState
from engine.model.runs import OVER, Delivered, Happened, Happening, Outcome, Replied, Run, RunState
from engine.rules.decide import Begin
from engine.rules.flow import Act, Flow, advance, begin, cancelled, listens, released, results_of, resume, retried
from engine.rules.scope import situation
from engine.runtime.effects import Batch, Case, carry_out, cause_of, in_sight
from engine.runtime.people import part_of
from engine.store.protocol import Listener, Reply, SavedRun, Transaction, Waiting

MAX_TRACEBACK = 4_000
STATUSES = frozenset({"open", "pending", "solved", "closed"})  # of a ticket or task, whatever its system calls them


class RunFailedError(Exception):
    """The engine failed at a run. What was gathered is given up and gathered again, with that run parked."""

    def __init__(self, run: str, error: Exception) -> None:
        super().__init__(run)
        self.run, self.error = run, error


@dataclass(slots=True)
class _Open:
    """A run in this transaction."""

    stored: Run | None  # as it was found; none: it is new
    run: Run
    steps: list[tuple[str, str]] = field(default_factory=list)
    note: str | None = None

    @property
    def changed(self) -> bool:
        return self.run is not self.stored


class Runs:
    """``broken`` has the runs at which the engine failed in an earlier attempt at this transaction, with the error."""

    def __init__(self, tx: Transaction, versions: Versions, batch: Batch, now: dt.datetime, broken: Mapping[str, Exception]) -> None:
        self._tx, self._versions, self._batch, self._now = tx, versions, batch, now
        self._broken = broken
        self._open: dict[str, _Open] = {}
        self._listening: dict[tuple[str, str], dict[str, None]] = {}  # (type, subject) → runs that began to wait here
        self._listened: dict[str, bool] = {}  # event type → whether any stored run waits for one

    def load(self, ids: Iterable[str]) -> None:
        """Fetch several at once."""
        for id_, run in self._tx.runs(id_ for id_ in ids if id_ not in self._open).items():
            self._open[id_] = _Open(run, run)

    # -- what happens to them ---------------------------------------------------------------------------------------------

    def active(self, automation: str, subject: str) -> bool:
        """Whether a run of the automation goes on, or is queued, for an object."""
        return bool(self._live(automation, subject))

    def start(self, case: Case, effect: Begin, row: Waiting) -> list[tuple[str, str]]:
        """Begin a run. What became of its first steps, by position."""
        automation = effect.flow.automation.name
        if effect.replaces and effect.subject is not None:
            for earlier in self._live(automation, effect.subject):
                self.cancel(earlier.id, "a newer run began")
        run = begin(
            effect.flow,
            id=run_id(row, automation),
            deployment=case.version.number,
            subject=effect.subject,
            type=row.event.type,
            time=row.event.time,
            data=_frozen(case, row),
            subjects=case.subjects,
            event=row.seq,
            depth=row.depth,
            queued=effect.queued,
        )
        found = self._open[run.id] = _Open(None, run)
        self._go(run)
        return found.steps

    def event(self, type_: str, records: Mapping[str, Record]) -> list[str]:
        """An event happened to these objects. The runs that go on because of it."""
        subjects = [f"{kind}/{record.key}" for kind, record in records.items()]
        if type_ not in self._listened:
            self._listened[type_] = self._tx.listened(type_)
        found = dict.fromkeys(self._tx.listeners(type_, subjects)) if self._listened[type_] and subjects else {}
        for subject in subjects:
            found |= self._listening.get((type_, subject), {})
        self.load(found)
        return [id_ for id_ in found if self.happened(id_, Happened(type_))]

    def reply(self, event: Event) -> list[str]:
        """What a desk says of a ticket or task. The run whose step made it, where that goes on because of it."""
        kind, _, verb = event.type.partition(".")
        said = event.data.get(kind) if kind in ANSWERED_LATER else None
        id_ = said.get("id") if isinstance(said, Mapping) else None
        if not isinstance(said, Mapping) or id_ in (None, ""):
            return []
        status, key = said.get("status", "closed" if verb == "closed" else None), said.get("external_id")
        reply = Reply(
            connection=event.source,
            external_id=str(id_),
            verb="updated" if verb == "closed" else verb,  # that it was closed follows from its status, once
            status=status if status in STATUSES else None,
        )
        made = self._tx.replied_to(reply.connection, reply.external_id, key if isinstance(key, str) else None)
        if made is None or made.run is None:
            if self._tx.expects_replies(reply.connection):
                self._tx.keep_reply(reply, self._now)
            return []
        return [made.run] if self.happened(made.run, Replied(made.position, reply.verb, reply.status)) else []

    def happened(self, id_: str, what: Happening) -> bool:
        """Something happened to a run; whether that concerned it."""
        self.load([id_])
        found = self._open.get(id_) or self._belated(id_)
        if found is None:
            return False
        try:
            moved = resume(self._flow(found.run), found.run, what)
        except RefusedError:
            raise
        except Exception as error:
            if id_ not in self._broken:
                raise RunFailedError(id_, error) from error
            moved = found.run
        if moved is found.run and id_ not in self._broken:
            return False
        self._go(moved)
        return True

    def _belated(self, id_: str) -> _Open | None:
        """The run of an automation that needed none until one of its effects was given up (`adopt`)."""
        effects = self._tx.effects(id_)
        row = effects[0].delivery if effects else None
        begun = self._tx.events([row.event]).get(row.event) if row is not None and row.event is not None else None
        if row is None or begun is None:
            return None
        run = Run(
            id=id_,
            automation=row.origin.removeprefix("automation.").partition("/")[0],
            deployment=row.deployment,
            subject=None,
            type=begun.event.type,
            time=begun.event.time,
            data={name: value for name, value in {**begun.event.data, **row.payload}.items() if name not in row.subjects},
            subjects=row.subjects,
            event=row.event,
            depth=begun.depth,
            state=RunState.DONE,
        )
        found = self._open[id_] = _Open(None, run)
        return found

    def cancel(self, id_: str, reason: str) -> None:
        """It goes no further, and what of its effects is not on its way yet is not sent."""
        self.load([id_])
        self._put(cancelled(self._open[id_].run, reason))
        self._batch.deliveries[:] = [row for row in self._batch.deliveries if row.delivery.run != id_]
        for delivery in self._tx.drop_unsent(id_, reason):
            self._drop_invitation(delivery, reason)

    def retry(self, id_: str) -> None:
        """A failed run goes on; what was given up is sent again under the same key."""
        self.load([id_])
        run = self._open[id_].run
        flow = self._flow(run)
        again, _ = retried(flow, run)
        for at in run.dead:
            self._tx.revive(id_, flow.nodes[at].act.origin, self._now)
        self._go(again)

    def free(self, run: Run) -> None:
        """Where others wait for this run to be over, the first of them begins."""
        following = self._following(run)
        if following is not None:
            self._go(following)

    def _following(self, run: Run) -> Run | None:
        live = self._live(run.automation, run.subject) if run.subject is not None else []
        return released(live[0]) if live and all(one.state is RunState.QUEUED for one in live) else None

    def _live(self, automation: str, subject: str) -> list[Run]:
        """The runs of an automation for an object that are not over, the first first."""
        for run in self._tx.live_runs(automation, subject):
            self._open.setdefault(run.id, _Open(run, run))
        found = (one.run for one in self._open.values() if one.run.automation == automation and one.run.subject == subject)
        return sorted((run for run in found if run.state not in OVER), key=lambda run: (run.event or 0, run.id))

    # -- steps ------------------------------------------------------------------------------------------------------------

    def _go(self, run: Run) -> None:
        """Take a run's steps as far as they go, then those of the runs that waited for it to be over."""
        following: Run | None = run
        while following is not None:
            moved = self._advanced(following)
            self._put(moved)
            following = self._following(moved) if moved.state in OVER else None

    def _advanced(self, run: Run) -> Run:
        found = self._open[run.id]
        error = self._broken.get(run.id)
        if error is not None:
            # The last frames only: local values may be personal and are in none of them.
            found.note = "".join(traceback.format_exception(error))[-MAX_TRACEBACK:]
            failure = f"the engine failed: {type(error).__name__}"
            return replace(run, state=RunState.FAILED, before=RunState.READY, until=None, events=(), failure=failure)
        try:
            version = self._versions.get(self._tx, run.deployment)
            flow = version.rules.flow(run.automation)
            moment = _Moment(self._batch, version, run, self._now)
            return advance(flow, run, moment.scope, moment.do, self._now, version.zone, lambda at, what: found.steps.append((at, what)))
        except RefusedError:
            raise
        except Exception as failed:
            raise RunFailedError(run.id, failed) from failed

    def _put(self, run: Run) -> None:
        self._open[run.id].run = run
        for one in self._listeners(run):
            self._listening.setdefault((one.type, one.subject), {})[run.id] = None

    def _flow(self, run: Run) -> Flow:
        return self._versions.get(self._tx, run.deployment).rules.flow(run.automation)

    def _drop_invitation(self, delivery: Delivery, reason: str) -> None:
        invitation = self._tx.invitations([delivery.invitation]).get(delivery.invitation) if delivery.invitation is not None else None
        if invitation is not None and invitation.state is InvitationState.PLANNED:
            self._tx.save_invitation(replace(invitation, state=InvitationState.DROPPED, reason=reason))

    # -- writing ----------------------------------------------------------------------------------------------------------

    def _listeners(self, run: Run) -> set[Listener]:
        """What a run listens to. Replies to its own steps find it in another way."""
        if not run.events:
            return set()
        rules = self._versions.get(self._tx, run.deployment).rules
        own = rules.flow(run.automation).step_events
        subjects = ((type_, listens(run, rules.events[type_])) for type_ in run.events if type_ not in own)
        return {Listener(part=_part(run), type=type_, subject=subject, run=run.id) for type_, subject in subjects if subject is not None}

    def flush(self) -> None:
        changed = [one for one in self._open.values() if one.changed]
        if not changed:
            return
        added: set[Listener] = set()
        removed: set[Listener] = set()
        for one in changed:
            before = self._listeners(one.stored) if one.stored is not None else set()
            after = self._listeners(one.run)
            added |= after - before
            removed |= before - after
        self._tx.save_runs([SavedRun(run=one.run, part=_part(one.run), steps=one.steps, note=one.note) for one in changed], self._now)
        self._tx.listen(added, removed)


def adopt(tx: Transaction, delivery: Delivery) -> str | None:
    """Let a delivery that was given up belong to a run, so that its automation is seen to have failed, and can be retried."""
    begun = tx.events([delivery.event]).get(delivery.event) if delivery.event is not None else None
    if begun is None:
        return None
    id_ = run_id(begun, delivery.origin.removeprefix("automation.").partition("/")[0])
    tx.adopt(delivery, id_)
    return id_


def run_id(row: Waiting, automation: str) -> str:
    """The same event begins the same run of an automation, always."""
    return "r-" + hashlib.blake2b(f"{cause_of(row.event)}\0{automation}".encode(), digest_size=12).hexdigest()


def _part(run: Run) -> int:
    """With its contact, else with whatever it is for."""
    return part_of(run.subjects.get("contact") or (run.subject or run.id).rpartition("/")[2])


def _frozen(case: Case, row: Waiting) -> dict[str, object]:
    """What an event says beyond its objects: they are read anew at each step."""
    objects = case.version.definitions.project.objects
    return {name: value for name, value in {**row.event.data, **case.own}.items() if name not in objects}


class _Moment:
    """What a run can read and do now."""

    def __init__(self, batch: Batch, version: Version, run: Run, now: dt.datetime) -> None:
        self._batch, self._version, self._run, self._now = batch, version, run, now
        self._results = dict(results_of(version.rules.flow(run.automation), run))
        self._records: dict[str, Record] | None = None  # none: something may have changed them
        self._scope: Mapping[str, object] = {}

    def scope(self) -> Mapping[str, object]:
        """The names behind the run's event, with its objects as they are now. One that does not fit the contract any more is absent."""
        if self._records is None:
            people, version, run = self._batch.people, self._version, self._run
            known = {kind: people.record(kind, key) for kind, key in run.subjects.items()}
            self._records = people.around({kind: record for kind, record in known.items() if record is not None})
            kind = version.rules.events[run.type]
            there = situation(version.definitions, kind, run.data, in_sight(kind, self._records), self._now, version.zone)
            lacking = {misfit.path.partition(".")[0] for misfit in there.refused} & self._records.keys()
            self._scope = {name: value for name, value in there.scope.items() if name not in lacking}
        return self._scope

    def do(self, act: Act) -> Outcome | None:
        scope = self.scope()
        assert self._records is not None
        run = self._run
        case = Case(
            version=self._version,
            cause=run.id,
            event=run.event,
            time=run.time,
            part=_part(run),
            records=self._records,
            scope={**scope, **self._results},
            own={},
            depth=run.depth,
            now=self._now,
            run=run.id,
        )
        outcome = carry_out(case, act, self._batch)
        self._records = None
        if act.step.name is not None and isinstance(outcome, Delivered):
            self._results[act.step.name] = outcome.result
        return outcome

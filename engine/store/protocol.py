"""What a store can do, whatever the database behind it.

A `Transaction` is synchronous and runs on the store's own thread, inside one transaction of the database: all of a piece of
work happens, or nothing. `Store.write` returns when that transaction is on disk.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol, TypeVar

from engine.model.delivery import Delivery, DeliveryState
from engine.model.events import Event, Record
from engine.model.feedback import Answer, Asked, Invitation
from engine.model.runs import Outcome, Replied, Run, RunState
from engine.store.brakes import Brakes
from engine.store.lines import Noted, OutboxLine, RunLine, Unread

T = TypeVar("T")

PARTITIONS = 256
EVERYTHING = "*"  # what a pause of all holds back


class EventState(IntEnum):
    WAITING = 0
    DECIDED = 1
    QUARANTINED = 2  # its data do not fit the contract; nothing was decided
    PARKED = 3  # it makes the engine fail; `note` has the traceback
    HELD = 4  # it waits behind a parked event of its contact
    DROPPED = 5  # an operator let go of it; `note` says who, and what it was set aside for


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An event to accept. ``subjects`` names stored objects by key, for events of our own; those of others carry data."""

    event: Event
    part: int
    subjects: Mapping[str, str] | None = None
    depth: int = 0  # how many events were emitted one by another until this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """An accepted event that is not decided yet."""

    seq: int
    part: int
    event: Event
    received: dt.datetime
    subjects: Mapping[str, str] | None
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of an event."""

    seq: int
    state: EventState
    contact: str | None = None
    note: str | None = None
    trace: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A row for the outbox; one with the same key is already there or never again."""

    delivery: Delivery
    due: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Something to do at a time: the expiry of an invitation."""

    id: int = 0
    part: int
    due: dt.datetime
    kind: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A run to keep, and what became of it in this transaction."""

    run: Run
    part: int
    steps: Sequence[tuple[str, str]] = ()  # looked at: position, what became of it
    note: str | None = None  # the traceback, where the engine failed at it


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A run that goes on when an event of a type happens to an object."""

    part: int
    type: str
    subject: str  # KIND/KEY
    run: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something that happened to a run outside of a turn, to be taken up by the next one."""

    run: str
    what: Outcome | Replied


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was said of a ticket or task that no step is known to have made: perhaps our own call has not returned yet."""

    connection: str
    external_id: str
    verb: str
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One applied version of a project: definitions by address, as stored JSON."""

    id: int
    at: dt.datetime
    by: str
    commit: str | None
    fingerprint: str
    language: int
    bodies: Mapping[str, str] = field(default_factory=dict)  # address → JSON
    fingerprints: Mapping[str, str] = field(default_factory=dict)  # address → fingerprint of that definition


class Transaction(Brakes, Protocol):
    def attempt(self) -> AbstractContextManager[None]:
        """A part that is undone where it raises, while the rest of the transaction stands. StoreError where the disk refuses."""
        ...

    # events
    def accept(self, events: Sequence[Incoming], received: dt.datetime) -> list[bool]:
        """Keep events; False for one whose (source, id) was accepted before."""
        ...

    def waiting(self, limit: int) -> list[Waiting]: ...
    def events(self, seqs: Iterable[int]) -> dict[int, Waiting]:
        """Accepted events by sequence number, whatever became of them."""
        ...

    def set_aside(self, limit: int) -> list[tuple[Waiting, Settled]]:
        """Events that were quarantined or parked, with why; newest first."""
        ...

    def replay(self, seqs: Iterable[int]) -> list[int]:
        """Events that were set aside wait to be decided again, and so do those behind them; which of ``seqs``."""
        ...

    def discard(self, seqs: Iterable[int], by: str) -> list[int]:
        """Let go of events that were set aside; those behind them wait to be decided. Which of ``seqs``."""
        ...

    def block(self, names: Iterable[str], behind: int) -> None:
        """Later events of whoever has one of these names wait behind a parked one."""
        ...

    def blocks(self) -> bool: ...
    def blocked(self, names: Iterable[str], seq: int) -> int | None:
        """The parked event behind which an event of whoever has these names must wait."""
        ...

    def hold(self, seq: int, behind: int) -> None: ...
    def held(self, limit: int) -> list[tuple[Waiting, int]]:
        """Events that wait behind a parked one, and which; in order."""
        ...

    def held_behind(self) -> dict[int, int]:
        """How many wait, by parked event."""
        ...

    def keep_unread(self, row: Unread, *, most: int) -> None:
        """Keep it; the oldest go where all bodies together are more than ``most`` bytes."""
        ...

    def unread(self, ids: Iterable[int] | None, limit: int) -> list[Unread]:
        """Newest first; all of them where no ids are given."""
        ...

    def forget_unread(self, ids: Iterable[int]) -> None: ...
    def settle(self, outcomes: Sequence[Settled]) -> None: ...
    def note(self, counted: Mapping[tuple[str, str], int], now: dt.datetime, *, most: int) -> None:
        """Add to how often (what, why) happened; of more than ``most`` such pairs those go that are longest ago."""

    def noted(self, limit: int) -> list[Noted]: ...  # the most frequent first

    # objects
    def aliases(self, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Keys by (kind of name, value): what is known under `contact@SOURCE` and an id, or under an e-mail address."""
        ...

    def contact_ids(self, keys: Iterable[str]) -> dict[str, list[tuple[str, str]]]: ...  # (source, id) by key; slow, for people only
    def add_aliases(self, rows: Iterable[tuple[str, str, str]]) -> None: ...
    def records(self, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Record]:
        """Stored objects by (kind, key)."""

    def save_records(self, records: Iterable[Record]) -> None: ...

    # feedback
    def add_invitations(self, rows: Iterable[Invitation]) -> None: ...
    def invitations(self, ids: Iterable[str]) -> dict[str, Invitation]: ...
    def unsent(self, contact: str, cadence: str) -> list[Invitation]:
        """A contact's invitations of a cadence that nobody has claimed for sending yet."""
        ...

    def save_invitation(self, row: Invitation) -> None: ...
    def add_token(self, digest: bytes, invitation: str) -> None: ...
    def invitation_of_token(self, digest: bytes) -> str | None: ...
    def add_answer(self, row: Answer) -> bool:
        """False where the invitation has an answer already."""
        ...

    def answers(self, ids: Iterable[str]) -> dict[str, Answer]: ...
    def answers_of_survey(self, survey: str) -> list[tuple[str | None, float | None, int]]:
        """(category, score, how many) of a survey's answers."""
        ...

    def funnel(self) -> dict[str, int]:
        """How many invitations are in each state."""
        ...

    # the ask ledger
    def reserve(self, lines: Iterable[Asked], since: dt.datetime) -> None:
        """Keep lines; one that is there already for its group, invitation and message has the new instant. Older ones of their groups
        than ``since`` go."""
        ...

    def release(self, invitation: str, message: int = 0) -> None:
        """Forget the lines of a message that was certainly not accepted."""
        ...

    def asked(self, group: str, since: dt.datetime) -> list[Asked]: ...
    def delivery(self, key: str) -> Delivery | None:
        """The row of an effect, whatever became of it."""
        ...

    def rivals(self, contact: str, now: dt.datetime, since: dt.datetime) -> list[Delivery]:
        """Invitations of a contact that nobody has claimed though they were due between two instants."""
        ...

    # runs
    def runs(self, ids: Iterable[str]) -> dict[str, Run]: ...
    def save_runs(self, rows: Iterable[SavedRun], now: dt.datetime) -> None:
        """New ones, and others as they stand now; their steps are added to those of before."""
        ...

    def live_runs(self, automation: str, subject: str) -> list[Run]:
        """The runs of an automation for an object that are not over, in the order in which they began."""
        ...

    def due_runs(self, now: dt.datetime, limit: int) -> list[tuple[str, dt.datetime]]:
        """Runs whose wait is over, and since when; the first first."""
        ...

    def listen(self, added: Iterable[Listener], removed: Iterable[Listener]) -> None: ...
    def listened(self, type_: str) -> bool:
        """Whether any run waits for an event of this type."""
        ...

    def listeners(self, type_: str, subjects: Iterable[str]) -> list[str]:
        """The runs that wait for an event of this type of one of these objects, in the order in which they began."""
        ...

    def tell(self, rows: Iterable[Told]) -> None: ...
    def told(self, limit: int) -> list[Told]:
        """In order, taken out: they are taken up in this transaction."""
        ...

    def run_lines(self, states: Sequence[RunState], automation: str | None, limit: int) -> list[RunLine]:
        """Newest first."""
        ...

    def run_line(self, id_: str) -> RunLine | None: ...

    # replies of desks
    def replied_to(self, connection: str, external_id: str, key: str | None) -> Delivery | None:
        """The delivery of a run that made what a desk calls ``external_id``, or that has the idempotency key ``key``."""
        ...

    def expects_replies(self, connection: str) -> bool:
        """Whether something was sent through a connection of which it is not known yet what the other side calls it."""
        ...

    def keep_reply(self, reply: Reply, now: dt.datetime) -> None:
        """Keep it until our own call returns; those that have been kept for longer than that can take go."""
        ...

    def early_replies(self, connection: str, external_id: str) -> list[Reply]:
        """In order, taken out."""
        ...

    def forget_replies(self, connection: str) -> None: ...

    # timers
    def next_timer(self) -> dt.datetime | None:
        """When the next timer or wait is over."""
        ...

    def add_timers(self, rows: Iterable[Timer]) -> None: ...
    def due_timers(self, now: dt.datetime, limit: int) -> list[Timer]:
        """Due ones, taken out: what they ask for is done in this transaction."""
        ...

    # outbox
    def enqueue(self, rows: Iterable[NewDelivery]) -> int:
        """How many were new."""
        ...

    def claim(self, connection: str, now: dt.datetime, deadline: dt.datetime, limit: int, held: Collection[str] = ()) -> list[Delivery]:
        """Due rows, now `sending` with one attempt more; not those of an address in ``held``, and with EVERYTHING fetches only.

        May give fewer than there are: `next_due` then is in the past.
        """
        ...

    def finish(self, delivery: Delivery, state: DeliveryState, *, reason: str | None, external_id: str | None, url: str | None) -> bool:
        """Write a result. False where the attempt is not the one that the row waits for: its result comes too late."""
        ...

    def postpone(self, delivery: Delivery, due: dt.datetime, reason: str) -> bool:
        """Back to `pending` until ``due``; False as in `finish`."""
        ...

    def overdue(self, now: dt.datetime | None) -> list[Delivery]:
        """Rows still `sending` behind their deadline; with None, all: nobody can be at work on them."""
        ...

    def next_due(self, connection: str, held: Collection[str] = ()) -> dt.datetime | None: ...
    def outbox(self, states: Sequence[DeliveryState], limit: int) -> list[OutboxLine]: ...
    def effects(self, run: str) -> list[OutboxLine]:
        """What the steps of a run sent, oldest first."""
        ...

    def drop_unsent(self, run: str, reason: str) -> list[Delivery]:
        """The deliveries of a run that nobody is at work on, now `dropped`."""
        ...

    def revive(self, run: str, origin: str, due: dt.datetime) -> bool:
        """What a step of a run sent and was given up is to be sent again. False where there is none such."""
        ...

    def adopt(self, delivery: Delivery, run: str) -> None:
        """From now on a delivery belongs to a run."""
        ...

    def deliveries(self, ids: Iterable[int]) -> list[Delivery]: ...
    def reopen(self, delivery: Delivery, due: dt.datetime) -> bool:
        """Back to `pending`, from whatever state it was found in; False where it is in another one by now."""
        ...

    def withdraw(self, delivery: Delivery, reason: str) -> bool:
        """`dropped`, from whatever state it was found in; False as in `reopen`."""
        ...

    # versions
    def deploy(self, deployment: Deployment) -> int: ...
    def deployment(self, number: int | None = None) -> Deployment | None:
        """A deployment with its definitions; the newest where no number is given."""
        ...

    def deployed(self) -> tuple[int, str] | None:
        """Number and fingerprint of the newest deployment, without its definitions."""
        ...

    # counting
    def counts(self) -> dict[str, int]:
        """Rows by what they are, for the overview and metrics."""
        ...

    def setting(self, key: str) -> str | None: ...
    def put_setting(self, key: str, value: str) -> None: ...


Work = Callable[[Transaction], T]


class Store(Protocol):
    async def write(self, work: Work[T], *, urgent: bool = False) -> T:
        """Run ``work`` in a transaction and return once it is on disk. Urgent work (what somebody waits for) goes first.

        Raises StoreBusyError where too much urgent work is queued, StoreError where the disk refuses; else what ``work`` raises.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on a consistent view, beside the writer. Raises StoreError where the disk refuses."""
        ...

    async def prove_writable(self) -> None:
        """Raises StoreError where the disk takes no writes at present, or is about to be full. Cheap enough to ask every second."""
        ...

    async def watch(self) -> None:
        """Waits for ever. Raises StoreError where what was opened is no longer there: nothing written now would be found again."""
        ...

    async def close(self) -> None: ...

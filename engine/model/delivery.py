"""What is sent, and what became of it: the protocol between the outbox and every adapter.

An adapter turns a request into one call to one system and says truthfully what is known afterwards. It never retries by
itself: whether a call may be repeated is decided in one place, from ``Repeat`` and the outcome.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from engine.model.events import Event

ANSWERED_LATER = frozenset({"ticket", "task"})  # actions that make what has a status, which changes on the other side


class Repeat(StrEnum):
    """What a second, identical call does after the first one's outcome was lost."""

    KEYED = "keyed"  # nothing: the receiver honours our idempotency key
    LOOKUP = "lookup"  # we can ask whether the first arrived
    NEITHER = "neither"  # a second message


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One thing to do. ``key`` is the idempotency key: the same for every attempt at the same effect."""

    key: str
    age: dt.timedelta = dt.timedelta(0)  # since the first attempt, which may have arrived; zero in that one


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailRequest(Request):
    to: str
    to_name: str | None
    subject: str
    text: str
    unsubscribe: str | None = None  # URL of the one-click unsubscribe (RFC 8058)


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRequest(Request):
    title: str
    body: str
    priority: str | None = None  # low, normal, high, urgent
    requester_name: str | None = None
    requester_email: str | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest(Request):
    body: Mapping[str, Any]  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest(Request):
    """Fetch the object that a CRM's hook only named; the outcome carries the events made of it."""

    hook: Mapping[str, Any]  # the hook's form, parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Accepted by the receiver, for certain."""

    external_id: str | None = None
    url: str | None = None
    events: Sequence[Event] = ()  # of a fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Not accepted, for certain."""

    reason: str  # free of secrets and of personal data
    permanent: bool  # repeating the same call cannot help
    retry_after: float | None = None  # seconds, where the receiver said so
    down: bool = False  # it is the receiver that could not, whatever the message: no connection, no time, overloaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """It may or may not have been accepted: the line broke after the request was out."""

    reason: str
    down: bool = True  # as in Rejected; false where an answer came, but one that says neither


Outcome = Sent | Rejected | Unclear


class Adapter(Protocol):
    """One connection to one system, open as long as the daemon runs. Safe for concurrent calls from one event loop."""

    @property
    def repeat(self) -> Repeat: ...

    async def deliver(self, request: Request) -> Outcome:
        """Do it once. Raises nothing but cancellation: every failure of the other side is an Outcome.

        Cancelled, it may also return what is known so far: where a repeat would be a second message, that decides whether there is one.
        """
        ...

    async def close(self) -> None: ...


MESSAGE = "#message"  # in the payload of a reminder; no field of an event can be called so


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    DONE = "done"
    UNKNOWN = "unknown"  # may have arrived; not repeated
    DEAD = "dead"  # given up; `reason` says why
    DROPPED = "dropped"  # not wanted any more at the time of sending; `reason` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A row of the outbox: one effect on the way to the outside. It holds references, never rendered text."""

    id: int
    part: int
    key: str  # idempotency key
    action: str  # invite, remind, ticket, email, webhook, fetch
    connection: str
    origin: str  # address of the cadence or automation, with the step: automation.rescue/0
    deployment: int  # the version that decided
    event: int | None  # sequence number of the event behind it
    contact: str | None
    invitation: str | None
    answer: str | None
    subjects: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)  # of a fetch: the hook; of a step: what its event changed
    respondent: bool = False  # goes to a customer, so an ambiguous send is not repeated
    state: DeliveryState = DeliveryState.PENDING
    attempt: int = 0
    tried: dt.datetime | None = None  # the first attempt
    run: str | None = None  # that waits for what becomes of it; none where its automation needs no run

    @property
    def message(self) -> int:
        """Which message of its invitation it is: 0 the invitation itself, n its n-th reminder."""
        return int(self.payload.get(MESSAGE, 0))

    @property
    def position(self) -> str:
        """Of the step of an automation that it comes from: 0, or 2/then/0 for one within another."""
        return self.origin.partition("/")[2]

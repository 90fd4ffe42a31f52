"""Rows of the store that people read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.model.delivery import Delivery
from engine.model.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run for people to read."""

    run: Run
    began: dt.datetime
    changed: dt.datetime
    steps: Sequence[tuple[dt.datetime, str, str]]  # when, position, what became of it
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLine:
    """A row of the outbox for people to read."""

    delivery: Delivery
    due: dt.datetime
    reason: str | None
    external_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A request that came through an open door and could not be understood."""

    id: int = 0
    at: dt.datetime
    door: str  # /events, /hooks/CONNECTION
    headers: Mapping[str, str]  # those that say what the body is; no token
    body: bytes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that came to nothing, or not to all that it might have: counted, since each event has it in its own trace only."""

    what: str  # an event type, or the address of a rule
    why: str
    many: int
    latest: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Sending held back until somebody says otherwise."""

    what: str  # `EVERYTHING`, an address (cadence.NAME, automation.NAME), or connection.NAME
    at: dt.datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address to which nothing is sent. It cannot be read back: only whoever has the address finds it."""

    digest: bytes
    channel: str  # email, sms
    until: dt.datetime | None  # None: for good
    reason: str
    at: dt.datetime

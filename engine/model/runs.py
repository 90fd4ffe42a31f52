"""A run: one automation at work for one event, and where it stands. Small and plain, so that it is stored after every turn.

The texts of a run's effects are no part of it: they are rendered when they are sent, from the run's frozen part, its
results, and the objects as they are then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    QUEUED = "queued"  # behind an earlier run for the same object
    READY = "ready"  # its next step can be taken now
    WAITING = "waiting"  # for a time, an event, or the delivery of its step
    DONE = "done"  # at its end, or at a `stop`
    FAILED = "failed"  # a step was given up; it can be retried
    CANCELLED = "cancelled"  # by a newer run of its object, or by a person


OVER = frozenset({RunState.DONE, RunState.FAILED, RunState.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    id: str
    automation: str  # name
    deployment: int  # the version that began it, and whose logic and templates it keeps
    subject: str | None  # KIND/KEY of the object that it is for; none: for its event alone
    type: str  # of the event that began it
    time: dt.datetime  # of that event
    data: Mapping[str, Any]  # of that event, frozen: its own fields, the answers, the invitation
    subjects: Mapping[str, str] = field(default_factory=dict)  # kind → key of the objects, which are read anew at each step
    event: int | None = None  # its sequence number
    depth: int = 0  # how many emitted events led to it, one by another
    state: RunState = RunState.READY
    at: str | None = None  # position of the step that it stands at; none: behind the last
    until: dt.datetime | None = None  # when its wait is over
    events: tuple[str, ...] = ()  # any of which ends its wait: event types, and STEP.VERB of its own steps
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # position of a step with `as:` → what it gave
    happened: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # likewise → verbs that no wait has taken yet
    statuses: Mapping[str, str] = field(default_factory=dict)  # likewise → what was last said of its ticket or task
    dead: tuple[str, ...] = ()  # positions whose effects were given up: what makes a run FAILED
    before: RunState | None = None  # of a failed run: its state but for that
    failure: str | None = None  # why the last of them was
    reason: str | None = None  # why it stopped or was cancelled


def dump(run: Run) -> dict[str, Any]:
    """JSON for a run; what holds its default is left out."""
    found: dict[str, Any] = {}
    for part in fields(run):
        value = getattr(run, part.name)
        if value is None or value == () or value == {}:
            continue
        found[part.name] = value.isoformat() if isinstance(value, dt.datetime) else value
    return found


def load(stored: Mapping[str, Any]) -> Run:
    """What `dump` was given."""
    values = {"subject": None, "data": {}, **stored}
    for name in ("time", "until"):
        if name in values:
            values[name] = dt.datetime.fromisoformat(values[name])
    for name in ("state", "before"):
        if name in values:
            values[name] = RunState(values[name])
    for name in ("events", "dead"):
        values[name] = tuple(values.get(name, ()))
    values["happened"] = {at: tuple(verbs) for at, verbs in stored.get("happened", {}).items()}
    return Run(**values)


# -- what can happen to a run ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Due:
    """A time has come."""

    now: dt.datetime


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of the run's object."""

    type: str


@dataclass(frozen=True, slots=True)
class Replied:
    """What one of its steps brought about has changed: a ticket, a task, an invitation."""

    at: str  # position of the step with `as:`
    verb: str  # updated, answered, …
    status: str | None = None  # of a ticket or task: open, pending, solved, closed


@dataclass(frozen=True, slots=True)
class Delivered:
    """A step's effect is out."""

    at: str  # the step's position
    result: Mapping[str, Any] = field(default_factory=dict)  # id, url, status


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step's effect is not wanted, or reaches nobody."""

    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Died:
    """A step's effect was given up."""

    at: str
    reason: str


Outcome = Delivered | Skipped | Died
Happening = Due | Happened | Replied | Outcome

"""What a project says once for everything, and the small parts of definitions: caps, calendars, looks, quotas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import field

from engine.model.frozen import frozen
from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.texts import Text
from engine.schedule.durations import Duration
from engine.schedule.windows import TimeRange


@frozen
class Calendar:
    """Business days: those of a country, without its holidays; with none, Monday to Friday."""

    country: str | None
    hours: TimeRange | None


@frozen
class Environment:
    """What differs where the project runs elsewhere than in production."""

    only_to: tuple[str, ...]  # patterns of addresses; nobody else is written to
    connections: Mapping[str, Mapping[str, object]]  # connection → settings in place of its own


@frozen
class FrequencyCap:
    """At most ``max`` in any ``per``, for each ``of``."""

    max: int
    per: Duration
    of: str  # contact, company, or a path of the data contract
    channel: str | None
    count: str  # invitations, or messages: reminders too
    condition: Expression | None  # whom it is for
    at: Span = field(compare=False)


@frozen
class Quiet:
    """No messages in these hours of every day, and none on these days, in the contact's own time zone."""

    between: TimeRange | None
    days: tuple[str, ...]  # mon … sun


@frozen
class Theme:
    accent: str | None  # #rrggbb
    background: str | None
    text: str | None
    logo: str | None
    font: str | None
    radius: int | None  # pixels
    at: Span = field(compare=False)
    places: Mapping[str, Span] = field(default_factory=dict, compare=False)  # of each value


@frozen
class Brand:
    theme: Theme | None
    sender: str | None  # `from`


@frozen
class Annotation:
    """Something that happened, to be marked in charts."""

    date: dt.date
    text: Text


@frozen
class Benchmark:
    """A figure of others, with its source."""

    metric: str
    value: float
    n: int | None
    date: dt.date
    source: str


@frozen
class Incentive:
    pool: str | None  # of codes
    draw: str | None
    offer: Text | None
    one_per: str  # contact, invitation


@frozen
class Quota:
    max: int
    condition: Expression | None


@frozen
class SegmentLimit:
    """At most ``max`` contacts of each ``of``."""

    max: int
    of: str


@frozen
class Expected:
    """How large an audience should be; plan and a wave stop outside it."""

    min: int | None
    max: int | None
    margin: float | None  # half the width of the interval wanted, in points
    response: float | None  # the share who answer that is counted on, 0…1
    margin_at: Span | None = field(default=None, compare=False)


@frozen
class Reminder:
    every: Duration
    max: int
    template: str | None  # `with`


@frozen
class RunMode:
    per: str = "event"  # event, contact, company, deal, …
    mode: str = "parallel"  # single, restart, queue, parallel

"""Times of day as people write them: ``09:00-18:00``, over midnight too."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.schedule.durations import resolve_local

_SHAPE = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-4]):([0-5][0-9])")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From a minute of the day to another, the end not included; one that ends before it begins goes over midnight."""

    start: int  # minutes after midnight
    end: int

    @classmethod
    def parse(cls, text: str) -> TimeRange | None:
        """None where the text is no time range, or an empty one."""
        found = _SHAPE.fullmatch(text.strip())
        if found is None:
            return None
        start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
        return cls(start, end) if start != end and end <= 24 * 60 else None

    def __str__(self) -> str:
        return f"{self.start // 60:02d}:{self.start % 60:02d}-{self.end // 60:02d}:{self.end % 60:02d}"

    def contains(self, moment: dt.time) -> bool:
        minute = moment.hour * 60 + moment.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


_LOOKS = 64  # three a day for three weeks: whatever does not open in that time never does


def next_open(
    instant: dt.datetime, zone: ZoneInfo, *, within: TimeRange | None, outside: TimeRange | None, closed: Collection[str]
) -> dt.datetime | None:
    """The first instant from ``instant`` on, in UTC, whose time of day in ``zone`` lies within the one range and outside the other, on
    a day that is not ``closed`` (mon … sun). None where there is none.
    """
    moment = instant.astimezone(dt.UTC)
    for _ in range(_LOOKS):
        local = moment.astimezone(zone)
        if WEEKDAYS[local.weekday()] in closed:
            moment = _next_at(0, moment, local.date() + dt.timedelta(days=1), zone)
        elif outside is not None and outside.contains(local.time()):
            moment = _next_at(outside.end, moment, local.date(), zone)
        elif within is not None and not within.contains(local.time()):
            moment = _next_at(within.start, moment, local.date(), zone)
        else:
            return moment
    return None


def _next_at(minute: int, behind: dt.datetime, day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """The first instant behind another, from a day on, at which the clock shows a minute of the day."""
    while True:
        found = [one for one in _shown(dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minute), zone) if one > behind]
        if found:
            return min(found)
        day += dt.timedelta(days=1)


def _shown(naive: dt.datetime, zone: ZoneInfo) -> Iterator[dt.datetime]:
    """When the clock shows a local time: twice on the night when it is set back; just behind it where it is skipped."""
    yield resolve_local(naive, zone)
    second = naive.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    if second.astimezone(zone).replace(tzinfo=None) == naive:
        yield second

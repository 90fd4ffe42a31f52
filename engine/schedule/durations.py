"""Durations as people write them: ``30s 15m 4h 3d 2w 1mo 1q 1y`` and business days ``2bd``."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.schedule.calendars import WorkingDay, weekdays

_SHAPE = re.compile(r"([0-9]{1,6})(bd|mo|[smhdwqy])")
_EXACT = {"s": 1, "m": 60, "h": 3600}
_MONTHS = {"mo": 1, "q": 3, "y": 12}


@dataclass(frozen=True, slots=True)
class Duration:
    """A count of one unit. ``s m h`` are exact; days and longer keep the local time of day, clipped to the month's end."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Duration | None:
        """None where the text is no duration."""
        found = _SHAPE.fullmatch(text)
        return cls(int(found[1]), found[2]) if found else None

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    def after(self, instant: dt.datetime, zone: ZoneInfo, works: WorkingDay = weekdays) -> dt.datetime:
        """The instant this long after ``instant``, counted in ``zone``; in UTC. ``works`` tells business days.

        A local time that does not exist becomes the next one that does; one that comes twice, the first.
        """
        if self.unit in _EXACT:
            return instant + dt.timedelta(seconds=self.count * _EXACT[self.unit])
        local = instant.astimezone(zone)
        if self.unit in _MONTHS:
            day = _add_months(local.date(), self.count * _MONTHS[self.unit])
        elif self.unit == "bd":
            day = _add_business_days(local.date(), self.count, works)
        else:
            day = local.date() + dt.timedelta(days=self.count * (7 if self.unit == "w" else 1))
        return resolve_local(dt.datetime.combine(day, local.time()), zone)

    def at_most(self) -> dt.timedelta:
        """What it never exceeds, whenever it begins."""
        if self.unit in _EXACT:
            return dt.timedelta(seconds=self.count * _EXACT[self.unit])
        days = {"d": 1, "w": 7, "mo": 31, "q": 92, "y": 366, "bd": 2}[self.unit] * self.count
        return dt.timedelta(days=min(days + 21, 999_999))  # a change of the clock, and the longest holidays of any country

    def seconds(self, start: dt.datetime, zone: ZoneInfo, works: WorkingDay = weekdays) -> float:
        """How many seconds it lasts when it begins at ``start``."""
        return (self.after(start, zone, works) - start).total_seconds()


def resolve_local(naive: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The UTC instant of a local time: the first of two, the next existing one in a gap."""
    instant = naive.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == naive.replace(fold=0):
        return instant
    # In a gap, fold=0 applies the offset from before it and fold=1 the one after: the jump lies between the two readings.
    low, high = naive.replace(tzinfo=zone, fold=1).astimezone(dt.UTC), instant
    offset = low.astimezone(zone).utcoffset()
    while high - low > dt.timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


def _add_months(day: dt.date, months: int) -> dt.date:
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return dt.date(year, month + 1, min(day.day, last))


def _add_business_days(day: dt.date, count: int, works: WorkingDay) -> dt.date:
    if works is weekdays:
        weeks, count = divmod(count, 5)
        while day.weekday() >= 5 and (weeks or count):  # from a weekend, the first business day is Monday
            day -= dt.timedelta(days=1)
        day += dt.timedelta(weeks=weeks)
    while count:
        day += dt.timedelta(days=1)
        count -= works(day)
    return day

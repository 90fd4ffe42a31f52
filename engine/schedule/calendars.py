"""Business days: those of a country, its weekend, its public holidays and the days that make up for them; else Monday to Friday."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache

WorkingDay = Callable[[dt.date], bool]


def weekdays(day: dt.date) -> bool:
    """Monday to Friday."""
    return day.weekday() < 5


@lru_cache(maxsize=64)
def working_days(country: str | None) -> WorkingDay:
    """Whether a day is worked in a country (ISO 3166-1); without one, from Monday to Friday."""
    return weekdays if country is None else lambda day: day not in _days_off(country, day.year)


@lru_cache(maxsize=512)
def _days_off(country: str, year: int) -> frozenset[dt.date]:
    import holidays  # takes a moment to load, and few projects need it

    # A year of its own for each: the package's calendars grow as they are asked, and threads share what is here.
    days = holidays.country_holidays(country, years=year)
    first = dt.date(year, 1, 1).toordinal()
    every = (dt.date.fromordinal(first + number) for number in range(dt.date(year, 12, 31).toordinal() - first + 1))
    return frozenset(day for day in every if not days.is_working_day(day))

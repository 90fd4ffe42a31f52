"""Business days: from Monday to Friday, or those of a country."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dsl.expressions.codes import COUNTRIES
from engine.schedule.calendars import working_days
from engine.schedule.durations import Duration

MOSCOW = ZoneInfo("Europe/Moscow")
DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("country", "count", "day", "then"),
    [
        (None, 1, "2026-02-20", "2026-02-23"),
        ("RU", 1, "2026-02-20", "2026-02-24"),  # a Friday before Defender's Day
        ("RU", 1, "2025-12-30", "2026-01-12"),  # the New Year holidays
        ("RU", 1, "2026-02-21", "2026-02-24"),  # from a Saturday
        ("RU", 0, "2026-02-23", "2026-02-23"),
        ("IL", 1, "2026-02-19", "2026-02-22"),  # the week begins on Sunday
        ("CN", 1, "2026-02-13", "2026-02-14"),  # a Saturday that makes up for the Spring Festival
    ],
)
def test_so_many_business_days_behind(country: str | None, count: int, day: str, then: str) -> None:
    start = dt.datetime.fromisoformat(f"{day}T15:30:00").replace(tzinfo=MOSCOW)
    found = Duration(count, "bd").after(start, MOSCOW, working_days(country)).astimezone(MOSCOW)
    assert found == dt.datetime.fromisoformat(f"{then}T15:30:00").replace(tzinfo=MOSCOW), "the same local time"


def test_every_country_that_a_project_may_name_has_its_days() -> None:
    monday = dt.date(2026, 6, 1)
    for country in COUNTRIES:
        works = working_days(country)
        assert 3 <= sum(works(monday + n * DAY) for n in range(7)) <= 6, country


@settings(max_examples=100, deadline=None)
@given(st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)), st.integers(0, 60), st.sampled_from([None, "RU", "UA", "DE", "AE"]))
def test_it_lasts_no_longer_than_it_says(day: dt.date, count: int, country: str | None) -> None:
    works, start = working_days(country), dt.datetime.combine(day, dt.time(9), MOSCOW)
    end = Duration(count, "bd").after(start, MOSCOW, works)
    assert sum(works(day + n * DAY) for n in range(1, (end.astimezone(MOSCOW).date() - day).days + 1)) == count
    assert end - start <= Duration(count, "bd").at_most()
    assert not count or works(end.astimezone(MOSCOW).date())

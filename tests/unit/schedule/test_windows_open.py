"""When a window opens: the first instant that a look at every minute finds too, through changes of the clock."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.schedule.windows import WEEKDAYS, TimeRange, next_open

MINUTE = dt.timedelta(minutes=1)
FRIDAY = dt.datetime(2026, 3, 6, 12, tzinfo=dt.UTC)
NIGHT, OFFICE = TimeRange(21 * 60, 9 * 60), TimeRange(10 * 60, 19 * 60)


@pytest.mark.parametrize(
    ("zone", "at", "opens"),
    [
        ("Europe/Moscow", dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC), dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)),
        ("Europe/Moscow", dt.datetime(2026, 3, 4, 20, tzinfo=dt.UTC), dt.datetime(2026, 3, 5, 7, tzinfo=dt.UTC)),
        ("Europe/Moscow", dt.datetime(2026, 3, 6, 17, tzinfo=dt.UTC), dt.datetime(2026, 3, 9, 7, tzinfo=dt.UTC)),
        ("America/New_York", dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC), dt.datetime(2026, 3, 4, 15, tzinfo=dt.UTC)),
    ],
)
def test_a_window_opens_in_its_own_zone(zone: str, at: dt.datetime, opens: dt.datetime) -> None:
    assert next_open(at, ZoneInfo(zone), within=OFFICE, outside=NIGHT, closed=("sat", "sun")) == opens


def test_what_never_opens_says_so() -> None:
    assert next_open(FRIDAY, ZoneInfo("UTC"), within=TimeRange(22 * 60, 23 * 60), outside=NIGHT, closed=()) is None
    assert next_open(FRIDAY, ZoneInfo("UTC"), within=None, outside=None, closed=WEEKDAYS) is None


def test_the_second_of_two_equal_hours_has_an_end_too() -> None:
    """Kyiv, 25 October 2026: 03:00 to 04:00 comes twice, from 00:00 and from 01:00 UTC."""
    quiet = TimeRange(0, 3 * 60 + 30)
    opens = next_open(dt.datetime(2026, 10, 25, 1, 10, tzinfo=dt.UTC), ZoneInfo("Europe/Kyiv"), within=None, outside=quiet, closed=())
    assert opens == dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC)


ranges = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: TimeRange(*pair))
# Around the days on which clocks change, and any others.
days = st.sampled_from([dt.datetime(2026, 3, 28), dt.datetime(2026, 10, 24), dt.datetime(2026, 11, 1), dt.datetime(2026, 6, 1)])  # noqa: DTZ001


@settings(max_examples=80, deadline=None)
@given(
    days,
    st.integers(0, 2880),
    st.sampled_from(["Europe/Kyiv", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.one_of(st.none(), ranges),
    st.one_of(st.none(), ranges),
    st.sets(st.sampled_from(["sat", "sun", "mon"])),
)
def test_it_opens_at_the_first_minute_that_is_open(
    day: dt.datetime, minute: int, name: str, within: TimeRange | None, outside: TimeRange | None, closed: set[str]
) -> None:
    zone, start = ZoneInfo(name), day.replace(tzinfo=dt.UTC) + minute * MINUTE

    def is_open(moment: dt.datetime) -> bool:
        local = moment.astimezone(zone)
        inside = within is None or within.contains(local.time())
        return inside and not (outside is not None and outside.contains(local.time())) and WEEKDAYS[local.weekday()] not in closed

    found = next_open(start, zone, within=within, outside=outside, closed=closed)
    first = next((moment for n in range(6 * 1440) if is_open(moment := start + n * MINUTE)), None)
    assert found == first

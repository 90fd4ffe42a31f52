"""How fast a connection may be used, and when its receiver is left alone."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.connections.breaker import FIRST_REST, LAST_REST, MAX_HOLD, TRIPS, Breaker
from engine.connections.rates import parse_rate
from engine.model.delivery import Outcome, Rejected, Sent, Unclear

DOWN = Rejected(reason="no connection", permanent=False, down=True)
BUSY = Rejected(reason="too many", permanent=False, retry_after=30.0, down=True)
GREYLISTED = Rejected(reason="try again later", permanent=False)
NEVER = Rejected(reason="no such user", permanent=True)


# -- rates ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "count", "seconds"), [("50/s", 50, 1), ("600/m", 600, 60), ("10000/h", 10_000, 3600), ("9/d", 9, 86_400)])
def test_a_rate_is_read_as_it_is_written(text: str, count: int, seconds: float) -> None:
    assert (parse_rate(text).count, parse_rate(text).seconds) == (count, seconds)


@given(st.integers(1, 20), st.lists(st.tuples(st.floats(0, 0.7), st.integers(0, 30)), max_size=60))
def test_no_stretch_of_a_second_ever_sees_more_than_the_rate(count: int, asked: list[tuple[float, int]]) -> None:
    rate, now, begun = parse_rate(f"{count}/s"), 0.0, list[float]()
    for pause, wanted in asked:
        now += pause
        many = min(wanted, rate.free(now))
        rate.take(many, now)
        begun += [now] * many
    assert all(sum(start <= at < start + 1 for at in begun) <= count for start in begun)


@given(st.integers(1, 20), st.floats(0, 100))
def test_whoever_waits_as_long_as_told_may_begin(count: int, now: float) -> None:
    rate = parse_rate(f"{count}/s")
    rate.take(count, now)
    assert rate.free(now) == 0
    assert rate.wait(now) == pytest.approx(1)
    assert rate.free(now + rate.wait(now) + 1e-9) == count


# -- the breaker ----------------------------------------------------------------------------------------------------------


def breaker() -> Breaker:
    return Breaker(random.Random(1))


def note(it: Breaker, now: float, *outcomes: Outcome) -> str:
    for outcome in outcomes:
        it.note(outcome, now)
    return it.state(now)


@pytest.mark.parametrize("failure", [DOWN, Unclear(reason="the line broke")])
def test_it_opens_after_some_failures_in_a_row(failure: Outcome) -> None:
    it = breaker()
    assert note(it, 0.0, *[failure] * (TRIPS - 1)) == "closed"
    assert note(it, 0.0, failure) == "open"
    assert it.allows(0, 0.0) == 0
    assert FIRST_REST / 2 <= it.wait(0.0) <= FIRST_REST


@pytest.mark.parametrize("outcome", [GREYLISTED, Rejected(reason="too early", permanent=False, retry_after=30.0), NEVER])
def test_what_is_said_of_single_messages_never_opens_it(outcome: Outcome) -> None:
    it = breaker()
    assert note(it, 0.0, *[outcome] * 100) == "closed"


@pytest.mark.parametrize("answer", [Sent(), NEVER, GREYLISTED, Unclear(reason="neither yes nor no", down=False)])
def test_a_receiver_that_answers_in_between_is_there(answer: Outcome) -> None:
    it = breaker()
    assert note(it, 0.0, *([DOWN] * (TRIPS - 1) + [answer]) * 3) == "closed"
    assert it.allows(0, 0.0) is None


def test_after_its_rest_one_delivery_is_tried_and_no_more() -> None:
    it = breaker()
    note(it, 0.0, *[DOWN] * TRIPS)
    assert it.state(it.wait(0.0)) == "half-open"
    assert (it.allows(0, 1.0), it.allows(1, 1.0)) == (1, 0)
    assert note(it, 1.0, Sent()) == "closed"


def test_its_rests_grow_to_a_limit_and_are_short_again_after_a_success() -> None:
    it, now, rests = breaker(), 0.0, list[float]()
    note(it, now, *[DOWN] * TRIPS)
    for _ in range(20):
        rests.append(it.wait(now))
        now += it.wait(now)
        note(it, now, DOWN)
    assert all(LAST_REST / 2 <= rest <= LAST_REST for rest in rests[10:])
    assert max(rests[:3]) < min(rests[6:])
    note(it, now + LAST_REST, Sent())
    note(it, now, *[DOWN] * TRIPS)
    assert it.wait(now) <= FIRST_REST


def test_failures_of_what_was_under_way_when_it_opened_change_nothing() -> None:
    it = breaker()
    note(it, 0.0, *[DOWN] * TRIPS)
    until = it.wait(0.0)
    note(it, 0.0, *[DOWN] * 30)
    assert it.wait(0.0) == until


def test_a_receiver_that_asks_for_time_gets_it_at_once_and_keeps_nobody_waiting_for_a_day() -> None:
    it = breaker()
    assert note(it, 0.0, BUSY) == "open"
    assert it.wait(0.0) == 30
    note(it, 0.0, Rejected(reason="too many", permanent=False, retry_after=5.0, down=True))
    assert it.wait(0.0) == 30, "a shorter wish of another answer does not end the longer one"
    note(it, 0.0, Rejected(reason="too many", permanent=False, retry_after=86_400.0, down=True))
    assert it.wait(0.0) == MAX_HOLD

"""Who may be asked: a verdict when deciding never refuses whom the claim would allow, and samples are fair, stable and take turns."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
import small_project
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dsl.expressions.meaning import NOW, ZONE
from engine.model.definitions import Audience, Cadence, Definitions
from engine.model.feedback import Asked, Invitation, InvitationState
from engine.model.policies import Quiet
from engine.rules.eligibility import Asking, Eligibility, Ledger, sampled
from engine.schedule.durations import Duration
from engine.schedule.windows import TimeRange

MONDAY = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
KYIV = ZoneInfo("Europe/Kyiv")
POLICY = {
    "may_ask: not": "frequency: [{max: 1, per: 2d, of: contact}]\nmay_ask: not",
    "where: contact.buyer|default(true)\n": "where: contact.buyer|default(true)\nexclude: [staff]\n---\n"
    'audience: staff\nof: contact\nwhere: contact.tier|default("") == "vip"\n',
}
AUDIENCE = small_project.definitions().audiences["buyers"]


def asking(cadence: Cadence, lifetime: float | None = None) -> Asking:
    return Asking(
        cadence=cadence, survey=cadence.survey, channel="email", part=0, invitation="mine", due=MONDAY, lifetime=lifetime, message=0
    )


def with_hours(definitions: Definitions, quiet: bool, between: bool, again: bool) -> tuple[Definitions, Cadence]:
    cadence = replace(
        definitions.cadences["after_delivery"],
        between=TimeRange(600, 1140) if between else None,
        again=Duration(5, "d") if again else None,
    )
    night = Quiet(between=TimeRange(1260, 540), days=("sun",)) if quiet else None
    project = replace(definitions.project, quiet=night)
    return replace(definitions, project=project, cadences={**definitions.cadences, cadence.name: cadence}), cadence


people = st.fixed_dictionaries(
    {},
    optional={
        "opted_out": st.booleans(),
        "buyer": st.booleans(),
        "tier": st.sampled_from(["standard", "vip"]),
        "timezone": st.sampled_from(["Asia/Tokyo", "America/New_York", "no zone at all"]),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(people, st.none()),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.integers(0, 24 * 7),
    st.lists(st.integers(0, 10), max_size=2),
    st.sampled_from(["test", "east", None]),
)
def test_deciding_refuses_nobody_whom_the_claim_would_allow_or_put_off(
    contact: dict[str, object] | None, hours: tuple[bool, bool, bool], hour: int, ages: list[int], warehouse: str | None
) -> None:
    definitions, cadence = with_hours(small_project.definitions(POLICY), *hours)
    rules, now = Eligibility(definitions), MONDAY + dt.timedelta(hours=hour)
    scope: dict[str, object] = {"contact": contact, "deal": {"title": "Coat"}, "event": {"warehouse": warehouse}, NOW: now, ZONE: KYIV}
    lines = [
        Asked(part=0, group="contact/c", at=now - dt.timedelta(days=age), survey=cadence.survey, channel="email", invitation=f"{n}")
        for n, age in enumerate(ages)
    ]
    refused = rules.pre_filter(cadence, scope, {"contact": "c"}, now)
    verdict = rules.may_send(
        asking(cadence), None, scope, {"contact": "c"}, Ledger(lambda group: lines if group == "contact/c" else []), now
    )
    if refused is not None:
        assert (verdict.allowed, verdict.until) == (False, None)
    if verdict.allowed:
        assert refused is None
    if verdict.until is not None:
        assert verdict.until > now


@pytest.mark.parametrize(
    ("state", "reason"),
    [(InvitationState.ANSWERED, "answered"), (InvitationState.EXPIRED, "expired"), (InvitationState.DROPPED, "a better reason")],
)
def test_what_is_over_is_not_sent(state: InvitationState, reason: str) -> None:
    definitions = small_project.definitions()
    cadence = definitions.cadences["after_delivery"]
    invitation = Invitation(
        id="mine",
        part=0,
        contact="c",
        survey=cadence.survey,
        cadence=cadence.name,
        deployment=1,
        event=1,
        subjects={},
        state=state,
        due=MONDAY,
        lifetime=None,
        reason="a better reason" if state is InvitationState.DROPPED else None,
    )
    scope: dict[str, object] = {"contact": {}, "event": {}, NOW: MONDAY, ZONE: KYIV}
    assert Eligibility(definitions).may_send(asking(cadence), invitation, scope, {}, Ledger(lambda _: ()), MONDAY).reason == reason


def audience(sample: float, rotate: str | None = None) -> Audience:
    return replace(AUDIENCE, sample=sample, rotate=Duration.parse(rotate) if rotate is not None else None)


def members(of: Audience, at: dt.datetime = MONDAY) -> set[int]:
    return {number for number in range(2_000) if sampled(of, f"c{number}", at, KYIV)}


def test_a_larger_share_keeps_everyone_and_is_as_large_as_it_says() -> None:
    small, large = members(audience(0.1)), members(audience(0.4))
    assert small < large
    assert 150 < len(small) < 250
    assert 700 < len(large) < 900
    assert len(members(audience(1.0))) == 2_000
    assert members(replace(audience(0.1), name="other")) != small


@pytest.mark.parametrize("rotate", ["1q", "1mo", "1w", "2d", "1y", "6h"])
def test_a_sample_that_rotates_takes_the_next_slice_and_everyone_has_a_turn(rotate: str) -> None:
    turning, step = audience(0.25, rotate), Duration.parse(rotate)
    assert step is not None
    at, slices = MONDAY, []
    for _ in range(4):
        slices.append(members(turning, at))
        at = step.after(at, KYIV)
    assert set().union(*slices) == set(range(2_000))
    assert sum(map(len, slices)) == 2_000, "nobody twice"
    assert members(turning, at) == slices[0]


def test_a_turn_begins_with_the_calendar_of_the_project() -> None:
    new_year = dt.datetime(2026, 12, 31, 22, tzinfo=dt.UTC)  # midnight in Kyiv
    second = dt.timedelta(seconds=1)
    turning = audience(0.25, "1y")
    assert members(turning, new_year - second) == members(turning, MONDAY)
    assert members(turning, new_year) != members(turning, MONDAY)

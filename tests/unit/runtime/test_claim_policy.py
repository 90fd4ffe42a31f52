"""The policy at the claim: how often anyone is asked, at which hours, who belongs, and who goes first."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_project
import stored
from bench import NOON, Bench, bench, event

from engine.model.delivery import DeliveryState, Rejected, Repeat, Sent
from engine.model.events import Event
from engine.rules.eligibility import SETTLING
from engine.runtime.claim import Claimed
from engine.runtime.results import Result, state_after, write_results

DAY, HOUR, SOON = dt.timedelta(days=1), dt.timedelta(hours=1), SETTLING[0]
CONTRACT = "    opted_out: optional boolean\n"
COMPANY = "  company: {name: optional text}"
SECOND = """---
cadence: second
survey: csat_visit
audience: buyers
when: order.delivered
via: [mail]
"""


@asynccontextmanager
async def engine(folder: Path, policy: str = "", *, cadence: str = "", rules: str = "", **changes: str) -> AsyncIterator[Bench]:
    """The small project with a policy, keys of its first cadence, and more rules."""
    wanted = {
        "may_ask: not": f"{policy}\nmay_ask: not" if policy else "",
        CONTRACT: f"{CONTRACT}    timezone: optional timezone\n    country: optional country\n",
        "via: [mail]\nexpires: 14d\n": f"via: [mail]\nexpires: 14d\n{cadence}\n{rules}" if cadence or rules else "",
        **changes,
    }
    async with bench(folder, small_project.definitions({old: new for old, new in wanted.items() if new})) as made:
        yield made


def delivered(who: str = "1", **contact: Any) -> Event:
    data = {"contact": {"id": who, "name": "Ada", "email": f"{who}@example.test", **contact}, "deal": {"id": f"d{who}", "title": "Coat"}}
    return event("order.delivered", data)


async def asked(engine: Bench, *events: Event) -> list[str]:
    return [item.delivery.origin.removeprefix("cadence.") for item in await engine.invite(*events)]


async def settled(engine: Bench) -> list[str]:
    """What goes out when what was put off for a message on its way is looked at again."""
    engine.clock.advance(SOON)
    return await asked(engine)


async def reasons(engine: Bench) -> list[str | None]:
    return [line.reason for line in await engine.outbox(DeliveryState.DROPPED)]


async def put_off(engine: Bench) -> list[tuple[dt.datetime, str | None]]:
    return [(line.due, line.reason) for line in await engine.outbox(DeliveryState.PENDING)]


async def rejected(engine: Bench, item: Claimed, *, permanent: bool) -> None:
    outcome = Rejected(reason="550 no such user", permanent=permanent)
    state = state_after(item.delivery, outcome, Repeat.NEITHER)
    result = Result(item=item, outcome=outcome, state=state, at=engine.clock.now(), wait=HOUR)
    await engine.store.write(lambda tx: write_results(tx, [result]))


# -- how often --------------------------------------------------------------------------------------------------------------

MONTHLY = "frequency: [{max: 1, per: 30d, of: contact}]"


async def test_nobody_is_asked_more_often_than_the_policy_says(tmp_path: Path) -> None:
    async with engine(tmp_path, MONTHLY) as made:
        assert await asked(made, delivered("1"), delivered("1"), delivered("2")) == ["after_delivery", "after_delivery"]
        assert await settled(made) == []
        assert await reasons(made) == ["frequency: 1 per 30d of contact"]
        made.clock.advance(30 * DAY - HOUR)
        assert await asked(made, delivered("1")) == []
        made.clock.advance(HOUR)
        assert await asked(made, delivered("1")) == ["after_delivery"]


@pytest.mark.parametrize("permanent", [True, False], ids=["given up", "to be tried again"])
async def test_an_invitation_that_was_rejected_asked_nobody(tmp_path: Path, permanent: bool) -> None:
    async with engine(tmp_path, MONTHLY) as made:
        await made.turn(delivered())
        (item,) = await made.claim()
        await rejected(made, item, permanent=permanent)
        assert stored.rows(made.store.path, "SELECT * FROM ask") == []
        assert await asked(made, delivered()) == ["after_delivery"]
        made.clock.advance(2 * HOUR)
        assert await asked(made) == [], "what is tried again is judged again"
        assert await reasons(made) == ([] if permanent else ["frequency: 1 per 30d of contact"])


@pytest.mark.parametrize(("policy", "cadence"), [(MONTHLY, ""), ("", "again: 30d")], ids=["frequency", "again"])
async def test_an_invitation_waits_for_what_becomes_of_the_one_before(tmp_path: Path, policy: str, cadence: str) -> None:
    async with engine(tmp_path, policy, cadence=cadence) as made:
        await made.turn(delivered(), delivered())
        (first,) = await made.claim()
        reason = "frequency: 1 per 30d of contact" if policy else "again: 30d"
        assert await put_off(made) == [(NOON + SOON, reason)]
        made.clock.advance(SOON)
        assert await made.claim() == [], "it is on its way still"
        await rejected(made, first, permanent=True)
        assert stored.rows(made.store.path, "SELECT * FROM ask") == []
        made.clock.advance(SOON)
        assert await asked(made) == ["after_delivery"]
        assert await reasons(made) == []


async def test_an_invitation_waits_for_a_reminder_on_its_way_where_messages_count(tmp_path: Path) -> None:
    count = "frequency: [{max: 2, per: 30d, of: contact, count: messages}]"
    async with engine(tmp_path, count, cadence="remind: {every: 3d, max: 1}", rules=SECOND) as made:
        await made.turn(delivered())
        first, second = await made.claim()
        await rejected(made, second, permanent=True)
        await made.answer(first, Sent())
        made.clock.advance(3 * DAY)
        (reminder,) = await made.claim()
        assert reminder.delivery.message == 1
        assert await asked(made, event("order.delivered", delivered().data, time=made.clock.now())) == []
        assert {reason for _, reason in await put_off(made)} == {"frequency: 2 per 30d of contact"}
        await rejected(made, reminder, permanent=True)
        assert len(await settled(made)) == 1


async def test_where_what_is_out_fills_a_cap_nobody_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    caps = "frequency: [{max: 1, per: 30d, of: contact}, {max: 2, per: 30d, of: company}]"
    async with engine(tmp_path, caps) as made:

        def of_acme(who: str) -> Event:
            one = delivered(who)
            return replace(one, data={**one.data, "company": {"id": "acme", "name": "Acme"}})

        assert await asked(made, of_acme("1")) == ["after_delivery"]
        await made.turn(of_acme("2"))
        assert len(await made.claim()) == 1
        assert await asked(made, of_acme("1"), of_acme("3")) == []
        assert await reasons(made) == ["frequency: 1 per 30d of contact"], "whatever becomes of what was sent to the second"
        assert [reason for _, reason in await put_off(made)] == ["frequency: 2 per 30d of company"]


async def test_a_second_attempt_at_the_same_invitation_does_not_count_against_itself(tmp_path: Path) -> None:
    async with engine(tmp_path, MONTHLY) as made:
        await made.turn(delivered())
        (item,) = await made.claim()
        await made.store.write(lambda tx: tx.postpone(item.delivery, made.clock.now(), "the line broke"))
        assert len(await made.claim()) == 1
        assert len(stored.rows(made.store.path, "SELECT * FROM ask")) == 1


async def test_a_company_is_asked_through_as_many_of_its_people_as_the_policy_says(tmp_path: Path) -> None:
    async with engine(tmp_path, "frequency: [{max: 2, per: 1q, of: company}]") as made:
        events = [delivered(str(number)) for number in range(3)]
        with_company = [replace(one, data={**one.data, "company": {"id": "acme", "name": "Acme"}}) for one in events]
        assert len(await asked(made, *with_company, delivered("nobody's"))) == 3
        assert await settled(made) == []
        assert await reasons(made) == ["frequency: 2 per 1q of company"]


async def test_a_cap_may_count_by_a_field_and_be_for_some(tmp_path: Path) -> None:
    caps = 'frequency: [{max: 1, per: 1w, of: contact.country}, {max: 1, per: 1y, of: contact, if: contact.tier|default("") == "vip"}]'
    async with engine(tmp_path, caps) as made:
        assert len(await asked(made, delivered("1", country="UA"), delivered("2", country="UA"), delivered("3", country="PL"))) == 2
        assert await settled(made) == []
        assert await reasons(made) == ["frequency: 1 per 1w of contact.country"]
        vips = [delivered("4", tier="vip"), delivered("4", tier="vip"), delivered("5"), delivered("5")]
        assert len(await asked(made, *vips)) == 3


async def test_where_a_cap_leaves_room_for_one_the_higher_priority_goes_first(tmp_path: Path) -> None:
    async with engine(tmp_path, MONTHLY, rules=f"{SECOND}priority: 5\n") as made:
        assert await asked(made, delivered()) == ["second"]
        assert await settled(made) == []
        assert await reasons(made) == ["frequency: 1 per 30d of contact"]


async def test_what_goes_first_is_waited_for_on_another_connection_too(tmp_path: Path) -> None:
    more = {"  feed: {use": '  post: {use: smtp, host: post.shop.test, from: "cx@shop.test"}\n  feed: {use'}
    async with engine(tmp_path, MONTHLY, rules=f"{SECOND}priority: 5\n".replace("via: [mail]", "via: [post]"), **more) as made:
        assert await asked(made, delivered()) == []
        assert (NOON + dt.timedelta(seconds=2), "cadence.second goes first") in await put_off(made)
        assert len(await made.deliver("post")) == 1
        made.clock.advance(dt.timedelta(minutes=1))
        assert await asked(made) == []
        assert await reasons(made) == ["frequency: 1 per 30d of contact"]


async def test_nobody_waits_for_ever_for_what_would_go_first(tmp_path: Path) -> None:
    more = {"  feed: {use": '  post: {use: smtp, host: post.shop.test, from: "cx@shop.test"}\n  feed: {use'}
    async with engine(tmp_path, MONTHLY, rules=f"{SECOND}priority: 5\n".replace("via: [mail]", "via: [post]"), **more) as made:
        await made.turn(delivered())
        made.clock.advance(HOUR)
        assert await asked(made) == ["after_delivery"]


# -- when -------------------------------------------------------------------------------------------------------------------


async def test_quiet_hours_put_off_until_they_are_over_where_the_contact_lives(tmp_path: Path) -> None:
    async with engine(tmp_path, 'quiet: {between: "21:00-09:00"}') as made:
        made.clock.advance(9 * HOUR)  # midnight in Moscow, four in the afternoon in New York
        assert await asked(made, delivered("1"), delivered("2", timezone="America/New_York")) == ["after_delivery"]
        assert await put_off(made) == [(NOON + 18 * HOUR, "quiet")]
        made.clock.advance(9 * HOUR)
        assert await asked(made) == ["after_delivery"]


async def test_thanks_are_said_when_quiet_is_over(tmp_path: Path) -> None:
    async with engine(tmp_path, "quiet: {days: [mon]}") as made:
        answered = {"contact": {"id": "1", "email": "ada@example.test"}, "deal": {"id": "d", "title": "Coat"}, "answers": {"score": 10}}
        await made.turn(event("survey.nps_delivery.answered", answered))
        assert await made.claim() == []
        made.clock.advance(9 * HOUR)
        assert [item.delivery.origin for item in await made.claim()] == ["automation.happy/0"]


async def test_a_cadences_own_hours_put_off_too_and_who_leaves_meanwhile_is_not_asked(tmp_path: Path) -> None:
    async with engine(tmp_path, cadence="between: 16:00-18:00") as made:
        await made.turn(delivered("1"), delivered("2", buyer=False), delivered("3"))
        assert await made.claim() == []
        assert await put_off(made) == [(NOON + HOUR, "between: 16:00-18:00")] * 3
        await made.turn(event("contact.updated", {"contact": {"id": "2", "buyer": True}}, time=NOON + HOUR))
        await made.turn(event("contact.updated", {"contact": {"id": "3", "buyer": False}}, time=NOON + HOUR))
        made.clock.advance(HOUR)
        assert len(await asked(made)) == 2


async def test_the_same_survey_is_not_sent_again_too_soon(tmp_path: Path) -> None:
    async with engine(tmp_path, cadence="again: 10d") as made:
        assert await asked(made, delivered(), delivered()) == ["after_delivery"]
        assert await settled(made) == []
        assert await put_off(made) == [(NOON + 10 * DAY, "again: 10d")]
        made.clock.advance(10 * DAY)
        assert await asked(made) == ["after_delivery"]


async def test_what_would_be_over_before_it_may_go_out_is_dropped(tmp_path: Path) -> None:
    async with engine(tmp_path, cadence="again: 15d") as made:
        assert await asked(made, delivered(), delivered()) == ["after_delivery"]
        assert await settled(made) == []
        assert await reasons(made) == ["again: 15d; it expires before"]


async def test_hours_that_never_come_are_said(tmp_path: Path) -> None:
    async with engine(tmp_path, 'quiet: {between: "21:00-09:00"}', cadence="between: 22:00-23:00") as made:
        assert await asked(made, delivered()) == []
        assert await reasons(made) == ["quiet and between: 22:00-23:00: there is no time left"]


# -- whom -------------------------------------------------------------------------------------------------------------------


async def test_who_is_in_an_excluded_audience_is_not_asked(tmp_path: Path) -> None:
    where = "where: contact.buyer|default(true)"
    staff = '---\naudience: staff\nof: contact\nwhere: contact.tier|default("") == "vip"\n'
    async with engine(tmp_path, **{where: f"{where}\nexclude: [staff]\n{staff}"}) as made:
        assert await asked(made, delivered("1"), delivered("2", tier="vip")) == ["after_delivery"]
        assert [row["trace"].count("excludes audience.staff") for row in stored.rows(made.store.path, "SELECT trace FROM event")] == [0, 1]


async def test_a_sample_asks_its_share(tmp_path: Path) -> None:
    where = "where: contact.buyer|default(true)"
    async with engine(tmp_path, **{where: f"{where}\nsample: 25%"}) as made:
        people = [delivered(str(number)) for number in range(100)]
        first = {item.delivery.contact for item in await made.invite(*people)}
        assert 10 <= len(first) <= 45
        await made.deploy(small_project.definitions({where: f"{where}\nsample: 60%"}))
        more = {item.delivery.contact for item in await made.invite(*[delivered(str(number)) for number in range(100)])}
        assert first < more

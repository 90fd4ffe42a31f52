"""Reminders: so many, so far apart, to whoever has not answered, and judged as every other message that asks."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import small_project
import stored
from bench import NOON, Bench, bench, event

from engine.messages.compose import invitation_email
from engine.model.delivery import DeliveryState, Rejected, Repeat, Sent
from engine.model.events import Event
from engine.model.feedback import InvitationState
from engine.runtime.claim import Claimed, doubt
from engine.runtime.results import Result, state_after, write_results

DAY = dt.timedelta(days=1)
ASKS = "via: [mail]\nexpires: 14d\n"
WORDS = '---\ntemplate: reminder\nsubject: A reminder\ntext: "{{ link }}, please"\n'


@asynccontextmanager
async def engine(folder: Path, remind: str = "{every: 3d, max: 2, with: reminder}", policy: str = "") -> AsyncIterator[Bench]:
    changes = {ASKS: f"{ASKS}remind: {remind}\n{WORDS}", **({"may_ask: not": f"{policy}\nmay_ask: not"} if policy else {})}
    async with bench(folder, small_project.definitions(changes)) as made:
        yield made


def delivered(who: str = "1") -> Event:
    contact = {"id": who, "name": "Ada", "email": f"{who}@example.test"}
    return event("order.delivered", {"contact": contact, "deal": {"id": f"d{who}", "title": "Coat"}})


async def send(made: Bench) -> list[Claimed]:
    """What is due goes out."""
    found = await made.claim()
    await write(made, [Result(item=one, outcome=Sent(), state=DeliveryState.DONE, at=made.clock.now(), wait=DAY) for one in found])
    return found


async def write(made: Bench, results: list[Result]) -> None:
    await made.store.write(lambda tx: write_results(tx, results))


async def over(made: Bench, days: int) -> list[int]:
    """The messages that go out on each of so many days: 0 the invitation, n its n-th reminder."""
    found = []
    for _ in range(days):
        found += [item.delivery.message for item in await send(made)]
        made.clock.advance(DAY)
    return found


async def test_so_many_reminders_go_out_so_far_apart(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        await made.turn(delivered())
        assert [[item.delivery.message for item in await send(made)], await over(made, 3)] == [[0], []]
        assert await over(made, 1) == [1]
        assert await over(made, 3) == [2]
        assert await over(made, 20) == []
        (invitation,) = {one.id: one for one in await made.invitations()}.values()
        assert invitation.sent == NOON, "a reminder does not begin its lifetime anew"


async def test_a_reminder_has_words_and_a_link_of_its_own(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        await made.turn(delivered())
        (first,) = await send(made)
        made.clock.advance(3 * DAY)
        (second,) = await send(made)
        assert second.token is not None
        assert second.token != first.token
        assert second.version is not None
        assert second.cadence is not None
        assert second.scope is not None
        mail = invitation_email(second.version.definitions, second.cadence, second.scope, "https://x.test", "key", reminder=True)
        assert (mail.subject, mail.text) == ("A reminder", "https://x.test, please")
        assert second.delivery.key != first.delivery.key


@pytest.mark.parametrize("state", [InvitationState.ANSWERED, InvitationState.EXPIRED])
async def test_nobody_is_reminded_of_what_is_over(tmp_path: Path, state: InvitationState) -> None:
    async with engine(tmp_path) as made:
        await made.turn(delivered())
        (item,) = await send(made)
        assert item.invitation is not None
        over_now = replace(item.invitation, state=state)
        await made.store.write(lambda tx: tx.save_invitation(over_now))
        made.clock.advance(3 * DAY)
        assert await send(made) == []
        assert [line.reason for line in await made.outbox(DeliveryState.DROPPED)] == [state.value]


async def test_an_invitation_that_may_not_have_arrived_has_its_reminder_as_second_attempt(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        await made.turn(delivered())
        (item,) = await made.claim()
        await made.store.write(lambda tx: doubt(tx, item.delivery, "the line broke", made.clock.now()))
        made.clock.advance(3 * DAY)
        assert [one.delivery.message for one in await send(made)] == [1]


@pytest.mark.parametrize("permanent", [True, False])
async def test_what_was_not_sent_is_not_reminded_of(tmp_path: Path, permanent: bool) -> None:
    async with engine(tmp_path) as made:
        await made.turn(delivered())
        (item,) = await made.claim()
        outcome = Rejected(reason="no", permanent=permanent)
        state = state_after(item.delivery, outcome, Repeat.NEITHER)
        await write(made, [Result(item=item, outcome=outcome, state=state, at=made.clock.now(), wait=4 * DAY)])
        made.clock.advance(3 * DAY)
        assert await send(made) == []
        made.clock.advance(DAY)
        assert [one.delivery.message for one in await send(made)] == ([] if permanent else [0])


async def test_reminders_count_only_where_messages_are_counted(tmp_path: Path) -> None:
    async with engine(tmp_path, policy="frequency: [{max: 1, per: 5d, of: contact}]") as made:
        await made.turn(delivered())
        assert await over(made, 8) == [0, 1, 2]
    (tmp_path / "other").mkdir()
    async with engine(tmp_path / "other", policy="frequency: [{max: 1, per: 5d, of: contact, count: messages}]") as made:
        await made.turn(delivered())
        assert await over(made, 8) == [0]
        reasons = [line.reason for line in await made.outbox(DeliveryState.DROPPED)]
        assert reasons == ["frequency: 1 per 5d of contact"]
        assert len(stored.rows(made.store.path, "SELECT * FROM ask")) == 1


async def test_quiet_days_put_a_reminder_off(tmp_path: Path) -> None:
    async with engine(tmp_path, policy="quiet: {days: [thu]}") as made:  # the first is due on a Thursday
        await made.turn(delivered())
        assert await over(made, 4) == [0]
        assert await over(made, 1) == [1]


async def test_a_reminder_that_the_current_version_does_not_want_is_not_sent(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        await made.turn(delivered())
        await send(made)
        await made.deploy(small_project.definitions())
        made.clock.advance(3 * DAY)
        assert await send(made) == []
        assert [line.reason for line in await made.outbox(DeliveryState.DROPPED)] == ["cadence.after_delivery reminds no more"]

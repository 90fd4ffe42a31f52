"""`ask`: an automation asks for another survey, and its run hears what became of that."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import small_project
import stored
from bench import NOON, Bench, bench, event

from engine.messages.compose import invitation_email
from engine.model.delivery import DeliveryState, Sent
from engine.model.events import Event
from engine.model.feedback import InvitationState
from engine.respond.session import Accepted
from engine.rules.eligibility import SETTLING
from engine.runtime.claim import Claimed
from engine.runtime.respondents import StoredRespondents
from engine.runtime.results import Result, write_results

DAY = dt.timedelta(days=1)
HELP = "automation: help\nwhen: help.wanted\nthen:\n"
ASK = (
    """template: once_more
subject: One more question
text: "{{ contact.name|default('friend') }}, please answer: {{ link }}"
---
"""
    + HELP
    + """  - ask: {survey: csat_visit, after: 1d, expires: 5d, invite: once_more}
    as: again
  - wait_for: [again.answered, again.expired]
    at_most: 30d
  - webhook: {data: {what: heard}}
"""
)


@asynccontextmanager
async def engine(folder: Path, ask: str = ASK, policy: str = "") -> AsyncIterator[Bench]:
    changes = {HELP: ask, **({"may_ask: not": f"{policy}\nmay_ask: not"} if policy else {})}
    async with bench(folder, small_project.definitions(changes)) as made:
        yield made


def wanted(**contact: object) -> Event:
    return event("help.wanted", {"contact": {"id": "1", "name": "Ada", "email": "ada@example.test", **contact}, "topic": "size"})


async def send(made: Bench) -> list[Claimed]:
    found = await made.claim()
    results = [Result(item=one, outcome=Sent(), state=DeliveryState.DONE, at=made.clock.now(), wait=DAY) for one in found]
    await made.store.write(lambda tx: write_results(tx, results))
    await made.turn()
    return found


async def heard(made: Bench) -> bool:
    return any(row.action == "webhook" for row in await made.deliveries())


async def test_a_step_asks_with_its_own_words_and_time(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        await made.turn(wanted())
        assert await send(made) == []
        made.clock.advance(DAY)
        (item,) = await send(made)
        assert item.step is not None
        assert item.version is not None
        assert item.scope is not None
        mail = invitation_email(item.version.definitions, item.step, item.scope, "https://x.test", "key")
        assert (mail.to, mail.subject, mail.text) == ("ada@example.test", "One more question", "Ada, please answer: https://x.test")
        (invitation,) = await made.invitations()
        assert (invitation.survey, invitation.state, invitation.expires) == ("csat_visit", InvitationState.SENT, NOON + 6 * DAY)
        assert not await heard(made)


async def test_the_run_hears_that_it_was_answered(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        await made.turn(wanted())
        made.clock.advance(DAY)
        (item,) = await send(made)
        assert item.token is not None
        respondents = StoredRespondents(made.store, made.versions, made.clock, lambda: None)
        said = Accepted(values={"score": 5}, score=5.0, category="positive")
        assert await respondents.answer(item.token, said, language="en") == "recorded"
        await made.turn()
        assert await heard(made)


async def test_the_run_hears_that_it_expired(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        await made.turn(wanted())
        made.clock.advance(DAY)
        await send(made)
        made.clock.advance(5 * DAY)
        await made.turn()
        assert await heard(made)


async def test_what_a_step_asks_counts_as_asked_and_is_judged_by_the_policy(tmp_path: Path) -> None:
    async with engine(tmp_path, policy="frequency: [{max: 1, per: 30d, of: contact}]") as made:
        await made.turn(wanted(), wanted())
        made.clock.advance(DAY)
        assert len(await send(made)) == 1
        made.clock.advance(SETTLING[1])  # by then it is known that the first has arrived
        assert await send(made) == []
        assert [line.reason for line in await made.outbox(DeliveryState.DROPPED)] == ["frequency: 1 per 30d of contact"]
        assert [row["survey"] for row in stored.rows(made.store.path, "SELECT survey FROM ask")] == ["csat_visit"]


async def test_who_opted_out_meanwhile_is_not_asked_and_whom_nothing_reaches_neither(tmp_path: Path) -> None:
    async with engine(tmp_path) as made:
        await made.turn(wanted(), wanted(id="2", email=None))
        assert [row.action for row in await made.deliveries()].count("invite") == 1
        await made.turn(event("contact.updated", {"contact": {"id": "1", "opted_out": True}}, time=NOON + DAY))
        made.clock.advance(DAY)
        assert await send(made) == []
        assert [line.reason for line in await made.outbox(DeliveryState.DROPPED)] == ["contact.opted_out"]

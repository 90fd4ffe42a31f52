"""An answer is recorded once, with the event that makes automations act, under the survey that asked."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import small_project
import stored
from bench import Bench, bench, event

from engine.model.feedback import InvitationState
from engine.respond.session import Accepted
from engine.runtime.claim import doubt
from engine.runtime.respondents import StoredRespondents

ADA = {"id": "1", "name": "Ada", "email": "ada@example.test"}
DAY = dt.timedelta(days=1)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


def respondents(engine: Bench) -> StoredRespondents:
    return StoredRespondents(engine.store, engine.versions, engine.clock, lambda: None)


async def asked(engine: Bench) -> str:
    """The token of an invitation that is out."""
    (item,) = await engine.invite(event("order.delivered", {"contact": ADA, "deal": {"id": "d", "title": "Coat"}}))
    assert item.token is not None
    return item.token


def scored(score: int) -> Accepted:
    return Accepted(values={"score": score}, score=float(score), category="promoter" if score >= 9 else "detractor")


async def test_an_answer_is_recorded_once_under_fifty_posts_at_once(engine: Bench) -> None:
    token, people = await asked(engine), respondents(engine)
    said = await asyncio.gather(*(people.answer(token, scored(n % 11), language="en") for n in range(50)))
    assert Counter(said) == {"recorded": 1, "answered": 49}
    await engine.turn()
    kept = stored.rows(engine.store.path, "SELECT score FROM answer")
    assert [row["score"] for row in kept] == [float(said.index("recorded") % 11)]
    assert len(await engine.events_of("survey.nps_delivery.answered")) == 1


async def test_a_second_answer_changes_nothing(engine: Bench) -> None:
    token, people = await asked(engine), respondents(engine)
    assert await people.answer(token, scored(2), language="en") == "recorded"
    await engine.turn()
    before = (stored.rows(engine.store.path, "SELECT * FROM answer"), await engine.outbox(), engine.objects("contact"))
    assert await people.answer(token, scored(10), language="en") == "answered"
    await engine.turn()
    assert (stored.rows(engine.store.path, "SELECT * FROM answer"), await engine.outbox(), engine.objects("contact")) == before


async def test_an_answer_makes_automations_act(engine: Bench) -> None:
    token = await asked(engine)
    engine.clock.advance(DAY)
    await respondents(engine).answer(token, scored(2), language="en")
    await engine.turn()
    assert [row.origin for row in await engine.deliveries()] == ["cadence.after_delivery", "automation.unhappy/0"]
    assert engine.objects("contact")[0]["last_score"] == 2
    (answer,) = stored.rows(engine.store.path, "SELECT channel, category FROM answer")
    assert answer == {"channel": "email", "category": "detractor"}


async def test_an_answer_to_a_mail_in_doubt_came_by_mail(engine: Bench) -> None:
    await engine.turn(event("order.delivered", {"contact": ADA, "deal": {"id": "d", "title": "Coat"}}))
    (item,) = await engine.claim()
    assert item.token is not None
    await engine.store.write(lambda tx: doubt(tx, item.delivery, "the line broke", engine.clock.now()))
    assert await respondents(engine).answer(item.token, scored(9), language="en") == "recorded"
    assert stored.value(engine.store.path, "SELECT channel FROM answer") == "email"


async def test_an_answer_behind_the_expiry_is_not_recorded_though_no_timer_ran(engine: Bench) -> None:
    token, people = await asked(engine), respondents(engine)
    engine.clock.advance(14 * DAY)
    opened = await people.open(token, seen_by="test")
    assert opened is not None
    assert opened.state == "expired"
    assert await people.answer(token, scored(2), language="en") == "expired"
    assert stored.value(engine.store.path, "SELECT count(*) FROM answer") == 0


async def test_an_answered_invitation_does_not_expire(engine: Bench) -> None:
    token = await asked(engine)
    await respondents(engine).answer(token, scored(2), language="en")
    engine.clock.advance(15 * DAY)
    await engine.turn()
    assert [row.state for row in await engine.invitations()] == [InvitationState.ANSWERED]
    assert await engine.events_of("survey.nps_delivery.expired") == []


@pytest.mark.parametrize("token", ["", "x", "../../etc/passwd", "A" * 22, "A" * 5_000, "bdUvJnsTshOCl3vHJTzUzQ"])
async def test_a_token_that_nobody_was_given_opens_nothing(engine: Bench, token: str) -> None:
    people = respondents(engine)
    assert await people.open(token, seen_by="test") is None
    assert await people.answer(token, scored(2), language="en") is None


async def test_opening_a_survey_records_nothing(engine: Bench) -> None:
    token = await asked(engine)
    before = [row.state for row in await engine.invitations()]
    for _ in range(3):
        opened = await respondents(engine).open(token, seen_by="scanner")
        assert opened is not None
        assert opened.state == "open"
    assert [row.state for row in await engine.invitations()] == before
    assert stored.value(engine.store.path, "SELECT count(*) FROM event") == 1


async def test_an_answer_belongs_to_the_version_of_the_survey_that_asked(engine: Bench) -> None:
    token = await asked(engine)
    await engine.deploy(small_project.definitions({"Would you recommend us?": "Would you tell a friend about us?"}))
    await engine.turn()
    opened = await respondents(engine).open(token, seen_by="test")
    assert opened is not None
    assert opened.survey.questions[0].ask.by_language[""].text == "Would you recommend us?"


async def test_an_invitation_that_followed_a_new_version_opens_the_survey_of_that_version(engine: Bench) -> None:
    await engine.turn(event("order.delivered", {"contact": ADA, "deal": {"id": "d", "title": "Coat"}}))
    await engine.deploy(
        small_project.definitions({"cadence: after_delivery\nsurvey: nps_delivery": "cadence: after_delivery\nsurvey: csat_visit"})
    )
    (item,) = await engine.invite()
    assert item.token is not None
    opened = await respondents(engine).open(item.token, seen_by="test")
    assert opened is not None
    assert opened.survey.name == "csat_visit"

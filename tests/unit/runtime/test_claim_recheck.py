"""The claim: what goes out is rechecked with the data as they are now, and what does not go out says why."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import small_project
import stored
from bench import NOON, Bench, bench, event

from engine.messages.compose import NoAddressError, invitation_email
from engine.model.delivery import DeliveryState
from engine.model.events import Event
from engine.model.feedback import InvitationState
from engine.respond.tokens import digest
from engine.runtime.claim import doubt, mark_sent, recover

SOON = dt.timedelta(minutes=1)
ADA = {"id": "1", "name": "Ada", "email": "ada@example.test"}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


def delivered(number: int = 1, **contact: Any) -> Event:
    return event("order.delivered", {"contact": {**ADA, **contact}, "deal": {"id": f"d{number}", "title": "Coat"}})


def learned(**contact: Any) -> Event:
    return event("contact.updated", {"contact": {"id": "1", **contact}}, time=NOON + SOON)


async def dropped(engine: Bench) -> list[tuple[DeliveryState, str | None]]:
    """Claim, and what became of the rows; nothing may have gone out."""
    assert await engine.claim() == []
    return [(line.delivery.state, line.reason) for line in await engine.outbox()]


# -- the recheck ----------------------------------------------------------------------------------------------------------


async def test_who_opted_out_meanwhile_is_not_asked(engine: Bench) -> None:
    await engine.turn(delivered(), learned(opted_out=True))
    assert await dropped(engine) == [(DeliveryState.DROPPED, "contact.opted_out")]
    (invitation,) = await engine.invitations()
    assert (invitation.state, invitation.reason) == (InvitationState.DROPPED, "contact.opted_out")


async def test_who_left_the_audience_meanwhile_is_not_asked(engine: Bench) -> None:
    await engine.turn(delivered(), learned(buyer=False))
    assert await dropped(engine) == [(DeliveryState.DROPPED, "audience.buyers: contact.buyer|default(true)")]


async def test_who_came_into_the_audience_before_the_sending_is_asked(engine: Bench) -> None:
    await engine.turn(event("visit.ended", {"contact": {**ADA, "buyer": False}}), learned(buyer=True))
    engine.clock.advance(dt.timedelta(days=2))
    assert [item.delivery.origin for item in await engine.claim()] == ["cadence.after_visit"]


async def test_the_cadences_own_condition_is_judged_again(engine: Bench) -> None:
    await engine.turn(delivered())
    await engine.deploy(small_project.definitions({'event.warehouse|default("") != "test"': 'event.warehouse|default("") == "east"'}))
    assert await dropped(engine) == [(DeliveryState.DROPPED, 'cadence.after_delivery: if event.warehouse|default("") == "east"')]


async def test_a_cadence_that_is_not_deployed_any_more_asks_nobody(engine: Bench) -> None:
    await engine.turn(delivered())
    await engine.deploy(small_project.definitions({"cadence: after_delivery\n": "cadence: other\n"}))
    assert await dropped(engine) == [(DeliveryState.DROPPED, "cadence.after_delivery is not deployed any more")]
    assert [row.state for row in await engine.invitations()] == [InvitationState.DROPPED]


async def test_an_event_that_is_not_declared_any_more_asks_nobody(engine: Bench) -> None:
    await engine.turn(delivered())
    gone = {"order.delivered: {object": "order.arrived: {object", "when: order.delivered": "when: order.arrived"}
    await engine.deploy(small_project.definitions(gone))
    assert await dropped(engine) == [(DeliveryState.DROPPED, "the event order.delivered is not declared any more")]


async def test_a_cadence_that_waits_for_another_event_now_asks_nobody_for_the_old_one(engine: Bench) -> None:
    await engine.turn(delivered())
    old = 'survey: nps_delivery\naudience: buyers\nwhen: order.delivered\nif: event.warehouse|default("") != "test"'
    new = "survey: csat_visit\naudience: buyers\nwhen: visit.ended\nif: contact.revenue|default(9) > 5"
    await engine.deploy(small_project.definitions({old: new}))
    assert await dropped(engine) == [(DeliveryState.DROPPED, "cadence.after_delivery does not wait for order.delivered any more")]


async def test_an_object_that_is_gone_meanwhile_drops_what_reads_it(engine: Bench) -> None:
    await engine.deploy(small_project.definitions({'event.warehouse|default("") != "test"': 'deal.title != "test"'}))
    await engine.turn(delivered())
    engine.store._writer.execute("DELETE FROM object WHERE kind = 'deal'")
    assert await dropped(engine) == [(DeliveryState.DROPPED, "no deal")]


async def test_a_required_field_that_is_missing_now_asks_nobody(engine: Bench) -> None:
    await engine.turn(delivered())
    await engine.deploy(
        small_project.definitions({"    name: optional text\n    email": "    name: optional text\n    city: text\n    email"})
    )
    assert await dropped(engine) == [(DeliveryState.DROPPED, "contact.city is missing")]


async def test_an_invitation_that_would_be_over_before_it_is_sent_is_not_sent(engine: Bench) -> None:
    await engine.turn(delivered())
    engine.clock.advance(dt.timedelta(days=15))
    assert await dropped(engine) == [(DeliveryState.DROPPED, "expired before it could be sent")]


async def test_who_opted_out_meanwhile_is_not_thanked(engine: Bench) -> None:
    answered = {"contact": ADA, "deal": {"id": "d", "title": "Coat"}, "answers": {"score": 10}}
    await engine.turn(event("survey.nps_delivery.answered", answered), learned(opted_out=True))
    assert await dropped(engine) == [(DeliveryState.DROPPED, "contact.opted_out")]


async def test_a_ticket_is_opened_for_someone_who_opted_out_all_the_same(engine: Bench) -> None:
    await engine.turn(event("help.wanted", {"contact": {**ADA, "opted_out": True}, "topic": "size"}))
    assert len(await engine.claim("desk")) == 1


async def test_a_contact_without_an_address_any_more_cannot_be_written_to(engine: Bench) -> None:
    await engine.turn(delivered(), learned(email=None))
    (item,) = await engine.claim()
    assert item.version is not None
    assert item.cadence is not None
    assert item.scope is not None
    with pytest.raises(NoAddressError, match="the contact has no e-mail address"):
        invitation_email(item.version.definitions, item.cadence, item.scope, "http://x.test", item.delivery.key)


async def test_a_row_in_which_the_engine_fails_does_not_hold_up_the_rows_behind_it(engine: Bench) -> None:
    await engine.turn(delivered(1), delivered(2), delivered(3))
    engine.store._writer.execute("DELETE FROM invitation WHERE id = (SELECT key FROM outbox WHERE id = 2)")  # damage
    assert [item.delivery.id for item in await engine.claim()] == [1, 3]
    (line,) = await engine.outbox(DeliveryState.DEAD)
    assert (line.delivery.id, line.reason) == (2, "the engine failed at the recheck: KeyError")


# -- tokens and outcomes --------------------------------------------------------------------------------------------------


async def test_a_token_is_minted_for_each_attempt_and_every_one_of_them_opens_the_survey(engine: Bench) -> None:
    await engine.turn(delivered())
    (first,) = await engine.claim()
    await engine.store.write(lambda tx: tx.postpone(first.delivery, engine.clock.now(), "the server is down"))
    (second,) = await engine.claim()
    assert first.token is not None
    assert second.token is not None
    assert first.token != second.token
    digests = [digest(token) for token in (first.token, second.token)]
    owners = await engine.store.read(lambda tx: [tx.invitation_of_token(one) for one in digests])
    assert owners == [first.delivery.invitation] * 2
    assert first.token.encode() not in b"".join(path.read_bytes() for path in stored.files(engine.store.path))


async def test_the_channel_and_language_of_an_invitation_are_fixed_before_it_goes_out(engine: Bench) -> None:
    await engine.turn(delivered(language="en"))
    await engine.claim()
    (invitation,) = await engine.invitations()
    assert (invitation.state, invitation.channel, invitation.language) == (InvitationState.PLANNED, "email", "en")


async def test_a_send_in_doubt_is_not_repeated_and_its_link_works_until_it_expires(engine: Bench) -> None:
    await engine.turn(delivered())
    (item,) = await engine.claim()
    assert await engine.store.write(lambda tx: doubt(tx, item.delivery, "the line broke", engine.clock.now()))
    assert not await engine.store.write(lambda tx: doubt(tx, item.delivery, "again", engine.clock.now()))
    (invitation,) = await engine.invitations()
    assert (invitation.state, invitation.reason) == (InvitationState.SENT, "the line broke")
    assert invitation.expires == NOON + dt.timedelta(days=14)
    assert await engine.claim() == []
    assert [line.delivery.state for line in await engine.outbox()] == [DeliveryState.UNKNOWN]


async def test_an_answer_that_is_quicker_than_the_mail_servers_last_word_stays(engine: Bench) -> None:
    await engine.turn(delivered())
    (item,) = await engine.claim()
    assert item.invitation is not None
    answered = replace(item.invitation, state=InvitationState.ANSWERED)
    await engine.store.write(lambda tx: tx.save_invitation(answered))
    await engine.store.write(lambda tx: mark_sent(tx, tx.invitations([answered.id])[answered.id], engine.clock.now()))
    (invitation,) = await engine.invitations()
    assert (invitation.state, invitation.sent) == (InvitationState.ANSWERED, NOON)
    assert await engine.store.read(lambda tx: tx.next_timer()) is None


async def test_after_a_restart_what_was_being_sent_is_repeated_where_that_is_safe_and_in_doubt_elsewhere(engine: Bench) -> None:
    await engine.turn(delivered(), event("help.wanted", {"contact": ADA, "topic": "size"}))
    await engine.claim("mail")
    await engine.claim("desk")
    counts = await engine.store.write(lambda tx: recover(tx, tx.overdue(None), ["desk"], "the daemon ended", engine.clock.now()))
    assert counts == (1, 1)
    assert {line.delivery.connection: line.delivery.state for line in await engine.outbox()} == {
        "mail": DeliveryState.UNKNOWN,
        "desk": DeliveryState.PENDING,
    }
    assert [item.delivery.attempt for item in await engine.claim("desk")] == [2]

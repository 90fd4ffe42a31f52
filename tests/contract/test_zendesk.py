"""Tickets as the desk sees them, and what the adapter makes of its answers."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from engine.clock import VirtualClock
from engine.desks.zendesk import ZendeskAdapter
from engine.lab.receivers.desk import DeskReceiver
from engine.model.delivery import Rejected, Sent, TicketRequest, Unclear
from engine.net.client import HttpClient

TOKEN = "desk-token"
USER = "agent@desk.test"
TICKET = TicketRequest(
    key="case-1",
    title="Ada Lovelace: 2",
    body="Late again",
    priority="high",
    requester_name="Ada Lovelace",
    requester_email="ada@lavka.test",
    tags=("nps", "detractor"),
)


async def test_a_case_becomes_the_documented_ticket() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        outcome = await ZendeskAdapter(client, url=receiver.url + "/", user=USER, token=TOKEN).deliver(TICKET)
        [received] = receiver.requests
    assert outcome == Sent(external_id="1", url=f"{receiver.url}/agent/tickets/1")
    assert received.path == "/api/v2/tickets.json"
    assert received.headers["Idempotency-Key"] == "case-1"
    assert received.basic_auth == (f"{USER}/token", TOKEN)
    assert received.json() == {
        "ticket": {
            "subject": "Ada Lovelace: 2",
            "comment": {"body": "Late again", "public": False},
            "external_id": "case-1",
            "requester": {"name": "Ada Lovelace", "email": "ada@lavka.test"},
            "priority": "high",
            "tags": ["nps", "detractor"],
        }
    }


async def test_a_case_without_a_known_person_has_no_requester() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        await ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN).deliver(TicketRequest(key="k", title="t", body="b"))
    assert receiver.requests[0].json()["ticket"] == {"subject": "t", "comment": {"body": "b", "public": False}, "external_id": "k"}


async def test_a_repeat_in_other_words_finds_the_ticket_that_the_first_attempt_made() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        adapter = ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)
        first = await adapter.deliver(TICKET)
        assert await adapter.deliver(replace(TICKET, title="Ada King: 2")) == first
    assert [ticket["subject"] for ticket in receiver.tickets] == ["Ada Lovelace: 2"]


async def test_the_same_key_with_another_ticket_that_is_gone_is_refused_for_good() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        adapter = ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)
        await adapter.deliver(TICKET)
        receiver.tickets.clear()
        outcome = await adapter.deliver(replace(TICKET, title="another"))
    assert isinstance(outcome, Rejected)
    assert outcome.permanent
    assert "IdempotentRequestError" in outcome.reason


@pytest.mark.parametrize("hours", [0, 1, 2, 3, 48])
async def test_a_ticket_is_made_once_however_late_it_is_repeated(hours: int) -> None:
    clock, later = VirtualClock(dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)), dt.timedelta(hours=hours)
    async with DeskReceiver(user=USER, token=TOKEN, clock=clock) as receiver, HttpClient(allow_private=True) as client:
        adapter = ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)
        receiver.stall_after_accept()
        assert isinstance(await adapter.deliver(TICKET), Unclear)
        clock.advance(later)
        assert await adapter.deliver(replace(TICKET, age=later)) == Sent(external_id="1", url=f"{receiver.url}/agent/tickets/1")
    assert len(receiver.tickets) == 1
    assert [request.method for request in receiver.requests] == (["POST", "POST"] if hours < 2 else ["POST", "GET"])


async def test_a_late_repeat_of_what_never_arrived_makes_the_ticket() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        adapter = ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)
        await adapter.deliver(replace(TICKET, key="another"))
        outcome = await adapter.deliver(replace(TICKET, age=dt.timedelta(hours=3)))
    assert isinstance(outcome, Sent)
    assert outcome.external_id == "2"


@pytest.mark.parametrize(("status", "body", "permanent"), [(503, {}, False), (200, {"tickets": None}, False), (403, {}, True)])
async def test_whoever_cannot_look_does_not_repeat(status: int, body: object, permanent: bool) -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        receiver.fail_next(status, body=body)
        outcome = await ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN).deliver(replace(TICKET, age=dt.timedelta(hours=3)))
    assert isinstance(outcome, Rejected)
    assert outcome.permanent is permanent
    assert receiver.tickets == []


async def test_the_desk_forgets_a_key_after_two_hours_of_its_clock() -> None:
    clock = VirtualClock(dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC))
    async with DeskReceiver(user=USER, token=TOKEN, clock=clock) as receiver, HttpClient(allow_private=True) as client:
        adapter = ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)
        for wait in (dt.timedelta(0), dt.timedelta(hours=2) - dt.timedelta.resolution, dt.timedelta.resolution):
            clock.advance(wait)
            await adapter.deliver(TICKET)
    assert len(receiver.tickets) == 2, "without a look, the third makes another"


async def test_an_invalid_ticket_is_refused_with_the_field_and_without_its_value() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        adapter = ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)
        outcome = await adapter.deliver(TicketRequest(key="k", title="t", body="b", requester_email="ada at lavka"))
    assert isinstance(outcome, Rejected)
    assert outcome.permanent
    reason = f"{receiver.url} answered 422 Unprocessable Entity: RecordInvalid; Record validation errors; requester (InvalidFormat)"
    assert outcome.reason.replace("Unprocessable Content", "Unprocessable Entity") == reason


async def test_a_wrong_token_is_refused_for_good() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        outcome = await ZendeskAdapter(client, url=receiver.url, user=USER, token="wrong").deliver(TICKET)
    assert isinstance(outcome, Rejected)
    assert outcome.permanent
    assert receiver.tickets == []


@pytest.mark.parametrize("answer", [None, {}, {"ticket": None}, {"ticket": {"id": "x"}}])
async def test_an_acceptance_without_a_ticket_is_unclear(answer: object) -> None:
    async with DeskReceiver() as receiver, HttpClient(allow_private=True) as client:
        receiver.fail_next(201, body=answer)
        outcome = await ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN).deliver(TICKET)
    assert isinstance(outcome, Unclear)


async def test_the_desk_says_whether_it_knew_the_key_and_shows_the_ticket() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:

        async def create() -> str:
            answer = await client.request(
                "POST",
                f"{receiver.url}/api/v2/tickets.json",
                headers={"Idempotency-Key": "k"},
                json={"ticket": {"subject": "Coat", "comment": {"body": "Too small"}}},
                auth=(f"{USER}/token", TOKEN),
            )
            return answer.headers["X-Idempotency-Lookup"]

        assert [await create(), await create()] == ["miss", "hit"]
        page = await client.request("GET", f"{receiver.url}/agent/tickets/1")
        assert "Too small" in page.body.decode()
        assert (await client.request("GET", f"{receiver.url}/agent/tickets/2")).status == 404

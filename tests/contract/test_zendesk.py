"""Tickets as the desk sees them, and what the adapter makes of its answers."""

from __future__ import annotations

import pytest

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


async def test_the_same_key_with_another_ticket_is_refused_for_good() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        adapter = ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)
        await adapter.deliver(TICKET)
        outcome = await adapter.deliver(TicketRequest(key=TICKET.key, title="another", body="b"))
    assert isinstance(outcome, Rejected)
    assert outcome.permanent
    assert "IdempotentRequestError" in outcome.reason


async def test_an_invalid_ticket_is_refused_with_the_field_and_without_its_value() -> None:
    async with DeskReceiver(user=USER, token=TOKEN) as receiver, HttpClient(allow_private=True) as client:
        adapter = ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)
        outcome = await adapter.deliver(TicketRequest(key="k", title="t", body="b", requester_email="ada at lavka"))
    assert isinstance(outcome, Rejected)
    assert outcome.permanent
    reason = "http://127.0.0.1 answered 422 Unprocessable Entity: RecordInvalid; Record validation errors; requester (InvalidFormat)"
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

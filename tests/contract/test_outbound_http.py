"""One suite for every adapter that speaks HTTP: what it says of each way a call can end, over real sockets."""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from engine.channels.webhook import WebhookAdapter
from engine.clock import VirtualClock
from engine.crm.bitrix24 import Bitrix24Adapter
from engine.desks.zendesk import ZendeskAdapter
from engine.lab.receivers.bitrix24 import PortalReceiver
from engine.lab.receivers.desk import DeskReceiver
from engine.lab.receivers.hooks import HookSink
from engine.lab.receivers.server import Receiver
from engine.model.delivery import Adapter, FetchRequest, Outcome, Rejected, Repeat, Request, Sent, TicketRequest, Unclear, WebhookRequest
from engine.model.types import TEXT, object_type
from engine.net.client import HttpClient

NOW = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
KEY = base64.b64encode(b"a key of the tests, 32 bytes wide").decode()
SECRET = f"whsec_{KEY}"
TOKEN = "desk-token"
USER = "agent@desk.test"
PATH_SECRET = "portal-secret"
PERSONAL = ["Ada Lovelace", "ada@lavka.test", "Late again"]
SECRETS = [SECRET, KEY, TOKEN, USER, PATH_SECRET, "hook-secret", base64.b64encode(f"{USER}/token:{TOKEN}".encode()).decode()]

HOOK = {"event": "ONCRMCONTACTUPDATE", "entity_type": 3, "id": "82", "ts": 1772445700, "handler": "35"}
TICKET = TicketRequest(
    key="case-1",
    title="Ada Lovelace: 2",
    body="Late again",
    priority="high",
    requester_name="Ada Lovelace",
    requester_email="ada@lavka.test",
    tags=("nps", "detractor"),
)


@dataclass
class System:
    """A system under test: its receiver, how an adapter for it is made, one request, and what was accepted so far."""

    receiver: Receiver
    connect: Callable[[HttpClient], Adapter]
    request: Request
    refused: tuple[int, Mapping[str, Any]]  # a documented answer that is for good
    accepted: Callable[[Outcome], object]  # what a repeated call must give again
    client: HttpClient

    def adapter(self) -> Adapter:
        return self.connect(self.client)

    async def deliver(self) -> Outcome:
        return await self.adapter().deliver(self.request)


def hooks() -> tuple[Receiver, Any, Request, Any, Any]:
    sink = HookSink()

    def connect(client: HttpClient) -> Adapter:
        return WebhookAdapter(client, url=f"{sink.url}/hook-secret?key=hook-secret", clock=VirtualClock(NOW), secret=SECRET)

    request = WebhookRequest(key="msg-1", body={"type": "case.opened", "name": "Ada Lovelace"})
    return sink, connect, request, (410, {}), lambda _: {one.headers["webhook-id"] for one in sink.requests}


def desk() -> tuple[Receiver, Any, Request, Any, Any]:
    receiver = DeskReceiver(user=USER, token=TOKEN)

    def connect(client: HttpClient) -> Adapter:
        return ZendeskAdapter(client, url=receiver.url, user=USER, token=TOKEN)

    refused = (422, {"error": "RecordInvalid", "description": "Name Ada Lovelace of ada@lavka.test and desk-token: Late again"})
    return receiver, connect, TICKET, refused, lambda outcome: (outcome, len(receiver.tickets))


def portal() -> tuple[Receiver, Any, Request, Any, Any]:
    receiver = PortalReceiver({(3, 82): {"name": "Ada", "lastName": "Lovelace"}}, secret=PATH_SECRET)

    def connect(client: HttpClient) -> Adapter:
        objects = {"contact": object_type({"name": TEXT})}
        return Bitrix24Adapter(client, url=receiver.url, source="crm", objects=objects, fields={})

    refused = (403, {"error": "insufficient_scope", "error_description": "of Ada Lovelace, ada@lavka.test"})
    return receiver, connect, FetchRequest(key="fetch-1", hook=HOOK), refused, lambda outcome: outcome


@pytest.fixture(params=[hooks, desk, portal])
async def system(request: pytest.FixtureRequest) -> AsyncIterator[System]:
    receiver, connect, asked, refused, accepted = request.param()
    async with receiver, HttpClient(allow_private=True, timeout=5.0) as client:
        yield System(receiver, connect, asked, refused, accepted, client)


def no_secret_in(outcome: Outcome) -> None:
    for hidden in SECRETS:
        assert hidden not in repr(outcome)


def no_person_in(reason: str) -> None:
    for hidden in PERSONAL:
        assert hidden not in reason


async def test_an_accepted_request_is_sent(system: System) -> None:
    outcome = await system.deliver()
    assert isinstance(outcome, Sent)
    no_secret_in(outcome)


async def test_a_refusal_for_good_is_permanent_and_says_why_without_persons_or_secrets(system: System) -> None:
    status, body = system.refused
    system.receiver.fail_next(status, body=body, headers={"Retry-After": "5"})
    outcome = await system.deliver()
    assert isinstance(outcome, Rejected)
    assert (outcome.permanent, outcome.retry_after, outcome.down) == (True, None, False)
    assert str(status) in outcome.reason
    assert re.match(r"http://127\.0\.0\.1:\d+ answered", outcome.reason)
    no_secret_in(outcome)
    no_person_in(outcome.reason)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 418])
async def test_a_status_of_ours_is_permanent(system: System, status: int) -> None:
    system.receiver.fail_next(status, headers={"Location": "http://127.0.0.1/hook-secret"})
    outcome = await system.deliver()
    assert isinstance(outcome, Rejected)
    assert outcome.permanent
    assert len(system.receiver.requests) == 1
    no_secret_in(outcome)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
async def test_a_status_of_theirs_passes_by(system: System, status: int) -> None:
    system.receiver.fail_next(status)
    outcome = await system.deliver()
    assert isinstance(outcome, Rejected)
    assert (outcome.permanent, outcome.retry_after, outcome.down) == (False, None, status != 425)
    assert isinstance(await system.deliver(), Sent)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_rate_limit_says_how_long(system: System, status: int) -> None:
    system.receiver.fail_next(status, headers={"Retry-After": "37"})
    outcome = await system.deliver()
    assert isinstance(outcome, Rejected)
    assert (outcome.permanent, outcome.retry_after) == (False, 37.0)


async def test_a_line_closed_after_acceptance_is_unclear_and_a_repetition_changes_nothing(system: System) -> None:
    system.receiver.stall_after_accept()
    outcome = await system.deliver()
    assert isinstance(outcome, Unclear)
    no_secret_in(outcome)
    assert system.adapter().repeat is Repeat.KEYED
    again = system.accepted(await system.deliver())
    assert system.accepted(await system.deliver()) == again
    assert len(system.receiver.requests) == 3


async def test_an_unreachable_system_may_be_tried_again(system: System) -> None:
    adapter = system.adapter()
    await system.receiver.__aexit__()
    outcome = await adapter.deliver(system.request)
    assert isinstance(outcome, Rejected)
    assert (outcome.permanent, outcome.down) == (False, True)
    no_secret_in(outcome)


async def test_the_guard_stops_a_request_into_the_house(system: System) -> None:
    async with HttpClient() as guarded:
        outcome = await system.connect(guarded).deliver(system.request)
    assert isinstance(outcome, Rejected)
    assert "allow_private" in outcome.reason
    assert system.receiver.requests == []
    no_secret_in(outcome)


async def test_a_request_of_another_kind_is_refused_for_good(system: System) -> None:
    outcome = await system.adapter().deliver(Request(key="k"))
    assert isinstance(outcome, Rejected)
    assert outcome.permanent
    assert system.receiver.requests == []


async def test_closing_an_adapter_leaves_the_shared_client_open(system: System) -> None:
    adapter = system.adapter()
    await adapter.close()
    assert isinstance(await system.deliver(), Sent)
    for hidden in SECRETS:
        assert hidden not in repr(adapter)

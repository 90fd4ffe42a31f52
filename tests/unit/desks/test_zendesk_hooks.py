"""What a hook of the desk says, and whom it is believed from."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.desks.zendesk_hooks import MalformedDeskHookError, ZendeskHooks
from engine.model.events import Event

FIXTURES = Path(__file__).parents[2] / "fixtures" / "zendesk"
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
TOKEN, SECRET = "desk-token", "signing-secret"
OPEN = ZendeskHooks("desk", token=TOKEN)
SIGNED = ZendeskHooks("desk", token=TOKEN, secret=SECRET)


def read(body: object, headers: dict[str, str] | None = None) -> Event:
    return OPEN.read(headers or {}, json.dumps(body).encode(), NOON)


def ticket(status: str, **said: Any) -> dict[str, Any]:
    return {"ticket": {"id": 7, "status": status}, **said}


def basic(password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"agent@desk.test/token:{password}".encode()).decode()}


def signature(body: bytes, secret: str = SECRET, stamp: str = "2026-03-02T12:00:00Z") -> dict[str, str]:
    digest = hmac.new(secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
    return {"x-zendesk-webhook-signature": base64.b64encode(digest).decode(), "x-zendesk-webhook-signature-timestamp": stamp}


# -- what it says ---------------------------------------------------------------------------------------------------------


def test_an_event_subscription_is_read() -> None:
    event = OPEN.read({}, (FIXTURES / "status_changed.json").read_bytes(), NOON)
    assert (event.source, event.type, event.id) == ("desk", "ticket.closed", "ticket/3f6c1e2a-0000-4000-8000-000000000001")
    assert event.time == NOON - dt.timedelta(seconds=29.5)
    assert event.data == {"ticket": {"id": "7", "status": "solved", "subject": "Ada: 3", "title": "Ada: 3", "priority": "HIGH"}}


def test_the_body_of_a_trigger_is_read_with_our_own_key() -> None:
    event = OPEN.read({"x-zendesk-webhook-invocation-id": "01J"}, (FIXTURES / "trigger.json").read_bytes(), NOON)
    assert (event.type, event.id) == ("ticket.closed", "ticket/01J")
    assert event.data == {"ticket": {"id": "7", "status": "solved", "external_id": "s-0011"}}


@pytest.mark.parametrize(
    ("said", "status", "type_"),
    [
        (ticket("new"), "open", "ticket.updated"),
        (ticket("Pending"), "pending", "ticket.updated"),
        (ticket("hold"), "pending", "ticket.updated"),
        (ticket("On-hold"), "pending", "ticket.updated"),
        (ticket("Solved"), "solved", "ticket.closed"),
        (ticket("CLOSED"), "closed", "ticket.updated"),
        (ticket("CLOSED", event={"previous": "SOLVED", "current": "CLOSED"}), "closed", "ticket.updated"),
        (ticket("CLOSED", event={"previous": "OPEN", "current": "CLOSED"}), "closed", "ticket.closed"),
        (ticket("Gelöst"), None, "ticket.updated"),
        ({"ticket_id": "7", "status": "solved"}, "solved", "ticket.closed"),
    ],
)
def test_statuses_are_ours_and_a_ticket_is_closed_once(said: dict[str, Any], status: str | None, type_: str) -> None:
    event = read(said)
    assert (event.data["ticket"].get("status"), event.type) == (status, type_)


def test_the_same_hook_delivered_twice_is_one_event_and_a_later_change_another() -> None:
    once, later = ticket("solved", time="2026-03-02T10:00:00Z"), ticket("solved", time="2026-03-02T11:00:00Z")
    assert read(once).id == read(once).id != read(later).id


def test_a_desk_whose_clock_is_ahead_says_nothing_newer_than_now() -> None:
    assert read(ticket("solved", time="2036-03-02T10:00:00Z")).time == NOON


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"ticket": {"id": "x"}}', b'{"ticket": {"id": -1}}', b"[" * 100_000, b"\xff"])
def test_what_is_no_hook_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(MalformedDeskHookError, match=r"JSON|names no ticket"):
        OPEN.read({}, body, NOON)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


@given(st.dictionaries(st.sampled_from(["id", "ticket", "detail", "status", "event", "time", "ticket_id"]), json_values))
def test_whatever_is_sent_is_read_or_refused(said: dict[str, Any]) -> None:
    try:
        event = read(said)
    except MalformedDeskHookError:
        return
    assert event.type in ("ticket.closed", "ticket.updated")


# -- whom it is believed from ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "admitted"),
    [
        ({}, False),
        ({"authorization": f"Bearer {TOKEN}"}, True),
        ({"authorization": "Bearer other"}, False),
        ({"authorization": f"Token {TOKEN}"}, False),
        (basic(TOKEN), True),
        (basic("other"), False),
        ({"authorization": "Basic !"}, False),
        ({"x-api-key": TOKEN}, True),
        ({"x-api-key": "ü"}, False),
    ],
)
def test_without_a_secret_the_connections_token_is_needed(headers: dict[str, str], admitted: bool) -> None:
    assert OPEN.admits(headers, b"{}") is admitted


def test_with_a_secret_only_what_is_signed_by_it_is_believed() -> None:
    body = (FIXTURES / "status_changed.json").read_bytes()
    assert SIGNED.admits(signature(body), body)
    assert not SIGNED.admits(signature(body), body + b" ")
    assert not SIGNED.admits(signature(body, secret="other"), body)
    assert not SIGNED.admits({**signature(body), "x-zendesk-webhook-signature-timestamp": "2026-03-02T12:00:01Z"}, body)
    assert not SIGNED.admits({"authorization": f"Bearer {TOKEN}"}, body)

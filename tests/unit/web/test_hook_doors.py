"""The doors for hooks: who is refused, and how much of a stranger's request is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from engine.clock import VirtualClock
from engine.desks.zendesk_hooks import ZendeskHooks
from engine.model.events import Event
from engine.web.inbound import MAX_BODY, MAX_FORM, InboundApp

PIECE = b"x" * 1024
OPEN = ZendeskHooks("open", token="desk-token")
SIGNED = ZendeskHooks("signed", token="desk-token", secret="desk-secret")
STAMP = ("x-zendesk-webhook-signature-timestamp", "2026-03-02T12:00:00Z")
FORGED = ("x-zendesk-webhook-signature", "A" * 43 + "=")


class NobodyHome:
    """Takes nothing: whoever comes so far was let in."""

    async def accept(self, events: Sequence[Event]) -> list[bool]:
        raise AssertionError("a stranger was let in")

    async def accept_hook(self, connection: str, key: str, hook: Mapping[str, object]) -> bool:
        raise AssertionError("a stranger was let in")

    async def keep_unread(self, door: str, headers: Mapping[str, str], body: bytes, reason: str) -> None:
        raise AssertionError("a stranger was let in")


async def elsewhere(*_: Any) -> None:
    raise AssertionError("no door")


async def knock(path: str, *headers: tuple[str, str]) -> tuple[int, int]:
    """Send without end; the status, and how many bytes were taken."""
    clock = VirtualClock(dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC))
    doors = {"open": OPEN, "signed": SIGNED}
    app = InboundApp(NobodyHome(), clock, elsewhere, event_tokens=["feed-token"], hook_tokens={"crm": "crm-token"}, desks=doors)
    taken, statuses = 0, list[int]()

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += len(PIECE)
        return {"type": "http.request", "body": PIECE, "more_body": True}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    raw = [(name.encode(), value.encode()) for name, value in headers]
    await app({"type": "http", "method": "POST", "path": path, "headers": raw}, receive, send)
    (status,) = statuses
    return status, taken


@pytest.mark.parametrize("path", ["/events", "/hooks/open", "/hooks/signed"])
@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic d3Jvbmc6d3Jvbmc="])
async def test_nothing_of_a_stranger_is_read_where_the_headers_tell(path: str, authorization: str) -> None:
    assert await knock(path, ("authorization", authorization)) == (401, 0)


@pytest.mark.parametrize("headers", [[STAMP], [FORGED], [STAMP, ("x-zendesk-webhook-signature", "short")]])
async def test_a_signature_that_cannot_be_one_is_refused_unread(headers: list[tuple[str, str]]) -> None:
    assert await knock("/hooks/signed", *headers) == (401, 0)


async def test_what_only_the_body_can_prove_is_read_to_a_limit() -> None:
    assert await knock("/hooks/signed", STAMP, FORGED) == (413, MAX_BODY + len(PIECE))
    assert await knock("/hooks/crm") == (413, MAX_FORM + len(PIECE))

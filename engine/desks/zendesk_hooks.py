"""Zendesk's webhooks: what happened to a ticket, as one of its event subscriptions or as a trigger of the desk says it."""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime as dt
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from engine.model.events import Event

STATUSES: Mapping[str, str] = {
    "new": "open",
    "open": "open",
    "pending": "pending",
    "hold": "pending",
    "on-hold": "pending",
    "solved": "solved",
    "closed": "closed",
}
_SIGNED = 44  # characters of a SHA-256 in base64
_DONE = ("solved", "closed")
_NUMBER = re.compile(r"[0-9]{1,18}")
_COPIED = {"subject": "subject", "title": "subject", "priority": "priority", "external_id": "external_id"}  # our name → theirs


class MalformedDeskHookError(ValueError):
    """This is no webhook of Zendesk. The message says why and repeats nothing of what was sent."""


class ZendeskHooks:
    """Reads the webhooks of one connection.

    With the webhook's signing ``secret`` every hook must be signed by it. Without, it must carry the connection's API ``token``:
    as Bearer token, as password of basic authentication, or in the header X-API-Key.
    """

    def __init__(self, source: str, *, token: str, secret: str | None = None) -> None:
        self._source, self._token, self._secret = source, token, secret

    def may_enter(self, headers: Mapping[str, str]) -> bool:
        """False where no body could make up for what the headers lack, so that none need be read."""
        if self._secret is None:
            return self.admits(headers, b"")
        return bool(headers.get("x-zendesk-webhook-signature-timestamp")) and len(headers.get("x-zendesk-webhook-signature", "")) == _SIGNED

    def admits(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the hook comes from the desk. ``headers`` are in lower case."""
        if self._secret is None:
            return any(hmac.compare_digest(given.encode(), self._token.encode()) for given in _tokens(headers))
        stamp, given = headers.get("x-zendesk-webhook-signature-timestamp", ""), headers.get("x-zendesk-webhook-signature", "")
        expected = hmac.new(self._secret.encode(), stamp.encode() + body, hashlib.sha256).digest()
        return hmac.compare_digest(given.encode(), base64.b64encode(expected))

    def read(self, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> Event:
        """The event that a hook tells of: `ticket.closed` where the ticket has just been solved or closed, else `ticket.updated`.

        Raises MalformedDeskHookError.
        """
        try:
            said = json.loads(body)
        except (ValueError, RecursionError):
            raise MalformedDeskHookError("the body is no JSON") from None
        if not isinstance(said, Mapping):
            raise MalformedDeskHookError("the body is no JSON object")
        ticket = next((found for key in ("detail", "ticket") if isinstance(found := said.get(key), Mapping)), said)
        number = str(ticket.get("id", ticket.get("ticket_id", "")))
        if not _NUMBER.fullmatch(number):
            raise MalformedDeskHookError("the hook names no ticket: `ticket.id` must be its number")
        status = _status(ticket.get("status"))
        change = said.get("event")
        before = _status(change.get("previous")) if isinstance(change, Mapping) else None
        # Zendesk closes what was solved by itself days later, which is news to nobody.
        closed = (status == "solved" and before != "closed") or (status == "closed" and before not in (None, *_DONE))
        time = _time(said.get("time", ticket.get("updated_at")), now)
        data: dict[str, Any] = {"id": number, **({"status": status} if status is not None else {})}
        data |= {name: ticket[theirs] for name, theirs in _COPIED.items() if isinstance(ticket.get(theirs), str)}
        return Event(
            id=f"ticket/{_once(said, headers) or f'{number}/{status}/{time.isoformat()}'}",
            source=self._source,
            type="ticket.closed" if closed else "ticket.updated",
            time=time,
            data={"ticket": data},
        )


def _tokens(headers: Mapping[str, str]) -> list[str]:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    found = [headers.get("x-api-key", "")]
    if scheme.lower() == "bearer":
        found.append(given.strip())
    elif scheme.lower() == "basic":
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            found.append(base64.b64decode(given, validate=True).decode().partition(":")[2])
    return found


def _status(said: object) -> str | None:
    return STATUSES.get(said.casefold()) if isinstance(said, str) else None


def _time(said: object, now: dt.datetime) -> dt.datetime:
    """When it happened; a desk whose clock is ahead says nothing newer than now."""
    try:
        found = dt.datetime.fromisoformat(said) if isinstance(said, str) else now
    except ValueError:
        return now
    return min(found, now) if found.tzinfo is not None else now


def _once(said: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """What is the same for every delivery of one hook."""
    id_ = said.get("id") if "zendesk_event_version" in said or "detail" in said else None
    found = id_ if isinstance(id_, str) and id_ else headers.get("x-zendesk-webhook-invocation-id")
    return found or None

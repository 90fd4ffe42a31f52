"""A help desk that answers as Zendesk's ticket API does."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from engine.clock import Clock, SystemClock
from engine.lab.receivers.server import Received, Receiver

KEY_KEPT = dt.timedelta(hours=2)
_PRIORITIES = ("low", "normal", "high", "urgent")


@dataclass(frozen=True, slots=True)
class _Known:
    """What an idempotency key was used for."""

    at: dt.datetime
    asked: Any
    ticket: dict[str, Any]


class DeskReceiver(Receiver):
    """Creates tickets for one user with an API token, once a key, which it forgets after two hours of its ``clock``.

    ``tickets`` are in order of creation, by Zendesk's field names.
    """

    def __init__(self, *, user: str = "agent@desk.test", token: str = "desk-token", port: int = 0, clock: Clock | None = None) -> None:
        super().__init__(port=port)
        self.tickets: list[dict[str, Any]] = []
        self._auth = (f"{user}/token", token)
        self._clock = clock or SystemClock()
        self._by_key: dict[str, _Known] = {}

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.post("/api/v2/tickets.json", self._create),
            web.post("/api/v2/tickets", self._create),
            web.get("/api/v2/tickets.json", self._list),
            web.get("/api/v2/tickets", self._list),
            web.get("/agent/tickets/{id:[0-9]+}", self._page),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        received = Received(request.method, request.path, request.headers, await request.read())
        if received.basic_auth != self._auth:
            return web.json_response({"error": "Couldn't authenticate you"}, status=401)
        try:
            asked = received.json()
        except ValueError:
            return web.json_response({"error": "Unprocessable Entity", "message": "Server could not parse JSON"}, status=422)
        key = received.headers.get("Idempotency-Key")
        known = self._by_key.get(key) if key is not None else None
        if known is not None and self._clock.now() - known.at < KEY_KEPT:
            if known.asked != asked:
                return _error(400, "IdempotentRequestError", "Request parameters don't match the given idempotency key")
            return _created(request, known.ticket, {"x-idempotency-lookup": "hit"})
        if details := _invalid(asked):
            return _error(422, "RecordInvalid", "Record validation errors", details)
        ticket = self._add(asked["ticket"])
        if key is None:
            return _created(request, ticket, {})
        self._by_key[key] = _Known(self._clock.now(), asked, ticket)
        return _created(request, ticket, {"x-idempotency-lookup": "miss"})

    async def _list(self, request: web.Request) -> web.Response:
        if Received(request.method, request.path, request.headers, b"").basic_auth != self._auth:
            return web.json_response({"error": "Couldn't authenticate you"}, status=401)
        wanted = request.query.get("external_id")
        found = [ticket for ticket in self.tickets if wanted is None or ticket["external_id"] == wanted]
        return web.json_response({"tickets": found, "count": len(found), "next_page": None, "previous_page": None})

    def _add(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        ticket = {
            "id": len(self.tickets) + 1,
            "subject": asked.get("subject"),
            "description": asked["comment"]["body"],
            "public": asked["comment"].get("public", True),
            "priority": asked.get("priority"),
            "requester": asked.get("requester"),
            "tags": asked.get("tags", []),
            "external_id": asked.get("external_id"),
            "status": "new",
        }
        self.tickets.append(ticket)
        return ticket

    async def _page(self, request: web.Request) -> web.Response:
        number = int(request.match_info["id"])
        if not 1 <= number <= len(self.tickets):
            return web.Response(status=404, text="no such ticket")
        ticket = self.tickets[number - 1]
        return web.Response(text=f"#{number} {ticket['subject']}\npriority: {ticket['priority'] or '-'}\n\n{ticket['description']}\n")


def _invalid(asked: Any) -> dict[str, Any]:
    """What is wrong, by field, in the form of the documented ``details``; empty where nothing is."""
    ticket = asked.get("ticket") if isinstance(asked, dict) else None
    if not isinstance(ticket, dict):
        return {"base": [{"error": "BlankValue", "description": "Ticket: cannot be blank"}]}
    found: dict[str, Any] = {}
    comment = ticket.get("comment")
    if not isinstance(comment, dict) or not comment.get("body"):
        found["comment"] = [{"error": "BlankValue", "description": "Description: cannot be blank"}]
    if ticket.get("priority") not in (None, *_PRIORITIES):
        found["priority"] = [{"error": "InvalidValue", "description": "Priority: is not included in the list"}]
    email = (ticket.get("requester") or {}).get("email")
    if email is not None and not all(email.partition("@")):
        found["requester"] = [{"error": "InvalidFormat", "description": f"Requester: Email: {email} is not properly formatted"}]
    return found


def _created(request: web.Request, ticket: Mapping[str, Any], headers: Mapping[str, str]) -> web.Response:
    url = f"{request.scheme}://{request.host}/api/v2/tickets/{ticket['id']}.json"
    return web.json_response({"ticket": {**ticket, "url": url}}, status=201, headers={"Location": url, **headers})


def _error(status: int, error: str, description: str, details: Mapping[str, Any] | None = None) -> web.Response:
    body = {"error": error, "description": description, **({"details": details} if details else {})}
    return web.json_response(body, status=status)

"""Zendesk: a case becomes a ticket with an internal first comment (POST /api/v2/tickets.json)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from engine.model.delivery import Outcome, Rejected, Repeat, Request, Sent, TicketRequest, Unclear
from engine.net.client import HttpClient, NotSentError, Response, UnclearError
from engine.net.outcome import no_answer, refusal
from engine.net.redact import redact_text, redact_url

# Zendesk forgets an Idempotency-Key after two hours; less some minutes, for clocks that differ and calls that take their time.
KEY_KEPT = dt.timedelta(hours=1, minutes=50)
_OTHER_WORDS = "IdempotentRequestError"  # the key is known, with another request


class ZendeskAdapter:
    """Creates tickets as ``user`` with an API ``token``. ``http`` stays the caller's.

    A repeat is harmless by its Idempotency-Key as long as Zendesk keeps that. One that comes later looks for the ticket first: the
    same key is its ``external_id``.
    """

    def __init__(self, http: HttpClient, *, url: str, user: str, token: str) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._user = user
        self._token = token

    @property
    def repeat(self) -> Repeat:
        return Repeat.KEYED

    async def deliver(self, request: Request) -> Outcome:
        """See Adapter. Sent carries the ticket's id and its page for agents."""
        if not isinstance(request, TicketRequest):
            return Rejected(reason=f"Zendesk cannot carry a {type(request).__name__}", permanent=True)
        if request.age >= KEY_KEPT and (known := await self._look(request)) is not None:
            return known
        try:
            response = await self._http.request(
                "POST",
                f"{self._url}/api/v2/tickets.json",
                headers={"Idempotency-Key": request.key},
                json={"ticket": ticket_body(request)},
                auth=(f"{self._user}/token", self._token),
            )
        except (NotSentError, UnclearError) as error:
            return no_answer(error)
        if response.status == HTTPStatus.BAD_REQUEST and response.object().get("error") == _OTHER_WORDS:
            # The first attempt arrived, and what its texts are made of has changed since.
            known = await self._look(request)
            if known is not None:
                return known
        if not 200 <= response.status < 300:
            return refusal(self._url, response, self._detail(response, request))
        return self._accepted(response)

    async def _look(self, request: TicketRequest) -> Outcome | None:
        """The ticket that an earlier attempt made; none where there is none. What keeps us from looking keeps us from repeating."""
        query = urlencode({"external_id": request.key})
        try:
            response = await self._http.request(
                "GET", f"{self._url}/api/v2/tickets.json?{query}", auth=(f"{self._user}/token", self._token)
            )
        except (NotSentError, UnclearError) as error:
            return Rejected(reason=str(error), permanent=False, down=True)  # the question, too, may be asked again
        if response.status != HTTPStatus.OK:
            return refusal(self._url, response, self._detail(response, request))
        found = response.object().get("tickets")
        if not isinstance(found, list):
            return refusal(self._url, response, "no list of tickets", permanent=False)
        numbers = [ticket["id"] for ticket in found if isinstance(ticket, dict) and isinstance(ticket.get("id"), int)]
        return self._sent(min(numbers)) if numbers else None

    async def close(self) -> None:
        """Nothing to close: the client is shared."""

    def _accepted(self, response: Response) -> Sent | Unclear:
        ticket = response.object().get("ticket")
        number = ticket.get("id") if isinstance(ticket, dict) else None
        if not isinstance(number, int):
            # Repeating is harmless and gives the ticket's number, which later events of the desk are known by.
            return Unclear(reason=f"{redact_url(self._url)} answered {response.status} without the number of a ticket", down=False)
        return self._sent(number)

    def _sent(self, number: int) -> Sent:
        return Sent(external_id=str(number), url=f"{self._url}/agent/tickets/{number}")

    def _detail(self, response: Response, request: TicketRequest) -> str:
        """Zendesk's error and description. Of the details only where and what: their texts quote the customer's data."""
        answer = response.object()
        parts = [answer[key] for key in ("error", "description") if isinstance(answer.get(key), str)]
        details = answer.get("details")
        if isinstance(details, dict):
            parts += [f"{name} ({_codes(found)})" for name, found in details.items()]
        private = (self._token, self._user, request.requester_email, request.requester_name, request.title, request.body)
        return redact_text("; ".join(parts), private)


def ticket_body(request: TicketRequest) -> dict[str, Any]:
    """The documented ``ticket`` object. The comment is internal: what a customer told us is no mail to that customer."""
    ticket: dict[str, Any] = {
        "subject": request.title,
        "comment": {"body": request.body, "public": False},
        "external_id": request.key,
    }
    if request.requester_email is not None:
        # Zendesk wants a name of whoever it does not know yet.
        ticket["requester"] = {"name": request.requester_name or request.requester_email, "email": request.requester_email}
    if request.priority is not None:
        ticket["priority"] = request.priority
    if request.tags:
        ticket["tags"] = list(request.tags)
    return ticket


def _codes(found: object) -> str:
    errors = [one.get("error") for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    return ", ".join(error for error in errors if isinstance(error, str)) or "invalid"

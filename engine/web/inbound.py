"""`POST /events` and `POST /hooks/CONNECTION`: what comes in is acknowledged when it is on disk."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.clock import Clock
from engine.crm.bitrix24_events import MalformedHookError, has_token, parse_hook
from engine.errors import RefusedError, StoreBusyError
from engine.model.events import Event
from engine.runtime.cloudevents import MalformedEventError, UnsupportedMediaError, decode

MAX_BODY = 1 << 20
MAX_BATCH = 1_000
MAX_HOOK_FIELDS = 1_000
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Inbox(Protocol):
    """What the doors need of the runtime; both return when it is on disk."""

    async def accept(self, events: Sequence[Event]) -> list[bool]: ...
    async def accept_hook(self, connection: str, key: str, hook: Mapping[str, object]) -> bool: ...


def inbound_routes(inbox: Inbox, clock: Clock, *, event_tokens: Sequence[str], hook_tokens: Mapping[str, str]) -> list[Route]:
    """``event_tokens`` open `/events`; ``hook_tokens`` has the expected token of each CRM connection. Without any, a door is closed."""
    doors = _Doors(inbox, clock, event_tokens, hook_tokens)
    return [
        Route("/events", doors.events, methods=["POST"]),
        Route("/hooks/{connection}", doors.hook, methods=["POST"]),
    ]


def _refuse(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": reason}, status_code=status, headers=dict(headers or {}))


async def _body(request: Request) -> bytes | None:
    """The body, or None where it is larger than allowed; it is not read further than that."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY:
        return None
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY:
            return None
        pieces.append(piece)
    return b"".join(pieces)


class _Doors:
    def __init__(self, inbox: Inbox, clock: Clock, event_tokens: Sequence[str], hook_tokens: Mapping[str, str]) -> None:
        self._inbox, self._clock = inbox, clock
        self._event_tokens = [token.encode() for token in event_tokens]
        self._hook_tokens = hook_tokens

    async def events(self, request: Request) -> Response:
        if not self._may_send(request.headers.get("authorization", "")):
            hint = "send `Authorization: Bearer …` with the token of an `events` connection"
            return _refuse(401, hint, {"WWW-Authenticate": "Bearer"})
        try:
            body = await _body(request)
            if body is None:
                return _refuse(413, f"a request has at most {MAX_BODY:,} bytes; send smaller batches")
            events = decode(body, request.headers.get("content-type", ""), request.headers, self._clock.now())
            if len(events) > MAX_BATCH:
                return _refuse(413, f"a batch has at most {MAX_BATCH:,} events; send smaller batches")
            fresh = await self._inbox.accept(events)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except MalformedEventError as error:
            return _refuse(400, str(error))
        except UnsupportedMediaError as error:
            return _refuse(415, str(error))
        except StoreBusyError as error:
            return _refuse(429, str(error), {"Retry-After": "1"})
        except RefusedError as error:
            return _refuse(503, str(error), {"Retry-After": "5"})
        new = sum(fresh)
        status = 200 if fresh and not new else 202
        return JSONResponse({"accepted": new, "repeated": len(fresh) - new}, status_code=status)

    def _may_send(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        given = token.strip().encode()
        # Every token is compared, so that the time says nothing about which one nearly fitted.
        matches = [hmac.compare_digest(given, expected) for expected in self._event_tokens]
        return scheme.lower() == "bearer" and any(matches)

    async def hook(self, request: Request) -> Response:
        name = str(request.path_params["connection"])
        expected = self._hook_tokens.get(name) if _NAME.fullmatch(name) else None
        if expected is None:
            return _refuse(404, "no connection of that name takes hooks")
        try:
            body = await _body(request)
            if body is None:
                return _refuse(413, f"a request has at most {MAX_BODY:,} bytes")
            form = _form(body)
            if form is None or not has_token(form, expected):
                return _refuse(401, "the application token is not the one of this connection")
            hook = parse_hook(form)
            await self._inbox.accept_hook(name, hook.key, hook.as_json())
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except MalformedHookError as error:
            return _refuse(400, str(error))
        except StoreBusyError as error:
            return _refuse(429, str(error), {"Retry-After": "1"})
        except RefusedError as error:
            return _refuse(503, str(error), {"Retry-After": "5"})
        return Response(status_code=200)


def _form(body: bytes) -> list[tuple[str, str]] | None:
    """The fields of a posted form; None where the body is none."""
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_HOOK_FIELDS)
    except ValueError:
        return None

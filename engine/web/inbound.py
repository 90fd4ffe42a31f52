"""`POST /events` and `POST /hooks/CONNECTION`: what comes in is acknowledged when it is on disk."""

from __future__ import annotations

import datetime as dt
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qsl, urlencode

from starlette.types import ASGIApp, Receive, Scope, Send

from engine.clock import Clock
from engine.crm.bitrix24_events import MalformedHookError, has_token, parse_hook
from engine.desks.zendesk_hooks import MalformedDeskHookError
from engine.errors import RefusedError, StoreBusyError
from engine.model.events import Event
from engine.runtime.cloudevents import MalformedEventError, UnsupportedMediaError, decode

MAX_BODY = 1 << 20
MAX_FORM = 1 << 16  # of a hook whose token stands in its body, so that strangers have read it, too; a real one has about a kilobyte
MAX_BATCH = 1_000
MAX_HOOK_FIELDS = 1_000
_EVENTS = "/events"
_HOOKS = "/hooks/"
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Inbox(Protocol):
    """What the doors need of the runtime; each returns when it is on disk."""

    async def accept(self, events: Sequence[Event]) -> list[bool]: ...
    async def accept_hook(self, connection: str, key: str, hook: Mapping[str, object]) -> bool: ...
    async def keep_unread(self, door: str, headers: Mapping[str, str], body: bytes, reason: str) -> None: ...


class DeskHooks(Protocol):
    """The hooks of one help desk, which say themselves what happened."""

    def may_enter(self, headers: Mapping[str, str]) -> bool: ...
    def admits(self, headers: Mapping[str, str], body: bytes) -> bool: ...
    def read(self, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> Event: ...


class _AnsweredError(Exception):
    """What the sender is told, where that ends the request."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers or {}


NO_DESKS: Mapping[str, DeskHooks] = {}


class _GoneError(Exception):
    """The sender hung up: nobody is there to be answered."""


class InboundApp:
    """An ASGI application: the doors for events and hooks, and ``rest`` for every other path.

    It stands before routing and middleware, which at thousands of requests a second would take longer than the work itself.
    ``event_tokens`` open `/events`; ``hook_tokens`` has the expected token of each CRM connection, ``desks`` the hooks of each desk.
    Without any, a door is closed.
    """

    def __init__(
        self,
        inbox: Inbox,
        clock: Clock,
        rest: ASGIApp,
        *,
        event_tokens: Sequence[str],
        hook_tokens: Mapping[str, str],
        desks: Mapping[str, DeskHooks] = NO_DESKS,
    ) -> None:
        self._inbox, self._clock, self._rest, self._desks = inbox, clock, rest, desks
        self._event_tokens = [token.encode() for token in event_tokens]
        self._hook_tokens = hook_tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == _EVENTS or path.startswith(_HOOKS)):
            await self._rest(scope, receive, send)
            return
        headers: Mapping[str, str] = {}
        try:
            if scope["method"] != "POST":
                raise _AnsweredError(405, "events and hooks are sent by POST", {"allow": "POST"})
            if path == _EVENTS:
                status, said = await self._events(scope, receive)
            else:
                status, said = await self._hook(path.removeprefix(_HOOKS), scope, receive)
        except _GoneError:
            return
        except _AnsweredError as answer:
            status, said, headers = answer.status, {"error": answer.reason}, answer.headers
        except (MalformedEventError, MalformedHookError, MalformedDeskHookError) as error:
            status, said = 400, {"error": str(error)}
        except UnsupportedMediaError as error:
            status, said = 415, {"error": str(error)}
        except StoreBusyError as error:
            status, said, headers = 429, {"error": str(error)}, {"retry-after": "1"}
        except RefusedError as error:
            status, said, headers = 503, {"error": str(error)}, {"retry-after": "5"}
        await _reply(send, status, said, headers)

    async def _events(self, scope: Scope, receive: Receive) -> tuple[int, dict[str, object]]:
        headers = _headers(scope)
        if not self._may_send(headers.get("authorization", "")):
            hint = "send `Authorization: Bearer …` with the token of an `events` connection"
            raise _AnsweredError(401, hint, {"www-authenticate": "Bearer"})
        body = await _body(scope, receive, "; send smaller batches")
        try:
            events = decode(body, headers.get("content-type", ""), headers, self._clock.now())
        except (MalformedEventError, UnsupportedMediaError) as error:
            # Its sender was let in: what it meant may be found out, and replayed, when somebody looks.
            told = {name: value for name, value in headers.items() if name == "content-type" or name.startswith("ce-")}
            await self._inbox.keep_unread(_EVENTS, told, self._without_tokens(body), str(error))
            raise
        if len(events) > MAX_BATCH:
            raise _AnsweredError(413, f"a batch has at most {MAX_BATCH:,} events; send smaller batches")
        fresh = await self._inbox.accept(events)
        new = sum(fresh)
        return (200 if fresh and not new else 202), {"accepted": new, "repeated": len(fresh) - new}

    def _without_tokens(self, body: bytes) -> bytes:
        """A body to keep: whoever was let in may have put a token into it as well, and no secret is stored."""
        for token in (*self._event_tokens, *(token.encode() for token in self._hook_tokens.values())):
            body = body.replace(token, b"[token]")
        return body

    def _may_send(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        given = token.strip(" \t").encode("latin-1")  # the bytes as they came: a token may be in UTF-8
        # Every token is compared, so that the time says nothing about which one nearly fitted.
        matches = [hmac.compare_digest(given, expected) for expected in self._event_tokens]
        return scheme.lower() == "bearer" and any(matches)

    async def _hook(self, name: str, scope: Scope, receive: Receive) -> tuple[int, dict[str, object]]:
        if name in self._desks:
            return await self._desk_hook(self._desks[name], scope, receive)
        expected = self._hook_tokens.get(name) if _NAME.fullmatch(name) else None
        if expected is None:
            raise _AnsweredError(404, "no connection of that name takes hooks")
        form = _form(await _body(scope, receive, most=MAX_FORM))
        if form is None or not has_token(form, expected):
            raise _AnsweredError(401, "the application token is not the one of this connection")
        try:
            hook = parse_hook(form)
        except MalformedHookError as error:
            kept = urlencode([(field, value) for field, value in form if not field.startswith("auth[")]).encode()
            told = {"content-type": "application/x-www-form-urlencoded"}
            await self._inbox.keep_unread(_HOOKS + name, told, self._without_tokens(kept), str(error))
            raise
        await self._inbox.accept_hook(name, hook.key, hook.as_json())
        return 200, {}

    async def _desk_hook(self, desk: DeskHooks, scope: Scope, receive: Receive) -> tuple[int, dict[str, object]]:
        headers, refused = _headers(scope), _AnsweredError(401, "the signature or token is not the one of this connection")
        if not desk.may_enter(headers):
            raise refused
        body = await _body(scope, receive)
        if not desk.admits(headers, body):
            raise refused
        await self._inbox.accept([desk.read(headers, body, self._clock.now())])
        return 200, {}


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _body(scope: Scope, receive: Receive, hint: str = "", *, most: int = MAX_BODY) -> bytes:
    """The body; one that is larger than allowed is not read further than that."""
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    size = int(declared) if declared.isdigit() else 0
    pieces = []
    while True:
        if size > most:
            raise _AnsweredError(413, f"a request has at most {most:,} bytes{hint}")
        message = await receive()
        if message["type"] != "http.request":
            raise _GoneError
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)
        size = sum(map(len, pieces))


async def _reply(send: Send, status: int, said: Mapping[str, object], headers: Mapping[str, str]) -> None:
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() if said else b""
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    head += [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


def _form(body: bytes) -> list[tuple[str, str]] | None:
    """The fields of a posted form; None where the body is none."""
    try:
        return parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_HOOK_FIELDS)
    except ValueError:
        return None

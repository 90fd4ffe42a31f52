"""What all HTTP receivers share: a loopback server that keeps what it got, and faults to order."""

from __future__ import annotations

import asyncio
import base64
import json
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in any case
    body: bytes

    def json(self) -> Any:
        """Raises ValueError where the body is no JSON."""
        return json.loads(self.body)

    @property
    def basic_auth(self) -> tuple[str, str] | None:
        """User and password of HTTP basic authentication."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        try:
            user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        return (user, password) if scheme.lower() == "basic" and colon else None


class Receiver(ABC):
    """A server on 127.0.0.1, listening between ``async with`` and its end; port 0 takes a free one."""

    def __init__(self, *, port: int = 0) -> None:
        self.requests: list[Received] = []  # everything that came in, failed ones too
        self._port = port
        self._runner: web.AppRunner | None = None
        self._failures: deque[tuple[int, Mapping[str, str], bytes]] = deque()
        self._stalls = 0
        self.delay = 0.0  # seconds between what a request asked was done and the answer

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """The routes of the system that is imitated."""

    @property
    def url(self) -> str:
        """Where it listens; known from ``async with`` on."""
        return f"http://127.0.0.1:{self._port}"

    def fail_next(self, status: int, *, headers: Mapping[str, str] | None = None, body: object = None, times: int = 1) -> None:
        """Answers the next ``times`` requests with ``status`` and does nothing of what they ask. ``body`` is JSON."""
        content = b"" if body is None else json.dumps(body).encode()
        self._failures.extend([(status, {"Content-Type": "application/json", **(headers or {})}, content)] * times)

    def stall_after_accept(self, times: int = 1) -> None:
        """Does what the next ``times`` requests ask, then closes the line without an answer."""
        self._stalls += times

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._serve])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append(Received(request.method, request.path, request.headers.copy(), await request.read()))
        if self._failures:
            status, headers, body = self._failures.popleft()
            return web.Response(status=status, headers=headers, body=body)
        response = await handler(request)
        await asyncio.sleep(self.delay)
        if self._stalls:
            self._stalls -= 1
            if request.transport is not None:
                request.transport.abort()
        return response

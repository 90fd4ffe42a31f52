"""A sink for webhooks: takes every POST and keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from engine.lab.receivers.server import Receiver


class HookSink(Receiver):
    """Answers 204 to a POST on any path. ``requests`` has everything, ``deliveries`` what was accepted."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.deliveries: list[Any] = []  # JSON bodies, repetitions too

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.post("/{path:.*}", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        try:
            self.deliveries.append(await request.json())
        except ValueError:
            return web.Response(status=400, text="not JSON")
        return web.Response(status=204)

"""A Bitrix24 portal that answers ``crm.item.get`` through an incoming webhook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from engine.lab.receivers.server import Receiver

# Documented errors: code → status and message.
ERRORS: Mapping[str, tuple[int, str]] = {
    "NOT_FOUND": (400, "Item not found"),
    "ACCESS_DENIED": (400, "You do not have permission to view this item"),
    "INVALID_REQUEST": (400, "Https required"),
    "NO_AUTH_FOUND": (401, "Wrong authorization data"),
    "expired_token": (401, "The access token provided has expired"),
    "INVALID_CREDENTIALS": (403, "Invalid request credentials"),
    "insufficient_scope": (403, "The request requires higher privileges than provided by the webhook token"),
    "OPERATION_TIME_LIMIT": (429, "Method is blocked due to operation time limit"),
    "INTERNAL_SERVER_ERROR": (500, "Internal server error"),
    "QUERY_LIMIT_EXCEEDED": (503, "Too many requests"),
    "OVERLOAD_LIMIT": (503, "REST API is blocked due to overload"),
}


class PortalReceiver(Receiver):
    """Gives out ``items``, by (entityTypeId, id) and changeable while it runs. ``url`` is the webhook's, with its secret."""

    def __init__(self, items: Mapping[tuple[int, int], Mapping[str, Any]], *, secret: str = "portal-secret", port: int = 0) -> None:
        super().__init__(port=port)
        self.items = dict(items)
        self._secret = secret

    @property
    def url(self) -> str:
        return f"{super().url}/rest/1/{self._secret}"

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.post("/rest/1/{secret}/crm.item.get", self._get), web.post("/rest/1/{secret}/crm.item.get.json", self._get)]

    def refuse_next(self, code: str, *, times: int = 1) -> None:
        """Answers the next ``times`` requests with a documented error, by its code."""
        status, message = ERRORS[code]
        self.fail_next(status, body={"error": code, "error_description": message}, times=times)

    async def _get(self, request: web.Request) -> web.Response:
        if request.match_info["secret"] != self._secret:
            return _error("NO_AUTH_FOUND")
        try:
            asked = await request.json()
            key = (int(asked["entityTypeId"]), int(asked["id"]))
        except (ValueError, TypeError, KeyError):
            return _error("NOT_FOUND")
        item = self.items.get(key)
        if item is None:
            return _error("NOT_FOUND")
        return web.json_response({"result": {"item": {**item, "id": key[1], "entityTypeId": key[0]}}, "time": {"operating": 0}})


def _error(code: str) -> web.Response:
    status, message = ERRORS[code]
    return web.json_response({"error": code, "error_description": message}, status=status)

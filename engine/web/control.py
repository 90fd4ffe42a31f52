"""The control socket: commands that change state reach a running daemon through it, since only one process writes a store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.deploy.versions import pack
from engine.errors import RefusedError
from engine.model.codec import decode
from engine.runtime.service import Service

MAX_BODY = 256 << 20


def socket_path(store: Path) -> Path:
    return store.with_name(store.name + ".sock")


def control_app(service: Service) -> Starlette:
    async def apply(request: Request) -> Response:
        said: dict[str, Any] = json.loads(await request.body())
        deployment = pack(decode(said["definitions"]), at=service.clock.now(), by=said["by"], commit=said["commit"])
        number, changed = await service.deploy(deployment)
        return JSONResponse({"deployment": number, "changed": changed})

    return Starlette(routes=[Route("/apply", apply, methods=["POST"])])


async def send(store: Path, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask the daemon that holds the store. Raises RefusedError where it does not answer."""
    connector = aiohttp.UnixConnector(path=str(socket_path(store)))
    try:
        async with aiohttp.ClientSession(connector=connector) as session, session.post(f"http://daemon{path}", json=body) as response:
            if response.status != 200:
                raise RefusedError(f"the daemon refused: HTTP {response.status}")
            found: dict[str, Any] = await response.json()
            return found
    except (aiohttp.ClientError, OSError) as error:
        raise RefusedError(f"the store {store} is in use, but its daemon does not answer: {error}") from error

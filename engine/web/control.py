"""The control socket: commands that change state reach a running daemon through it, since only one process writes a store."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine import __version__
from engine.deploy.versions import pack
from engine.errors import RefusedError, UsageError
from engine.model.codec import decode
from engine.model.definitions import Definitions, Project
from engine.model.runs import dump
from engine.runtime.operate import OPERATIONS
from engine.runtime.service import Service

Command = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]

_LONGEST = 100  # bytes; systems end the address of a socket at 104 or 108


def socket_path(store: Path) -> Path:
    """Beside the store; for one deep in the file system, where no socket can be, among the temporary files of this user."""
    store = store.resolve()
    path = store.with_name(store.name + ".sock")
    if len(os.fsencode(path)) <= _LONGEST:
        return path
    return Path(tempfile.gettempdir()) / f"sounding-{os.getuid()}-{hashlib.sha256(os.fsencode(store)).hexdigest()[:16]}.sock"


def control_app(service: Service, started: Project) -> Starlette:
    """``started`` is the project as it was when the daemon started: its connections and its address hold until it starts again."""

    async def apply(said: Mapping[str, Any]) -> dict[str, Any]:
        # Elsewhere: a large project takes longer than a sender should wait.
        definitions: Definitions = await asyncio.to_thread(decode, said["definitions"])
        deployment = await asyncio.to_thread(pack, definitions, at=service.clock.now(), by=said["by"], commit=said["commit"])
        number, changed = await service.deploy(deployment)
        return {"deployment": number, "changed": changed, "later": _later(started, definitions.project)}

    async def cancel_run(said: Mapping[str, Any]) -> dict[str, Any]:
        return {"run": dump(await service.cancel_run(said["run"], said["by"]))}

    async def retry_run(said: Mapping[str, Any]) -> dict[str, Any]:
        return {"run": dump(await service.retry_run(said["run"]))}

    commands: dict[str, Command] = {"/apply": apply, "/runs/cancel": cancel_run, "/runs/retry": retry_run}
    commands |= {f"/do/{name}": partial(service.operate, name) for name in OPERATIONS}
    return Starlette(routes=[Route(path, _endpoint(command), methods=["POST"]) for path, command in commands.items()])


def _endpoint(command: Command) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        said: dict[str, Any] = json.loads(await request.body())
        if said["version"] != __version__:
            return JSONResponse({"error": f"it is Sounding {__version__}, the command is {said['version']}. Restart it"}, status_code=409)
        try:
            return JSONResponse(await command(said))
        except UsageError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        except RefusedError as error:
            return JSONResponse({"error": str(error)}, status_code=503)

    return endpoint


def _later(started: Project, wanted: Project) -> list[str]:
    """What of a project is taken up only when the daemon starts again."""
    known = started.connections
    found = [f"connections.{name}" for name, connection in wanted.connections.items() if connection != known.get(name)]
    return found if wanted.public_url == started.public_url else [*found, "public_url"]


async def send(store: Path, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask the daemon that holds the store. Raises RefusedError where it does not answer, UsageError where it was asked wrongly."""
    connector = aiohttp.UnixConnector(path=str(socket_path(store)))
    try:
        body = {**body, "version": __version__}
        async with aiohttp.ClientSession(connector=connector) as session, session.post(f"http://daemon{path}", json=body) as response:
            said: dict[str, Any] = await response.json() if response.content_type == "application/json" else {}
            if response.status == 400:
                raise UsageError(said["error"])
            if response.status != 200:
                raise RefusedError(f"the daemon of {store} refused: {said.get('error') or f'HTTP {response.status}'}")
            return said
    except (aiohttp.ClientError, OSError) as error:
        raise RefusedError(f"the store {store} is in use, but its daemon does not answer: {error}") from error

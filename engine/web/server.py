"""An HTTP server inside the daemon's event loop, on sockets that were bound before anything else started."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import math
import os
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from engine.errors import RefusedError, UsageError
from engine.web.protocol import LimitedProtocol, Patience

BACKLOG = 2048
GRACE = 3.0  # seconds that open requests get at the end
_AT_LAST = 6  # seconds until what hangs on none of them is cancelled
_TICKS = 10  # of uvicorn in a second
_PATIENCE = Patience()


class _Server(uvicorn.Server):
    """Leaves signals to the daemon, and ends the connections of those who take too long."""

    def __init__(self, config: uvicorn.Config, patience: Patience) -> None:
        super().__init__(config)
        self._patience = patience

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                assert isinstance(connection, LimitedProtocol)
                connection.expire(now, self._patience)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        leaving = asyncio.get_running_loop().call_later(GRACE, self._hang_up)
        try:
            await super().shutdown(sockets)
        finally:
            leaving.cancel()

    def _hang_up(self) -> None:
        """Leave those who do not read their answers."""
        for connection in list(self.server_state.connections):
            assert isinstance(connection, LimitedProtocol)
            connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves an ASGI application on sockets until it is stopped."""

    def __init__(self, app: Any, sock: socket.socket, patience: Patience = _PATIENCE) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            lifespan="off",
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=_AT_LAST,
            timeout_keep_alive=math.ceil(patience.idle),
            http=LimitedProtocol,
            ws="none",
        )
        self._server = _Server(config, patience)
        self._socket = sock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise RefusedError("the HTTP server did not start")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Requests that came in whole are answered first; takes a few seconds at most, whatever the other ends do."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task


def bind(address: str, flag: str) -> socket.socket:
    """A listening socket for HOST:PORT. Raises UsageError for what is no address, RefusedError where it cannot be had."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{flag} {address}: write HOST:PORT, as 127.0.0.1:8080")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, since asyncio turns Nagle's delay off only where it reads TCP here.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, int(port)))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise RefusedError(f"{flag} {address}: {error.strerror}{_what_to_do(error)}") from error
    sock.setblocking(False)
    return sock


def _what_to_do(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return ". Write an address of this machine, as 127.0.0.1, or 0.0.0.0 for all of them"
    return {
        errno.EADDRINUSE: ". Choose another port, or stop what uses this one",
        errno.EACCES: ". Choose a port from 1024 on",
        errno.EADDRNOTAVAIL: ". This machine has no such address: 0.0.0.0 stands for all that it has",
    }.get(error.errno or 0, "")


def bind_unix(path: str) -> socket.socket:
    """A listening socket in the file system that only this user may open. The store's lock makes sure that a left-over one is dead."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        sock.bind(path)
        os.chmod(path, 0o600)
        sock.listen(16)
    except OSError as error:
        sock.close()
        raise RefusedError(f"the control socket {path} cannot be made: {error}") from error
    sock.setblocking(False)
    return sock


def is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # some name, which may lead anywhere
        return False

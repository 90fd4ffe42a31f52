"""The runtime behind `POST /events` without couriers: events are accepted and decided, and their effects stay in the outbox."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import uvloop
from _feedback import TOKEN
from starlette.applications import Starlette

from engine.cli.project import checked
from engine.clock import SystemClock
from engine.deploy.versions import pack
from engine.runtime.service import Service
from engine.store.sqlite.store import SqliteStore
from engine.web.inbound import InboundApp
from engine.web.server import HttpServer, bind


async def main(folder: Path) -> None:
    store, clock = SqliteStore(folder / "store.db"), SystemClock()
    service = Service(store, clock, public_url="http://127.0.0.1")
    await service.deploy(pack(checked(folder), at=clock.now(), by="benchmark", commit=None))
    await service.start({}, {})
    sock = bind("127.0.0.1:0", "--listen")
    server = HttpServer(InboundApp(service, clock, Starlette(), event_tokens=[TOKEN], hook_tokens={}), sock)
    await server.start()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", file=sys.stderr, flush=True)
    await stopped.wait()
    await server.stop()
    await service.stop()
    await store.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1])))

"""More than the disk can take: senders are told to come back before memory grows, and nothing that was refused is kept."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
import stored
from bench import bench, event
from eventually import eventually
from starlette.applications import Starlette

from engine.clock import SystemClock
from engine.runtime import service as module
from engine.runtime.service import Service
from engine.web.inbound import InboundApp
from engine.web.server import HttpServer, bind

HEADERS = {"Authorization": "Bearer t", "Content-Type": "application/cloudevents+json"}


async def test_senders_are_told_to_come_back_while_the_disk_is_slow_and_are_taken_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENTERING", 20)
    async with bench(tmp_path) as made, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100)) as http:
        clock = SystemClock()
        service = Service(made.store, clock, public_url="http://survey.test")
        sock = bind("127.0.0.1:0", "--listen")
        server = HttpServer(InboundApp(service, clock, Starlette(), event_tokens=["t"], hook_tokens={}), sock)
        await server.start()
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/events"

        async def post(number: int) -> tuple[int, str | None]:
            one = {"specversion": "1.0", "id": f"e{number}", "source": "shop", "type": "visit.ended", "data": {"contact": {"id": "c"}}}
            async with http.post(url, json=one, headers=HEADERS) as response:
                return response.status, response.headers.get("Retry-After")

        slow = threading.Event()
        holding = asyncio.create_task(made.store.write(lambda tx: slow.wait(20)))
        await asyncio.sleep(0.05)
        first = [asyncio.create_task(post(number)) for number in range(60)]
        await eventually(lambda: sum(task.done() for task in first) == 40)
        assert Counter(task.result() for task in first if task.done()) == {(429, "1"): 40}
        slow.set()
        await holding
        answers = await asyncio.gather(*first)
        assert Counter(answers) == {(429, "1"): 40, (202, None): 20}
        assert stored.value(made.store.path, "SELECT count(*) FROM event") == 20
        assert await post(99) == (202, None)
        await server.stop()


async def test_a_batch_that_alone_is_more_than_that_is_taken_when_nothing_else_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ENTERING", 3)
    async with bench(tmp_path) as made:
        service = Service(made.store, SystemClock(), public_url="http://survey.test")
        assert await service.accept([event("visit.ended", {"contact": {"id": "c"}}) for _ in range(5)]) == [True] * 5

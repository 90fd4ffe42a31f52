"""A daemon that runs for years: a million waits cost nothing while they wait, and a month of steady load leaves no trace in memory."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import time
import tracemalloc
from pathlib import Path

import pytest
from bench import NOON, bench, event

from engine.clock import SystemClock
from engine.model.delivery import Delivery, DeliveryState
from engine.runtime.service import Service
from engine.store.protocol import NewDelivery, Timer, Transaction, Work
from engine.store.sqlite.store import SqliteStore

MILLION = 1_000_000
CHUNK = 50_000
FAR = dt.timedelta(days=3_650)


def waits(start: int, due: dt.datetime) -> Work[None]:
    """Timers, and deliveries that are not due."""

    def work(tx: Transaction) -> None:
        numbers = range(start, start + CHUNK)
        tx.add_timers(Timer(part=n % 256, due=due + dt.timedelta(seconds=n), kind="expire", ref=f"i{n}") for n in numbers)
        tx.enqueue(NewDelivery(delivery=_delivery(n), due=due + dt.timedelta(seconds=n)) for n in numbers)

    return work


def _delivery(number: int) -> Delivery:
    return Delivery(
        id=0,
        part=number % 256,
        key=f"k{number}",
        action="ticket",
        connection="desk",
        origin="automation.help/0",
        deployment=1,
        event=None,
        contact=None,
        invitation=None,
        answer=None,
    )


@pytest.mark.soak
async def test_a_million_waits_keep_no_processor_busy_and_hold_up_no_start(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        for start in range(0, MILLION, CHUNK):
            await made.store.write(waits(start, SystemClock().now() + FAR))
    began = time.process_time()
    store = SqliteStore(tmp_path / "store.db")
    service = Service(store, SystemClock(), public_url="http://survey.test")
    await service.load()
    await service.start({}, {})
    await asyncio.sleep(0.5)
    started = time.process_time() - began
    idle = time.process_time()
    await asyncio.sleep(10)
    idle = time.process_time() - idle
    await service.stop()
    await store.close()
    assert started < 5
    assert idle < 0.1, "one in a hundred of the time that passed"


@pytest.mark.soak
async def test_a_month_of_steady_load_leaves_memory_as_it_was(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:

        async def day(number: int) -> None:
            for hour in range(24):
                who = [{"id": f"c{n}", "email": f"c{n}@example.test"} for n in range(number * 24 + hour, number * 24 + hour + 20)]
                await made.turn(*(event("help.wanted", {"contact": contact, "topic": "t"}, time=made.clock.now()) for contact in who))
                for item in await made.claim("desk"):
                    delivery = item.delivery
                    await made.store.write(
                        lambda tx, delivery=delivery: tx.finish(  # type: ignore[misc]
                            delivery, DeliveryState.DONE, reason=None, external_id=None, url=None
                        )
                    )
                made.clock.advance(dt.timedelta(hours=1))

        assert made.clock.now() == NOON
        tracemalloc.start()
        held = []
        for number in range(30):
            await day(number)
            gc.collect()
            held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert max(held[-5:]) < max(held[5:10]) * 1.1, [size // 1024 for size in held]

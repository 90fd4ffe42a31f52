"""Two workflow libraries doing the job of `runtime.py`: an event is taken, judged by one condition, and a row for its effect written.

Both keep their own state on PostgreSQL, and so does the effect: a row in `benchmark_effect`. They are asked once an event, as one
would, and once in batches of 500. One line of JSON on stdout; a library that is not installed is null there.

    python benchmarks/_runtime_peers.py URL EVENTS
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, cast
from uuid import uuid4

import psycopg

BATCH = 500
AT_ONCE = 32
TABLE = "CREATE TABLE IF NOT EXISTS benchmark_effect (key text PRIMARY KEY, action text NOT NULL, payload jsonb NOT NULL)"
INSERT = "INSERT INTO benchmark_effect VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
Event = dict[str, Any]


def events(count: int) -> list[Event]:
    run = uuid4().hex[:8]
    return [{"id": f"{run}-{number}", "score": number % 11, "contact": {"id": f"c{number % 2000}"}} for number in range(count)]


def decided(event: Event) -> tuple[str, str, str]:
    return event["id"], "ticket" if event["score"] <= 6 else "email", json.dumps(event["contact"])


def batches(found: list[Event]) -> list[list[Event]]:
    return [found[start : start + BATCH] for start in range(0, len(found), BATCH)]


def clear(url: str) -> None:
    with psycopg.connect(url) as db:
        db.execute(TABLE)
        db.execute("TRUNCATE benchmark_effect")


def count(url: str) -> int:
    with psycopg.connect(url) as db:
        row = db.execute("SELECT count(*) FROM benchmark_effect").fetchone()
    assert row is not None
    return int(row[0])


def dbos(url: str, singles: list[Event], many: list[Event]) -> dict[str, float]:
    from dbos import DBOS, DBOSConfig, SetWorkflowID
    from psycopg_pool import ConnectionPool

    config: DBOSConfig = {"name": "benchmark", "system_database_url": url, "log_level": "ERROR"}
    DBOS(config=config)
    pool = ConnectionPool(url, min_size=AT_ONCE, open=True)

    def write_rows(rows: list[tuple[str, str, str]]) -> None:
        with pool.connection() as db, db.cursor() as cursor:
            cursor.executemany(INSERT, rows)

    write = DBOS.step()(write_rows)

    def act_on(found: list[Event]) -> None:
        write([decided(event) for event in found])

    act = DBOS.workflow()(act_on)

    def one(found: list[Event]) -> None:
        with SetWorkflowID(found[0]["id"]):  # an event that comes twice acts once
            act(found)

    DBOS.launch()
    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            one([singles[0]])

            def run(work: list[list[Event]]) -> float:
                start = time.perf_counter()
                list(threads.map(one, work))
                return sum(map(len, work)) / (time.perf_counter() - start)

            return {"per_event": run([[event] for event in singles[1:]]), "batches": run(batches(many))}
    finally:
        DBOS.destroy()
        pool.close()


async def procrastinate(url: str, singles: list[Event], many: list[Event]) -> dict[str, float]:
    from procrastinate import App, PsycopgConnector
    from procrastinate.types import JSONValue
    from psycopg_pool import AsyncConnectionPool

    app = App(connector=PsycopgConnector(conninfo=url))
    async with app.open_async(), AsyncConnectionPool(url, min_size=8, open=False) as pool:
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()

        async def act_on(found: list[Event]) -> None:
            async with pool.connection() as db, db.cursor() as cursor:
                await cursor.executemany(INSERT, [decided(event) for event in found])

        act = app.task(name="act")(act_on)

        async def run(work: list[list[Event]]) -> float:
            start = time.perf_counter()
            for some in batches_of(work, AT_ONCE):
                await asyncio.gather(*(act.configure(lock=str(uuid4())).defer_async(found=cast(JSONValue, found)) for found in some))
            await app.run_worker_async(wait=False, concurrency=AT_ONCE, install_signal_handlers=False, listen_notify=False)
            return sum(map(len, work)) / (time.perf_counter() - start)

        return {"per_event": await run([[event] for event in singles]), "batches": await run(batches(many))}


def batches_of(work: list[list[Event]], size: int) -> list[list[list[Event]]]:
    return [work[start : start + size] for start in range(0, len(work), size)]


def measured(url: str, name: str, run: Callable[[list[Event], list[Event]], dict[str, float]], singles: int, many: int) -> Any:
    if find_spec(name) is None:
        return None
    clear(url)
    found = run(events(singles), events(many))
    if count(url) != singles + many:
        raise SystemExit(f"{name}: {count(url)} effects of {singles + many}")
    return {what: round(rate, 1) for what, rate in found.items()}


def waited(work: Awaitable[dict[str, float]]) -> dict[str, float]:
    async def inner() -> dict[str, float]:
        return await work

    return asyncio.run(inner())


def main() -> None:
    logging.disable(logging.CRITICAL)
    url, total = sys.argv[1], int(sys.argv[2])
    singles, many = max(total // 20, 100), max(total // 2, BATCH)
    found = {
        "dbos": measured(url, "dbos", lambda one, more: dbos(url, one, more), singles, many),
        "procrastinate": measured(url, "procrastinate", lambda one, more: waited(procrastinate(url, one, more)), singles, many),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

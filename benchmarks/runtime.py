"""Accepted → decided → its effect in the outbox, every step durable: beside a raw script, and beside two workflow libraries.

- *batches*: events are taken in requests of 500, as JSON, by the runtime in this process. The peer is a script that knows
  nothing: it writes the very same rows to tables with the same indices, in the same batches and as many transactions.
- *single*: one event a request over 64 connections, released evenly at a rate, for some seconds. What is printed is the rate that
  was accepted, the time until the 202, and how many events waited undecided meanwhile: a backlog that grows says that the rate
  cannot be held.
- *DBOS* and *Procrastinate* keep their state on PostgreSQL (`--postgres URL`), once asked once an event and once in batches of 500.
  They write one row an event; neither merges objects, nor keeps the event, nor explains a decision.

SQLite writes with `synchronous=FULL`. One line of JSON goes to stdout, words to stderr. Nothing is asserted about speed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import uvloop
from _feedback import posts_of, surroundings, write_project
from _harness import HERE, BenchmarkError, Client, percentile, serving, sync_ms

from engine.cli.project import checked
from engine.clock import SystemClock
from engine.deploy.versions import pack
from engine.runtime.cloudevents import BATCH, decode
from engine.runtime.service import Service
from engine.store.sqlite.store import SqliteStore

SIZE = 500  # events of a batch
AT_ONCE = 4  # batches on their way
CONNECTIONS = 64
WRITTEN = ("event", "object", "alias", "outbox")  # tables with rows that events make


def main() -> int:
    options = _options()
    os.environ.update(surroundings(1, 1))  # nothing is sent
    with tempfile.TemporaryDirectory(prefix="sounding-benchmark-") as name, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        folder = Path(name)
        sync = sync_ms(folder)
        write_project(folder)
        try:
            batches = runner.run(_batches(folder, options.events))
            raw = _raw(folder, batches["turns"])
            single = runner.run(_single(folder, options.rate, options.seconds))
            peers = runner.run(_peers(options.postgres, options.events)) if options.postgres else None
        except BenchmarkError as error:
            print(f"runtime: {error}", file=sys.stderr)
            return 1
    print(json.dumps(_summary(options, sync, batches, raw, single, peers)))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Events to effects in the outbox, beside a raw script and workflow libraries.")
    parser.add_argument("--events", type=int, default=20_000, help="in batches (default %(default)s)")
    parser.add_argument("--rate", type=float, default=2_000, help="of single posts a second (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of single posts (default %(default)s)")
    parser.add_argument("--postgres", metavar="URL", default="", help="where the workflow libraries keep their state; none: left out")
    given = parser.parse_args()
    if given.events < SIZE or given.rate <= 0 or given.seconds <= 0:
        parser.error(f"there must be {SIZE} events at least, and every number positive")
    return given


async def _batches(folder: Path, events: int) -> dict[str, float]:
    path, clock = folder / "batches.db", SystemClock()
    bodies = [post.wire.partition(b"\r\n\r\n")[2] for post in posts_of(count(1), events, SIZE)]
    store = SqliteStore(path)
    service = Service(store, clock, public_url="http://127.0.0.1")
    await service.deploy(pack(checked(folder), at=clock.now(), by="benchmark", commit=None))
    await service.start({}, {})
    before, free, start = path.stat().st_size, asyncio.Semaphore(AT_ONCE), time.perf_counter()

    async def one(body: bytes) -> None:
        async with free:
            await service.accept(decode(body, BATCH, {}, clock.now()))

    busy = time.process_time()
    await asyncio.gather(*map(one, bodies))
    while service.meter.decided < events:  # noqa: ASYNC110  # the runtime tells nobody when it rests
        await asyncio.sleep(0.002)
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    turns = service.meter.turns
    await service.stop()
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        effects = db.execute("SELECT count(*) FROM outbox").fetchone()[0]
    if effects != events:
        raise BenchmarkError(f"{events} events have {effects} effects")
    return {"rate": events / taken, "cpu": busy, "turns": turns, "bytes": (path.stat().st_size - before) / events}


def _raw(folder: Path, turns: float) -> dict[str, float]:
    """The same rows into the same tables: events in their batches, then what was decided in as many transactions as there were turns."""
    with closing(sqlite3.connect(folder / "batches.db")) as db:
        rows = {table: db.execute(f"SELECT * FROM {table}").fetchall() for table in WRITTEN}
        schema = [sql for (sql,) in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")]
        names = [row[1] for row in db.execute("PRAGMA table_info(event)")]
    state, trace, contact = (names.index(name) for name in ("state", "trace", "contact"))
    fresh = {state: 0, trace: None, contact: None}  # of an event that is not decided yet
    waiting = [tuple(fresh.get(at, value) for at, value in enumerate(row)) for row in rows["event"]]
    settled = [(row[state], row[contact], row[trace], row[0]) for row in rows["event"]]
    with closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        for sql in schema:
            db.execute(sql)
        start, busy = time.perf_counter(), time.process_time()
        for some in _split(waiting, len(waiting) // SIZE):
            _commit(db, [(_insert("event", some), some)])
        others = [_split(rows[table], int(turns)) for table in WRITTEN[1:]]
        for number, done in enumerate(_split(settled, int(turns))):
            update = "UPDATE event SET state = ?, contact = ?, trace = ? WHERE seq = ?"
            made = [(_insert(table, part[number]), part[number]) for table, part in zip(WRITTEN[1:], others, strict=True)]
            _commit(db, [*made, (update, done)])
        return {"rate": len(settled) / (time.perf_counter() - start), "cpu": time.process_time() - busy}


def _commit(db: sqlite3.Connection, work: Sequence[tuple[str, Sequence[tuple[Any, ...]]]]) -> None:
    db.execute("BEGIN IMMEDIATE")
    for sql, rows in work:
        if rows:
            db.executemany(sql, rows)
    db.execute("COMMIT")


def _insert(table: str, rows: Sequence[tuple[Any, ...]]) -> str:
    return f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})" if rows else ""


def _split(rows: Sequence[tuple[Any, ...]], parts: int) -> list[Sequence[tuple[Any, ...]]]:
    return [rows[len(rows) * at // parts : len(rows) * (at + 1) // parts] for at in range(max(parts, 1))]


async def _single(folder: Path, rate: float, seconds: float) -> dict[str, Any]:
    arguments = [str(HERE / "_runtime_server.py"), str(folder)]
    async with serving(arguments, {}, folder / "server.log") as server:
        client, numbers = Client(server.port, CONNECTIONS), count(1)
        try:
            await client.post(posts_of(numbers, 500, 1))
            posts = posts_of(numbers, int(rate * seconds), 1)
            start, backlog = time.monotonic(), []
            busy, own = server.cpu_seconds(), time.process_time()
            sending = asyncio.create_task(client.post(posts, rate))
            with closing(sqlite3.connect(f"file:{folder / 'store.db'}?mode=ro", uri=True)) as db:
                while not sending.done():
                    await asyncio.wait([sending], timeout=seconds / 20)
                    backlog.append(db.execute("SELECT count(*) FROM event WHERE state = 0").fetchone()[0])
            began = await sending
            done = {ref: client.answered[ref] for ref in began}
            taken = [(done[ref] - began[ref]) * 1000 for ref in began]
            elapsed = max(done.values()) - start
            after, own = server.cpu_seconds(), time.process_time() - own
        finally:
            client.close()
        half = len(backlog) // 2
        return {
            "rate": len(began) / elapsed,
            "cpu": (after - busy) / len(began) * 1e6 if busy is not None and after is not None else None,
            "client_cpu": own / len(began) * 1e6,
            "p50": percentile(taken, 0.5),
            "p99": percentile(taken, 0.99),
            "backlog": [max(backlog[:half], default=0), max(backlog[half:], default=0)],
            "rss": server.peak_rss_mb(),
            "refused": client.refused,
        }


async def _peers(url: str, events: int) -> Any:
    """In a database of their own, which is dropped afterwards: both leave tables and functions behind."""
    import psycopg

    name = f"sounding_benchmark_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}")
        try:
            where = psycopg.conninfo.make_conninfo(url, dbname=name)
            own = psycopg.conninfo.conninfo_to_dict(where)
            address = f"postgresql://{own.get('user', '')}@{own.get('host', '127.0.0.1')}:{own.get('port', 5432)}/{name}"
            process = await asyncio.create_subprocess_exec(
                sys.executable, str(HERE / "_runtime_peers.py"), address, str(events), stdout=asyncio.subprocess.PIPE
            )
            said, _ = await process.communicate()
            if process.returncode:
                raise BenchmarkError("the workflow libraries did not come to their end")
            return json.loads(said)
        finally:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _summary(
    options: argparse.Namespace, sync: float, batches: dict[str, float], raw: dict[str, float], single: dict[str, Any], peers: Any
) -> dict[str, Any]:
    ratio, cpu = batches["rate"] / raw["rate"], raw["cpu"] / batches["cpu"]
    _say(f"in batches of {SIZE}: {batches['rate']:,.0f} events/s, {ratio:.0%} of a raw script's ({cpu:.0%} by processor time)")
    words = f"single posts: {single['rate']:,.0f}/s; 202 after {single['p50']:.1f} ms p50, {single['p99']:.1f} ms p99"
    _say(f"{words}; undecided at most {single['backlog']} in each half")
    if peers is not None:
        _say(f"workflow libraries, events/s: {json.dumps(peers)}")
    return {
        "benchmark": "runtime",
        "events": options.events,
        "events_per_s": round(batches["rate"], 1),
        "cpu_us_per_event": round(batches["cpu"] / options.events * 1e6, 1),
        "peer": "raw script, same rows, indices and batches",
        "peer_events_per_s": round(raw["rate"], 1),
        "ratio": round(ratio, 3),
        "cpu_ratio": round(cpu, 3),
        "bytes_per_event": round(batches["bytes"]),
        "single_per_s": round(single["rate"], 1),
        "single_cpu_us": single["cpu"] and round(single["cpu"], 1),  # of the server, for an event
        "single_client_cpu_us": round(single["client_cpu"], 1),  # of this process, which sends and looks on
        "single_p50_ms": round(single["p50"], 2),
        "single_p99_ms": round(single["p99"], 2),
        "single_backlog": single["backlog"],  # the most events undecided in the first and in the second half
        "single_refused": single["refused"],
        "peak_rss_mb": single["rss"],
        "workflow_libraries": peers,
        "settings": {
            "store": "sqlite, synchronous=FULL",
            "batch": SIZE,
            "turns": int(batches["turns"]),
            "connections": CONNECTIONS,
            "offered_per_s": options.rate,
            "seconds": options.seconds,
            "sync_ms": round(sync, 2),
            "load": round(os.getloadavg()[0], 1),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
        },
    }


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

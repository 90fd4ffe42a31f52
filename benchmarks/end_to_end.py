"""From the POST of an event to its ticket (HTTP) or thank-you (SMTP) at the receiver, beside a script that keeps nothing.

What is measured, for each side:

- *events/s*: events are posted as fast as they are accepted, one request at a time on each connection, and the clock runs from
  the first POST until the receivers have the last effect. So a backlog that is accepted but not delivered counts against us.
- *latency*: at half of the rate that was reached, events are released evenly; from the release of an event to the moment that
  the receiver has its effect whole.

Why it is fair: both sides get the same events over the same connections from the same client, one after the other in the same
run, and send to the same receivers over as many open SMTP connections; both are one process, served by uvicorn with the same
settings and event loop, each warmed up alike; each event has exactly one effect. The rounds alternate, and medians are printed.
What differs is what is compared: the daemon acknowledges what is on disk, claims each delivery before it sends, records its
result, acts once on a repeated event and survives `kill -9`; `_peer.py` does the same work inline and forgets it.

One line of JSON goes to stdout, words to stderr. Nothing is asserted about speed; an effect that never arrives is an error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import uvloop
from _feedback import SMTP_CONNECTIONS, posts_of, surroundings, write_project
from _harness import HERE, BenchmarkError, Client, Post, Server, Sinks, median, percentile, serving, sinks, sync_ms

PEER = "inline Starlette, not durable"
WARM_UP = 300  # events before a clock runs: templates compiled, connections open


@dataclass(frozen=True, slots=True)
class Options:
    events: int  # of each throughput phase
    seconds: float  # of each latency phase
    connections: int
    batch: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Round:
    """What one server did in one round."""

    events_per_s: float
    p50_ms: float
    p99_ms: float
    offered_per_s: float  # during the latency phase
    cpu_ms: float | None  # processor time for an event, while as fast as possible
    peak_rss_mb: float | None
    repeated: int
    refused: int


def main() -> int:
    options = _options()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            found = runner.run(_measure(options))
        except BenchmarkError as error:
            print(f"end_to_end: {error}", file=sys.stderr)
            return 1
    print(json.dumps(found))
    return 0


def _options() -> Options:
    parser = argparse.ArgumentParser(description="Event POST to ticket or thank-you at the receiver, beside an inline script.")
    parser.add_argument("--events", type=int, default=2_000, help="events of each throughput phase (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each latency phase (default %(default)s)")
    parser.add_argument("--connections", type=int, default=32, help="of the client, kept open (default %(default)s)")
    parser.add_argument("--batch", type=int, default=1, help="events in a request (default %(default)s; 100 is the batch mode)")
    parser.add_argument("--rounds", type=int, default=3, help="of each side, in turn; medians are printed (default %(default)s)")
    given = parser.parse_args()
    if min(given.events, given.connections, given.batch, given.rounds) < 1 or given.seconds <= 0:
        parser.error("every number must be positive")
    return Options(given.events, given.seconds, given.connections, given.batch, given.rounds)


async def _measure(options: Options) -> dict[str, Any]:
    ours: list[Round] = []
    theirs: list[Round] = []
    loop, load = "asyncio", os.getloadavg()[0]  # what else the machine was doing
    with tempfile.TemporaryDirectory(prefix="sounding-benchmark-") as name:
        folder = Path(name)
        sync = sync_ms(folder)
        _say(f"one small write on this disk takes {sync:.2f} ms to last; {options.events} events a round, {options.batch} a request")
        async with sinks() as receivers:
            for number in range(1, options.rounds + 1):
                async with _daemon(folder / f"daemon{number}", receivers) as server:
                    loop = server.loop()
                    ours.append(await _round(server, receivers, options))
                    _report(f"round {number}: daemon", ours[-1])
                async with _peer(folder / f"peer{number}", receivers, loop) as server:
                    theirs.append(await _round(server, receivers, options))
                    _report(f"round {number}: inline", theirs[-1])
    return _summary(options, ours, theirs, loop, sync, load)


@contextlib.asynccontextmanager
async def _daemon(folder: Path, receivers: Sinks) -> AsyncIterator[Server]:
    """A fresh daemon on a fresh store, FULL durability (it knows no other)."""
    write_project(folder)
    arguments = ["-m", "engine", "run", "--apply", "--project", str(folder), "--store", "sqlite:///sounding.db"]
    arguments += ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    async with serving(arguments, surroundings(receivers.desk, receivers.mail), folder / "log") as server:
        yield server


@contextlib.asynccontextmanager
async def _peer(folder: Path, receivers: Sinks, loop: str) -> AsyncIterator[Server]:
    async with serving(
        [str(HERE / "_peer.py"), "--loop", loop], surroundings(receivers.desk, receivers.mail), folder.with_suffix(".log")
    ) as server:
        yield server


async def _round(server: Server, receivers: Sinks, options: Options) -> Round:
    client, numbers = Client(server.port, options.connections), count(1)
    try:
        await _run(client, receivers, posts_of(numbers, WARM_UP, options.batch))
        busy = server.cpu_seconds()
        began, at, repeated = await _run(client, receivers, posts_of(numbers, options.events, options.batch))
        after = server.cpu_seconds()
        rate = len(began) / (max(at.values()) - min(began.values()))
        offered = rate / 2
        posts = posts_of(numbers, max(int(offered * options.seconds), options.batch), options.batch)
        began, at, again = await _run(client, receivers, posts, offered / options.batch)
        taken = [(at[ref] - began[ref]) * 1000 for ref in began]
    finally:
        client.close()
    return Round(
        events_per_s=rate,
        p50_ms=percentile(taken, 0.5),
        p99_ms=percentile(taken, 0.99),
        offered_per_s=offered,
        cpu_ms=(after - busy) * 1000 / options.events if busy is not None and after is not None else None,
        peak_rss_mb=server.peak_rss_mb(),
        repeated=repeated + again,
        refused=client.refused,
    )


async def _run(
    client: Client, receivers: Sinks, posts: Sequence[Post], per_second: float | None = None
) -> tuple[dict[str, float], dict[str, float], int]:
    """Post it all and wait for every effect. When each event began and arrived, and how many effects came twice."""
    began = await client.post(posts, per_second)
    arrived = await receivers.take(len(began))
    return began, arrived.at, arrived.repeated


def _summary(options: Options, ours: Sequence[Round], theirs: Sequence[Round], loop: str, sync: float, load: float) -> dict[str, Any]:
    rate, peer_rate = median([r.events_per_s for r in ours]), median([r.events_per_s for r in theirs])
    p50, p99 = median([r.p50_ms for r in ours]), median([r.p99_ms for r in ours])
    peer_p50, peer_p99 = median([r.p50_ms for r in theirs]), median([r.p99_ms for r in theirs])
    peaks = [r.peak_rss_mb for r in ours if r.peak_rss_mb is not None]
    _say(f"daemon, durable: {rate:,.0f} events/s; {p50:.1f} ms p50, {p99:.1f} ms p99 at half of that")
    _say(f"{PEER}: {peer_rate:,.0f} events/s; {peer_p50:.1f} ms p50, {peer_p99:.1f} ms p99 at half of that")
    return {
        "benchmark": "end_to_end",
        "events": options.events,
        "events_per_s": round(rate, 1),
        "p50_ms": round(p50, 2),
        "p99_ms": round(p99, 2),
        "peer": PEER,
        "peer_events_per_s": round(peer_rate, 1),
        "peer_p50_ms": round(peer_p50, 2),
        "peer_p99_ms": round(peer_p99, 2),
        "ratio": round(rate / peer_rate, 3),
        "peak_rss_mb": round(max(peaks), 1) if peaks else None,
        "repeated": sum(r.repeated for r in ours),
        "settings": {
            "rounds": options.rounds,
            "connections": options.connections,
            "batch": options.batch,
            "seconds": options.seconds,
            "smtp_connections": SMTP_CONNECTIONS,
            "store": "sqlite, synchronous=FULL",
            "loop": loop,
            "sync_ms": round(sync, 2),
            "load_before": round(load, 1),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
        },
    }


def _report(what: str, done: Round) -> None:
    words = f"{what}: {done.events_per_s:7,.0f} events/s; {done.p50_ms:.1f} ms p50, {done.p99_ms:.1f} ms p99"
    words += f" at {done.offered_per_s:,.0f} events/s"
    if done.cpu_ms is not None:
        words += f"; {done.cpu_ms:.2f} ms of processor an event"
    if done.peak_rss_mb is not None:
        words += f"; {done.peak_rss_mb:.0f} MB"
    if done.repeated or done.refused:
        words += f"; {done.repeated} effects repeated, {done.refused} requests told to come back"
    _say(words)


def _say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

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
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import uvloop
from _harness import HERE, BenchmarkError, Client, Post, Server, Sinks, median, percentile, serving, sinks, sync_ms

PEER = "inline Starlette, not durable"
SMTP_CONNECTIONS = 8
TOKEN = "benchmark-token"
WARM_UP = 300  # events before a clock runs: templates compiled, connections open
CUSTOMERS = 2_000  # who come back, so that both new and known contacts are met
SCORES = (0, 9, 1, 10, 2, 9, 3, 10, 4, 9, 5, 10, 6, 9)  # half tickets, half thank-yous; passives would have no effect to wait for

PROJECT = f"""\
project: benchmark
languages: [en]
timezone: UTC
objects:
  contact:
    email: optional email
    name: text
    language: optional language
events:
  feedback.given: {{object: contact, score: integer, ref: text}}
connections:
  desk: {{use: zendesk, url: {{env: DESK_URL}}, user: {{env: DESK_USER}}, token: {{env: DESK_TOKEN}}, allow_private: true}}
  mail:
    use: smtp
    host: {{env: MAIL_HOST}}
    port: {{env: MAIL_PORT}}
    tls: none
    from: "Benchmark <feedback@sounding.test>"
    connections: {SMTP_CONNECTIONS}
  feed: {{use: events, token: {{env: FEED_TOKEN}}}}
"""

AUTOMATIONS = """\
automation: rescue
when: feedback.given
if: event.score <= 6
then:
  - ticket:
      via: desk
      title: "Score {{ event.score }} from {{ contact.name }} ({{ event.ref }})"
      body: "{{ contact.name }} gave {{ event.score }} of 10. Call back today."
      priority: high
---
automation: thank
when: feedback.given
if: event.score >= 9
then:
  - email:
      via: mail
      subject: "Thank you, {{ contact.name }} ({{ event.ref }})"
      body: "{{ contact.name }}, thank you for the {{ event.score }}. It helps us."
"""


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
    (folder / "automations").mkdir(parents=True)
    (folder / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    (folder / "automations" / "feedback.yaml").write_text(AUTOMATIONS, encoding="utf-8")
    arguments = ["-m", "engine", "run", "--apply", "--project", str(folder), "--store", "sqlite:///sounding.db"]
    arguments += ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
    async with serving(arguments, _surroundings(receivers), folder / "log") as server:
        yield server


@contextlib.asynccontextmanager
async def _peer(folder: Path, receivers: Sinks, loop: str) -> AsyncIterator[Server]:
    async with serving([str(HERE / "_peer.py"), "--loop", loop], _surroundings(receivers), folder.with_suffix(".log")) as server:
        yield server


def _surroundings(receivers: Sinks) -> dict[str, str]:
    return {
        "DESK_URL": f"http://127.0.0.1:{receivers.desk}",
        "DESK_USER": "agent@desk.test",
        "DESK_TOKEN": "desk-token",
        "MAIL_HOST": "127.0.0.1",
        "MAIL_PORT": str(receivers.mail),
        "MAIL_CONNECTIONS": str(SMTP_CONNECTIONS),
        "FEED_TOKEN": TOKEN,
    }


async def _round(server: Server, receivers: Sinks, options: Options) -> Round:
    client, numbers = Client(server.port, options.connections), count(1)
    try:
        await _run(client, receivers, _posts(numbers, WARM_UP, options.batch))
        busy = server.cpu_seconds()
        began, at, repeated = await _run(client, receivers, _posts(numbers, options.events, options.batch))
        after = server.cpu_seconds()
        rate = len(began) / (max(at.values()) - min(began.values()))
        offered = rate / 2
        posts = _posts(numbers, max(int(offered * options.seconds), options.batch), options.batch)
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


def _posts(numbers: Iterator[int], events: int, batch: int) -> list[Post]:
    """Requests made beforehand, so that the client has nothing to do but write them."""
    made = []
    for start in range(0, events, batch):
        some = [_event(next(numbers)) for _ in range(min(batch, events - start))]
        kind = "application/cloudevents+json" if batch == 1 else "application/cloudevents-batch+json"
        body = json.dumps(some[0] if batch == 1 else some).encode()
        head = f"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        made.append(Post(tuple(event["id"] for event in some), head.encode() + body))
    return made


def _event(number: int) -> dict[str, Any]:
    ref, customer = f"ref-{number:08}", number % CUSTOMERS
    return {
        "specversion": "1.0",
        "id": ref,
        "source": "benchmark",
        "type": "feedback.given",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data": {
            "contact": {"id": f"c{customer}", "name": f"Customer {customer}", "email": f"customer{customer}@example.test"},
            "score": SCORES[number % len(SCORES)],
            "ref": ref,
        },
    }


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

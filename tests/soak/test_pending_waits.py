"""A million runs that wait: the daemon starts as quickly as with none, does nothing for them, and still finds the one that is meant."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import stored
from daemon_process import Daemon, event, world
from eventually import eventually

WAITS = 1_000_000
LONGEST_START = 5.0  # seconds
IDLE = 5.0  # seconds of looking at a daemon that has nothing to do
HELP = """automation: help
when: help.wanted
then:
  - ticket: {via: desk, title: "{{ event.topic }}", body: "From {{ contact.name|default('someone') }}"}
"""
PICK_UP = """automation: help
when: help.wanted
then:
  - {wait_for: visit.ended, at_most: 30d}
  - webhook: {via: hook, data: {what: over, topic: "{{ event.topic }}"}}
run: {per: contact, mode: single}
"""
# Each is the one run that there is, for a contact of its own.
COPY = """
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO run (id, part, automation, subject, state, until, began, changed, body, log)
SELECT 'r-' || i, i % 256, automation, 'contact/c' || i, state, until + i, began, changed,
       json_set(body, '$.id', 'r-' || i, '$.subject', 'contact/c' || i, '$.subjects.contact', 'c' || i), log
FROM n, (SELECT * FROM run LIMIT 1)
"""
LISTEN = "INSERT OR IGNORE INTO listener (part, type, subject, run) SELECT part, 'visit.ended', subject, id FROM run"


def cpu(daemon: Daemon) -> float:
    """Seconds of processor time that the daemon has taken."""
    fields = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def idle(daemon: Daemon) -> float:
    before = cpu(daemon)
    await asyncio.sleep(IDLE)
    return cpu(daemon) - before


async def started(daemon: Daemon) -> float:
    began = time.monotonic()
    await daemon.start(apply=False)
    return time.monotonic() - began


@pytest.mark.soak
async def test_a_million_pending_waits_cost_nothing_until_one_of_them_is_over(tmp_path: Path) -> None:
    async with world(tmp_path, {HELP: PICK_UP}) as made:
        daemon = made.daemon
        await daemon.send(event("help.wanted", "first", contact={"id": "1", "buyer": False}, topic="first"))
        await eventually(lambda: stored.value(daemon.store, "SELECT count(*) FROM listener") == 1)
        alone = await idle(daemon)
        await daemon.stop()
        small = daemon.store.stat().st_size
        with closing(sqlite3.connect(daemon.store)) as db, db:
            db.execute(COPY, (WAITS,))
            db.execute(LISTEN)
        size = (daemon.store.stat().st_size - small) / WAITS
        took = await started(daemon)
        crowded = await idle(daemon)
        print(f"\n{WAITS:,} waits: started in {took:.2f} s, {size:.0f} bytes a wait, idle {crowded:.2f} s of CPU (alone {alone:.2f} s)")  # noqa: T201
        assert took <= LONGEST_START
        assert crowded <= alone + 0.05 * IDLE
        await daemon.send(event("visit.ended", "there", contact={"id": "1", "buyer": False}))
        await eventually(lambda: made.sink.requests)
        assert [request.json() for request in made.sink.requests] == [{"what": "over", "topic": "first"}]
        assert stored.value(daemon.store, "SELECT count(*) FROM run WHERE state = 'waiting'") == WAITS

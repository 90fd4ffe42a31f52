"""Power fails right before a 2xx goes out: whatever the disk then has of the files, everything acknowledged is in it."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from daemon_process import World, delivered, event, token_in, world
from eventually import eventually
from power_loss import losses
from system_calls import STRACE, acknowledged, read

from engine.store.sqlite.files import problems

SENDERS, EVENTS_EACH, PEOPLE = 4, 8, 6
BATCHES, EACH = 8, 150
LONG = "a long story, " * 200  # so that the log is brought into the store in between
CHECKED = 10  # moments at which everything that holds in a store is checked
# Takes the daemon's own words to SQLite on their way: what it asks for is not what it gets.
WEAKER = """
import sqlite3
class Weaker(sqlite3.Connection):
    def execute(self, sql, *rest):
        return super().execute(sql.replace("synchronous = FULL", "synchronous = NORMAL"), *rest)
connect = sqlite3.connect
sqlite3.connect = lambda *given, **named: connect(*given, **{"factory": Weaker, **named})
"""


async def _feed(made: World) -> dict[str, set[str]]:
    """Events one by one, in batches, and answers; by mark in the request, what must be found in the store from its answer on."""
    expected: dict[str, set[str]] = {}

    async def sender(name: int) -> None:
        for number in range(EVENTS_EACH):
            mark = f"event-mark-{name}-{number}-"
            assert (await made.daemon.send(event("help.wanted", mark, contact={"id": mark}, topic="size")))[0] == 202
            expected[mark] = {mark}

    async def batches() -> None:
        for batch in range(BATCHES):
            ids = [f"batch-mark-{batch}-{number}-" for number in range(EACH)]
            assert (await made.daemon.send(*(event("help.wanted", id_, contact={"id": id_}, topic=LONG) for id_ in ids)))[0] == 202
            expected[f"batch-mark-{batch}-0-"] = set(ids)

    await made.daemon.send(*(delivered(number) for number in range(PEOPLE)))
    await eventually(lambda: len(made.mail.messages) == PEOPLE)
    await asyncio.gather(batches(), *(sender(name) for name in range(SENDERS)))
    tokens = [token for caught in made.mail.messages if (token := token_in(caught)) is not None]
    for number, token in enumerate(tokens):
        mark = f"answer-mark-{number}-"
        assert await made.daemon.answer(token, 3, comment=mark) == 200
        expected[mark] = {mark}
    return expected


async def _traced(folder: Path, weaker: str | None = None) -> tuple[Path, Path, dict[str, set[str]]]:
    trace = folder / "trace"
    async with world(folder / "project", started=False) as made:
        made.daemon.tracer = (*STRACE, str(trace))
        if weaker is not None:
            (folder / "sitecustomize.py").write_text(weaker, encoding="utf-8")
            made.daemon.environment["PYTHONPATH"] = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", str(Path.cwd()))])
        await made.daemon.start()
        expected = await _feed(made)
        assert await made.daemon.stop() == 0
    await eventually(lambda: "+++ exited with 0 +++" in trace.read_text(encoding="utf-8", errors="replace")[-2_000:])
    return trace, made.daemon.store, expected


def _known(store: Path) -> set[str]:
    """The marks in a store that its dead process left."""
    with closing(sqlite3.connect(store)) as db:
        try:
            events = {id_ for (id_,) in db.execute("SELECT id FROM event")}
            return events | {comment for (comment,) in db.execute("SELECT answers ->> 'comment' FROM answer")}
        except sqlite3.OperationalError:
            return set()  # not even its tables came through


def _missing(folder: Path, trace: Path, store: Path, expected: dict[str, set[str]], *, whole: bool) -> tuple[list[str], int]:
    """What was acknowledged and is lost, over all moments; and how many moments there were at which the log had begun anew."""
    chance = random.Random(5)
    calls = read(trace)
    answers = sorted((call.begun, mark) for mark, call in acknowledged(calls, expected).items())
    assert {mark for _, mark in answers} == expected.keys(), "each answer is seen in the trace"
    checked = set(chance.sample([moment for moment, _ in answers], CHECKED)) if whole else set()
    acknowledged_so_far: set[str] = set()
    lost: list[str] = []
    salts: set[bytes] = set()
    left = losses(calls, store, [moment for moment, _ in answers], folder / "left", chance)
    for (moment, copies), (_, mark) in zip(left, answers, strict=True):
        acknowledged_so_far |= expected[mark]
        for copy in copies:
            salts.add(copy.with_name(f"{copy.name}-wal").read_bytes()[16:24])
            lost += sorted(acknowledged_so_far - _known(copy))
            if moment in checked:
                assert list(problems(copy)) == []
    return lost, len(salts)


pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: it shows writes, syncs and answers")


async def test_what_was_synced_before_each_2xx_holds_everything_acknowledged(tmp_path: Path) -> None:
    trace, store, expected = await _traced(tmp_path)
    lost, logs = _missing(tmp_path, trace, store, expected, whole=True)
    assert lost == []
    assert logs > 1, "the log was never brought into the store, where a loss of power could do the most harm"


async def test_commits_that_are_not_synced_would_be_found_out(tmp_path: Path) -> None:
    """The same with a daemon whose commits wait for the disk's own time (synchronous = NORMAL)."""
    trace, store, expected = await _traced(tmp_path, WEAKER)
    lost, _ = _missing(tmp_path, trace, store, expected, whole=False)
    assert lost


FIRST_WRITE = """
import asyncio, sys
from pathlib import Path
from engine.store.sqlite.store import SqliteStore

async def main() -> None:
    store = SqliteStore(Path(sys.argv[1]))
    await store.write(lambda tx: tx.put_setting("k", "v"))
    print("acknowledged", flush=True)
    await store.close()

asyncio.run(main())
"""


def test_the_folders_made_for_a_store_are_on_disk_under_their_names_before_anything_is_acknowledged(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    store = tmp_path / "new" / "data" / "store.db"
    strace = ["strace", "-f", "-y", "-e", "trace=mkdir,fsync,fdatasync,write", "-o", str(trace)]
    subprocess.run([*strace, sys.executable, "-c", FIRST_WRITE, str(store)], check=True, timeout=60)
    lines = trace.read_text(encoding="utf-8", errors="replace").splitlines()
    told = next(at for at, line in enumerate(lines) if '"acknowledged' in line)
    for folder in (store.parent.parent, store.parent, store.parent / "any name"):
        made = next((at for at, line in enumerate(lines) if f'mkdir("{folder}"' in line), 0)
        assert any("sync(" in line and f"<{folder.parent}>" in line for line in lines[made:told]), f"{folder} may be gone"

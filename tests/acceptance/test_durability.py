"""A 2xx comes after the sync of its data: shown from the system calls of the daemon."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from daemon_process import World, delivered, event, token_in, world
from eventually import eventually
from system_calls import STRACE, acknowledged, acknowledged_too_soon, parse, read

SENDERS, EVENTS_EACH, PEOPLE = 6, 12, 8
LOG, LINE = "7</x/store.db-wal>", "9<socket:[1]>"


async def _send(made: World) -> list[str]:
    """Several senders at once, each waiting for its acknowledgement; the marks that its events carry."""

    async def sender(name: int) -> list[str]:
        marks = [f"event-mark-{name}-{number}-" for number in range(EVENTS_EACH)]
        for mark in marks:
            assert (await made.daemon.send(event("help.wanted", mark, contact={"id": mark}, topic="size")))[0] == 202
        return marks

    return [mark for marks in await asyncio.gather(*(sender(name) for name in range(SENDERS))) for mark in marks]


async def _answer(made: World) -> list[str]:
    """Several people at once, each with a comment of its own."""
    await made.daemon.send(*(delivered(number) for number in range(PEOPLE)))
    await eventually(lambda: len(made.mail.messages) == PEOPLE)
    tokens = [token for caught in made.mail.messages if (token := token_in(caught)) is not None]
    marks = [f"answer-mark-{number}-" for number in range(PEOPLE)]
    statuses = await asyncio.gather(*(made.daemon.answer(t, 3, comment=mark) for t, mark in zip(tokens, marks, strict=True)))
    assert set(statuses) == {200}
    return marks


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: it shows the order of writes, syncs and answers")
async def test_every_acknowledgement_comes_after_the_sync_of_its_data(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    async with world(tmp_path / "project", started=False) as made:
        made.daemon.tracer = (*STRACE, str(trace))
        await made.daemon.start()
        marks = await _send(made) + await _answer(made)
        assert await made.daemon.stop() == 0
    await eventually(lambda: "+++ exited with 0 +++" in trace.read_text(encoding="utf-8", errors="replace")[-2_000:])
    calls = read(trace)
    assert acknowledged(calls, marks).keys() == set(marks), "each answer is seen in the trace"
    assert acknowledged_too_soon(calls, marks) == {}


WRITE = f'1 pwrite64({LOG}, "..m1..", 4096, 56) = 4096'
SYNC = f"1 fdatasync({LOG}) = 0"
ASK = f'2 recvfrom({LINE}, "POST /events m1", 65536, 0, NULL, NULL) = 15'
SAY = f'2 sendto({LINE}, "HTTP/1.1 202 Accepted", 21, 0, NULL, 0) = 21'


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        ([ASK, WRITE, SYNC, SAY], {}),
        ([ASK, WRITE, f"1 fdatasync({LOG} <unfinished ...>", "2 nothing() = 0", "1 <... fdatasync resumed>) = 0", SAY], {}),
        ([ASK, WRITE, SAY, SYNC], {"m1": "written, but not synced before"}),
        ([ASK, SYNC, WRITE, SAY], {"m1": "written, but not synced before"}),
        ([ASK, WRITE, SYNC.replace("= 0", "= -1 EIO"), SAY], {"m1": "written, but not synced before"}),
        ([ASK, WRITE, SYNC.replace("db-wal", "db"), SAY], {"m1": "written, but not synced before"}),
        (
            [ASK, WRITE, f"1 fdatasync({LOG} <unfinished ...>", SAY, "1 <... fdatasync resumed>) = 0"],
            {"m1": "written, but not synced before"},
        ),
        ([ASK, SAY, WRITE, SYNC], {"m1": "not written before"}),
        ([ASK, SYNC, SAY], {"m1": "not written before"}),
        ([ASK, SAY.replace("202", "503")], {}),
    ],
)
def test_the_trace_tells_a_sync_in_time_from_one_too_late(lines: Sequence[str], missing: dict[str, str]) -> None:
    assert acknowledged_too_soon(parse(lines), ["m1"]) == missing

"""`kill -9` in the middle of a feed."""

from __future__ import annotations

from pathlib import Path

from crashes import CrashRun
from daemon_process import world

KILLS = 15


async def test_fifteen_kills_lose_nothing_that_was_acknowledged_and_double_nothing(tmp_path: Path) -> None:
    async with world(tmp_path / "project") as made:
        run = CrashRun(made, seed=7, folder=tmp_path / "left")
        await run.play(KILLS)
        found = run.check()
    print(f"\n{KILLS} kills: {dict(found)}")  # noqa: T201  # shown with -s
    assert run.seen.kills == KILLS
    assert found["events"] > 100
    assert found["answers"] > 20
    assert found["unknown"] <= KILLS * 4, "more than there are lines to the mail server"

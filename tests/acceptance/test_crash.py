"""`kill -9` in the middle of a feed."""

from __future__ import annotations

from pathlib import Path

from crash_checks import check
from crashes import CHANGES, CrashRun
from daemon_process import world

KILLS = 15


async def test_fifteen_kills_lose_nothing_that_was_acknowledged_and_double_nothing(tmp_path: Path) -> None:
    async with world(tmp_path / "project", CHANGES) as made:
        run = CrashRun(made, seed=7, folder=tmp_path / "left")
        await run.play(KILLS)
        found = check(run)
    print(f"\n{KILLS} kills: {dict(found)}")  # noqa: T201  # shown with -s
    assert run.seen.kills == KILLS
    assert found["events"] > 100
    assert found["answers"] > 20
    assert found["closed_early"] > 0
    assert found["kills_with_waits"] > KILLS // 2
    assert found["kills_with_retries"] > 0
    assert found["unknown"] <= KILLS * 4 + found["mail_never_answered"], "more than there are lines to the mail server"

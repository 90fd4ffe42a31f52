"""`kill -9` two hundred times: the same promises as after fifteen."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_checks import check
from crashes import CHANGES, CrashRun
from daemon_process import world

KILLS = 200


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
async def test_two_hundred_kills_lose_nothing_that_was_acknowledged_and_double_nothing(tmp_path: Path, seed: int) -> None:
    async with world(tmp_path / "project", CHANGES) as made:
        run = CrashRun(made, seed=seed, folder=tmp_path / "left")
        await run.play(KILLS)
        found = check(run)
    print(f"\n{KILLS} kills, seed {seed}: {dict(found)}")  # noqa: T201  # shown with -s
    assert run.seen.kills == KILLS
    assert found["kills_with_waits"] > KILLS // 2
    assert found["unknown"] <= KILLS * 4 + found["mail_never_answered"], "more than there are lines to the mail server"

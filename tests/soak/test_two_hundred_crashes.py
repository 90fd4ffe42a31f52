"""`kill -9` two hundred times: the same promises as after fifteen."""

from __future__ import annotations

from pathlib import Path

import pytest
from crashes import CrashRun
from daemon_process import world

KILLS = 200


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2])
async def test_two_hundred_kills_lose_nothing_that_was_acknowledged_and_double_nothing(tmp_path: Path, seed: int) -> None:
    async with world(tmp_path / "project") as made:
        run = CrashRun(made, seed=seed, folder=tmp_path / "left")
        await run.play(KILLS)
        found = run.check()
    print(f"\n{KILLS} kills, seed {seed}: {dict(found)}")  # noqa: T201  # shown with -s
    assert run.seen.kills == KILLS
    assert found["unknown"] <= KILLS * 4, "more than there are lines to the mail server"

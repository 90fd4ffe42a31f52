"""100,000 changed and made-up inputs: the reader ends with findings, never with a crash, soon, and in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

INPUTS = Path(__file__).parents[1] / "support" / "inputs.py"
PARTS, EACH = 20, 5_000
SLOWEST = 1.0  # CPU seconds of one input
MOST_MEMORY = 400  # MiB of a process that reads 5,000 of them one after another


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_no_input_crashes_stalls_or_eats_the_memory(tmp_path: Path, part: int) -> None:
    """A process of its own: a crash of the parser below Python would take this one with it, and the seed would be lost."""
    first = 1_000_000 + part * EACH
    done = subprocess.run(
        [sys.executable, str(INPUTS), str(tmp_path), str(first), str(EACH)],
        cwd=INPUTS.parents[2],
        capture_output=True,
        encoding="utf-8",
        timeout=3_600,
        check=False,
    )
    assert done.returncode == 0, f"seed {(tmp_path / 'at').read_text()}: {done.stderr[-2000:]}"
    found = json.loads(done.stdout)
    assert found["slowest"] < SLOWEST, found
    assert found["peak"] < MOST_MEMORY, found

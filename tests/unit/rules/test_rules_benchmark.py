"""The benchmark of the rules runs, and says that all engines found the same; how fast they are is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "rules.py"


def test_the_benchmark_measures_us_python_by_hand_and_the_peers_that_are_installed() -> None:
    arguments = ["--sizes", "10", "20", "--events", "40", "--peer", "json-logic", "--peer", "Jinja2"]
    run = subprocess.run([sys.executable, str(BENCHMARK), *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert list(found["sizes"]) == ["10", "20"]
    for figures in found["sizes"].values():
        assert figures["us"] > 0
        assert figures["by_hand_us"] > 0
        assert figures["peers"]["Jinja2, by survey"]["us"] > 0  # a dependency of our own, so it is there
        assert figures["peers"]["json-logic, by survey"].keys() & {"us", "absent"}
    assert found["growth"]["ratio"] > 0

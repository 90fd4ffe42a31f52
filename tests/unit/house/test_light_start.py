"""`sounding validate` runs in every editor and at every commit: it imports nothing that it does not need."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[3] / "examples" / "acme"
HEAVY = ("networkx", "jinja2", "jsonschema", "structlog", "aiohttp", "starlette", "asyncio", "sqlite3", "multiprocessing")
# The command as a whole, in a process of its own; what it imported is told on the other channel.
COMMAND = """
import runpy, sys
sys.argv = ["sounding", "validate", "-C", sys.argv[1]]
try:
    runpy.run_module("engine", run_name="__main__")
except SystemExit as end:
    print(end.code or 0, *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def _imported(project: Path) -> set[str]:
    found = subprocess.run([sys.executable, "-c", COMMAND, str(project)], capture_output=True, text=True, timeout=60, check=True)
    code, *modules = found.stderr.split()
    assert code == "0", found.stdout
    return set(modules)


def test_validating_a_sound_project_imports_nothing_heavy(tmp_path: Path) -> None:
    project = tmp_path / "acme"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".sounding"))
    cold = _imported(project)
    assert {"jsonschema_rs", "yaml"} <= cold
    assert cold.isdisjoint(HEAVY)


def test_an_unchanged_project_is_answered_without_what_reads_and_builds(tmp_path: Path) -> None:
    project = tmp_path / "acme"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".sounding"))
    _imported(project)
    assert "jsonschema_rs" not in _imported(project)

"""How fast `sounding validate` is on large projects, beside check-jsonschema on the same files in the same run.

    python benchmarks/validate.py [--files N]

The project is that of `_project.py`: N files of forty lines with surveys, automations, cadences, audiences and templates. It is sound,
so that all checks judge it; a project with mistakes, where what shows only together is left out, is measured besides. Each figure is the
whole command in a process of its own, from start to end. The peer judges a sample of the same files, of every kind, by the schema that
`sounding schema` prints: shape only, no expression, no reference, no template. It reads one document a file, so each gets a file.
One line of JSON: files a second and peak memory, ratios to the peer, and how the time a file changes from a hundredth of N to N.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from _project import write_project

PEER = "check_jsonschema"
SAMPLE = 200  # files that the peer judges: it takes a hundred times as long
DEFECTS = 2.0  # of a thousand files, in the project with mistakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    seconds: float  # by the clock on the wall
    cpu: float  # of all processes
    peak_mb: float  # of all processes together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    files = int(parser.parse_args().files)
    with tempfile.TemporaryDirectory(prefix="sounding-bench-") as folder:
        print(json.dumps(_measured(Path(folder), files)))


def _measured(folder: Path, files: int) -> Mapping[str, object]:
    small, few, many, wrong = folder / "small", folder / "few", folder / "many", folder / "wrong"
    write_project(small, 10)
    write_project(few, files // 100)
    lines = write_project(many, files)
    write_project(wrong, files, defects=DEFECTS)
    start = _validate(small)
    unchanged_small = _validate(small)
    short = _validate(few, workers=1)
    one = _validate(many, workers=1)
    two = _validate(many, workers=2)
    unchanged = _validate(many, keep=True)
    path = next((many / "surveys").rglob("*.yaml"))
    path.write_text(path.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    changed = _validate(many, keep=True)
    mistaken = _validate(wrong, workers=1)
    # The start of the interpreter counts for a small project only: without it, time a file says whether anything is quadratic.
    per_file = {"few": (short.cpu - start.cpu) / (files // 100), "many": (one.cpu - start.cpu) / files}
    return {
        "benchmark": "validate",
        "files": files,
        "lines_per_file": round(lines / files, 1),
        "small_project_seconds": {"cold": round(start.seconds, 2), "unchanged": round(unchanged_small.seconds, 2)},
        "cold_files_per_second": {"1": round(files / one.seconds), "2": round(files / two.seconds)},
        "cold_files_per_cpu_second": {"1": round(files / one.cpu), "2": round(files / two.cpu)},
        "with_mistakes_cold_files_per_cpu_second": round(files / mistaken.cpu),
        "unchanged_seconds": round(unchanged.seconds, 2),
        "one_changed_seconds": round(changed.seconds, 2),
        "cpu_seconds": {"unchanged": round(unchanged.cpu, 2), "one_changed": round(changed.cpu, 2)},
        "peak_mb": {"1": round(one.peak_mb), "2": round(two.peak_mb)},
        "time_per_file_many_to_few": round(per_file["many"] / per_file["few"], 2),
        **_against_peer(folder, many, files / one.cpu),
    }


def _validate(project: Path, *, workers: int | None = None, keep: bool = False) -> Run:
    if not keep and workers is not None:
        shutil.rmtree(project / ".sounding", ignore_errors=True)
    how = ["--workers", str(workers)] if workers is not None else []
    return _run([sys.executable, "-m", "engine", "validate", "-C", str(project), "--format", "json", *how])


def _run(command: Sequence[str], ends: Sequence[int] = (0, 1)) -> Run:
    before, began = _cpu(), time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        peak = _Peak(process.pid)
        peak.start()
        code = process.wait()
        seconds = time.monotonic() - began
        peak.done.set()
        peak.join()
    if code not in ends:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return Run(seconds=seconds, cpu=_cpu() - before, peak_mb=peak.most / 1024)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Peak(threading.Thread):
    """Looks again and again how much memory a process and its children have; what they share counts once."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.done = threading.Event()
        self.most = 0.0  # KiB
        self._pid = pid

    def run(self) -> None:
        while not self.done.wait(0.05):
            try:
                children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text(encoding="ascii").split()
                self.most = max(self.most, sum(_share(pid) for pid in (str(self._pid), *children)))
            except OSError:  # it has just ended
                continue


def _share(pid: str) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return float(line.split()[1])
    return 0.0


def _against_peer(folder: Path, project: Path, ours: float) -> Mapping[str, object]:
    if importlib.util.find_spec(PEER) is None:
        return {"peer": "check-jsonschema is not installed"}
    schema = folder / "schema.json"
    schema.write_bytes(subprocess.run([sys.executable, "-m", "engine", "schema"], capture_output=True, check=True).stdout)
    sampled = _sampled(project)
    sample = _documents_of(sampled, folder / "sample")
    command = [sys.executable, "-m", PEER, "--schemafile", str(schema)]
    base = _run([*command, sample[0]], ends=[0])  # its start does not count
    run = _run([*command, *sample], ends=[0])
    theirs = len(sampled) / (run.cpu - base.cpu)
    return {
        "peer": "check-jsonschema",
        "peer_sample": len(sampled),
        "peer_files_per_second": round(theirs),
        "ratio_to_peer": round(ours / theirs, 1),
    }


def _sampled(project: Path) -> Sequence[Path]:
    """As many files of each folder as it has of all."""
    files = sorted(path for path in project.rglob("*.yaml") if path.parent != project)
    return files[:: max(len(files) // SAMPLE, 1)][:SAMPLE]


def _documents_of(files: Sequence[Path], folder: Path) -> Sequence[str]:
    """Each document of the files in a file of its own."""
    folder.mkdir()
    found = []
    for path in files:
        for number, document in enumerate(path.read_text(encoding="utf-8").split("\n---\n")):
            alone = folder / f"{path.stem}.{number}.yaml"
            alone.write_text(f"{document.rstrip()}\n", encoding="utf-8")
            found.append(str(alone))
    return found


if __name__ == "__main__":
    main()

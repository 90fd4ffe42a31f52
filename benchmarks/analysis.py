"""What judging all rules of a project together costs, for 1,000 and 10,000 automations, beside comparing them pair by pair.

The project is that of `rules.py`: real YAML, read by the real loader, ten automations to a survey and one of a hundred behind every
survey, all opening tickets. Timed are the checks over rules, as `validate` runs them: gaps, overlaps, branches never taken, cycles,
waits, caps, channels. Loading is not counted. ``pairwise`` asks the question of overlaps alone in the plainest way, each pair of
conditions behind an event one by one over the same cubes; it is the raw baseline. ``one_survey`` has all automations behind the answers
to one survey, where pairs grow with the square.

Processor time, the least of several rounds. One line of JSON goes to stdout, words to stderr. Nothing is asserted about speed.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from _rules_project import write_project

from engine.checks import channels, cycles, dead, frequency, gaps, overlaps, waits
from engine.checks.check import Check
from engine.dsl.load import load
from engine.model.definitions import Definitions
from engine.rules.analysis.answers import answers_of
from engine.rules.analysis.domains import Cube, Space, intersection
from engine.rules.analysis.leaves import ALWAYS
from engine.rules.analysis.reach import naming, read

CHECKS: tuple[Check, ...] = (gaps.GAP, *overlaps.CHECKS, dead.CHECK, cycles.CHECK, waits.CHECK, *frequency.CHECKS, channels.CHECK)
ROUNDS = 3


def loaded(automations: int) -> Definitions:
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), automations)
        found = load(Path(folder))
    if found.definitions is None or found.findings.errors:
        raise SystemExit("the project of the benchmark has errors")
    return found.definitions


def one_survey(definitions: Definitions) -> Definitions:
    """All automations behind the answers to one of the surveys."""
    name = min(definitions.surveys)
    moved = {key: replace(automation, when=(f"survey.{name}.answered",)) for key, automation in definitions.automations.items()}
    return replace(definitions, surveys={name: definitions.surveys[name]}, automations=moved)


def analysed(definitions: Definitions) -> int:
    """How many findings the checks have, run as `validate` does: all of them over one definition, then over each group."""
    project, found = definitions.project, 0
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for _, definition in sorted(definitions.by_address().items()):
        for check in [check for check in CHECKS if type(definition) in check.kinds]:
            if check.one is not None:
                found += sum(1 for _ in check.one(definition, project))
            if check.facts is not None:
                for group, fact in check.facts(definition, project):
                    groups[check.code, group].append(fact)
    judges = {check.code: check.judge for check in CHECKS if check.judge is not None}
    return found + sum(1 for (code, group), facts in groups.items() for _ in judges[code](group, facts, project))


def pairwise(definitions: Definitions) -> int:
    """How many pairs of automations behind one event can hold together."""
    objects = frozenset(definitions.project.objects)
    groups: dict[str, list[Any]] = defaultdict(list)
    for automation in definitions.automations.values():
        condition = read(automation.condition.term, naming(automation, objects)) if automation.condition is not None else ALWAYS
        for event in automation.when:
            groups[event].append(condition)
    found = 0
    for event, conditions in groups.items():
        space = Space(conditions, answers_of(definitions.surveys[event.split(".")[1]], objects))
        cubes = [space.cubes(condition) or [] for condition in conditions]
        found += sum(_meet(a, b) for number, a in enumerate(cubes) for b in cubes[:number])
    return found


def _meet(a: list[Cube], b: list[Cube]) -> bool:
    return any(intersection(x, y) is not None for x in a for y in b)


def least(rounds: int, run: Callable[[], int]) -> tuple[float, int]:
    """The least processor time in milliseconds, and what was found."""
    times, found = [], 0
    for _ in range(rounds):
        gc.collect()
        gc.disable()  # as `validate` does while it checks
        start = time.process_time()
        found = run()
        times.append(time.process_time() - start)
        gc.enable()
    return round(min(times) * 1000, 1), found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs=2, default=(1_000, 10_000), metavar=("SMALL", "LARGE"), help="numbers of automations")
    options = parser.parse_args()
    small, large = options.sizes
    figures: dict[str, Any] = {}
    for size in (small, large):
        definitions = loaded(size)
        together = one_survey(definitions)
        ms, findings = least(ROUNDS, lambda definitions=definitions: analysed(definitions))  # type: ignore[misc]  # a default for the loop
        one_ms, _ = least(ROUNDS, lambda together=together: analysed(together))  # type: ignore[misc]  # likewise
        raw_ms, pairs = least(1, lambda definitions=definitions: pairwise(definitions))  # type: ignore[misc]  # likewise
        figures[str(size)] = {"ms": ms, "findings": findings, "pairwise_ms": raw_ms, "pairs": pairs, "one_survey_ms": one_ms}
        if size == small:
            figures[str(size)]["one_survey_pairwise_ms"], _ = least(1, lambda together=together: pairwise(together))  # type: ignore[misc]  # likewise
        print(f"{size} automations: {figures[str(size)]}", file=sys.stderr)
    result = {
        "benchmark": "analysis",
        "sizes": figures,
        "ms": figures[str(large)]["ms"],
        "growth": round(figures[str(large)]["ms"] / figures[str(small)]["ms"], 1),
        "pairwise_times": round(figures[str(large)]["pairwise_ms"] / figures[str(large)]["ms"], 1),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

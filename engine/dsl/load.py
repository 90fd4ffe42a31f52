"""A project folder → definitions, with everything found on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.dsl import source
from engine.dsl.build.bench import Bench
from engine.dsl.build.definition import STAGES, Built, build
from engine.dsl.collector import without_collector
from engine.dsl.diagnostics import Findings
from engine.dsl.nodes import Mapping
from engine.dsl.outline import Declared, Outline, gather, outline
from engine.model.definitions import Definitions, Project


@dataclass(frozen=True, slots=True)
class Loaded:
    """``definitions`` holds what is sound; None where not even the project is."""

    definitions: Definitions | None
    findings: Findings
    files: int
    texts: dict[str, str] = field(default_factory=dict)  # file → its text, to show lines from


def load(root: Path) -> Loaded:
    """Read and check the project in ``root``. Raises UsageError where there is none."""
    with without_collector():
        return _load(root)


def _load(root: Path) -> Loaded:
    findings = Findings()
    texts: dict[str, str] = {}
    outlines: list[Outline] = []
    files = source.find_files(root)
    for path in files:
        name = path.relative_to(root).as_posix()
        own = Findings()
        documents, texts[name] = source.read(path, name, own)
        outlines.append(outline(documents, own))
        findings.items += own.items
    return Loaded(_build(outlines, findings), findings, len(files), texts)


def _build(outlines: list[Outline], findings: Findings) -> Definitions | None:
    bench = Bench()
    bench.others.incomplete = any(file.incomplete for file in outlines)
    chosen = gather((file.declared for file in outlines), bench.others, findings)
    waiting: dict[str, list[tuple[Declared, Mapping]]] = {}
    for file, numbers in zip(outlines, chosen, strict=True):
        for number in numbers:
            waiting.setdefault(file.declared[number].kind, []).append((file.declared[number], file.documents[number]))
    if not waiting.get("project"):
        homeless(findings)
        return None
    blueprints = {name: blueprint for file in outlines for name, blueprint in file.blueprints.items()}

    def of(kind: str) -> list[Built]:
        built = [build(bench, declared, document, blueprints) for declared, document in waiting.get(kind, ())]
        findings.items += [finding for one in built for finding in one.findings]
        return built

    (project,) = of("project")
    if not isinstance(project.definition, Project):
        return None
    groups: dict[str, dict[str, Any]] = {}
    for stage in STAGES:
        built = {kind: of(kind) for kind in stage}
        for kind, made in built.items():
            groups[kind] = {one.definition.name: one.definition for one in made if one.definition is not None}
            for one in made:
                bench.others.take(one.seen)
    return Definitions(
        project=project.definition,
        surveys=groups["survey"],
        audiences=groups["audience"],
        cadences=groups["cadence"],
        automations=groups["automation"],
        templates=groups["template"],
        reports=groups["report"],
        scenarios=groups["scenario"],
    )


def homeless(findings: Findings) -> None:
    """No document declares the project. That may follow from an error; where there is none, it is one."""
    if not findings.errors:
        findings.unreadable("SND102", "declares no project", source.PROJECT_FILE, hint="begin it with `project: name`")

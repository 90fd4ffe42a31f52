"""A project folder → definitions, with everything found on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from engine.dsl import source
from engine.dsl.blueprints import Blueprint, expand, read_blueprint
from engine.dsl.build.asking import build_audience, build_cadence, build_report, build_template
from engine.dsl.build.automation import build_automation
from engine.dsl.build.bench import Bench
from engine.dsl.build.project import build_project
from engine.dsl.build.scenario import build_scenario
from engine.dsl.build.survey import build_survey
from engine.dsl.contract import built_in_events
from engine.dsl.diagnostics import Findings
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping
from engine.dsl.schema.kinds import KINDS
from engine.dsl.schema.parts import NAME_PATTERN
from engine.dsl.schema.validate import conforms, meant_kind
from engine.model.definitions import Audience, Automation, Cadence, Definitions, MessageTemplate, Report, Scenario

T = TypeVar("T")
_NAME = re.compile(NAME_PATTERN)
Documents = dict[str, list[tuple[str, Mapping]]]  # kind → (name, document)


@dataclass(frozen=True, slots=True)
class Loaded:
    """``definitions`` holds what is sound; None where not even the project is."""

    definitions: Definitions | None
    findings: Findings
    files: int
    texts: dict[str, str] = field(default_factory=dict)  # file → its text, to show lines from


def load(root: Path) -> Loaded:
    """Read and check the project in ``root``. Raises UsageError where there is none."""
    findings = Findings()
    texts: dict[str, str] = {}
    documents: list[Mapping] = []
    files = source.find_files(root)
    for path in files:
        name = path.relative_to(root).as_posix()
        found, texts[name] = source.read(path, name, findings)
        documents += found
    return Loaded(_build(documents, findings), findings, len(files), texts)


def _build(documents: list[Mapping], findings: Findings) -> Definitions | None:
    bench = Bench(findings, incomplete=findings.errors)
    by_kind = _sort(documents, bench)
    projects = by_kind.get("project", [])
    if not projects:
        if not findings.errors:
            findings.unreadable("SND102", "declares no project", source.PROJECT_FILE, hint="begin it with `project: name`")
        return None
    name, document = projects[0]
    bench.begin(f"project.{name}")
    project = build_project(bench, document, name)
    if project is None:
        return None

    def each(kind: str, build: Callable[[Mapping, str], object]) -> None:
        for name, document in by_kind.get(kind, []):
            bench.begin(f"{kind}.{name}")
            if build(document, name) is None:
                bench.broken.add(bench.address)

    audiences: dict[str, Audience] = {}
    cadences: dict[str, Cadence] = {}
    automations: dict[str, Automation] = {}
    templates: dict[str, MessageTemplate] = {}
    reports: dict[str, Report] = {}
    scenarios: dict[str, Scenario] = {}
    each("survey", lambda d, n: _put(bench.surveys, n, build_survey(bench, d, n)))
    bench.events = {**built_in_events(bench.objects, bench.surveys), **bench.events}
    each("audience", lambda d, n: _put(audiences, n, build_audience(bench, d, n)))
    each("cadence", lambda d, n: _put(cadences, n, build_cadence(bench, d, n, audiences)))
    each("automation", lambda d, n: _put(automations, n, build_automation(bench, d, n)))
    each("template", lambda d, n: _put(templates, n, build_template(bench, d, n)))
    each("report", lambda d, n: _put(reports, n, build_report(bench, d, n)))
    each("scenario", lambda d, n: _put(scenarios, n, build_scenario(bench, d, n)))
    return Definitions(
        project=project,
        surveys=bench.surveys,
        audiences=audiences,
        cadences=cadences,
        automations=automations,
        templates=templates,
        reports=reports,
        scenarios=scenarios,
    )


def _put(group: dict[str, T], name: str, built: T | None) -> T | None:
    if built is not None:
        group[name] = built
    return built


def _sort(documents: list[Mapping], bench: Bench) -> Documents:
    """Documents by kind, those that fit their schema; every declared name is noted, so that references to it are not blamed."""
    found: Documents = {}
    seen: dict[str, Mapping] = {}
    for document in _expanded(documents, bench):
        kind = next(iter(document.entries), "")
        if kind not in KINDS:
            span = document.key_span(kind) if kind else document.span
            bench.findings.error("SND105", f"`{kind}` is no kind of document", span, hint=did_you_mean(kind, KINDS))
            bench.incomplete = True
            continue
        meant = meant_kind(kind, document)
        if meant is not None:
            message = f"the first key of a document is its kind, so this is a {kind}, but its keys are those of a {meant}"
            bench.findings.error("SND105", message, document.key_span(kind), hint=f"begin it with `{meant}: name`")
            bench.incomplete = True
            continue
        value = document.entries[kind][1]
        name = value.data if isinstance(value.data, str) else str(value.data)
        address = f"{kind}.{name}"
        bench.names.setdefault(kind, set()).add(name)
        if not conforms(kind, document, bench.findings, address):
            bench.broken.add(address)
            bench.incomplete |= not _NAME.fullmatch(name)  # which name was meant is not known
            continue
        if kind == "project" and found.get("project"):
            bench.findings.error("SND104", "a project is declared once", value.span, address=address)
        elif address in seen:
            first = seen[address]
            bench.findings.error("SND104", f"`{address}` is declared already, at {first.span}", value.span, address=address)
        else:
            seen[address] = document
            found.setdefault(kind, []).append((name, document))
    return found


def _expanded(documents: list[Mapping], bench: Bench) -> Iterator[Mapping]:
    """The documents with every `use:` of a blueprint written out; a refused one is noted as declared."""
    blueprints: dict[str, Blueprint | None] = {}
    others: list[Mapping] = []
    for document in documents:
        if next(iter(document.entries), "") == "blueprint":
            blueprints[str(document.data["blueprint"])] = read_blueprint(document, bench.findings)
        else:
            others.append(document)
    for document in others:
        kind = next(iter(document.entries), "")
        if kind not in ("automation", "cadence") or "use" not in document.entries:
            yield document
            continue
        written = expand(document, kind, blueprints, bench.findings)
        name = str(document.data[kind])
        if written is None:
            bench.names.setdefault(kind, set()).add(name)
            bench.broken.add(f"{kind}.{name}")
        else:
            bench.used_at[f"{kind}.{name}"] = document.first_key
            yield written

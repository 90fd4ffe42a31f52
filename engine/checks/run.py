"""Loads a project, runs every check on what is sound, and applies what the project says about findings."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as MappingT
from dataclasses import replace
from pathlib import Path, PurePosixPath

from engine.checks import ignore
from engine.checks.registry import ADJUSTABLE, BY_CODE, BY_KIND, CODES
from engine.dsl import source
from engine.dsl.diagnostics import Diagnostic, Findings, Severity
from engine.dsl.load import Loaded, load
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Scalar, Sequence
from engine.model.definitions import Definitions, Project


def check_project(root: Path) -> Loaded:
    """Everything that is found in the project in ``root``."""
    loaded = load(root)
    findings = loaded.findings
    if loaded.definitions is not None:
        findings.items.extend(run_checks(loaded.definitions, sound=not findings.errors))
        judge_codes(loaded.definitions.project, loaded.texts, findings)
        judge_paths(loaded.texts, findings)
    ignore.apply_ignores(findings, ignore.ignores_of(loaded.texts), CODES)
    if loaded.definitions is not None:
        apply_severities(findings, loaded.definitions.project.checks)
    return loaded


def run_checks(definitions: Definitions, *, sound: bool) -> Iterator[Diagnostic]:
    """What the checks find. ``sound``: no definition was refused."""
    project = definitions.project
    groups: dict[tuple[str, str], list[object]] = {}
    by_address = definitions.by_address()
    for address in sorted(by_address):
        definition = by_address[address]
        for check in BY_KIND[type(definition)]:
            if check.one is not None:
                yield from check.one(definition, project)
            if check.facts is not None and (sound or not check.whole):
                for group, fact in check.facts(definition, project):
                    groups.setdefault((check.code, group), []).append(fact)
    for (code, group), facts in groups.items():
        judge = BY_CODE[code].judge
        assert judge is not None
        yield from judge(group, facts, project)


def judge_codes(project: Project, texts: MappingT[str, str], findings: Findings) -> None:
    """What `checks:` names has to be a check: a misspelt code would weigh nothing, and nobody would know."""
    wrong = sorted(set(project.checks) - ADJUSTABLE)
    if not wrong:
        return
    # The model keeps no places of the codes, so their file is read once more in this rare case.
    documents, _ = source.parse(texts[project.at.file].encode(), project.at.file, Findings())
    for document in documents:
        listing = document.get("checks")
        if "project" in document.entries and isinstance(listing, Mapping):
            for code in wrong:
                message = f"`{code}` is no check, so it can be neither turned off nor weighed differently"
                hint = did_you_mean(code, ADJUSTABLE)
                findings.error("SND103", message, listing.key_span(code), hint=hint, address=f"project.{project.name}")


def judge_paths(texts: MappingT[str, str], findings: Findings) -> None:
    """What `paths:` names has to be a folder with files: what stands in another one would be passed over, and nobody would know."""
    text = texts[source.PROJECT_FILE]
    if "paths" not in text:
        return
    # The model does not know them, since they mean nothing but where to read.
    documents, _ = source.parse(text.encode(), source.PROJECT_FILE, Findings())
    for document in documents:
        listing = document.get("paths")
        for item in listing.items if "project" in document.entries and isinstance(listing, Sequence) else ():
            assert isinstance(item, Scalar)
            folder = PurePosixPath(item.text)
            if not any(folder in PurePosixPath(name).parents for name in texts):
                message = f"there is no folder `{item.text}` with YAML files in it"
                findings.error("SND201", message, item.span, address=f"project.{document.data['project']}")


def apply_severities(findings: Findings, mapping: MappingT[str, str]) -> None:
    """Weigh the checks' findings as the project wants: ``mapping`` has a code's severity, or `off`. Other findings stay as they are."""
    wanted = {code: level for code, level in mapping.items() if code in ADJUSTABLE}
    if not wanted:
        return
    kept = []
    for item in findings.items:
        level = wanted.get(item.code, item.severity)
        if level == item.severity:
            kept.append(item)
        elif level != "off":
            kept.append(replace(item, severity=Severity(level)))
    findings.items[:] = kept

"""Whole projects: each of `fixtures/bad` has one defect and its one finding, those of `fixtures/good` have none above info."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.checks.catalogue import ENTRIES
from engine.checks.run import check_project
from engine.dsl.diagnostics import Diagnostic, Severity

FIXTURES = Path(__file__).parents[2] / "fixtures"
EXAMPLES = Path(__file__).parents[3] / "examples"


def projects(kind: str) -> list[str]:
    return sorted(path.parent.name for path in (FIXTURES / kind).glob("*/sounding.yaml"))


def brief(finding: Diagnostic) -> dict[str, object]:
    span = finding.span
    place = {"line": span.line if span else None, "column": span.column if span else None}
    return {"code": finding.code, "severity": finding.severity, "file": finding.file, **place}


@pytest.mark.parametrize("name", projects("bad"))
def test_a_defect_is_found_where_it_is_and_nothing_else_is_reported(name: str) -> None:
    folder = FIXTURES / "bad" / name
    found = check_project(folder).findings.sorted()
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    assert [brief(finding) for finding in found] == expected, found
    for finding in found:
        assert finding.message
        assert finding.span is None or (finding.span.line, finding.span.column) < (finding.span.end_line, finding.span.end_column)


def test_every_code_of_the_catalogue_has_a_defect_of_its_own() -> None:
    seeded = {
        finding["code"] for name in projects("bad") for finding in json.loads((FIXTURES / "bad" / name / "expected.json").read_text())
    }
    assert seeded == set(ENTRIES)


@pytest.mark.parametrize("name", projects("good"))
def test_a_good_project_is_silent(name: str) -> None:
    loaded = check_project(FIXTURES / "good" / name)
    assert loaded.definitions is not None
    assert [finding for finding in loaded.findings.items if finding.severity is not Severity.INFO] == []


@pytest.mark.parametrize("name", sorted(path.parent.name for path in EXAMPLES.glob("*/sounding.yaml")))
def test_an_example_is_silent(name: str) -> None:
    loaded = check_project(EXAMPLES / name)
    assert loaded.definitions is not None
    assert [finding for finding in loaded.findings.items if finding.severity is not Severity.INFO] == []

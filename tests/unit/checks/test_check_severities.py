"""`checks:` of a project: what a check's finding weighs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.checks.run import apply_severities, check_project, judge_codes
from engine.dsl.diagnostics import Findings
from engine.model.span import Span

PLACE = Span("a.yaml", 1, 1, 1, 5)


def _weighed(mapping: dict[str, str], *codes: str) -> list[tuple[str, str]]:
    findings = Findings()
    for code in codes:
        findings.error(code, "something", PLACE)
    apply_severities(findings, mapping)
    return [(item.code, item.severity) for item in findings.items]


def test_a_check_weighs_what_the_project_says() -> None:
    assert _weighed({"SND207": "warning", "SND403": "info"}, "SND207", "SND403") == [("SND207", "warning"), ("SND403", "info")]


def test_a_check_can_be_turned_off() -> None:
    assert _weighed({"SND403": "off"}, "SND207", "SND403") == [("SND207", "error")]


def test_what_is_not_named_stays() -> None:
    assert _weighed({}, "SND207", "SND304") == [("SND207", "error"), ("SND304", "error")]


def test_errors_of_reading_and_typing_stay_errors() -> None:
    codes = ("SND001", "SND103", "SND201", "SND304", "SND402", "SND501")
    assert _weighed(dict.fromkeys(codes, "off"), *codes) == [(code, "error") for code in codes]
    assert _weighed(dict.fromkeys(codes, "info"), *codes) == [(code, "error") for code in codes]


def test_what_is_said_of_ignores_can_be_weighed_too() -> None:
    assert _weighed({"SND901": "error", "SND902": "off"}, "SND901", "SND902") == [("SND901", "error")]


def test_place_and_words_are_kept() -> None:
    findings = Findings()
    findings.warning("SND207", "nothing uses it", PLACE, hint="delete it", address="audience.a")
    apply_severities(findings, {"SND207": "error"})
    (item,) = findings.items
    assert (item.message, item.span, item.hint, item.address, item.file) == ("nothing uses it", PLACE, "delete it", "audience.a", "a.yaml")


@pytest.mark.parametrize("code", ["SND304", "SND270", "unused"])
def test_a_code_that_is_no_check_is_an_error_at_its_place(tmp_path: Path, code: str) -> None:
    (tmp_path / "sounding.yaml").write_text("project: shop\n", encoding="utf-8")
    definitions = check_project(tmp_path).definitions
    assert definitions is not None
    project = replace(definitions.project, checks={"SND207": "off", code: "info"})
    findings = Findings()
    judge_codes(project, {"sounding.yaml": f"project: shop\nchecks:\n  SND207: off\n  {code}: info\n"}, findings)
    (item,) = findings.items
    assert (item.code, item.span, item.address) == ("SND103", Span("sounding.yaml", 4, 3, 4, 3 + len(code)), "project.shop")
    assert item.message.startswith(f"`{code}` is no check")


def test_codes_of_checks_are_no_errors(tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text("project: shop\n", encoding="utf-8")
    definitions = check_project(tmp_path).definitions
    assert definitions is not None
    findings = Findings()
    judge_codes(replace(definitions.project, checks={"SND207": "off", "SND902": "error"}), {}, findings)
    assert findings.items == []

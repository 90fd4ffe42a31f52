"""Findings for other programs: workflow commands, SARIF, JUnit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft4Validator

from engine.checks.catalogue import ENTRIES, example_files
from engine.checks.formats import github, junit, sarif
from engine.checks.formats.place import end_of, prefix_of
from engine.checks.run import check_project
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.dsl.load import Loaded
from engine.model.span import Span

SCHEMA = json.loads((Path(__file__).parents[2] / "fixtures/schemas/sarif-2.1.0-rtm.4.json").read_text(encoding="utf-8"))
TEXT = "audience: buyers\r\nof: contact # 👍\r\nwhere: 'é' == 5\r\n\r\n"
TEXTS = {"audiences/käufer, alle.yaml": TEXT}
FILE = next(iter(TEXTS))


def _finding(message: str = "wrong", *, span: Span | None = None, severity: Severity = Severity.ERROR, **more: Any) -> Diagnostic:
    return Diagnostic(code="SND304", severity=severity, message=message, file=FILE, span=span, **more)


POINT = Span(FILE, 3, 8, 3, 11)
WHOLE = Span(FILE, 1, 1, 5, 1)


def _loaded(folder: Path, example: str) -> Loaded:
    for name, text in example_files(example).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return check_project(folder)


# -- where ------------------------------------------------------------------------------------------------------------


def test_a_stretch_up_to_the_next_line_ends_with_the_last_text_before_it() -> None:
    assert end_of(WHOLE, TEXTS) == (3, 16)
    assert end_of(POINT, TEXTS) == (3, 11)
    assert end_of(Span(FILE, 1, 1, 2, 1), TEXTS) == (1, 17)


def test_without_the_text_such_a_stretch_has_no_last_column() -> None:
    assert end_of(WHOLE, {}) == (4, None)


def test_files_are_named_from_the_root_of_the_checkout(tmp_path: Path) -> None:
    project = tmp_path / "feedback" / "shop"
    project.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert prefix_of(project) == "feedback/shop/"
    assert prefix_of(tmp_path) == ""


def test_without_a_checkout_files_are_named_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "shop"
    project.mkdir()
    monkeypatch.chdir(tmp_path)
    assert prefix_of(Path("shop")) == "shop/"
    monkeypatch.chdir(project)
    assert prefix_of(Path()) == ""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert prefix_of(project) == ""


# -- github -----------------------------------------------------------------------------------------------------------


def test_a_finding_is_a_workflow_command() -> None:
    finding = Diagnostic(code="SND304", severity=Severity.ERROR, message="wrong", file="a.yaml", span=Span("a.yaml", 3, 8, 3, 11))
    shown = github.render([finding], {}, "shop/")
    assert shown == "::error file=shop/a.yaml,line=3,endLine=3,col=8,endColumn=11,title=SND304::wrong"


@pytest.mark.parametrize(("severity", "command"), [(Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "notice")])
def test_the_command_tells_the_severity(severity: Severity, command: str) -> None:
    assert github.render([_finding(span=POINT, severity=severity)], TEXTS, "").startswith(f"::{command} file=")


def test_signs_that_a_command_is_made_of_are_escaped() -> None:
    shown = github.render([_finding("100% of a: b,\r\nc", span=POINT, hint="so: do")], TEXTS, "")
    assert shown == (
        "::error file=audiences/käufer%2C alle.yaml,line=3,endLine=3,col=8,endColumn=11,title=SND304::100%25 of a: b,%0D%0Ac%0Ahint: so: do"
    )


def test_over_several_lines_a_command_has_no_columns() -> None:
    shown = github.render([_finding(span=WHOLE)], TEXTS, "")
    assert ",line=1,endLine=3,title=SND304::" in shown
    assert "col=" not in shown
    assert "endColumn=" not in shown


def test_a_file_as_a_whole_has_no_line() -> None:
    assert github.render([_finding()], TEXTS, "") == "::error file=audiences/käufer%2C alle.yaml,title=SND304::wrong"


def test_nothing_found_is_no_command() -> None:
    assert github.render([], TEXTS, "") == ""


# -- sarif ------------------------------------------------------------------------------------------------------------


def _sarif(*diagnostics: Diagnostic, texts: dict[str, str] | None = None, prefix: str = "") -> dict[str, Any]:
    log: dict[str, Any] = json.loads(sarif.render(diagnostics, TEXTS if texts is None else texts, prefix))
    Draft4Validator(SCHEMA).validate(log)
    assert len(log["runs"]) == 1
    run: dict[str, Any] = log["runs"][0]
    return run


def test_the_schema_refuses_what_is_no_sarif() -> None:
    log = json.loads(sarif.render([_finding(span=POINT)], TEXTS, ""))
    for break_ in ("version", "runs"):
        assert not Draft4Validator(SCHEMA).is_valid({key: value for key, value in log.items() if key != break_})
    log["runs"][0]["results"][0]["level"] = "info"
    assert not Draft4Validator(SCHEMA).is_valid(log)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))
def test_every_kind_of_finding_is_valid_sarif(entry: Any, tmp_path: Path) -> None:
    loaded = _loaded(tmp_path, entry.fails)
    run = _sarif(*loaded.findings.sorted(), texts=loaded.texts)
    assert len(run["results"]) == len(loaded.findings.items)


def test_findings_of_every_form_are_valid_sarif() -> None:
    forms = [
        _finding(span=POINT, address="audience.buyers"),
        _finding(span=WHOLE, severity=Severity.WARNING),
        _finding(severity=Severity.INFO),
        Diagnostic(code="SND102", severity=Severity.ERROR, message="no project", file=None),
    ]
    run = _sarif(*forms)
    assert [result["level"] for result in run["results"]] == ["error", "warning", "note", "error"]
    assert _sarif()["results"] == []


def test_a_result_names_its_rule_place_and_definition() -> None:
    run = _sarif(_finding(span=POINT, address="audience.buyers", hint="write 5"), prefix="shop/")
    (result,) = run["results"]
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "SND304"
    assert result["message"]["text"] == "wrong\nHint: write 5"
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "shop/audiences/k%C3%A4ufer%2C%20alle.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 8, "endColumn": 11},
    }
    assert location["logicalLocations"] == [{"fullyQualifiedName": "audience.buyers"}]
    assert "%SRCROOT%" in run["originalUriBaseIds"]


def test_columns_count_code_points(tmp_path: Path) -> None:
    example = "audience: some\nof: contact\nwhere: \"'👍é' == contact.tier\"\n"
    loaded = _loaded(tmp_path, example)
    (error,) = [item for item in loaded.findings.sorted() if item.severity is Severity.ERROR]
    (result,) = _sarif(error, texts=loaded.texts)["results"]
    region = result["locations"][0]["physicalLocation"]["region"]
    line = example.split("\n")[region["startLine"] - 1]
    assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == "'👍é'"


def test_rules_are_those_found_each_once_with_their_words() -> None:
    other = Diagnostic(code="SND207", severity=Severity.INFO, message="nothing uses it", file=FILE, span=WHOLE)
    run = _sarif(_finding(span=POINT), other, _finding(span=WHOLE))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["SND207", "SND304"]
    assert rules[1]["shortDescription"]["text"] == ENTRIES["SND304"].title
    assert rules[0]["defaultConfiguration"] == {"level": "note"}


def test_a_code_without_an_entry_is_a_rule_all_the_same() -> None:
    run = _sarif(Diagnostic(code="SND000", severity=Severity.ERROR, message="new", file=FILE))
    assert run["tool"]["driver"]["rules"] == [{"id": "SND000"}]


def test_fingerprints_outlive_lines_added_above_and_differ_among_equal_lines() -> None:
    def marks(text: str, *lines: int) -> list[str]:
        found = [_finding(span=Span(FILE, line, 1, line, 3)) for line in lines]
        return [result["partialFingerprints"]["primaryLocationLineHash"] for result in _sarif(*found, texts={FILE: text})["results"]]

    before = marks("a: 1\nb: 2\nb: 2\n", 2, 3)
    assert before == marks("# new\na: 1\n  b: 2\nb: 2\n", 3, 4)
    assert len(set(before)) == 2
    assert all(re.fullmatch("[0-9a-f]{16}:[12]", mark) for mark in before)


# -- junit ------------------------------------------------------------------------------------------------------------


def _junit(*diagnostics: Diagnostic, files: tuple[str, ...] = (), fail_on: Severity = Severity.ERROR, prefix: str = "") -> ET.Element:
    return ET.fromstring(junit.render(diagnostics, files, prefix, failing=list(Severity)[: list(Severity).index(fail_on) + 1]))


def test_a_file_without_findings_is_one_passed_case() -> None:
    suites = _junit(files=("a.yaml", "b.yaml"))
    assert [suite.get("name") for suite in suites] == ["a.yaml", "b.yaml"]
    assert [len(suite) for suite in suites] == [1, 1]
    assert (suites.get("tests"), suites.get("failures")) == ("2", "0")
    assert suites.findall(".//failure") == []


def test_a_suite_holds_a_failed_case_for_each_finding() -> None:
    suites = _junit(_finding("a < b & c", span=POINT, hint="so"), _finding(span=WHOLE), files=(FILE, "b.yaml"), prefix="shop/")
    suite = suites[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == (f"shop/{FILE}", "2", "2")
    assert [case.get("name") for case in suite] == ["SND304 3:8", "SND304 1:1"]
    assert [case.get("line") for case in suite] == ["3", "1"]
    failure = suite[0][0]
    assert (failure.tag, failure.get("type"), failure.get("message")) == ("failure", "SND304", "a < b & c")
    assert failure.text == f"shop/{FILE}:3:8: error: a < b & c\nhint: so"
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == ("3", "2", "0")


@pytest.mark.parametrize("severity", [Severity.WARNING, Severity.INFO])
def test_what_is_no_error_is_said_and_fails_only_where_the_exit_says_so_too(severity: Severity) -> None:
    finding = _finding(span=POINT, severity=severity)
    said = _junit(finding, files=(FILE,))
    assert [child.tag for child in said.iter()][2:] == ["testcase", "system-out"]
    assert said.get("failures") == "0"
    assert _junit(finding, files=(FILE,), fail_on=severity).get("failures") == "1"


def test_a_file_as_a_whole_and_a_project_without_a_file_are_cases_too() -> None:
    suites = _junit(_finding(), Diagnostic(code="SND102", severity=Severity.ERROR, message="no project", file=None))
    assert [case.get("name") for suite in suites for case in suite] == ["SND304", "SND102"]


def test_signs_that_xml_cannot_hold_are_replaced() -> None:
    suites = _junit(_finding("a\x00b\x1bc\ud800d\nüé👍", span=POINT), files=(FILE,))
    assert suites[0][0][0].get("message") == "a\ufffdb\ufffdc\ufffdd\nüé👍"

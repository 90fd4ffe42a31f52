"""`sounding validate` as a program is called: exit codes, the JSON that it promises, the caret in its text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOUNDING = Path(sys.executable).parent / "sounding"
FIXTURES = Path(__file__).parents[2] / "fixtures"
BAD = FIXTURES / "bad"
KEYS = ["code", "severity", "message", "hint", "address", "file", "line", "column", "end_line", "end_column"]


def validate(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(SOUNDING), "validate", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def answer(*arguments: str | Path) -> tuple[int, Any]:
    done = validate("--format", "json", *arguments)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_a_sound_project_exits_with_zero() -> None:
    done = validate("-C", FIXTURES / "good" / "everything")
    assert (done.returncode, done.stdout, done.stderr) == (0, "8 files: no findings\n", "")
    assert answer(FIXTURES / "good" / "narrowing") == (0, {"diagnostics": [], "files": 1})


def test_the_json_has_exactly_the_promised_keys_and_places() -> None:
    code, found = answer(BAD / "misspelt_option")
    assert (code, list(found), found["files"]) == (1, ["diagnostics", "files"], 2)
    (finding,) = found["diagnostics"]
    assert list(finding) == KEYS
    assert {key: finding[key] for key in KEYS if key != "message"} == {
        "code": "SND306",
        "severity": "error",
        "hint": "did you mean `vip`?",
        "address": "automation.rescue",
        "file": "automations/misspelt_option.yaml",
        "line": 9,
        "column": 36,
        "end_line": 9,
        "end_column": 42,
    }
    assert '"vipp" is not one of [standard, vip]' in finding["message"]


def test_columns_count_code_points() -> None:
    _, found = answer(BAD / "may_be_missing_in_a_template")
    (finding,) = found["diagnostics"]
    assert (finding["line"], finding["column"], finding["end_column"]) == (14, 21, 27)
    assert finding["hint"]


def test_a_file_that_cannot_be_read_has_no_place() -> None:
    code, found = answer(BAD / "file_that_is_not_utf8")
    (finding,) = found["diagnostics"]
    assert (code, found["files"]) == (1, 3)
    assert [finding[key] for key in ("file", "line", "column", "end_line", "end_column")] == ["surveys/nps.yaml", None, None, None, None]


def test_the_text_shows_the_line_and_a_caret_under_the_place() -> None:
    done = validate(BAD / "misspelt_option")
    assert done.returncode == 1
    head, line, caret, hint, _, summary = done.stdout.splitlines()
    assert head.startswith("automations/misspelt_option.yaml:9:36: error: ")
    assert head.endswith(" [SND306]")
    assert line == ' 9 | if: score <= 6 and contact.tier == "vipp"'
    assert caret == "   | " + " " * 35 + "^" * 6
    assert line[caret.index("^") : caret.rindex("^") + 1] == '"vipp"'
    assert (hint, summary) == ("   hint: did you mean `vip`?", "2 files: 1 error")


def test_the_caret_stands_right_under_tabs_and_letters_of_other_alphabets(tmp_path: Path) -> None:
    text = "project: shop\nobjects:\n  contact: {name: text}\nmay_ask: \"\tcontact.name == 'Ж😀' and contact.nmae == ''\"\n"
    (tmp_path / "sounding.yaml").write_text(text, encoding="utf-8")
    _, line, caret, *_ = validate(tmp_path).stdout.splitlines()
    assert line[caret.index("^") : caret.rindex("^") + 1] == "nmae"
    assert caret.count("\t") == line.count("\t") == 1


def test_the_exit_code_follows_the_least_severity_that_fails() -> None:
    assert [validate("--fail-on", level, BAD / "always_true").returncode for level in ("error", "warning")] == [0, 1]


def test_an_info_fails_where_infos_do(tmp_path: Path) -> None:
    project = "project: shop\nobjects: {contact: {name: text}}\n---\naudience: all\nof: contact\n"
    (tmp_path / "sounding.yaml").write_text(project, encoding="utf-8")
    assert validate("-C", tmp_path, "--fail-on", "info").returncode == 1


def test_the_project_is_the_current_folder_an_option_a_variable_or_the_last_argument(tmp_path: Path) -> None:
    bad = BAD / "unknown_event"
    ways = [validate(cwd=bad), validate("-C", bad), validate(SOUNDING_PROJECT=str(bad)), validate(bad, SOUNDING_PROJECT=str(tmp_path))]
    assert len({done.stdout for done in ways}) == 1
    assert "SND202" in ways[0].stdout


@pytest.mark.parametrize("arguments", [("-C", "nowhere"), ("--format", "xml"), ("a", "b")], ids=" ".join)
def test_a_wrong_call_exits_with_two_and_says_so_on_stderr(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = validate(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip()


def test_a_folder_without_a_project_exits_with_two(tmp_path: Path) -> None:
    done = validate("--format", "json", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no sounding.yaml in " in done.stderr

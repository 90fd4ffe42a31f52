"""What the README shows is what the command prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
SOUNDING = Path(sys.executable).with_name("sounding")
YAML = re.findall(r"```yaml\n(.*?)```", README, re.S)[0]
CONSOLE = re.findall(r"```console\n(.*?)```", README, re.S)


def _run(folder: Path, *arguments: str) -> str:
    found = subprocess.run([SOUNDING, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    return found.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "sounding.yaml").write_text(YAML, encoding="utf-8")
    return tmp_path


def test_the_example_validates_as_shown(project: Path) -> None:
    assert f"$ sounding validate\n{_run(project, 'validate')}" == CONSOLE[0]


def test_the_example_is_laid_out_as_fmt_wants_it(project: Path) -> None:
    _run(project, "fmt")
    assert (project / "sounding.yaml").read_text(encoding="utf-8") == YAML


def test_every_variable_and_exit_code_is_named() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (Path(__file__).parents[3] / "engine" / "cli").glob("*.py"))
    for name in set(re.findall(r'envvar="(SOUNDING_[A-Z]+)"', sources)):
        assert f"`{name}`" in README
    shown = subprocess.run([SOUNDING, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    for code in ("0 fine", "1 findings", "2 ", "3 ", "4 refused", "130 interrupted"):
        assert code in README
        assert code in shown


def test_the_misspelt_option_is_found_as_shown(project: Path) -> None:
    (project / "sounding.yaml").write_text(YAML.replace('"vip"', '"vpi"'), encoding="utf-8")
    assert f"$ sounding validate\n{_run(project, 'validate')}" == CONSOLE[1]


def test_the_answers_are_decided_as_shown(project: Path) -> None:
    shown, decided = CONSOLE[2].removeprefix("$ cat answers.jsonl\n").split("$ sounding decide --events answers.jsonl\n")
    (project / "answers.jsonl").write_text(shown, encoding="utf-8")
    assert _run(project, "decide", "--events", "answers.jsonl") == decided

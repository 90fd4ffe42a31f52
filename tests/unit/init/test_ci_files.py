"""The files by which other repositories run Sounding: pre-commit hooks, a GitHub action, a GitLab template."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from click import Context

from engine.cli.main import VERBS, cli
from engine.dsl.source import FOLDERS, PROJECT_FILE

ROOT = Path(__file__).parents[3]


def _read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def _assert_is_a_call(line: str) -> None:
    """The command is ours, and knows each of the options."""
    program, verb, *arguments = shlex.split(line.partition(">")[0])
    assert program.rpartition("/")[2] == "sounding"
    assert verb in VERBS
    command = cli.get_command(Context(cli), verb)
    assert command is not None
    command.make_context(verb, arguments)


def test_the_hooks_are_what_pre_commit_expects() -> None:
    hooks = {hook["id"]: hook for hook in _read(".pre-commit-hooks.yaml")}
    assert set(hooks) == {"sounding-validate", "sounding-fmt"}
    for hook in hooks.values():
        assert set(hook) <= {"id", "name", "description", "entry", "language", "files", "pass_filenames"}
        assert hook["language"] == "python"
        _assert_is_a_call(hook["entry"])
    assert hooks["sounding-validate"]["pass_filenames"] is False
    assert "pass_filenames" not in hooks["sounding-fmt"]


@pytest.mark.parametrize("hook", _read(".pre-commit-hooks.yaml"), ids=lambda hook: hook["id"])
def test_the_hooks_see_every_file_of_a_project(hook: dict[str, Any]) -> None:
    wanted = [
        PROJECT_FILE,
        f"sub/{PROJECT_FILE}",
        *(f"{folder}/a/b.yaml" for folder in FOLDERS),
        *(f"sub/{folder}/a.yml" for folder in FOLDERS),
    ]
    assert [name for name in wanted if not re.search(hook["files"], name)] == []
    assert [name for name in ("action.yml", "docs/a.yaml", "surveys/a.md", "mysurveys/a.yaml") if re.search(hook["files"], name)] == []


def test_the_action_validates_for_github() -> None:
    action = _read("action.yml")
    assert set(action["inputs"]) == {"project", "version"}
    assert all({"description", "default"} == set(given) for given in action["inputs"].values())
    assert action["runs"]["using"] == "composite"
    steps = action["runs"]["steps"]
    assert all("uses" in step or {"run", "shell"} <= set(step) for step in steps)
    # An input is text of someone else's: it comes in through the environment, never into the script itself.
    assert not [step for step in steps if "${{" in step.get("run", "")]
    line = steps[-1]["run"].strip()
    _assert_is_a_call(line)
    assert line.endswith('validate --project "$FOLDER" --format github')


def test_the_gitlab_job_keeps_its_report() -> None:
    job = _read("ci/gitlab.yml")["sounding-validate"]
    *_, line = job["script"]
    _assert_is_a_call(line)
    report = line.rpartition("> ")[2]
    assert "--format junit" in line
    assert job["artifacts"] == {"when": "always", "reports": {"junit": report}}
    # The command reads every variable SOUNDING_*.
    assert not [name for name in job["variables"] if name.startswith("SOUNDING")]


@pytest.mark.parametrize("name", [".pre-commit-hooks.yaml", "action.yml", "ci/gitlab.yml", "engine/cli/templates/init/workflow.yaml"])
def test_no_file_names_a_registry_or_a_machine(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index-url|--extra-index|/home/|/work/|/root/", text)

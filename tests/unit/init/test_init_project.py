from __future__ import annotations

import itertools
import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from engine import __version__
from engine.cli.init import LANGUAGES
from engine.cli.main import main

Call = tuple[int, str, str]
CHOICES = [",".join(codes) for size in (1, 2, 3) for codes in itertools.permutations(LANGUAGES, size)]


class Shell:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: str | Path) -> Call:
        self._monkeypatch.setattr(sys, "argv", ["sounding", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return (ended.value.code, *self._capsys.readouterr())


@pytest.fixture
def sounding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def _files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("languages", CHOICES)
def test_a_new_project_is_silent(sounding: Shell, tmp_path: Path, languages: str) -> None:
    code, out, _ = sounding("init", tmp_path, "--languages", languages)
    assert code == 0
    assert set(out.splitlines()) == _files(tmp_path)
    code, out, err = sounding("validate", "--format", "json", tmp_path)
    assert (code, json.loads(out)["diagnostics"], err) == (0, [], "")
    assert sounding("fmt", "--check", tmp_path) == (0, "", "")


def test_its_texts_are_in_the_chosen_languages_and_no_other(sounding: Shell, tmp_path: Path) -> None:
    sounding("init", tmp_path, "--languages", "uk,en")
    survey = (tmp_path / "surveys/nps_delivery.yaml").read_text(encoding="utf-8")
    assert "uk: Насколько" not in survey
    assert "Насколько" not in survey
    assert survey.index("Наскільки") < survey.index("How likely")
    assert "languages: [uk, en]" in (tmp_path / "sounding.yaml").read_text(encoding="utf-8")


def test_one_language_needs_no_maps(sounding: Shell, tmp_path: Path) -> None:
    sounding("init", tmp_path)
    texts = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.yaml"))
    assert "languages: [en]" in texts
    assert not re.search(r"\ben:", texts)
    assert not re.search("[а-яіїєґ]", texts)


def test_it_has_the_whole_loop(sounding: Shell, tmp_path: Path) -> None:
    sounding("init", tmp_path)
    kinds = re.findall(
        r"^(survey|audience|cadence|automation|template): ", "\n".join(p.read_text() for p in tmp_path.rglob("*.yaml")), re.M
    )
    # A cadence names its survey and audience at the margin too.
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {"survey": 2, "audience": 2, "cadence": 1, "automation": 2, "template": 2}


@pytest.mark.parametrize(
    ("folder", "name"),
    [("acme", "acme"), ("Acme Shop-2", "acme_shop_2"), ("2026", "feedback"), ("3d_print", "d_print"), ("отзывы", "feedback")],
)
def test_the_project_is_called_like_its_folder(sounding: Shell, tmp_path: Path, folder: str, name: str) -> None:
    assert sounding("init", tmp_path / folder)[0] == 0
    assert f"\nproject: {name}\n" in (tmp_path / folder / "sounding.yaml").read_text(encoding="utf-8")
    assert sounding("validate", tmp_path / folder)[0] == 0


def test_the_current_folder_is_taken_where_none_is_named(sounding: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert sounding("init")[0] == 0
    assert (tmp_path / "sounding.yaml").is_file()


def test_what_a_repository_has_is_kept_and_said(sounding: Shell, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    (tmp_path / "README.md").symlink_to("nowhere")
    code, out, err = sounding("init", tmp_path, "--format", "json")
    assert code == 0
    said = json.loads(out)
    assert said["kept"] == ["README.md", ".gitignore"]
    assert set(said["files"]) | {".gitignore"} == _files(tmp_path)
    assert re.findall("^kept (\\S+),", err, re.M) == said["kept"]
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert (tmp_path / "README.md").is_symlink()
    assert sounding("validate", tmp_path)[0] == 0


def test_where_a_project_is_nothing_is_written(sounding: Shell, tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text("project: mine\n")
    code, out, err = sounding("init", tmp_path)
    assert (code, out) == (2, "")
    assert "there is a project already" in err
    assert _files(tmp_path) == {"sounding.yaml"}


def test_an_init_that_failed_can_be_repeated(sounding: Shell, tmp_path: Path) -> None:
    (tmp_path / "cadences").write_text("a file\n")
    assert sounding("init", tmp_path)[0] == 1
    (tmp_path / "cadences").unlink()
    assert sounding("init", tmp_path)[0] == 0
    assert sounding("validate", tmp_path)[0] == 0


@pytest.mark.parametrize("languages", ["de", "en,de", "", "en,"])
def test_a_language_without_texts_is_a_wrong_call(sounding: Shell, tmp_path: Path, languages: str) -> None:
    code, _, err = sounding("init", tmp_path, "--languages", languages)
    assert code == 2
    assert "ru, uk, en" in err
    assert not _files(tmp_path)


def test_the_readme_decides_what_it_says(sounding: Shell, tmp_path: Path) -> None:
    sounding("init", tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    events = re.findall(r"<<'END'\n(.*?)   END\n", readme, re.S)[0]
    (tmp_path / "answers.jsonl").write_text(events)
    code, out, err = sounding("decide", "-C", tmp_path, "--events", tmp_path / "answers.jsonl")
    assert (code, err) == (0, "")
    assert [json.loads(line)["automations"] for line in out.splitlines()] == [["nps_delivery_rescue"], ["nps_delivery_thank"]]


def test_the_workflow_runs_commands_that_there_are(sounding: Shell, tmp_path: Path) -> None:
    sounding("init", tmp_path)
    workflow = yaml.safe_load((tmp_path / ".github/workflows/feedback.yml").read_text())
    runs = [step["run"] for step in workflow["jobs"]["validate"]["steps"] if "run" in step]
    assert runs == [f'python -m pip install "sounding=={__version__}"', "sounding validate --format github", "sounding fmt --check --diff"]
    for run in runs[1:]:
        assert sounding(*run.split()[1:], "-C", tmp_path) == (0, "", "")


def test_the_hooks_and_the_ignored_folder(sounding: Shell, tmp_path: Path) -> None:
    sounding("init", tmp_path)
    configuration = yaml.safe_load((tmp_path / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in configuration["repos"] for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == ["sounding validate", "sounding fmt"]
    for name in _files(tmp_path):
        read = name.endswith(".yaml") and not name.startswith(".")
        assert [bool(re.search(hook["files"], name)) for hook in hooks] == [read, read]
    assert ".sounding/" in (tmp_path / ".gitignore").read_text().splitlines()

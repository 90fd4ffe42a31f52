from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.main import main

MESSY = "audience:   a\n\n\nof: contact\n"
NEAT = "audience: a\n\nof: contact\n"


class Project:
    """A folder with one file that is formatted and one that is not; ``call`` runs the command in it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.root, self._monkeypatch, self._capsys = root, monkeypatch, capsys
        self.messy, self.neat = root / "audiences" / "a.yaml", root / "audiences" / "b.yml"
        self.messy.parent.mkdir()
        (root / "sounding.yaml").write_text("project: a\n")
        self.messy.write_text(MESSY)
        self.neat.write_text(NEAT)

    def call(self, *arguments: str | Path, cwd: Path | None = None) -> tuple[int, str, str]:
        self._monkeypatch.chdir(cwd or self.root)
        self._monkeypatch.setattr(sys, "argv", ["sounding", "fmt", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return (ended.value.code, *self._capsys.readouterr())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    (tmp_path / "p").mkdir()
    return Project(tmp_path / "p", monkeypatch, capsys)


def test_it_writes_what_it_changes_and_names_it(project: Project) -> None:
    untouched = project.neat.stat()
    assert project.call() == (0, "audiences/a.yaml\n", "")
    assert project.messy.read_text() == NEAT
    assert project.neat.stat() == untouched
    assert project.call() == (0, "", "")


def test_check_lists_and_writes_nothing(project: Project) -> None:
    assert project.call("--check") == (1, "audiences/a.yaml\n", "")
    assert project.messy.read_text() == MESSY
    project.call()
    assert project.call("--check") == (0, "", "")


def test_diff_prints_and_writes_nothing(project: Project) -> None:
    project.messy.write_bytes(b"audience: a\r\nof:  contact")
    code, out, _ = project.call("--diff")
    expected = [
        "--- audiences/a.yaml",
        "+++ audiences/a.yaml",
        "@@ -1,2 +1,2 @@",
        "-audience: a\r",
        "-of:  contact",
        "\\ No newline at end of file",
    ]
    assert out.split("\n") == [*expected, "+audience: a", "+of: contact", ""]
    assert code == 0
    assert project.call("--diff", "--check") == (1, out, "")
    assert project.messy.read_bytes() == b"audience: a\r\nof:  contact"


def test_the_printed_diff_is_one_that_patch_takes(project: Project) -> None:
    project.messy.write_text("audience:  a\nof: 'one\u2028two'\nwhere: |\n  one\u2028  two")
    _, out, _ = project.call("--diff")
    applied = subprocess.run(["git", "apply", "-p0", "-"], input=out, text=True, cwd=project.root, check=False, capture_output=True)
    assert not applied.stderr
    assert project.call("--check") == (0, "", "")


def test_a_file_that_cannot_be_read_is_reported_and_left(project: Project) -> None:
    broken = "audience: x\nwhere: {{ y }}\n"
    (project.messy.parent / "c.yaml").write_text(broken)
    (project.messy.parent / "d.yaml").symlink_to("nowhere")
    code, out, err = project.call()
    assert code == 1
    assert out == "audiences/a.yaml\n"
    assert "audiences/c.yaml:2:" in err
    assert "[SND001]" in err
    assert "audiences/d.yaml" in err
    assert (project.messy.parent / "c.yaml").read_text() == broken
    assert project.messy.read_text() == NEAT


def test_json_for_programs(project: Project) -> None:
    (project.messy.parent / "c.yaml").write_text("a: [\n")
    code, out, err = project.call("--check", "--format", "json")
    found = json.loads(out)
    assert (code, err) == (1, "")
    assert (found["changed"], found["files"]) == (["audiences/a.yaml"], 4)
    assert [(d["code"], d["file"]) for d in found["diagnostics"]] == [("SND001", "audiences/c.yaml")]


@pytest.mark.parametrize(
    "arguments", [["-C", "p"], ["p"], ["p/audiences"], ["p/audiences/a.yaml"], ["p/sounding.yaml", "-C", "p", "audiences/a.yaml"]]
)
def test_a_project_a_folder_of_it_and_files_can_be_named(project: Project, arguments: list[str]) -> None:
    code, out, _ = project.call(*arguments, cwd=project.root.parent)
    assert (code, len(out.splitlines())) == (0, 1)
    assert project.messy.read_text() == NEAT


def test_another_project_below_is_none_of_this_one(project: Project) -> None:
    inner = project.root / "audiences" / "inner"
    inner.mkdir()
    (inner / "sounding.yaml").write_text("project:   b\n")
    assert "inner" not in project.call("--check")[1]
    assert project.call("--check", inner) == (1, "sounding.yaml\n", "")


@pytest.mark.parametrize("arguments", [["nowhere.yaml"], ["-C", ".."], [".."]])
def test_what_is_not_there_is_a_wrong_call(project: Project, arguments: list[str]) -> None:
    code, out, err = project.call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("sounding: ")


def test_mode_and_links_stay(project: Project) -> None:
    project.messy.chmod(0o640)
    link = project.root / "audiences" / "link.yaml"
    project.messy.rename(project.root / "real.yaml")
    link.symlink_to("../real.yaml")
    assert project.call() == (0, "audiences/link.yaml\n", "")
    assert link.is_symlink()
    assert link.read_text() == NEAT
    assert stat.S_IMODE((project.root / "real.yaml").stat().st_mode) == 0o640


def test_a_write_that_fails_leaves_the_old_file_and_no_other(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    code, _, err = project.call()
    assert (code, err) == (1, "sounding: audiences/a.yaml cannot be written: No space left on device\n")
    assert project.messy.read_text() == MESSY
    assert sorted(path.name for path in project.messy.parent.iterdir()) == ["a.yaml", "b.yml"]


def test_a_change_of_meaning_would_be_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.dsl.format.rewrite.render", lambda documents, rest: "audience: b\nof: contact\n")
    code, out, err = project.call()
    assert (code, out) == (1, "")
    assert err.count("was left as it is") == 3
    assert project.messy.read_text() == MESSY

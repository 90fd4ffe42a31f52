"""`sounding validate`: formats, `--select`, `--watch` and what the exit code follows."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner

from engine.cli.validate import command
from engine.errors import UsageError

PROJECT = "project: shop\nobjects:\n  contact: {name: text}\n"
GOOD = "audience: everyone\nof: contact\n"
TYPO = "audience: some\nof: contact\nwhere: contact.nmae == 'Ada'\n"
UNREADABLE = "template: thanks\ntext: 'open\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder of a checkout: a sound audience, one with an error, a template that nothing uses."""
    root = tmp_path / "shop"
    (root / "audiences").mkdir(parents=True)
    (root / "templates").mkdir()
    (root / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    (root / "audiences" / "everyone.yaml").write_text(GOOD, encoding="utf-8")
    (root / "audiences" / "some.yaml").write_text(TYPO, encoding="utf-8")
    (root / "templates" / "thanks.yaml").write_text("template: thanks\ntext: Thank you\nsubjct: Hi\n", encoding="utf-8")
    return root


def _git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test", "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture
def committed(project: Path) -> Path:
    """The same, all of it committed."""
    _git(project.parent, "init", "--quiet")
    _git(project.parent, "add", "--all")
    _git(project.parent, "commit", "--quiet", "--no-verify", "--message", "Begin")
    return project


def _run(root: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, ["--project", str(root), *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    assert isinstance(result.return_value, int)
    return result.return_value, result.stdout


def _found(root: Path, *arguments: str) -> tuple[int, list[tuple[str, str]]]:
    code, shown = _run(root, "--format", "json", *arguments)
    return code, [(item["code"], item["file"]) for item in json.loads(shown)["diagnostics"]]


ALL = [("SND303", "audiences/some.yaml"), ("SND101", "templates/thanks.yaml")]


# -- formats ----------------------------------------------------------------------------------------------------------


def test_github_names_files_from_the_root_of_the_checkout(committed: Path) -> None:
    code, shown = _run(committed, "--format", "github")
    first, second = shown.splitlines()
    assert code == 1
    assert first.startswith("::error file=shop/audiences/some.yaml,line=3,endLine=3,col=16,endColumn=20,title=SND303::")
    assert second.startswith("::error file=shop/templates/thanks.yaml,line=3,endLine=3,col=1,endColumn=7,title=SND101::")


def test_github_says_nothing_where_nothing_is_found(project: Path) -> None:
    shutil.rmtree(project / "templates")
    (project / "audiences" / "some.yaml").unlink()
    (project / "audiences" / "everyone.yaml").unlink()
    assert _run(project, "--format", "github") == (0, "")


def test_sarif_and_junit_hold_what_json_holds(committed: Path) -> None:
    code, shown = _run(committed, "--format", "sarif")
    log: dict[str, Any] = json.loads(shown)
    uris = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in log["runs"][0]["results"]]
    assert (code, uris) == (1, ["shop/audiences/some.yaml", "shop/templates/thanks.yaml"])
    code, shown = _run(committed, "--format", "junit")
    suites = ET.fromstring(shown)
    assert code == 1
    assert {suite.get("name"): suite.get("failures") for suite in suites} == {
        "shop/sounding.yaml": "0",
        "shop/audiences/everyone.yaml": "0",
        "shop/audiences/some.yaml": "1",
        "shop/templates/thanks.yaml": "1",
    }


def test_a_plain_run_imports_no_other_format() -> None:
    heavy = ["xml.etree.ElementTree", "engine.checks.catalogue", "watchfiles", "jsonschema", "asyncio"]
    code = f"import sys, engine.cli.validate, engine.checks.formats.text; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert found.stdout == "[]\n"


# -- select -----------------------------------------------------------------------------------------------------------


def test_without_a_selection_everything_is_printed(project: Path) -> None:
    assert _found(project) == (1, ALL)


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        (["audience"], ALL[:1]),
        (["audience.some"], ALL[:1]),
        (["template.thanks"], ALL[1:]),
        (["audience.everyone"], []),
        (["audience.everyone", "template"], ALL[1:]),
        (["audience.some", "template.thanks"], ALL),
        (["survey"], []),
    ],
)
def test_an_address_or_a_kind_selects_what_is_found_in_it(project: Path, selected: list[str], expected: list[tuple[str, str]]) -> None:
    arguments = [part for name in selected for part in ("--select", name)]
    assert _found(project, *arguments) == (int(bool(expected)), expected)


def test_a_file_that_cannot_be_read_may_hold_what_is_selected(project: Path) -> None:
    (project / "templates" / "thanks.yaml").write_text(UNREADABLE, encoding="utf-8")
    assert _found(project, "--select", "template.thanks") == (1, [("SND001", "templates/thanks.yaml")])


def test_what_is_said_of_an_ignore_belongs_to_the_definitions_of_its_file(project: Path) -> None:
    (project / "audiences" / "some.yaml").write_text(GOOD.replace("everyone", "some") + "# sounding: ignore SND207\n", encoding="utf-8")
    assert _found(project, "--select", "audience.some", "--fail-on", "warning")[1][-1] == ("SND901", "audiences/some.yaml")
    assert ("SND901", "audiences/some.yaml") not in _found(project, "--select", "audience.everyone")[1]


def test_an_address_that_is_not_there_is_refused(project: Path) -> None:
    shutil.rmtree(project / "templates")
    (project / "audiences" / "some.yaml").unlink()
    with pytest.raises(UsageError, match=r"there is no `audience.everybody` in this project; did you mean `audience.everyone`\?"):
        _run(project, "--select", "audience.everybody")


@pytest.mark.parametrize("word", ["audiences", "audience some", "audienc.some", "change"])
def test_what_is_neither_address_nor_kind_is_refused(project: Path, word: str) -> None:
    with pytest.raises(UsageError, match="--select takes an address, a kind or `changed`, not"):
        _run(project, "--select", word)


def test_changed_selects_what_git_says_has_changed(committed: Path) -> None:
    assert _found(committed, "--select", "changed") == (0, [])
    (committed / "audiences" / "some.yaml").write_text(TYPO + "\n", encoding="utf-8")
    assert _found(committed, "--select", "changed") == (1, ALL[:1])
    assert _found(committed, "--select", "changed", "--select", "template") == (1, ALL)


def test_staged_and_new_files_have_changed_ignored_ones_have_not(committed: Path) -> None:
    (committed / "audiences" / "some.yaml").write_text(TYPO + "\n", encoding="utf-8")
    _git(committed, "add", "--all")
    for file, name in (("naïve, new", "fresh"), ("ignored", "hidden")):
        (committed / "audiences" / f"{file}.yaml").write_text(TYPO.replace("some", name), encoding="utf-8")
    (committed.parent / ".gitignore").write_text("ignored.yaml\n", encoding="utf-8")
    assert {file for _, file in _found(committed, "--select", "changed")[1]} == {"audiences/some.yaml", "audiences/naïve, new.yaml"}


def test_before_the_first_commit_every_file_is_new(project: Path) -> None:
    _git(project, "init", "--quiet")
    _git(project, "add", "sounding.yaml", "audiences")
    assert _found(project, "--select", "changed") == (1, ALL)


def test_a_finding_above_the_selection_does_not_fail(committed: Path) -> None:
    (committed / "audiences" / "everyone.yaml").write_text(GOOD + "\n", encoding="utf-8")
    code, shown = _run(committed, "--select", "changed", "--format", "junit")
    assert code == 0
    assert [suite.get("name") for suite in ET.fromstring(shown)] == ["shop/audiences/everyone.yaml"]


def test_where_there_is_no_checkout_changed_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    with pytest.raises(UsageError, match="--select changed asks git, which refused: not a git repository"):
        _run(project, "--select", "changed")


def test_where_there_is_no_git_changed_is_refused(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="there is no git here"):
        _run(project, "--select", "changed")


# -- watch ------------------------------------------------------------------------------------------------------------


class _Watcher:
    """A run with `--watch`, whose lines are read as they come."""

    def __init__(self, root: Path, *arguments: str) -> None:
        # A job in the background may have inherited that interrupts are ignored; the command's own handling is what is tested.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "engine", "validate", "--project", str(root), "--watch", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert self.process.stdout is not None
        self.lines: queue.Queue[str] = queue.Queue()
        self.reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self.reader.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.lines.put(line)

    def until(self, text: str, seconds: float = 30) -> str:
        """The lines up to the one that has ``text``."""
        seen = ""
        end = time.monotonic() + seconds
        while text not in seen:
            try:
                seen += self.lines.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"no {text!r} within {seconds} s, but: {seen!r}")
        return seen

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)

    def end(self) -> None:
        self.process.kill()
        self.process.wait(timeout=30)
        self.reader.join(timeout=30)


def test_watch_checks_again_after_every_change_until_it_is_interrupted(project: Path) -> None:
    shutil.rmtree(project / "templates")
    watcher = _Watcher(project)
    try:
        assert "[SND303]" in watcher.until("3 files: ")
        (project / "audiences" / "some.yaml").write_text(TYPO.replace("nmae", "name"), encoding="utf-8")
        assert "[SND303]" not in watcher.until("3 files: ")
        (project / "audiences" / "third.yaml").write_text(TYPO.replace("some", "third"), encoding="utf-8")
        assert "[SND303]" in watcher.until("4 files: ")
        (project / "sounding.yaml").rename(project / "gone.yaml")
        watcher.until("no sounding.yaml in ")
        (project / "gone.yaml").rename(project / "sounding.yaml")
        assert "\x1b" not in watcher.until("4 files: ")
        assert watcher.interrupt() == 130
    finally:
        watcher.end()


def test_watch_is_refused_where_there_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no sounding\.yaml"):
        _run(tmp_path, "--watch")

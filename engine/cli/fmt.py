"""`sounding fmt`."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from engine.cli.options import format_option, project_option
from engine.dsl.diagnostics import Findings
from engine.dsl.format.rewrite import ChangedMeaningError, rewrite
from engine.dsl.source import PROJECT_FILE, find_files
from engine.errors import SoundingError, UsageError

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@dataclass(frozen=True, slots=True)
class _Change:
    path: Path
    name: str
    before: bytes
    after: str


@dataclass(slots=True)
class _Outcome:
    files: int = 0
    changes: list[_Change] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    texts: dict[str, str] = field(default_factory=dict)  # of the files that cannot be read
    failures: list[str] = field(default_factory=list)


@click.command("fmt")
@project_option
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; list the files that would change, and exit with 1 if there are any.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change.")
@format_option("text", "json")
def command(project: Path, paths: tuple[Path, ...], check: bool, diff: bool, format_: str) -> int:
    """Lay out a project's files in the one style: order of keys, indentation, spacing, breaks. What they say stays the same.

    PATHS are files, folders of a project, or a project's folder; without any, the whole project. The changed files are listed. A
    file that cannot be read is reported and left as it is; the exit code is then 1.
    """
    outcome = _collect(_targets(project, paths))
    if not check and not diff:
        for change in outcome.changes:
            _write(change)
    _print(outcome, diff=diff, format_=format_)
    return int(bool(outcome.findings.items or outcome.failures or (check and outcome.changes)))


def _targets(project: Path, paths: tuple[Path, ...]) -> dict[Path, str]:
    """The files to format, each with the name to call it by."""
    if not paths:
        return {path: path.relative_to(project).as_posix() for path in find_files(project)}
    found: dict[Path, str] = {}
    for path in paths:
        # As every command takes them, from the current folder; or else from the project's.
        at = path if path.exists() or path.is_symlink() else project / path
        if (at / PROJECT_FILE).is_file():
            found |= {file: file.relative_to(at).as_posix() for file in find_files(at)}
        elif at.is_dir():
            found |= {file: file.as_posix() for file in _below(at)}
        elif at.exists() or at.is_symlink():
            found[at] = path.as_posix()
        else:
            raise UsageError(f"there is no {path}")
    return found


def _below(folder: Path) -> list[Path]:
    """The files in a folder of a project that belong to it."""
    real = folder.resolve()
    root = next((parent for parent in real.parents if (parent / PROJECT_FILE).is_file()), None)
    if root is None:
        raise UsageError(f"{folder} is no folder of a project: there is no {PROJECT_FILE} in it, nor above it")
    return [folder / file.relative_to(real) for file in find_files(root) if real in file.parents]


def _collect(targets: dict[Path, str]) -> _Outcome:
    outcome = _Outcome(files=len(targets))
    for path, name in targets.items():
        try:
            data = path.read_bytes()
            text = rewrite(data, name, outcome.findings)
        except OSError as error:
            outcome.findings.unreadable("SND001", f"cannot be read: {error.strerror}", name)
        except ChangedMeaningError as error:
            outcome.failures.append(str(error))
        else:
            if text is None:
                outcome.texts[name] = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
            elif text.encode() != data:
                outcome.changes.append(_Change(path, name, data, text))
    return outcome


def _print(outcome: _Outcome, *, diff: bool, format_: str) -> None:
    diagnostics = outcome.findings.sorted()
    if format_ == "json":
        from engine.checks.formats import json as json_format

        found = json.loads(json_format.render(diagnostics, outcome.files))
        click.echo(json.dumps({"changed": [change.name for change in outcome.changes], **found}, ensure_ascii=False, indent=2))
    elif diff:
        for change in outcome.changes:
            for line in _diff(change):
                click.echo(click.style(line, fg=_COLOURS.get(line[:1])))
    else:
        for change in outcome.changes:
            click.echo(change.name)
    if diagnostics and format_ != "json":
        from engine.checks.formats import text as text_format

        click.echo(text_format.render(diagnostics, outcome.files, outcome.texts), err=True)
    for failure in outcome.failures:
        click.echo(f"sounding: {failure}", err=True)


def _diff(change: _Change) -> Iterator[str]:
    before, after = _lines(change.before.decode()), _lines(change.after)
    return difflib.unified_diff(before, after, change.name, change.name, lineterm="")


def _lines(text: str) -> list[str]:
    """By LF alone, as every tool that reads a diff counts them."""
    *lines, last = text.split("\n")
    return [*lines, f"{last}\n\\ No newline at end of file"] if last else lines


def _write(change: _Change) -> None:
    """Put the new text in place of the old in one step, so that no reader and no crash meets half a file."""
    target = change.path.resolve()  # a link stays one
    temporary = None
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
        with open(descriptor, "wb") as file:
            file.write(change.after.encode())
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise SoundingError(f"{change.name} cannot be written: {error.strerror}") from error

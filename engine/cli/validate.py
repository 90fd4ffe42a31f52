"""`sounding validate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.checks.report import Report
from engine.checks.validate import validate
from engine.cli.options import environment_option, format_option, project_argument, project_option
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.errors import SoundingError, UsageError

if TYPE_CHECKING:
    import subprocess

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
_CHANGED = "changed"
_SUFFIXES = (".yaml", ".yml")


@click.command("validate")
@project_option
@project_argument
@environment_option
@format_option("text", "json", "github", "sarif", "junit")
@click.option("--fail-on", type=click.Choice([s.value for s in Severity]), default="error", help="The least severity that fails.")
@click.option(
    "--select",
    "selected",
    multiple=True,
    metavar="ADDRESS|KIND|changed",
    help="Print only what is found in these: an address as survey.nps, a kind as survey, or the files that git says have changed. "
    "May be repeated; everything is checked all the same.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    envvar="SOUNDING_WORKERS",
    show_envvar=True,
    help="How many processes check the files.",
    show_default="as many as the project is worth",
)
@click.option("--watch", is_flag=True, help="Check again whenever a file changes, until Ctrl-C.")
def command(
    project: Path,
    folder: Path | None,
    environment: str | None,
    format_: str,
    fail_on: str,
    selected: tuple[str, ...],
    workers: int | None,
    watch: bool,
) -> int:
    """Check a project's files, and say what is wrong, where, why, and what to do.

    What every environment says is checked; with `--env`, that there is one of that name. Exits with 1 where something is found that
    `--fail-on` names.
    """
    root = folder or project

    def once() -> int:
        return _validate(root, workers, environment, format_, Severity(fail_on), selected)

    if watch:
        return _watch(root, once)
    return once()


def _validate(root: Path, workers: int | None, environment: str | None, format_: str, fail_on: Severity, selected: tuple[str, ...]) -> int:
    report = validate(root, workers=workers)
    if environment is not None and report.environments is not None:
        from engine.dsl.environments import check_environment  # it knows all definitions, and a plain run needs none

        check_environment(report.environments, environment)
    selection = _select(root, report, selected) if selected else None
    diagnostics: Sequence[Diagnostic] = report.diagnostics
    if selection is not None:
        diagnostics = [diagnostic for diagnostic in diagnostics if selection.keeps(diagnostic)]
    shown = _render(root, report, format_, fail_on, diagnostics, selection)
    if shown:
        click.echo(shown)
    return int(any(_RANK[d.severity] <= _RANK[fail_on] for d in diagnostics))


def _render(
    root: Path, report: Report, format_: str, fail_on: Severity, diagnostics: Sequence[Diagnostic], selection: _Selection | None
) -> str:
    """Each format is imported only where it is wanted: the text alone must come at once."""
    match format_:
        case "json":
            from engine.checks.formats import json

            return json.render(diagnostics, report.files)
        case "github":
            from engine.checks.formats import github
            from engine.checks.formats.place import prefix_of

            return github.render(diagnostics, report.texts, prefix_of(root))
        case "sarif":
            from engine.checks.formats import sarif
            from engine.checks.formats.place import prefix_of

            return sarif.render(diagnostics, report.texts, prefix_of(root))
        case "junit":
            from engine.checks.formats import junit
            from engine.checks.formats.place import prefix_of

            files = [name for name in report.texts if selection is None or name in selection.files]
            return junit.render(diagnostics, files, prefix_of(root), failing=[s for s in Severity if _RANK[s] <= _RANK[fail_on]])
    from engine.checks.formats import text

    return text.render(diagnostics, report.files, report.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    addresses: frozenset[str]
    kinds: frozenset[str]
    changed: frozenset[str]  # files
    homes: frozenset[str]  # files in which what is selected is declared

    @property
    def files(self) -> frozenset[str]:
        return self.changed | self.homes

    def keeps(self, diagnostic: Diagnostic) -> bool:
        if diagnostic.file in self.changed:
            return True
        if diagnostic.address is not None:
            return diagnostic.address in self.addresses or diagnostic.address.split(".")[0] in self.kinds
        # What a file that cannot be read declares is not known: it may be what was selected.
        return diagnostic.file in self.homes or (bool(self.addresses | self.kinds) and diagnostic.code.startswith("SND0"))


def _select(root: Path, report: Report, selected: tuple[str, ...]) -> _Selection:
    from engine.dsl.nearest import did_you_mean  # not needed by a plain run
    from engine.dsl.schema.kinds import KINDS

    kinds = frozenset(selected) & {*KINDS, "blueprint"}
    addresses = frozenset(selected) - kinds - {_CHANGED}
    found = {*report.homes, *(item.address for item in report.diagnostics if item.address is not None)}
    for address in sorted(addresses):
        if address.split(".")[0] not in {*KINDS, "blueprint"} or "." not in address:
            hint = did_you_mean(address, [_CHANGED, *KINDS, *found])
            raise UsageError(f"--select takes an address, a kind or `{_CHANGED}`, not `{address}`" + (f"; {hint}" if hint else ""))
        # A definition that was refused may have left no trace, so an unknown address is an error only where all is sound.
        if address not in found and not report.errors:
            hint = did_you_mean(address, found)
            raise UsageError(f"there is no `{address}` in this project" + (f"; {hint}" if hint else ""))
    homes = {file for address, file in report.homes.items() if address in addresses or address.split(".")[0] in kinds}
    homes |= {
        item.file
        for item in report.diagnostics
        if item.file is not None and item.address is not None and (item.address in addresses or item.address.split(".")[0] in kinds)
    }
    changed = _changed(root) if _CHANGED in selected else frozenset()
    return _Selection(addresses=addresses, kinds=kinds, changed=changed, homes=frozenset(homes))


def _changed(root: Path) -> frozenset[str]:
    """The files below ``root``, by their names relative to it, that differ from the last commit or are not in git yet."""
    begun = _git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False).returncode == 0
    # Before the first commit there is nothing to differ from, so every file is new.
    known = ["diff", "-z", "--name-only", "--relative", "--no-ext-diff", "HEAD", "--"] if begun else ["ls-files", "-z", "--cached"]
    new = ["ls-files", "-z", "--others", "--exclude-standard"]
    return frozenset(name for listing in (known, new) for name in _git(root, *listing).stdout.split("\0") if name)


def _git(root: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    import subprocess  # not needed by a plain run

    try:
        found = subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, encoding="utf-8", errors="surrogateescape", timeout=60, check=False
        )
    except FileNotFoundError as error:
        raise UsageError(f"--select {_CHANGED} asks git, and there is no git here. Install it, or select by address or kind") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"--select {_CHANGED} asks git, which failed: {error}") from error
    if check and found.returncode != 0:
        said = found.stderr.strip().removeprefix("fatal: ") or f"exit code {found.returncode}"
        raise UsageError(f"--select {_CHANGED} asks git, which refused: {said}")
    return found


def _watch(root: Path, once: Callable[[], int]) -> int:
    """Check now and after every change. Ends only by an interrupt, which the caller turns into an exit code."""
    from watchfiles import Change, watch

    base = root.resolve()

    def relevant(_change: Change, path: str) -> bool:
        parts = Path(path).relative_to(base).parts if Path(path).is_relative_to(base) else ()
        return path.endswith(_SUFFIXES) and not any(part.startswith(".") for part in parts)

    before = _stamps(root)
    click.clear()  # does nothing where the output is no terminal
    once()
    # What changes before the watch stands would be missed, so its first answer, a time-out if need be, is compared with the files.
    unsure = True
    for changes in watch(base, watch_filter=relevant, debounce=400, rust_timeout=1000, yield_on_timeout=True):
        if changes or (unsure and _stamps(root) != before):
            click.clear()
            try:
                once()
            except SoundingError as error:  # the project may be gone for the moment
                click.echo(f"sounding: {error}", err=True)
        unsure = False
    return 0


def _stamps(root: Path) -> dict[str, tuple[int, int]]:
    """When each file of the project was written, and its size; nothing while files come and go."""
    from engine.dsl.source import find_files

    try:
        stated = [(path, path.stat()) for path in find_files(root)]
    except (SoundingError, OSError):
        return {}
    return {str(path): (state.st_mtime_ns, state.st_size) for path, state in stated}

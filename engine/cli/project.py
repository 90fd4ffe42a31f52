"""A project that must be sound before a verb can go on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from engine.checks.formats import text as text_format
from engine.checks.run import check_project
from engine.dsl.diagnostics import Severity
from engine.dsl.environments import in_environment
from engine.errors import InvalidProjectError
from engine.model.definitions import Definitions


def checked(root: Path, environment: str | None = None) -> Definitions:
    """The definitions of a project without errors, as they are in an environment.

    Prints the errors to stderr and raises InvalidProjectError else. Raises UsageError for an unknown environment.
    """
    loaded = check_project(root)
    errors = [d for d in loaded.findings.sorted() if d.severity is Severity.ERROR]
    if errors or loaded.definitions is None:
        click.echo(text_format.render(errors, loaded.files, loaded.texts), err=True)
        raise InvalidProjectError("the project has errors; nothing was applied")
    return in_environment(loaded.definitions, environment)


def sound(root: Path) -> Definitions:
    """What is sound of a project, to be looked at: its errors are said on stderr, and what they stand in is missing.

    Raises InvalidProjectError where not even the project is sound.
    """
    loaded = check_project(root)
    errors = [d for d in loaded.findings.sorted() if d.severity is Severity.ERROR]
    if errors:
        click.echo(text_format.render(errors, loaded.files, loaded.texts), err=True)
    if loaded.definitions is None:
        raise InvalidProjectError("the project has errors; there is nothing to show")
    return loaded.definitions


def git_commit(root: Path) -> str | None:
    """The commit that is checked out in a project's folder; None where there is no git, or no commit."""
    try:
        found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None

"""`sounding validate`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.checks.formats import json as json_format
from engine.checks.formats import text as text_format
from engine.checks.run import check_project
from engine.cli.options import format_option, project_argument, project_option
from engine.dsl.diagnostics import Severity

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@click.command("validate")
@project_option
@project_argument
@format_option("text", "json")
@click.option("--fail-on", type=click.Choice([s.value for s in Severity]), default="error", help="The least severity that fails.")
def command(project: Path, folder: Path | None, format_: str, fail_on: str) -> int:
    """Check a project's files, and say what is wrong, where, why, and what to do.

    Exits with 1 where something is found that `--fail-on` names.
    """
    loaded = check_project(folder or project)
    diagnostics = loaded.findings.sorted()
    if format_ == "json":
        click.echo(json_format.render(diagnostics, loaded.files))
    else:
        click.echo(text_format.render(diagnostics, loaded.files, loaded.texts))
    return int(any(_RANK[d.severity] <= _RANK[Severity(fail_on)] for d in diagnostics))

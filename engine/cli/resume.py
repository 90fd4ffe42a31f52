"""`sounding resume`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.operate import operate, who
from engine.cli.options import project_option, store_option


@click.command("resume")
@click.argument("what", metavar="ADDRESS|CONNECTION", required=False)
@click.option("--all", "all_", is_flag=True, help="End the pause of everything.")
@project_option
@store_option
def command(what: str | None, all_: bool, project: Path, store: str) -> int:
    """Let go what `pause` held back. What is not wanted any more by then is dropped with its reason."""
    if (what is None) == (not all_):
        raise click.UsageError("name a cadence, an automation or a connection, or --all")
    done = operate("resume", {"what": what or "*", "by": who()}, project, store)
    name = "everything" if done["what"] == "*" else done["what"]
    click.echo(f"{name} goes on" if done["changed"] else f"{name} is not paused")
    return 0

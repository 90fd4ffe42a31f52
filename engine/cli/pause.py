"""`sounding pause`."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.operate import operate, who
from engine.cli.options import project_option, store_option


@click.command("pause")
@click.argument("what", metavar="ADDRESS|CONNECTION", required=False)
@click.option("--all", "all_", is_flag=True, help="Everything that is sent to anybody.")
@project_option
@store_option
def command(what: str | None, all_: bool, project: Path, store: str) -> int:
    """Hold sending back: of a cadence, an automation, a connection, or with --all of everything.

    Events are taken and decided, surveys answered, objects of a CRM fetched; what would be sent waits, and is judged again when
    `resume` lets it go. The pause outlives the daemon.
    """
    if (what is None) == (not all_):
        raise click.UsageError("name a cadence, an automation or a connection, or --all")
    done = operate("pause", {"what": what or "*", "by": who()}, project, store)
    name = "everything" if done["what"] == "*" else done["what"]
    click.echo(f"{name} is paused" if done["changed"] else f"{name} is paused already")
    return 0

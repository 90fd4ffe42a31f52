"""`sounding store`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from engine.cli.operate import who
from engine.cli.options import format_option, project_option, store_option


@click.group("store")
def command() -> None:
    """The file that holds the state: bring it up to date, check it, copy it, put a copy back."""


@command.command("migrate")
@project_option
@store_option
def migrate(project: Path, store: str) -> int:
    """Bring the store to the format of this version, in place.

    `apply` and `run` do so too. A store of a later version is refused (exit 4), and so is one that a daemon uses.
    """
    from engine.store.open import store_path
    from engine.store.sqlite.files import upgrade

    done = upgrade(store_path(store, project))
    click.echo(f"format {done.now} already" if done.found == done.now else f"format {done.found} → {done.now}")
    return 0


@command.command("check")
@project_option
@store_option
@format_option("text", "json")
def check(project: Path, store: str, format_: str) -> int:
    """Check the store's file, and what must hold between its rows. It may be in use. Exit 1 where something is wrong."""
    from engine.store.open import store_path
    from engine.store.sqlite.files import problems

    found = list(problems(store_path(store, project)))
    if format_ == "json":
        click.echo(json.dumps({"problems": found}, ensure_ascii=False))
    else:
        for problem in found:
            click.echo(problem)
        click.echo(f"{len(found)} problems" if found else "sound", err=True)
    return 1 if found else 0


@command.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@project_option
@store_option
def backup(file: Path, project: Path, store: str) -> int:
    """Copy the store to FILE, also while the daemon runs. A file that is there is not overwritten (exit 4)."""
    from engine.store.open import store_path
    from engine.store.sqlite.files import backup as copy

    size = copy(store_path(store, project), file)
    click.echo(f"{file}: {size:,} bytes")
    return 0


@command.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@project_option
@store_option
def restore(file: Path, project: Path, store: str) -> int:
    """Put the backup FILE in the place of the store. Refused while a daemon uses it (exit 4).

    The store that was there is kept beside it. What was sent after the backup was made is waiting to be sent again, so all sending is
    paused: look at `sounding outbox list`, drop what is not to go, then `sounding resume --all`.
    """
    from engine.clock import SystemClock
    from engine.store.lines import Pause
    from engine.store.open import store_path
    from engine.store.protocol import EVERYTHING
    from engine.store.sqlite.files import restore as put_back

    path = store_path(store, project)
    done = put_back(path, file, Pause(what=EVERYTHING, at=SystemClock().now(), by=f"{who()}, by restoring {file.name}"))
    click.echo(f"{path} is what it was in {file}" + (f"; the store before that is {done.kept}" if done.kept is not None else ""))
    click.echo("sending is paused: look at `sounding outbox list`, then `sounding resume --all`", err=True)
    if not done.suppressed:
        click.echo(f"the addresses that were suppressed in {done.kept} could not be taken over: they may be written to again", err=True)
    return 0

"""`sounding run`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from engine.cli.options import environment_option, project_argument, project_option, store_option
from engine.cli.project import checked, git_commit
from engine.errors import UsageError


@click.command("run")
@project_option
@project_argument
@environment_option
@store_option
@click.option("--listen", default="127.0.0.1:8080", envvar="SOUNDING_LISTEN", show_envvar=True, help="Where events come in.")
@click.option("--admin", default="127.0.0.1:8081", envvar="SOUNDING_ADMIN", show_envvar=True, help="Where the overview is.")
@click.option("--apply", "apply_", is_flag=True, help="Apply the project first.")
def command(project: Path, folder: Path | None, environment: str | None, store: str, listen: str, admin: str, apply_: bool) -> int:
    """Run the daemon on what is applied to the store, until SIGTERM.

    Events come in at POST /events and /hooks/CONNECTION, surveys are answered at /s/TOKEN. An event is acknowledged when it is
    on disk. SIGTERM finishes what is at hand and leaves the rest on disk.
    """
    import uvloop

    from engine import daemon  # HTTP servers and adapters are heavy, and only the daemon needs them

    root = folder or project
    if environment is not None and not apply_:
        raise UsageError("--env says how the project is applied: use it with --apply, or with `sounding apply`")
    daemon.configure_logging()
    definitions = checked(root, environment) if apply_ else None
    options = daemon.Options(root=root, store=store, listen=listen, admin=admin, apply=definitions, commit=git_commit(root))

    def ready(public: str, overview: str) -> None:
        click.echo(f"listening on {public}, overview on {overview}", err=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(daemon.run(options, ready))
    return 0

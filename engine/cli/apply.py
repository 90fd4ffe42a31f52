"""`sounding apply`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import click

from engine.cli.operate import who
from engine.cli.options import environment_option, format_option, project_argument, project_option, store_option
from engine.cli.project import checked, git_commit
from engine.model.definitions import Definitions


@click.command("apply")
@project_option
@project_argument
@environment_option
@store_option
@format_option("text", "json")
def command(project: Path, folder: Path | None, environment: str | None, store: str, format_: str) -> int:
    """Make the project the version that the daemon runs. Applying the same again changes nothing.

    A running daemon takes the new version up at once; its connections and addresses are read when it starts.
    """
    root = folder or project
    definitions = checked(root, environment)
    number, changed = asyncio.run(_apply(definitions, root, store))
    if format_ == "json":
        click.echo(json.dumps({"deployment": number, "changed": changed}))
        return 0
    click.echo(f"deployment {number} is current" if changed else f"deployment {number} is current already; nothing changed")
    return 0


async def _apply(definitions: Definitions, root: Path, url: str) -> tuple[int, bool]:
    from engine.clock import SystemClock
    from engine.deploy.versions import apply, pack
    from engine.model.codec import encode
    from engine.store.open import open_store, store_path
    from engine.store.sqlite.opening import in_use
    from engine.web.control import send, socket_path

    by, commit = who(), git_commit(root)
    path = store_path(url, root)
    if in_use(path) and socket_path(path).exists():
        said = await send(path, "/apply", {"definitions": encode(definitions), "by": by, "commit": commit})
        if said["later"]:
            click.echo(f"restart the daemon to take up {', '.join(said['later'])}: it reads that only when it starts", err=True)
        return int(said["deployment"]), bool(said["changed"])
    store = open_store(url, root)
    try:
        deployment = pack(definitions, at=SystemClock().now(), by=by, commit=commit)
        return await store.write(lambda tx: apply(tx, deployment))
    finally:
        await store.close()

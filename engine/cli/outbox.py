"""`sounding outbox`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.options import MAX_NUMBER, format_option, project_option, store_option
from engine.errors import StoreError
from engine.model.delivery import DeliveryState

if TYPE_CHECKING:
    from engine.cli.whom import Whom
    from engine.store.lines import OutboxLine
    from engine.store.protocol import Transaction

MAX_CHANGED = 10_000  # deliveries that one command changes


@click.group("outbox")
def command() -> None:
    """What is waiting to be sent, in doubt or given up."""


@command.command("list")
@project_option
@store_option
@format_option("text", "json")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([s.value for s in DeliveryState]),
    default=("pending", "sending", "unknown", "dead", "dropped"),
    help="Only these; may be repeated.",
)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, help="How many, newest first.")
def list_(project: Path, store: str, format_: str, states: tuple[str, ...], limit: int) -> int:
    """List deliveries: for whom, behind which event, and the reason why they are where they are.

    A contact is named by its own id at each source that knows it, never by an address.
    """
    from engine.cli.whom import whom
    from engine.store.open import store_path
    from engine.store.sqlite.store import read_only

    path = store_path(store, project)
    if not os.path.exists(path):  # false, too, where the folder may not be looked into
        raise StoreError(f"there is no store at {path}. Run `sounding apply` first, or name one with --store")
    wanted = [DeliveryState(state) for state in states]

    def look(tx: Transaction) -> tuple[list[OutboxLine], Whom]:
        found = tx.outbox(wanted, limit)
        return found, whom(tx, ((line.delivery.contact, line.delivery.event) for line in found))

    lines, named = read_only(path, look)
    rows = [
        {
            "id": line.delivery.id,
            "state": line.delivery.state.value,
            "action": line.delivery.action,
            "connection": line.delivery.connection,
            "origin": line.delivery.origin,
            "attempt": line.delivery.attempt,
            "due": line.due.isoformat(),
            "key": line.delivery.key,
            "reason": line.reason,
            **named.json(line.delivery.contact, line.delivery.event),
        }
        for line in lines
    ]
    if format_ == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    for row, of in zip(rows, lines, strict=True):
        due = str(row["due"])[:19]
        line = f"{row['id']:>7}  {row['state']:<8} {row['action']:<8} {row['origin']}  attempt {row['attempt']}  due {due}"
        parts = [line, *named.text(of.delivery.contact, of.delivery.event), str(row["reason"] or "")]
        click.echo("  ".join(filter(None, parts)))
    click.echo(f"{len(rows):,} listed" + (": there may be more, see --limit" if len(rows) == limit else ""), err=True)
    return 0


@command.command("retry")
@click.argument("ids", nargs=-1, type=click.IntRange(1, MAX_NUMBER))
@click.option("--all", "state", type=click.Choice(["dead", "unknown", "dropped"]), help="Every delivery in this state.")
@project_option
@store_option
def retry(ids: tuple[int, ...], state: str | None, project: Path, store: str) -> int:
    """Send deliveries again: given up, dropped, or in doubt.

    Each is judged anew before it goes out. One in doubt may have arrived: whoever retries it accepts that it arrives twice.
    """
    return _change("retry", ids, state, project, store)


@command.command("drop")
@click.argument("ids", nargs=-1, type=click.IntRange(1, MAX_NUMBER))
@click.option("--all", "state", type=click.Choice(["pending", "dead", "unknown"]), help="Every delivery in this state.")
@project_option
@store_option
def drop(ids: tuple[int, ...], state: str | None, project: Path, store: str) -> int:
    """Let go of deliveries that are waiting, given up or in doubt. They stay listed, with who dropped them."""
    return _change("drop", ids, state, project, store)


def _change(operation: str, ids: tuple[int, ...], state: str | None, project: Path, store: str) -> int:
    """Exit 1 where one of them could not be changed."""
    from engine.cli.operate import operate, who
    from engine.store.open import store_path
    from engine.store.sqlite.store import read_only

    if bool(ids) == (state is not None):
        raise click.UsageError("name deliveries by the numbers that `outbox list` prints, or all in a state with --all")
    wanted = list(ids)
    if state is not None:
        lines = read_only(store_path(store, project), lambda tx: tx.outbox([DeliveryState(state)], MAX_CHANGED))
        # A step of a run is the run's own: it is changed with it.
        wanted = [line.delivery.id for line in lines if line.delivery.run is None]
    done = operate(operation, {"ids": wanted, "by": who()}, project, store)
    for id_, why in done["refused"].items():
        click.echo(f"{id_}: {why}", err=True)
    click.echo(f"{len(done['done'])} of {len(wanted)}")
    return 1 if done["refused"] else 0

"""`sounding inbox`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from engine.cli.operate import operate, who
from engine.cli.options import MAX_NUMBER, format_option, project_option, store_option
from engine.errors import StoreError
from engine.store.protocol import Waiting

MAX_LISTED = 10_000


@click.group("inbox")
def command() -> None:
    """What came in and was set aside: events that could not be decided, requests that could not be read."""


@command.command("list")
@project_option
@store_option
@format_option("text", "json")
@click.option("--limit", type=click.IntRange(1, MAX_LISTED), default=100, help="How many of each, newest first.")
def list_(project: Path, store: str, format_: str, limit: int) -> int:
    """List set-aside events by number, and unread requests as uNUMBER, with the reason.

    Quarantined: the data do not fit the contract. Parked: the engine failed at it. Held: a later event of the contact of a parked one,
    decided when that one was replayed or dropped. Unread: the sender was let in, but the body was no event; of these the newest 16 MiB
    are kept. "No effect" counts what was decided and came to nothing: an event type that nobody declared, a contact without an
    address, data that were read as missing; text format only, and of at most 1,000 kinds.
    """
    from engine.store.open import store_path
    from engine.store.sqlite.store import read_only

    path = store_path(store, project)
    if not os.path.exists(path):
        raise StoreError(f"there is no store at {path}. Run `sounding apply` first, or name one with --store")
    aside, held, unread, noted = read_only(path, lambda tx: (tx.set_aside(limit), tx.held(limit), tx.unread(None, limit), tx.noted(limit)))
    rows = [
        {
            "id": str(waiting.seq),
            "state": settled.state.name.lower(),
            "what": _what(waiting),
            "reason": (settled.note or "").strip().rpartition("\n")[2],
        }
        for waiting, settled in aside
    ]
    rows += [
        {"id": str(waiting.seq), "state": "held", "what": _what(waiting), "reason": f"waits behind {parked}"} for waiting, parked in held
    ]
    rows += [{"id": f"u{row.id}", "state": "unread", "what": f"{row.door} {len(row.body)} bytes", "reason": row.reason} for row in unread]
    if format_ == "json":
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    for row in rows:
        click.echo(f"{row['id']:>7}  {row['state']:<11}  {row['what']}  {row['reason']}")
    for line in noted:
        click.echo(f"{line.many:>6}x  {'no effect':<11}  {line.what}  {line.why}")
    click.echo(f"{len(rows)} set aside", err=True)
    return 0


@command.command("replay")
@click.argument("ids", nargs=-1, required=True)
@project_option
@store_option
def replay(ids: tuple[str, ...], project: Path, store: str) -> int:
    """Decide set-aside events once more, and read requests again. Exit 1 where one could not be.

    What was held behind a parked event is decided after it, in order; where it fails again, all of it waits as before.
    """
    events, unread = _ids(ids)
    return _say(operate("replay", {"events": events, "unread": unread}, project, store), len(ids))


@command.command("drop")
@click.argument("ids", nargs=-1, required=True)
@project_option
@store_option
def drop(ids: tuple[str, ...], project: Path, store: str) -> int:
    """Let go of set-aside events and of unread requests. What was held behind a parked event is decided now.

    A dropped event is never decided, but stays in the store with who dropped it: what was acknowledged is kept.
    """
    events, unread = _ids(ids)
    return _say(operate("forget", {"events": events, "unread": unread, "by": who()}, project, store), len(ids))


def _what(waiting: Waiting) -> str:
    return f"{waiting.event.type} {waiting.event.source} {waiting.event.id}"


def _ids(given: tuple[str, ...]) -> tuple[list[int], list[int]]:
    """Numbers of events and of unread requests."""
    for one in given:
        number = one.removeprefix("u")
        if not number.isdecimal() or len(number) > 19 or int(number) > MAX_NUMBER:
            raise click.UsageError(f"`{one}` is no number that `inbox list` prints, as 17 or u3")
    return [int(one) for one in given if not one.startswith("u")], [int(one[1:]) for one in given if one.startswith("u")]


def _say(done: dict[str, object], wanted: int) -> int:
    refused, changed = done["refused"], done["done"]
    assert isinstance(refused, dict)
    assert isinstance(changed, list)
    for id_, why in refused.items():
        click.echo(f"{id_}: {why}", err=True)
    click.echo(f"{len(changed)} of {wanted}")
    return 1 if refused else 0

"""`sounding runs`."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from engine.cli.operate import who
from engine.cli.options import format_option, project_option, store_option
from engine.cli.whom import Whom, whom
from engine.errors import RefusedError, StoreError
from engine.model.runs import Run, RunState, dump, load
from engine.store.lines import OutboxLine, RunLine
from engine.store.protocol import Transaction

T = TypeVar("T")


@click.group("runs")
def command() -> None:
    """The runs of automations that take their time: where each stands, and what it waits for."""


@command.command("list")
@project_option
@store_option
@format_option("text", "json")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([s.value for s in RunState]),
    default=("queued", "ready", "waiting", "failed"),
    help="Only these; may be repeated.",
)
@click.option("--automation", help="Only those of one automation, by its name.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, help="How many, newest first.")
def list_(project: Path, store: str, format_: str, states: tuple[str, ...], automation: str | None, limit: int) -> int:
    """List runs that are not over, or have failed: for whom, by the contact's own id at its source, and behind which event."""
    wanted = [RunState(state) for state in states]

    def look(tx: Transaction) -> tuple[list[RunLine], Whom]:
        found = tx.run_lines(wanted, automation, limit)
        return found, _whom(tx, found)

    lines, named = _look(store, project, look)
    if format_ == "json":
        click.echo(json.dumps([_as_json(line, named) for line in lines], indent=2, ensure_ascii=False))
        return 0
    for line in lines:
        click.echo(_in_short(line, named))
    click.echo(f"{len(lines)} runs", err=True)
    return 0


@command.command("show")
@project_option
@store_option
@format_option("text", "json")
@click.argument("run")
def show(project: Path, store: str, format_: str, run: str) -> int:
    """Show a run: the steps that it took and when, what they gave, what became of what they sent."""

    def look(tx: Transaction) -> tuple[RunLine | None, list[OutboxLine], Whom]:
        found = tx.run_line(run)
        return found, tx.effects(run), _whom(tx, [found] if found is not None else [])

    line, effects, named = _look(store, project, look)
    if line is None:
        raise RefusedError(f"there is no run {run}; `sounding runs list` names them")
    if format_ == "json":
        click.echo(json.dumps(_in_full(line, effects, named), indent=2, ensure_ascii=False))
        return 0
    click.echo(_in_short(line, named))
    for at, position, what in line.steps:
        click.echo(f"  {at.isoformat()[:19]}  step {position:<16} {what}")
    for effect in effects:
        delivery = effect.delivery
        click.echo(f"  {delivery.action} by {delivery.connection}: {delivery.state.value}  {effect.reason or ''}".rstrip())
    for position, result in line.run.results.items():
        click.echo(f"  step {position} gave {json.dumps(dict(result), ensure_ascii=False)}")
    if line.note is not None:
        click.echo(line.note.rstrip())
    return 0


@command.command("cancel")
@project_option
@store_option
@format_option("text", "json")
@click.argument("run")
def cancel(project: Path, store: str, format_: str, run: str) -> int:
    """Cancel a run: it takes no further step, and what it has not sent yet is not sent."""
    return _say(format_, asyncio.run(_steer("cancel", run, project, store)))


@command.command("retry")
@project_option
@store_option
@format_option("text", "json")
@click.argument("run")
def retry(project: Path, store: str, format_: str, run: str) -> int:
    """Let a failed run go on: what was given up is sent again, under the same idempotency key."""
    return _say(format_, asyncio.run(_steer("retry", run, project, store)))


async def _steer(verb: str, run: str, root: Path, url: str) -> Run:
    """Through the daemon where one holds the store, else directly. Raises RefusedError."""
    from engine.clock import SystemClock
    from engine.runtime.service import Service
    from engine.store.open import open_store, store_path
    from engine.store.sqlite.opening import in_use
    from engine.web.control import send, socket_path

    path = store_path(url, root)
    _must_exist(path)
    if in_use(path) and socket_path(path).exists():
        said = await send(path, f"/runs/{verb}", {"run": run, "by": who()})
        return load(said["run"])
    store = open_store(url, root)
    try:
        service = Service(store, SystemClock(), public_url="")
        return await (service.cancel_run(run, who()) if verb == "cancel" else service.retry_run(run))
    finally:
        await store.close()


def _say(format_: str, run: Run) -> int:
    click.echo(json.dumps(dump(run), indent=2, ensure_ascii=False) if format_ == "json" else f"run {run.id} is {run.state.value}")
    return 0


def _look(url: str, root: Path, work: Callable[[Transaction], T]) -> T:
    from engine.store.open import store_path
    from engine.store.sqlite.store import read_only

    path = store_path(url, root)
    _must_exist(path)
    return read_only(path, work)


def _must_exist(path: Path) -> None:
    if not os.path.exists(path):  # false, too, where the folder may not be looked into
        raise StoreError(f"there is no store at {path}. Run `sounding apply` first, or name one with --store")


def _contact(run: Run) -> str | None:
    """The key of the contact that a run is about."""
    kind, _, key = (run.subject or "").partition("/")
    return key if kind == "contact" else run.subjects.get("contact")


def _whom(tx: Transaction, lines: Iterable[RunLine]) -> Whom:
    return whom(tx, ((_contact(line.run), line.run.event) for line in lines))


def _in_short(line: RunLine, named: Whom) -> str:
    run = line.run
    parts = [f"{run.id}  {run.state.value:<9} automation.{run.automation}", f"began {line.began.isoformat()[:19]}"]
    if run.subject is not None and not run.subject.startswith("contact/"):
        parts.append(f"for {run.subject}")
    parts += named.text(_contact(run), run.event)
    if run.at is not None and run.state in (RunState.WAITING, RunState.FAILED):
        parts.append(f"at step {run.at}")
    if run.events:
        parts.append(f"waits for {' or '.join(run.events)}")
    if run.until is not None:
        parts.append(f"until {run.until.isoformat()[:19]}")
    reason = run.failure or run.reason
    return "  ".join([*parts, *([reason] if reason is not None else [])])


def _as_json(line: RunLine, named: Whom) -> dict[str, Any]:
    run = line.run
    return {
        "id": run.id,
        "automation": run.automation,
        "state": run.state.value,
        "subject": run.subject,
        "deployment": run.deployment,
        "event": run.type,
        "began": line.began.isoformat(),
        "changed": line.changed.isoformat(),
        "at": run.at,
        "until": run.until.isoformat() if run.until is not None else None,
        "waits_for": list(run.events),
        "reason": run.failure or run.reason,
        **named.json(_contact(run), run.event),
    }


def _in_full(line: RunLine, effects: list[OutboxLine], named: Whom) -> dict[str, Any]:
    return {
        **_as_json(line, named),
        "steps": [{"time": at.isoformat(), "at": position, "what": what} for at, position, what in line.steps],
        "results": {at: dict(result) for at, result in line.run.results.items()},
        "effects": [
            {
                "at": effect.delivery.position,
                "action": effect.delivery.action,
                "connection": effect.delivery.connection,
                "state": effect.delivery.state.value,
                "key": effect.delivery.key,
                "reason": effect.reason,
            }
            for effect in effects
        ],
        "note": line.note,
    }

"""`sounding demo`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from engine.cli.options import project_option


@click.command("demo")
@project_option
@click.option("--serve", is_flag=True, help="Stay up afterwards, and print where to look.")
@click.option("--seed", default=7, help="What the respondents answer follows from it.")
def command(project: Path, serve: bool, seed: int) -> int:
    """Run the whole loop on this machine: CRM events become invitations, answers, tickets and thank-yous.

    The daemon runs as it would in production. A mail server, a help desk and a CRM portal of our own stand where yours would be;
    respondents fetch their page over HTTP and post an answer. State is kept in .sounding/demo.
    """
    return asyncio.run(_run(project, serve=serve, seed=seed))


async def _run(root: Path, *, serve: bool, seed: int) -> int:
    from engine.lab.demo import Demo

    demo = Demo(root, seed=seed, public_port=8080, admin_port=8081)
    started = time.monotonic()
    async with demo.stage() as stage:
        with _screen(lambda: _numbers(demo)) as show:
            await demo.play(stage, show)
        _summary(demo, stage.store, time.monotonic() - started, stage.mail)
        if serve:
            link = demo.progress.left_open[0] if demo.progress.left_open else "every survey was answered"
            click.echo(f"\n  a survey page   {link}\n  caught mail     {stage.mailbox}\n  overview        {stage.admin}\n\nCtrl-C ends it.")
            await _interrupted()
    return 0


async def _interrupted() -> None:
    import signal

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _numbers(demo: object) -> list[tuple[str, int]]:
    from engine.lab.demo import Demo

    assert isinstance(demo, Demo)
    seen = demo.progress
    return [
        ("events accepted", seen.events),
        ("CRM hooks", seen.hooks),
        ("invitations", seen.invitations),
        ("answers", seen.answers),
        ("tickets", seen.tickets),
        ("thank-yous", seen.thanks),
    ]


@contextlib.contextmanager
def _screen(numbers: Callable[[], list[tuple[str, int]]]) -> Iterator[Callable[[], None]]:
    """A live table in a terminal; elsewhere a plain line about once a second."""
    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    console = Console()

    def table() -> Table:
        grid = Table(title="Sounding, live", title_justify="left", box=None, show_header=False)
        for name, value in numbers():
            grid.add_row(name, f"[bold]{value:>6,}[/bold]")
        return grid

    if console.is_terminal:
        with Live(table(), console=console, refresh_per_second=8, transient=True) as live:
            yield lambda: live.update(table())
        return
    last = 0.0

    def line() -> None:
        nonlocal last
        if time.monotonic() - last >= 1.0:
            last = time.monotonic()
            click.echo("  ".join(f"{name} {value}" for name, value in numbers()))

    yield line


def _summary(demo: object, store: Path, seconds: float, mail: Path) -> None:
    from engine.deploy.versions import unpack
    from engine.insight.scores import Withheld, response_rate, survey_scores
    from engine.insight.words import figure, score_line
    from engine.lab.demo import Demo
    from engine.store.protocol import Transaction
    from engine.store.sqlite.store import read_only

    assert isinstance(demo, Demo)

    def look(tx: Transaction) -> tuple[list[str], str, dict[str, int]]:
        deployment = tx.deployment()
        assert deployment is not None
        found = survey_scores(tx, unpack(deployment))
        scores = [score_line(score) for score in found if isinstance(score, Withheld) or score.answers]
        response = response_rate(tx)
        return scores, figure(response.rate, " %"), tx.counts()

    scores, rate, counts = read_only(store, look)
    seen = demo.progress
    refused = counts.get("invite_dropped", 0)
    rows = [
        ("events", f"{seen.events} accepted, {seen.repeated} repeated and counted once; {seen.hooks} CRM hooks"),
        ("invitations", f"{seen.invitations} sent by mail; {refused} not sent, each with its reason in the outbox"),
        ("answers", f"{seen.answers} of {seen.invitations}; response rate {rate}"),
        ("tickets", str(seen.tickets)),
        ("thank-yous", str(seen.thanks)),
    ]
    click.echo(click.style(f"\nThe loop ran in {seconds:.1f} s", bold=True))
    for name, text in rows:
        click.echo(f"  {name:<12} {text}")
    for text in scores:
        click.echo(f"  {text}")
    shown = [Path(os.path.relpath(path)) for path in (store, mail, seen.log or store)]
    click.echo(f"\n  store        {shown[0]}\n  caught mail  {shown[1]}\n  daemon log   {shown[2]}")
    click.echo(f"  outbox       sounding outbox list --store sqlite:///{shown[0]}")

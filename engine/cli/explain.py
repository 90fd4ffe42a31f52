"""`sounding explain`: a code, or an event."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from engine.cli.options import environment_option, format_option, project_option
from engine.clock import SystemClock
from engine.errors import SoundingError, UsageError
from engine.model.definitions import Definitions

_CODE = re.compile("SND[0-9]+", re.IGNORECASE)


@click.command("explain")
@click.argument("what")
@project_option
@environment_option
@format_option("text", "json")
def command(what: str, project: Path, environment: str | None, format_: str) -> int:
    """Explain a code that `validate` prints, as SND304; or an event: what the project's rules make of it, and why.

    An event is a file with a CloudEvent in JSON, or several, one a line; - is standard input. Each rule that waits for it is shown with
    its condition, the values read, and the part that decided. No state is read and nothing is sent: of runs that go on and of who was
    asked before nothing is known here.
    """
    if what != "-" and not Path(what).exists():
        return _code(what, format_)
    from engine.cli.project import checked

    return _events(what, checked(project, environment), format_)


def _code(what: str, format_: str) -> int:
    from engine.checks.catalogue import entry_of, entry_text

    if not _CODE.fullmatch(what):
        raise UsageError(f"there is no file `{what}`, and it is no code as SND304")
    click.echo(json.dumps(asdict(entry_of(what)), indent=2, ensure_ascii=False) if format_ == "json" else entry_text(what))
    return 0


def _events(what: str, definitions: Definitions, format_: str) -> int:
    from engine.cli.explain_text import as_json, as_text
    from engine.rules.compile import RuleSet
    from engine.rules.scope import Situation, alone, lacking
    from engine.rules.trace import explain
    from engine.runtime.cloudevents import from_json, read_json

    data = sys.stdin.buffer.read() if what == "-" else Path(what).read_bytes()
    rules, zone, now = RuleSet(definitions), ZoneInfo(definitions.project.timezone), SystemClock().now()
    failed, first = False, True
    for where, raw in _documents(data):
        try:
            event = from_json(read_json(raw, "it") if isinstance(raw, bytes) else raw, now)
        except SoundingError as error:
            click.echo(f"{where}{error}", err=True)
            failed = True
            continue
        kind = rules.events.get(event.type)
        there = None
        if kind is not None:
            found = alone(definitions, kind, event, zone)
            there = Situation(found.scope, [*lacking(definitions, kind, found.scope), *found.misfits])
        refused = there is not None and bool(there.refused) and bool(rules.candidates(event.type))
        traced = explain(rules, event.type, there, zone, time=event.time) if there is not None and not refused else ()
        if format_ == "json":
            click.echo(json.dumps(as_json(event, there, traced, known=kind is not None), ensure_ascii=False))
        else:
            click.echo(("" if first else "\n") + as_text(event, there, traced, rules))
        first = False
    return int(failed)


def _documents(data: bytes) -> Iterator[tuple[str, bytes | Mapping[str, Any]]]:
    """The events of a file: one, a list of them, or one a line; with words that say which one is meant."""
    try:
        json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        yield from ((f"line {number}: ", line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip())
        return
    from engine.runtime.cloudevents import MalformedEventError, read_json

    whole = None
    with suppress(MalformedEventError):  # said of the whole where it is read as an event
        whole = read_json(data)
    if isinstance(whole, list):
        yield from ((f"event {number}: ", item) for number, item in enumerate(whole, 1))
    else:
        yield "", data

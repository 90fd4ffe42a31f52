"""`sounding decide`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from engine.cli.options import environment_option, format_option, project_argument, project_option
from engine.cli.project import checked
from engine.clock import SystemClock
from engine.errors import SoundingError
from engine.model.definitions import Automation
from engine.model.events import Event
from engine.rules.compile import RuleSet
from engine.rules.scope import alone


@click.command("decide")
@project_option
@project_argument
@environment_option
@click.option("--events", "file", type=click.File("rb"), required=True, help="CloudEvents, one a line; - for standard input.")
@format_option("text", "json")
def command(project: Path, folder: Path | None, environment: str | None, file: Any, format_: str) -> int:
    """Print, for each event of a file, the automations whose `if` holds. No state is read and nothing is sent.

    Either format is one JSON object a line. A line that is no event is named on stderr, and the exit code is 1 at the end.
    """
    from engine.runtime.cloudevents import from_json, read_json

    definitions = checked(folder or project, environment)
    rules = RuleSet(definitions)
    zone = ZoneInfo(definitions.project.timezone)
    now = SystemClock().now()
    failed = False
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            event = from_json(read_json(line, "it"), now)
            names = decide_event(rules, zone, event)
        except SoundingError as error:
            click.echo(f"line {number}: {error}", err=True)
            failed = True
        else:
            sys.stdout.write(json.dumps({"event": event.id, "automations": names}) + "\n")
    return int(failed)


def decide_event(rules: RuleSet, zone: ZoneInfo, event: Event) -> list[str]:
    """The names of the automations that hold, in address order. Raises SoundingError where the data do not fit the contract.

    An object that is not there is none of that: what is linked is not known without a store. What reads it does not hold.
    """
    kind = rules.events.get(event.type)
    if kind is None:
        return []
    there = alone(rules.definitions, kind, event, zone)
    if there.refused and rules.candidates(event.type):
        raise SoundingError("; ".join(str(misfit) for misfit in there.refused))
    return [c.rule.name for c in rules.holding(event.type, there.scope) if isinstance(c.rule, Automation)]

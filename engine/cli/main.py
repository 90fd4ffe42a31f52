"""The verbs, each in a module of its own that is imported only when it is called; and the one place that knows exit codes."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

import click

from engine import __version__
from engine.errors import SoundingError

VERBS: Mapping[str, str] = {
    "init": "Write a new project: one survey and all that it needs.",
    "validate": "Check a project's files.",
    "fmt": "Lay out a project's files in the one style.",
    "explain": "Explain a code that validate prints, or what the rules make of an event.",
    "schema": "Print the JSON Schema of the files, for editors.",
    "graph": "Show what leads to what: events, surveys, automations.",
    "apply": "Deploy a project to a store.",
    "run": "Run the daemon: events in, invitations, tickets and messages out.",
    "decide": "Print which automations hold for each event of a file.",
    "runs": "List, show, cancel and retry the runs of automations.",
    "inbox": "List, replay or drop what came in and was set aside.",
    "outbox": "List, retry or drop what is waiting, in doubt or given up.",
    "pause": "Hold sending back.",
    "resume": "Let it go on.",
    "store": "Migrate, check, back up and restore the state.",
    "demo": "Run the whole loop on this machine with an example feed.",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"engine.cli.{cmd_name}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


_EXITS = """Exit codes: 0 fine; 1 findings, or not all could be done; 2 wrong usage; 3 a defect of ours;
4 refused: a store, a secret or a daemon that cannot be had; 130 interrupted."""


@click.group(cls=_Verbs, epilog=_EXITS, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="sounding")
@click.option("-C", "--project", type=click.Path(path_type=Path), help="The project's folder, here or behind the command.")
@click.pass_context
def cli(ctx: click.Context, project: Path | None) -> None:
    """Customer feedback as code: surveys, audiences, cadence and automations in YAML, proved, shipped and run."""
    ctx.obj = project
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":  # https://no-color.org
        ctx.color = False


def main() -> None:
    """Runs the command and exits: 0 fine, 1 findings, 2 usage, 3 internal error, 4 refused, 130 interrupted."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except SoundingError as error:
        click.echo(f"sounding: {error}", err=True)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter must not complain about that while it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        click.echo(f"sounding: {where}{error.strerror or str(error) or type(error).__name__}", err=True)
        code = 4
    except Exception:  # noqa: BLE001  # the last resort: whatever is left is a defect of ours, and is shown as one
        traceback.print_exc()
        click.echo("sounding: internal error: this is a defect; please report it with the lines above", err=True)
        code = 3
    sys.exit(code if isinstance(code, int) else 0)

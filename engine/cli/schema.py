"""`sounding schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from engine.cli.options import format_option, project_option
from engine.dsl.schema.kinds import KINDS
from engine.dsl.schema.publish import published


@click.command("schema")
@click.argument("kind", type=click.Choice([*KINDS, "blueprint"]), required=False)
@project_option
@format_option("text", "json")
def command(kind: str | None, project: Path, format_: str) -> int:
    """Print the JSON Schema of a project's files, or of one kind of document.

    An editor with yaml-language-server completes keys, question types and actions by it. The repository has it in
    schema/sounding.schema.json. It is the same for every project, and JSON in either format.
    """
    del project, format_
    click.echo(json.dumps(published(kind), indent=2, ensure_ascii=False))
    return 0

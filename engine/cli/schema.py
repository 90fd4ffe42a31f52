"""`sounding schema`."""

from __future__ import annotations

import json

import click

from engine.dsl.schema.kinds import KINDS
from engine.dsl.schema.publish import published


@click.command("schema")
@click.argument("kind", type=click.Choice([*KINDS, "blueprint"]), required=False)
def command(kind: str | None) -> int:
    """Print the JSON Schema of a project's files, or of one kind of document.

    An editor with yaml-language-server completes keys, question types and actions by it. The repository has it in
    schema/sounding.schema.json.
    """
    click.echo(json.dumps(published(kind), indent=2, ensure_ascii=False))
    return 0

"""`sounding explain`."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from engine.cli.options import format_option


@click.command("explain")
@click.argument("code")
@format_option("text", "json")
def command(code: str, format_: str) -> int:
    """Explain a code that `validate` prints, as SND304: what it means, an example that fails and one that passes."""
    from engine.checks.catalogue import entry_of, entry_text

    click.echo(json.dumps(asdict(entry_of(code)), indent=2, ensure_ascii=False) if format_ == "json" else entry_text(code))
    return 0

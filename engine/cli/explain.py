"""`sounding explain`."""

from __future__ import annotations

import click


@click.command("explain")
@click.argument("code")
def command(code: str) -> int:
    """Explain a code that `validate` prints, as SND304: what it means, an example that fails and one that passes."""
    from engine.checks.catalogue import entry_text

    click.echo(entry_text(code))
    return 0

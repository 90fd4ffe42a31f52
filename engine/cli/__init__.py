"""The command `sounding`: parses, hands over one object, prints what comes back."""

from __future__ import annotations

from engine.cli.main import main

__all__ = ["main"]

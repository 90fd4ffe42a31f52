"""Loads a project and runs every check on what is sound."""

from __future__ import annotations

from pathlib import Path

from engine.checks import constant, contrast, languages, margin, method, personal, unused
from engine.checks.check import Check
from engine.dsl.load import Loaded, load

CHECKS: tuple[Check, ...] = (
    languages.CHECK,
    unused.CHECK,
    constant.CHECK,
    personal.CHECK,
    contrast.CHECK,
    *method.CHECKS,
    margin.CHECK,
)


def check_project(root: Path) -> Loaded:
    """Everything that is found in the project in ``root``."""
    loaded = load(root)
    if loaded.definitions is not None:
        for check in CHECKS:
            # A check judges whole projects: where a definition was refused, "nothing uses it" would only follow from that.
            if not loaded.findings.errors or check.code != unused.CHECK.code:
                loaded.findings.items.extend(check.run(loaded.definitions))
    return loaded

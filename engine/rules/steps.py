"""The steps of an automation by their positions: `0`, or `2/on_timeout/0` for a step within another."""

from __future__ import annotations

from collections.abc import Iterator

from engine.model.definitions import Step


def branches(step: Step) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """The branches of a step that are not empty, by the key that they stand under."""
    for name, inner in (("then", step.then), ("else", step.otherwise), ("on_timeout", step.on_timeout), ("on_failure", step.on_failure)):
        if inner:
            yield name, inner


def positions(steps: tuple[Step, ...], prefix: str = "") -> Iterator[tuple[str, Step]]:
    """Every step with its position, in the order in which they are written."""
    for number, step in enumerate(steps):
        yield f"{prefix}{number}", step
        if not (step.then or step.otherwise or step.on_timeout or step.on_failure):
            continue  # nearly all of them
        for name, inner in branches(step):
            yield from positions(inner, f"{prefix}{number}/{name}/")

"""The steps of an automation by their positions: `0`, or `2/on_timeout/0` for a step within another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.model.definitions import Step
from engine.rules.needs import templates_of


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


def step_text(step: Step) -> str:
    """A step on one line: `ticket via desk as case if score <= 3`."""
    guard = [f"if {step.condition.text}"] if step.condition is not None else []
    return " ".join(guard if step.action == "if" else [action_text(step), *guard])


def action_text(step: Step) -> str:
    """A step on one line without its guard: `ticket via desk as case`."""
    said = [step.action]
    match step.action:
        case "wait":
            said.append(str(step.duration))
        case "wait_for":
            said.append(f"{', '.join(step.events)}, at most {step.at_most}")
        case "stop":
            said = [f"stop: {step.content['reason']}"] if "reason" in step.content else said
        case "ask" | "emit":
            said.append(str(step.content.get("survey" if step.action == "ask" else "event")))
        case "update":
            said.append(", ".join(_updated(step.content)))
    said += [f"via {step.via}"] if step.via is not None else []
    said += [f"to {template.text}" for template in templates_of(step.content.get("to"))][:1]
    said += [f"as {step.name}"] if step.name is not None else []
    return " ".join(said)


def _updated(content: Mapping[str, object]) -> Iterator[str]:
    """The fields that an `update` writes."""
    for kind, fields in content.items():
        yield from (f"{kind}.{field}" for field in fields) if isinstance(fields, Mapping) else (kind,)

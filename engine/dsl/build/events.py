"""`when:` — the events that a cadence or an automation waits for, and what may be read behind them."""

from __future__ import annotations

from collections.abc import Collection

from engine.dsl.build.bench import Bench
from engine.dsl.contract import SURVEY_EVENTS
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.others import Names
from engine.dsl.scopes import of_answer, of_event, shared


def events_of(bench: Bench, node: Node, steps: Collection[str] = ()) -> tuple[str, ...] | None:
    """The event types that `when` names, `*` expanded. None where one is unknown, or belongs to a survey that was refused.

    ``steps`` are the events of earlier steps, for which a step may wait.
    """
    if isinstance(node, Sequence):
        found = [_expand(bench, item, None, steps) for item in node.items]
    elif isinstance(node, Mapping):
        name, (key, value) = next(iter(node.entries.items()))
        found = [_expand(bench, key, str(value.data["metric"]), steps)]
        assert name == key.text
    else:
        found = [_expand(bench, node, None, steps)]
    if any(part is None for part in found):
        return None
    return tuple(dict.fromkeys(name for part in found if part for name in part))


def _expand(bench: Bench, node: Node, metric: str | None, steps: Collection[str]) -> tuple[str, ...] | None:
    assert isinstance(node, Scalar)
    name = bench.literal(node)
    match name.split("."):
        case ["survey", "*", verb] if verb in SURVEY_EVENTS:
            return _every_survey(bench, node, name, metric)
        case ["metric", "*", "changed"]:
            return _every_survey(bench, node, name, metric)
        case ["survey", survey, verb] if survey != "*" and verb in SURVEY_EVENTS and bench.others.survey(survey) is None:
            bench.reference_at("survey", survey, node)
            return None
    if metric is not None:
        bench.error("SND202", "a filter belongs to an event of every survey", node.span, "write {survey.*.answered: {metric: …}}")
        return None
    if name in steps or bench.event(name) is not None:
        return (name,)
    if not bench.others.is_incomplete():
        bench.error("SND202", f"there is no event `{name}`", node.span, did_you_mean(name, [*bench.event_names(), *steps]))
    return None


def _every_survey(bench: Bench, node: Scalar, pattern: str, metric: str | None) -> tuple[str, ...] | None:
    """The events that ``pattern`` stands for, of the surveys that have them."""
    names = [pattern.replace("*", survey) for survey in bench.others.surveys(metric)]
    found = tuple(name for name in names if bench.event(name) is not None)
    # A survey that was refused might have matched.
    if not found and not bench.others.is_incomplete() and not bench.others.any_refused("survey"):
        bench.error("SND202", "no survey matches this", node.span)
    return found or None


def names_behind(bench: Bench, events: tuple[str, ...]) -> Names:
    """What is readable behind every one of these events."""
    return shared(_scope(bench, name) for name in events)


def _scope(bench: Bench, name: str) -> Names:
    event = bench.event(name)
    assert event is not None  # `events_of` found it
    parts = name.split(".")
    survey = bench.others.survey(parts[1]) if parts[0] == "survey" and parts[2] in ("answered", "edited") else None
    return of_answer(bench.objects, event, survey) if survey is not None else of_event(bench.objects, event)

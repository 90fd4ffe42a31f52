"""`when:` — the events that a cadence or an automation waits for, and what may be read behind them."""

from __future__ import annotations

from engine.dsl.build.bench import Bench
from engine.dsl.contract import SURVEY_EVENTS
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.scopes import Names, of_answer, of_event, shared


def events_of(bench: Bench, node: Node) -> tuple[str, ...] | None:
    """The event types that `when` names, `*` expanded. None where one is unknown, or belongs to a survey that was refused."""
    if isinstance(node, Sequence):
        found = [_expand(bench, item, None) for item in node.items]
    elif isinstance(node, Mapping):
        name, (key, value) = next(iter(node.entries.items()))
        found = [_expand(bench, key, str(value.data["metric"]))]
        assert name == key.text
    else:
        found = [_expand(bench, node, None)]
    if any(part is None for part in found):
        return None
    return tuple(dict.fromkeys(name for part in found if part for name in part))


def _expand(bench: Bench, node: Node, metric: str | None) -> tuple[str, ...] | None:
    assert isinstance(node, Scalar)
    name = bench.literal(node)
    match name.split("."):
        case ["survey", "*", verb] if verb in SURVEY_EVENTS:
            return _every_survey(bench, node, verb, metric)
        case ["survey", survey, verb] if survey != "*" and survey not in bench.surveys and verb in SURVEY_EVENTS:
            bench.reference_at("survey", survey, node)
            return None
    if metric is not None:
        bench.error("SND202", "a filter belongs to an event of every survey", node.span, "write {survey.*.answered: {metric: …}}")
        return None
    if name in bench.events:
        return (name,)
    if not bench.incomplete:
        bench.error("SND202", f"there is no event `{name}`", node.span, did_you_mean(name, [*bench.events, "survey.*.answered"]))
    return None


def _every_survey(bench: Bench, node: Scalar, verb: str, metric: str | None) -> tuple[str, ...] | None:
    surveys = sorted(survey.name for survey in bench.surveys.values() if metric is None or survey.metric == metric)
    # A survey that was refused might have matched.
    if not surveys and not bench.incomplete and not any(address.startswith("survey.") for address in bench.broken):
        bench.error("SND202", "no survey matches this", node.span)
    return tuple(f"survey.{name}.{verb}" for name in surveys) or None


def names_behind(bench: Bench, events: tuple[str, ...]) -> Names:
    """What is readable behind every one of these events."""
    return shared(_scope(bench, name) for name in events)


def _scope(bench: Bench, name: str) -> Names:
    event = bench.events[name]
    parts = name.split(".")
    if parts[0] == "survey" and parts[2] in ("answered", "edited"):
        return of_answer(bench.objects, event, bench.surveys[parts[1]])
    return of_event(bench.objects, event)

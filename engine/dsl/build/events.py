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
    parts = name.split(".")
    if "*" in parts and len(parts) == 3 and parts[0] == "survey" and parts[1] == "*":
        surveys = [survey for survey in bench.surveys.values() if metric is None or survey.metric == metric]
        if parts[2] in SURVEY_EVENTS and surveys:
            return tuple(f"survey.{survey.name}.{parts[2]}" for survey in sorted(surveys, key=lambda s: s.name))
        if not surveys:
            bench.error("SND202", "no survey matches this", node.span)
            return None
    if name in bench.events:
        return (name,)
    if len(parts) == 3 and parts[0] == "survey" and f"survey.{parts[1]}" in bench.broken:
        return None
    if len(parts) == 3 and parts[0] == "survey" and parts[1] not in bench.names.get("survey", set()):
        bench.error("SND201", f"there is no survey `{parts[1]}`", node.span, did_you_mean(parts[1], bench.names.get("survey", set())))
        return None
    bench.error("SND202", f"there is no event `{name}`", node.span, did_you_mean(name, bench.events))
    return None


def names_behind(bench: Bench, events: tuple[str, ...]) -> Names:
    """What is readable behind every one of these events."""
    return shared(_scope(bench, name) for name in events)


def _scope(bench: Bench, name: str) -> Names:
    event = bench.events[name]
    parts = name.split(".")
    if parts[0] == "survey" and parts[2] in ("answered", "edited"):
        return of_answer(bench.objects, event, bench.surveys[parts[1]])
    return of_event(bench.objects, event)

"""`with:` — what a blueprint is given has to be there. It is judged where it is given, before it is filled in."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dsl.blueprints import Blueprint
from engine.dsl.build.bench import Bench
from engine.dsl.build.events import events_of
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.uses import USES


def inputs_exist(bench: Bench, document: Mapping, blueprint: Blueprint) -> bool:
    """Whether the surveys, audiences, templates, connections and events exist; what does not is a finding."""
    before, given = bench.errors, document.get("with")
    for name, (_, node) in given.entries.items() if isinstance(given, Mapping) else ():
        wanted = blueprint.inputs.get(name)
        if wanted is None or not isinstance(node, Scalar):
            continue
        match wanted.kind:
            case "survey" | "audience" | "template":
                bench.reference_at(wanted.kind, node.text, node)
            case "connection" if node.text not in bench.connections:
                channels = [channel for connection in bench.connections.values() if (channel := USES[connection.use].channel) is not None]
                if node.text not in channels:
                    hint = did_you_mean(node.text, [*bench.connections, *channels])
                    bench.error("SND204", f"there is no connection `{node.text}`", node.span, hint)
            case "event" if node.text.partition(".")[0] not in _steps(blueprint.body):
                events_of(bench, node)
    return bench.errors == before


def _steps(node: Node) -> Iterator[str]:
    """The names that steps are given by `as`: their events are known only behind them."""
    for item in node.items if isinstance(node, Sequence) else ():
        yield from _steps(item)
    for key, (_, value) in node.entries.items() if isinstance(node, Mapping) else ():
        if key == "as" and isinstance(value, Scalar):
            yield value.text
        yield from _steps(value)

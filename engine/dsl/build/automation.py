"""`automation:` — when, if, then."""

from __future__ import annotations

from engine.dsl.build.bench import NOTHING, Bench
from engine.dsl.build.events import events_of, names_behind
from engine.dsl.build.steps import Place, build_steps
from engine.dsl.diagnostics import GUARDED
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node
from engine.model.definitions import Automation
from engine.model.policies import RunMode


def build_automation(bench: Bench, document: Mapping, name: str) -> Automation | None:
    when, condition_node, then = document.get("when"), document.get("if"), document.get("then")
    assert when is not None
    assert then is not None
    events = events_of(bench, when)
    run = _run(bench, document.get("run"))
    if events is None or run is None:
        return None
    names = names_behind(bench, events)
    checked = bench.expression(condition_node, names) if condition_node is not None else None
    before = len(bench.findings.items)
    steps = build_steps(bench, then, Place(dict(names), checked[1] if checked else NOTHING, events, set()))
    if condition_node is not None and checked is None:
        # The steps are judged all the same, but for what the condition may have ruled out.
        bench.findings.items[before:] = [found for found in bench.findings.items[before:] if found.code not in GUARDED]
        return None
    if steps is None:
        return None
    return Automation(
        name=name,
        when=events,
        condition=checked[0] if checked else None,
        then=steps,
        run=run,
        renamed_from=bench.earlier_name(document),
        at=document.span,
        condition_at=condition_node.place if condition_node is not None else None,
    )


def _run(bench: Bench, node: Node | None) -> RunMode | None:
    if not isinstance(node, Mapping):
        return RunMode()
    per = node.data.get("per", "event")
    if per != "event" and per not in bench.objects:
        bench.error(
            "SND201",
            f"there is no `{per}` that a run could be for",
            node.entries["per"][1].span,
            did_you_mean(per, [*bench.objects, "event"]),
        )
        return None
    return RunMode(per=per, mode=node.data.get("mode", "parallel"))

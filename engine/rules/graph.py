"""One graph of everything that can lead to something else: events → cadences and automations → surveys, actions → events.

A node is an address: that of a definition, `event.order.delivered`, `automation.x/2/on_timeout/0` for a step by its position,
`automation.x/case.closed` for an event that only that automation's runs see, `condition.…` for one that several rules share. Every
node has a ``kind``, where it stands (``at``; None for what is built in), and ``text``: what it says, on one line. An edge has
``means``. Nodes and edges come in one order, whatever the order of the files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import networkx as nx

from engine.dsl.contract import SURVEY_EVENTS, built_in_events
from engine.dsl.expressions.parse import parse
from engine.dsl.expressions.tree import Logic
from engine.dsl.expressions.unparse import unparse
from engine.model.codec import fingerprint, joint_fingerprint
from engine.model.definitions import Audience, Automation, Cadence, Definitions, EventType, MessageTemplate, Step, Survey, address
from engine.model.terms import Expression
from engine.rules.steps import positions, step_text


def event_types(definitions: Definitions) -> dict[str, EventType]:
    """Every event that can be, declared or built in."""
    return {**built_in_events(definitions.surveys), **definitions.project.events}


def fingerprint_of(definitions: Definitions) -> str:
    """A hash of what the project means, the same as of its deployment: moving or reformatting a file does not change it."""
    return joint_fingerprint({name: fingerprint(definition) for name, definition in definitions.by_address().items()})


def build_graph(definitions: Definitions) -> nx.DiGraph[str]:
    """The graph of a project."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for name, definition in definitions.by_address().items():
        if isinstance(definition, (Survey, Audience, Cadence, Automation, MessageTemplate)):
            graph.add_node(name, kind=name.partition(".")[0], at=definition.at, text=_text(definition))
    for event in sorted(definitions.project.events.values(), key=lambda event: event.name):
        graph.add_node(f"event.{event.name}", kind="event", at=event.at, text=", ".join((*event.objects, *event.fields)))
    for name in sorted(definitions.audiences):
        for excluded in definitions.audiences[name].exclude:
            graph.add_edge(f"audience.{excluded}", f"audience.{name}", means="is left out of")
    for name in sorted(definitions.cadences):
        _add_cadence(graph, definitions.cadences[name])
    for name in sorted(definitions.automations):
        _add_automation(graph, definitions.automations[name])
    _add_survey_events(graph, definitions)
    _add_conditions(graph, definitions)
    return graph


def _text(definition: Survey | Audience | Cadence | Automation | MessageTemplate) -> str:
    match definition:
        case Survey():
            return f"{definition.metric}, about {definition.about}"
        case Audience():
            return f"of {definition.of}" + (f" where {definition.where.text}" if definition.where is not None else "")
        case Cadence():
            starts = [f"{key} {value}" for key, value in (("every", definition.every), ("cron", definition.cron)) if value is not None]
            after = [f"after {definition.after}"] if definition.after is not None else []
            condition = [f"if {definition.condition.text}"] if definition.condition is not None else []
            remind = [f"remind every {definition.remind.every}, max {definition.remind.max}"] if definition.remind is not None else []
            return "; ".join([*starts, *condition, *after, f"via {', '.join(definition.via)}", *remind])
        case Automation():
            return f"if {definition.condition.text}" if definition.condition is not None else ""
    return ""


def _add_cadence(graph: nx.DiGraph[str], cadence: Cadence) -> None:
    me = address(cadence)
    for event in cadence.when:
        graph.add_edge(_event(graph, event), me, means="triggers")
    for event in cadence.cancel_on:
        graph.add_edge(_event(graph, event), me, means="cancels")
    graph.add_edge(f"audience.{cadence.audience}", me, means="selects")
    for template in (cadence.invite, cadence.remind.template if cadence.remind is not None else None):
        if template is not None:
            graph.add_edge(f"template.{template}", me, means="words")
    graph.add_edge(me, f"survey.{cadence.survey}", means="asks")


def _add_automation(graph: nx.DiGraph[str], automation: Automation) -> None:
    me = address(automation)
    for event in automation.when:
        graph.add_edge(_event(graph, event), me, means="triggers")
    named: dict[str, str] = {}  # steps by their `as`
    for position, step in positions(automation.then):
        graph.add_node(f"{me}/{position}", kind="action", at=step.at, text=step_text(step), action=step.action)
        if step.name is not None:
            named[step.name] = f"{me}/{position}"
    for position, step in positions(automation.then):
        _add_step(graph, me, position, step, named)


def _add_step(graph: nx.DiGraph[str], automation: str, position: str, step: Step, named: Mapping[str, str]) -> None:
    me = f"{automation}/{position}"
    before, _, number = position.rpartition("/")
    if number != "0":
        graph.add_edge(f"{automation}/{before}{'/' if before else ''}{int(number) - 1}", me, means="next")
    elif before:
        holder, _, branch = before.rpartition("/")
        graph.add_edge(f"{automation}/{holder}", me, means=branch)
    else:
        graph.add_edge(automation, me, means="does")
    for event in step.events:
        source = named.get(event.partition(".")[0])
        if source is None:
            waited = _event(graph, event)
        else:
            waited = f"{automation}/{event}"
            graph.add_node(waited, kind="event", at=None, text="of this automation's run")
            graph.add_edge(source, waited, means="emits")
        graph.add_edge(waited, me, means="ends")
    for key in ("template", "invite"):
        if isinstance(step.content.get(key), str):
            graph.add_edge(f"template.{step.content[key]}", me, means="words")
    if step.action == "ask":
        graph.add_edge(me, f"survey.{step.content['survey']}", means="asks")
    elif step.action == "emit":
        graph.add_edge(me, _event(graph, str(step.content["event"])), means="emits")


def _add_survey_events(graph: nx.DiGraph[str], definitions: Definitions) -> None:
    """What a survey brings about, of that for which something waits."""
    for name in sorted(definitions.surveys):
        for event in (*(f"event.survey.{name}.{verb}" for verb in SURVEY_EVENTS), f"event.metric.{name}.changed"):
            if event in graph:
                graph.add_edge(f"survey.{name}", event, means="emits")


def _add_conditions(graph: nx.DiGraph[str], definitions: Definitions) -> None:
    """The conditions that several rules share: `may_ask`, and each operand that stands in rules behind the same events."""
    policy = definitions.project.may_ask
    if policy is not None:
        graph.add_node("condition.may_ask", kind="condition", at=policy.at, text=policy.text)
        for name in sorted(definitions.cadences):
            graph.add_edge("condition.may_ask", f"cadence.{name}", means="guards")
    users: dict[tuple[tuple[str, ...], str], list[Cadence | Automation]] = defaultdict(list)
    for rules in (definitions.automations, definitions.cadences):
        for name in sorted(rules):
            rule = rules[name]
            for operand in _operands(rule.condition) if rule.condition is not None else ():
                users[(rule.when, operand)].append(rule)
    for (when, text), found in users.items():
        if len(found) > 1:
            node = f"condition.{fingerprint([list(when), text])[:8]}"
            first = found[0].condition
            graph.add_node(node, kind="condition", at=first.at if first is not None else None, text=text)
            for rule in found:
                graph.add_edge(node, address(rule), means="guards")


def _operands(condition: Expression) -> list[str]:
    """What must hold for a condition to hold, each as canonical text."""
    if " and " not in condition.text:
        return [condition.text]
    tree = parse(condition.text)
    return list(dict.fromkeys(map(unparse, tree.operands))) if isinstance(tree, Logic) and tree.op == "and" else [condition.text]


def _event(graph: nx.DiGraph[str], name: str) -> str:
    node = f"event.{name}"
    if node not in graph:
        graph.add_node(node, kind="event", at=None, text="")
    return node

"""One graph of everything that can lead to something else: events → cadences and automations → surveys, actions → events."""

from __future__ import annotations

import networkx as nx

from engine.dsl.contract import SURVEY_EVENTS, built_in_events
from engine.model.definitions import Definitions, EventType, address


def event_types(definitions: Definitions) -> dict[str, EventType]:
    """Every event that can be, declared or built in."""
    return {**built_in_events(definitions.project.objects, definitions.surveys), **definitions.project.events}


def build_graph(definitions: Definitions) -> nx.DiGraph[str]:
    """Nodes are addresses (`automation.x`, `event.order.delivered`, `automation.x/0` for a step); an edge says what it means."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for name, definition in definitions.by_address().items():
        graph.add_node(name, kind=name.split(".")[0], at=definition.at)
    for cadence in definitions.cadences.values():
        me = address(cadence)
        for event in cadence.when:
            graph.add_edge(_event(graph, event), me, means="triggers")
        graph.add_edge(f"audience.{cadence.audience}", me, means="selects")
        graph.add_edge(me, f"survey.{cadence.survey}", means="asks")
        if cadence.invite is not None:
            graph.add_edge(f"template.{cadence.invite}", me, means="words")
    for survey in definitions.surveys.values():
        for verb in SURVEY_EVENTS:
            name = f"event.survey.{survey.name}.{verb}"
            if name in graph:
                graph.add_edge(address(survey), name, means="emits")
    for automation in definitions.automations.values():
        me = address(automation)
        for event in automation.when:
            source = _event(graph, event)
            graph.add_edge(source, me, means="triggers")
            parts = event.split(".")
            if parts[0] == "survey":
                graph.add_edge(f"survey.{parts[1]}", source, means="emits")
        for number, step in enumerate(automation.then):
            action = f"{me}/{number}"
            graph.add_node(action, kind="action", at=step.at, action=step.action)
            graph.add_edge(me, action, means="does")
            if "template" in step.content:
                graph.add_edge(f"template.{step.content['template']}", action, means="words")
    return graph


def _event(graph: nx.DiGraph[str], name: str) -> str:
    node = f"event.{name}"
    if node not in graph:
        graph.add_node(node, kind="event", at=None)
    return node

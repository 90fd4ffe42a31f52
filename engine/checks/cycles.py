"""SND805: automations that start each other for ever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.checks.check import Check
from engine.checks.walk import file_order, steps
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Automation, Project, address
from engine.model.span import Span
from engine.rules.analysis.domains import Space
from engine.rules.analysis.reach import reached


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link:
    """An automation that emits: only such can be part of a cycle."""

    automation: str  # address
    when: tuple[str, ...]
    emits: tuple[tuple[str, Span], ...]  # events, each where it is named
    order: Span


def _facts(automation: Automation, project: Project) -> Iterator[tuple[str, _Link]]:
    if all(step.action != "emit" for step in steps(automation.then)):
        return
    places = [place for place in reached(automation, frozenset(project.objects)) if place.step.action == "emit"]
    emitting = [place.step for place in places if Space([place.taken]).cubes(place.taken) != []]
    if emitting:
        emits = tuple((str(step.content["event"]), step.places.get("event", step.at)) for step in emitting)
        yield "emitted", _Link(automation=address(automation), when=automation.when, emits=emits, order=automation.at)


def _judge(_group: str, facts: Sequence[_Link], _project: Project) -> Iterator[Diagnostic]:
    import networkx as nx  # only where something is emitted

    links = {link.automation: link for link in sorted(facts, key=lambda link: file_order(link.order))}
    graph: nx.DiGraph[str] = nx.DiGraph()
    for link in links.values():
        emitted = {event for event, _ in link.emits}
        graph.add_edges_from((link.automation, other.automation) for other in links.values() if emitted & set(other.when))
    for members in nx.strongly_connected_components(graph):
        first = next(name for name in links if name in members)
        inner = graph.subgraph(members)
        if not inner.number_of_edges():
            continue
        # The shortest way back to where it begins.
        nexts = [name for name in links if inner.has_edge(first, name)]
        way = min((nx.shortest_path(inner, name, first) for name in nexts), key=len)
        event, span = next((event, span) for event, span in links[first].emits if event in links[way[0]].when)
        chain = " → ".join(f"`{name}`" for name in (first, *way))
        yield Diagnostic(
            code=CHECK.code,
            severity=CHECK.severity,
            message=f"this event leads back here: {chain}" if len(way) > 1 else f"`{first}` emits `{event}`, which starts it again",
            file=span.file,
            span=span,
            hint="a chain of emitted events ends with an error at depth 16: let one of them emit another event, or none",
            address=first,
        )


_AGAIN = """project: shop
objects: {contact: {name: text, tier: [standard, vip]}}
events:
  contact.rated: {object: contact}
  contact.greeted: {object: contact}
---
automation: rate
when: contact.rated
then: [{emit: {event: contact.greeted}}]
---
automation: greet
when: contact.greeted
"""
CHECK = Check(
    code="SND805",
    severity=Severity.ERROR,
    title="a cycle of emitted events",
    explanation=(
        "An automation emits an event that, directly or over others, starts it again. Conditions are not weighed, but for those that "
        "can never hold: where one of them surely ends the chain, ignore the finding and say why. `update` emits nothing, and its echo "
        "from a CRM is absorbed."
    ),
    kinds=(Automation,),
    facts=_facts,
    judge=_judge,
    fails=_AGAIN + "then: [{emit: {event: contact.rated}}]\n",
    passes=_AGAIN + "then: [{update: {contact: {tier: vip}}}]\n",
)

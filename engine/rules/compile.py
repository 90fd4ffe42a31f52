"""Definitions → decision function: an index by event type, and one generated function for the conditions behind each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import networkx as nx

from engine.dsl.expressions.to_python import GLOBALS, Names, source_of
from engine.model.definitions import Automation, Cadence, Definitions, EventType, address
from engine.rules.flow import Flow
from engine.rules.graph import build_graph, event_types
from engine.rules.needs import Needs, of_cadence, promised, roots

Rule = Automation | Cadence
Conditions = Callable[[Mapping[str, object]], list[int]]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that an event may fire, in address order."""

    address: str
    rule: Rule
    needs: frozenset[str]  # objects that must be linked, or its condition has no value
    frozen: bool  # its condition reads only what never changes again
    says: Needs  # of a cadence: objects that must be linked, or it has no words to ask with


class RuleSet:
    """A compiled project. Deciding is safe from several threads; the functions are generated once per event type, when first needed."""

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self.events: Mapping[str, EventType] = event_types(definitions)
        self._by_event: dict[str, tuple[Candidate, ...]] = _index(definitions, self.events)
        self._functions: dict[str, Conditions] = {}
        self._flows: dict[str, Flow] = {}
        self._graph: nx.DiGraph[str] | None = None

    @property
    def graph(self) -> nx.DiGraph[str]:
        if self._graph is None:
            self._graph = build_graph(self.definitions)
        return self._graph

    def flow(self, automation: str) -> Flow:
        """The steps of an automation, by its name."""
        found = self._flows.get(automation)
        if found is None:
            found = self._flows[automation] = Flow(self.definitions.automations[automation], self.definitions, self.events)
        return found

    def candidates(self, event_type: str) -> tuple[Candidate, ...]:
        """The rules that wait for an event type; none for one that nobody waits for."""
        return self._by_event.get(event_type, ())

    def candidate(self, event_type: str, address: str) -> Candidate | None:
        """The rule of an address, where it waits for an event type."""
        return next((one for one in self.candidates(event_type) if one.address == address), None)

    def holding(self, event_type: str, scope: Mapping[str, object]) -> list[Candidate]:
        """The candidates whose `if` holds, in address order."""
        candidates = self._by_event.get(event_type)
        if not candidates:
            return []
        function = self._functions.get(event_type)
        if function is None:
            function = self._functions[event_type] = _generate(candidates)
        return [candidates[number] for number in function(scope)]


def _index(definitions: Definitions, events: Mapping[str, EventType]) -> dict[str, tuple[Candidate, ...]]:
    found: dict[str, list[Candidate]] = {}
    for group in (definitions.automations, definitions.cadences):
        for name in sorted(group):
            for event in group[name].when:
                found.setdefault(event, []).append(_candidate(group[name], definitions, events[event]))
    return {event: tuple(candidates) for event, candidates in found.items()}


def _candidate(rule: Rule, definitions: Definitions, event: EventType) -> Candidate:
    sure = promised(definitions, event)
    read = roots(rule.condition.term) & frozenset(definitions.project.objects) if rule.condition is not None else frozenset()
    says = of_cadence(rule, definitions, sure) if isinstance(rule, Cadence) else frozenset()
    return Candidate(address=address(rule), rule=rule, needs=read & sure, frozen=not read, says=says)


def _generate(candidates: tuple[Candidate, ...]) -> Conditions:
    names = Names()
    lines = ["def holding(s):", " found = []"]
    for number, candidate in enumerate(candidates):
        condition = candidate.rule.condition
        tests = [f"s.get({need!r}) is not None" for need in sorted(candidate.needs)]
        if isinstance(candidate.rule, Automation) and condition is not None:
            tests.append(source_of(condition.term, names))
        elif isinstance(candidate.rule, Cadence) and condition is not None:
            # What can change until the sending is judged then, so that nobody is refused whom the claim would allow.
            tests = [source_of(condition.term, names)] if candidate.frozen else []
        lines.append(f" if {' and '.join(tests) or 'True'}: found.append({number})")
    lines.append(" return found")
    namespace: dict[str, object] = {**GLOBALS, **names.values}
    exec(compile("\n".join(lines), "<rules>", "exec"), namespace)
    function = namespace["holding"]
    assert callable(function)
    return function

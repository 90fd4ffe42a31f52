"""A project, compiled: an index by event type, and behind each event type a tree that finds the rules whose conditions hold."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import networkx as nx

from engine.model import terms as t
from engine.model.definitions import Automation, Cadence, Definitions, EventType, address
from engine.model.types import BOOLEAN, object_type
from engine.rules.compile.partial import TRUE
from engine.rules.compile.program import Find
from engine.rules.compile.tree import Tree
from engine.rules.eligibility import Eligibility
from engine.rules.flow import Flow
from engine.rules.graph import build_graph, event_types
from engine.rules.needs import Needs, of_cadence, promised, roots

Rule = Automation | Cadence
_address = attrgetter("address")


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A rule that an event may fire, in address order."""

    address: str
    rule: Rule
    needs: frozenset[str]  # objects that must be linked, or its condition has no value
    frozen: bool  # its condition reads only what never changes again
    says: Needs  # of a cadence: objects that must be linked, or it has no words to ask with


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What waits for one event type: rules that wait for it alone, and rules that wait for others too.

    The second are often the same for many event types (`survey.*.answered`). Where they are many, these share what is generated
    for them; where they are few, they count as the event type's own.
    """

    candidates: tuple[Candidate, ...]  # all, in address order
    own: tuple[Candidate, ...]
    find_own: Find
    shared: tuple[Candidate, ...]
    find_shared: Find


class RuleSet:
    """A compiled project. Deciding is safe from several threads; everything is made when an event first needs it.

    What ``earlier``, the rules before a change, has generated is taken over wherever conditions are the same.
    """

    def __init__(self, definitions: Definitions, earlier: RuleSet | None = None) -> None:
        self.definitions = definitions
        self.events: Mapping[str, EventType] = event_types(definitions)
        self._rules = _by_event(definitions)
        self._candidates: dict[tuple[str, Needs], Candidate] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._finds: dict[tuple[Candidate, ...], tuple[tuple[Candidate, ...], Find]] = {}
        self.trees: dict[tuple[t.Term, ...], Tree] = {}
        self._earlier = earlier.trees if earlier is not None else {}
        self._flows: dict[str, Flow] = {}
        self._cancelling = _cancelling(definitions)
        self._eligibility: Eligibility | None = None
        self._graph: nx.DiGraph[str] | None = None

    @property
    def graph(self) -> nx.DiGraph[str]:
        if self._graph is None:
            self._graph = build_graph(self.definitions)
        return self._graph

    @property
    def eligibility(self) -> Eligibility:
        if self._eligibility is None:
            self._eligibility = Eligibility(self.definitions)
        return self._eligibility

    def flow(self, automation: str) -> Flow:
        """The steps of an automation, by its name."""
        found = self._flows.get(automation)
        if found is None:
            found = self._flows[automation] = Flow(self.definitions.automations[automation], self.definitions, self.events)
        return found

    def cancelling(self, event_type: str) -> Sequence[Cadence]:
        """The cadences that take back what they have not sent when an event happens, in address order."""
        return self._cancelling.get(event_type, ())

    def candidates(self, event_type: str) -> tuple[Candidate, ...]:
        """The rules that wait for an event type, in address order; none for one that nobody waits for."""
        waiting = self._behind(event_type)
        return waiting.candidates if waiting is not None else ()

    def candidate(self, event_type: str, address: str) -> Candidate | None:
        """The rule of an address, where it waits for an event type."""
        return next((one for one in self.candidates(event_type) if one.address == address), None)

    def holding(self, event_type: str, scope: Mapping[str, object]) -> list[Candidate]:
        """The candidates whose `if` holds, in address order."""
        waiting = self._waiting.get(event_type) or self._behind(event_type)
        if waiting is None:
            return []
        found = waiting.find_own(scope, waiting.own)
        if not waiting.shared:
            return found
        merged = waiting.find_shared(scope, waiting.shared)
        for candidate in found:  # mostly one or two of many
            insort(merged, candidate, key=_address)
        return merged

    # Threads that come to the methods below at once may make the same thing twice; the first one is kept.

    def _behind(self, event_type: str) -> _Waiting | None:
        waiting, rules = self._waiting.get(event_type), self._rules.get(event_type)
        if waiting is None and rules is not None:
            sure = promised(self.definitions, self.events[event_type])
            candidates = tuple(self._candidate(rule, sure) for rule in rules)
            own = tuple(one for one in candidates if len(one.rule.when) == 1)
            shared = tuple(one for one in candidates if len(one.rule.when) > 1)
            if len(shared) <= len(own):  # to ask one tree is quicker than to merge what two say
                own, shared = candidates, ()
            made = _Waiting(candidates, *self._find(own), *self._find(shared))
            waiting = self._waiting.setdefault(event_type, made)
        return waiting

    def _candidate(self, rule: Rule, sure: Needs) -> Candidate:
        name = address(rule)
        found = self._candidates.get((name, sure))
        if found is None:
            read = roots(rule.condition.term) & frozenset(self.definitions.project.objects) if rule.condition is not None else frozenset()
            says = of_cadence(rule, self.definitions, sure) if isinstance(rule, Cadence) else frozenset()
            made = Candidate(address=name, rule=rule, needs=read & sure, frozen=not read, says=says)
            found = self._candidates.setdefault((name, sure), made)
        return found

    def _find(self, candidates: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], Find]:
        """The candidates, as one object for all event types that share them, and the function that finds those that hold."""
        found = self._finds.get(candidates)
        if found is None:
            conditions = tuple(_condition(candidate) for candidate in candidates)
            known = self.trees.get(conditions) or self._earlier.get(conditions)
            tree = self.trees.setdefault(conditions, known or Tree(conditions))
            found = self._finds.setdefault(candidates, (candidates, tree.find))
        return found


def _by_event(definitions: Definitions) -> dict[str, Sequence[Rule]]:
    found: dict[str, list[Rule]] = {}
    groups: tuple[Mapping[str, Rule], ...] = (definitions.automations, definitions.cadences)
    for group in groups:
        for name in sorted(group):
            for event in group[name].when:
                found.setdefault(event, []).append(group[name])
    return dict(found)


def _cancelling(definitions: Definitions) -> dict[str, list[Cadence]]:
    found: dict[str, list[Cadence]] = {}
    for name in sorted(definitions.cadences):
        for event in definitions.cadences[name].cancel_on:
            found.setdefault(event, []).append(definitions.cadences[name])
    return found


def _condition(candidate: Candidate) -> t.Term:
    """What must hold at the event."""
    condition = candidate.rule.condition
    # What can change until the sending is judged then, so that nobody is refused whom the claim would allow.
    if condition is None or (isinstance(candidate.rule, Cadence) and not candidate.frozen):
        return TRUE
    linked = tuple(_is_there(need) for need in sorted(candidate.needs))
    return t.And(type=BOOLEAN, operands=(*linked, condition.term)) if linked else condition.term


def _is_there(kind: str) -> t.Term:
    read = t.Load(type=object_type({}, optional=True), path=(kind,))
    return t.Not(type=BOOLEAN, operand=t.IsNone(type=BOOLEAN, operand=read))

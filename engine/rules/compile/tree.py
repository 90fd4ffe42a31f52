"""Conditions → a tree of tables over the values that they turn on, with generated code for what is left to be tested."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from engine.model import terms as t
from engine.rules.compile.partial import FALSE, OTHER, Path, best_split, given, index
from engine.rules.compile.program import Find, Numbered, branch, leaf

_DEEPEST = 3  # values looked up one after the other
_MOST_ENTRIES = 2_000  # that were needed so far: beyond it a tree gets no more tables, which bounds its memory


class _Table:
    """A table by the value of a path. An entry is grown when an event first comes to it."""

    def __init__(self, path: Path, used: frozenset[Path], rules: Sequence[Numbered]) -> None:
        self.used = used  # looked up so far, this path too
        self.entries: dict[object, Find] = {}
        self.grown: set[object] = set()
        self._path, self._rules = path, rules
        self._naming, self._asking = index((condition for _, condition in rules), path)
        asking = set(self._asking)
        others = ((at, given(condition, path, OTHER)) for at, (_, condition) in enumerate(rules) if at not in asking)
        self._others = {at: condition for at, condition in others if condition != FALSE}

    def left(self, value: object) -> list[Numbered]:
        """What is left of the rules for a value; where many rules name a value each, only those that name this one are judged."""
        judged = set(range(len(self._rules))) if value is None else {*self._naming.get(value, ()), *self._asking}
        found = []
        for at in sorted(judged.union(self._others)):
            number, condition = self._rules[at]
            condition = given(condition, self._path, value) if at in judged else self._others[at]
            if condition != FALSE:
                found.append((number, condition))
        return found


class Tree:
    """Finds which of its conditions hold. It knows no names of rules, so rules with equal conditions share one.

    Safe from several threads: whoever comes to an entry first grows it under a lock, readers never wait. What is found does not
    depend on what has been grown.
    """

    def __init__(self, conditions: Sequence[t.Term]) -> None:
        self._lock = threading.Lock()
        self.entries = 0  # of all its tables, that were needed so far
        self.find = self._node(list(enumerate(conditions)), frozenset())

    def _node(self, rules: Sequence[Numbered], used: frozenset[Path]) -> Find:
        split = None
        if len(used) < _DEEPEST and self.entries < _MOST_ENTRIES:
            split = best_split((condition for _, condition in rules), used)
        if split is None:
            return leaf(rules)
        table = _Table(split.path, used | {split.path}, rules)
        for value in (*split.values, None, OTHER):
            table.entries[value] = partial(self._grow, table, value)
        return branch(split.path, table.entries)

    def _grow(self, table: _Table, value: object, scope: Mapping[str, object], candidates: Sequence[Any]) -> list[Any]:
        with self._lock:
            if value not in table.grown:
                self.entries += 1
                table.entries[value] = self._node(table.left(value), table.used)
                table.grown.add(value)
        return table.entries[value](scope, candidates)

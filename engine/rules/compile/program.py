"""Python source for conditions: functions that return those of some candidates whose conditions hold.

Names of the project stand in the source as `repr` of text, constants as literals or as names of the namespace; there are no
builtins. A function has a bounded size: Python compiles huge ones slowly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from engine.dsl.expressions.to_python import GLOBALS, Names, source_of, written_out
from engine.model import terms as t
from engine.rules.compile.partial import OTHER, TRUE, Path

# A scope and the candidates, in order → those that hold. The generated code knows candidates by their numbers alone.
Find = Callable[[Mapping[str, object], Sequence[Any]], list[Any]]
Numbered = tuple[int, t.Term]  # the number of a candidate, and its condition

_LARGEST = 2_000  # terms in one function
_MOST_NESTED = 8  # remembered values within one another


def leaf(rules: Sequence[Numbered]) -> Find:
    """A function that tests the conditions one after the other."""
    functions = [_leaf(chunk) for chunk in _chunks(rules)]
    if len(functions) == 1:
        return functions[0]

    def find(scope: Mapping[str, object], candidates: Sequence[Any]) -> list[Any]:
        return [one for function in functions for one in function(scope, candidates)]

    return find


def _leaf(rules: Sequence[Numbered]) -> Find:
    names = Names()
    find: Find = _made(_Writer(rules, names).source(), names)
    return find


def branch(path: Path, table: Mapping[object, Find]) -> Find:
    """A function that goes on with the entry of a table for the path's value, or else with that for any other."""
    names = Names()
    make: Callable[[Mapping[object, Find], object], Find] = _made(_BRANCH.format(source_of(t.Load(type=_ANY, path=path), names)), names)
    return make(table, OTHER)


_ANY = TRUE.type  # how a value is read does not depend on its type
_BRANCH = """\
def make(table, other):
    def find(s, c):
        try:
            then = table.get({})
        except _no_key:  # a list is none of the values
            then = None
        if then is None:
            then = table[other]
        return then(s, c)
    return find
"""
_NAMESPACE: dict[str, Any] = {**GLOBALS, "_unset": object(), "_no_key": TypeError}


def _made(source: str, names: Names) -> Any:
    """The function that the source defines. One that needs no constants of its own is the same for all who write it."""
    return _run(source, {**_NAMESPACE, **names.values}) if names.values else _shared(source)


@lru_cache(maxsize=4096)
def _shared(source: str) -> Any:
    return _run(source, _NAMESPACE)


def _run(source: str, namespace: dict[str, Any]) -> Any:
    made: dict[str, Any] = {}
    exec(compile(source, "<rules>", "exec"), namespace, made)
    (function,) = made.values()
    return function


def _chunks(rules: Sequence[Numbered]) -> Iterator[Sequence[Numbered]]:
    start = size = 0
    for position, (_, condition) in enumerate(rules):
        size += sum(1 for _ in t.parts(condition))
        if size > _LARGEST and position > start:
            yield rules[start:position]
            start, size = position, 0
    yield rules[start:]


class _Writer:
    """One function. Paths that are read more than once are read at its start, since that cannot fail; any other value that is
    needed more than once is computed where it is needed first, behind the guards that stand before it there."""

    def __init__(self, rules: Sequence[Numbered], names: Names) -> None:
        self._rules, self._names = rules, names
        self._reads: Counter[Path] = Counter()
        self._uses: Counter[t.Term] = Counter()
        self._variables: dict[Path | t.Term, str] = {}
        self._nested = 0
        for _, condition in rules:
            self._count(condition)
        for path in list(self._reads):
            self._reads.update(path[:end] for end in range(1, len(path)))

    def _count(self, term: t.Term) -> None:
        if isinstance(term, t.Load):
            self._reads[term.path] += 1
            return
        if isinstance(term, _KEPT):
            self._uses[term] += 1
            if self._uses[term] > 1:
                return
        for part in t.direct_parts(term):
            self._count(part)

    def source(self) -> str:
        lines = [f"  {self._variable(path)} = {self._read(path)}" for path in sorted(self._reads) if self._reads[path] > 1]
        sure = next((at for at, (_, condition) in enumerate(self._rules) if condition != TRUE), len(self._rules))
        lines.append(f"  found = [{', '.join(f'c[{number}]' for number, _ in self._rules[:sure])}]")
        for number, condition in self._rules[sure:]:
            test = f"if {source_of(condition, self._names, 's', self._known)}: " if condition != TRUE else ""
            lines.append(f"  {test}found.append(c[{number}])")
        unset = [f"  {name} = _unset" for kept, name in self._variables.items() if not isinstance(kept, tuple)]
        return "\n".join(["def find(s, c):", *unset, *lines, "  return found"])

    def _variable(self, value: Path | t.Term) -> str:
        return self._variables.setdefault(value, f"v{len(self._variables)}")

    def _read(self, path: Path) -> str:
        owner = self._variables.get(path[:-1])
        if owner is not None:
            return f"{owner}.get({path[-1]!r}) if {owner} is not None else None"
        return source_of(t.Load(type=_ANY, path=path), self._names)

    def _known(self, term: t.Term) -> str | None:
        if isinstance(term, t.Load):
            name = self._variables.get(term.path)
            return name if name is not None or self._variables.get(term.path[:-1]) is None else f"({self._read(term.path)})"
        if not isinstance(term, _KEPT) or self._uses[term] < 2 or self._nested == _MOST_NESTED:
            return None
        name = self._variable(term)
        self._nested += 1
        value = written_out(term, self._names, "s", self._known)
        self._nested -= 1
        return f"({name} if {name} is not _unset else ({name} := {value}))"


# What takes longer to compute than to remember.
_KEPT = (t.And, t.Or, t.Arithmetic, t.Concat, t.Call)

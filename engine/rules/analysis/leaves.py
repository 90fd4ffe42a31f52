"""Conditions as alternatives: each a conjunction of leaves, and a leaf is a test of one variable against constants.

A variable is a path that is compared with constants, or whatever else has a value of its own: a call, an arithmetic term, a
comparison of two paths. Such an opaque variable remembers which paths it is made of, since it does not vary independently of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from engine.dsl.expressions.interpret import evaluate
from engine.model import terms as t
from engine.model.types import BOOLEAN, Type

Path = tuple[str, ...]
MOST = 128  # conjunctions of one condition; one with more is not analysed
_COMPUTED = (t.Arithmetic, t.Negate)
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


class Leaf(NamedTuple):
    """A test of a variable, or the opposite of one."""

    variable: str
    op: str  # == != < <= > >= in none true
    constants: tuple[t.Value, ...] = ()
    fallback: t.Value = None  # stands for a missing value: `|default(…)`
    holds: bool = True  # False: where the test does not hold


class Variable(NamedTuple):
    name: str
    type: Type
    paths: frozenset[str] = frozenset()  # of an opaque one: the variables that it is made of
    member: bool = False  # whether a list has an item: this and other items of the list vary independently
    least: int | None = None  # a length is never less than 0


class Condition(NamedTuple):
    """``cubes`` are the alternatives, any of which suffices; none: it never holds; None: it has too many to be analysed."""

    cubes: tuple[tuple[Leaf, ...], ...] | None
    variables: tuple[Variable, ...] = ()
    constants: tuple[tuple[str, frozenset[t.Value]], ...] = ()  # what each variable is tested against


def condition_of(cubes: Iterable[tuple[Leaf, ...]] | None, variables: Iterable[Variable]) -> Condition:
    constants: dict[str, set[t.Value]] = {}
    for cube in cubes or ():
        for leaf in cube:
            constants.setdefault(leaf.variable, set()).update(leaf.constants if leaf.fallback is None else (*leaf.constants, leaf.fallback))
    return Condition(
        cubes=None if cubes is None else tuple(dict.fromkeys(cubes)),
        variables=tuple(variables),
        constants=tuple((name, frozenset(constants[name])) for name in sorted(constants)),
    )


ALWAYS = Condition(((),))
NEVER = Condition(())


def joint(a: Condition, b: Condition) -> Condition:
    """Both conditions together."""
    if a is ALWAYS or b is ALWAYS or a == ALWAYS or b == ALWAYS:
        return b if a is ALWAYS or a == ALWAYS else a
    cubes = _both(None if a.cubes is None else list(a.cubes), None if b.cubes is None else list(b.cubes))
    constants = dict(a.constants)
    for name, values in b.constants:
        constants[name] = values | constants[name] if name in constants else values
    return Condition(
        cubes=None if cubes is None else tuple(dict.fromkeys(cubes)),
        variables=tuple(dict.fromkeys(a.variables + b.variables)),
        constants=tuple(sorted(constants.items(), key=itemgetter(0))),
    )


class Reader:
    """Reads terms into conditions. ``name`` says what a path is called: two paths of one name have one value."""

    def __init__(self, name: Callable[[Path], str] = ".".join, absent: Iterable[Path] = ()) -> None:
        """``absent`` are paths that may be missing though their types in a term say otherwise, since a guard stands elsewhere."""
        self._name = name
        self._absent = frozenset(absent)
        self._variables: dict[str, Variable] = {}

    def condition(self, term: t.Term, *, holds: bool = True) -> Condition:
        """The condition that the term holds, or that it does not."""
        self._variables = {}
        return condition_of(self._read(term, holds), (self._variables[name] for name in sorted(self._variables)))

    def _read(self, term: t.Term, holds: bool) -> list[tuple[Leaf, ...]] | None:
        match term:
            case t.Not():
                return self._read(term.operand, not holds)
            case t.And() | t.Or():
                found = [self._read(operand, holds) for operand in term.operands]
                # The opposite of "all of them" is "one of them does not".
                return _all(found) if isinstance(term, t.And) is holds else _any(found)
        known = _fixed(term) or self._with_itself(term) or self._apart(term)
        if known is not None:
            return [()] if bool(known[0]) is holds else []
        return [(self._leaf(term, holds),)]

    def _with_itself(self, term: t.Term) -> tuple[t.Value] | None:
        """What a value compared with itself gives, also where it is missing: the checker lets only `==` and `!=` come there."""
        match term:
            case t.Compare(left=t.Load(path=left), right=t.Load(path=right)) if self._name(left) == self._name(right):
                return (term.op in ("==", "<=", ">="),)
        return None

    def _apart(self, term: t.Term) -> tuple[t.Value] | None:
        """What two values give that have no option in common. Where both may be missing, they may be equal in that."""
        match term:
            case t.Compare(op="==" | "!=", left=t.Load() as left, right=t.Load() as right) if left.type.options and right.type.options:
                both = all(side.type.optional or side.path in self._absent for side in (left, right))
                return None if both or not set(left.type.options).isdisjoint(right.type.options) else (term.op == "!=",)
        return None

    def _leaf(self, term: t.Term, holds: bool) -> Leaf:
        if isinstance(term, t.Compare) and (isinstance(term.left, _COMPUTED) or isinstance(term.right, _COMPUTED)):
            solved = self._solved(term, holds)
            if solved is not None:
                return solved
        match term:
            case t.IsNone():
                return Leaf(self._variable(term.operand), "none", holds=holds)
            case t.Compare():
                for side, op, other in ((term.left, term.op, term.right), (term.right, _MIRRORED[term.op], term.left)):
                    constant = _fixed(other)
                    if constant is not None:
                        return self._compared(side, op, constant[0], holds)
            case t.Within(collection=t.Listing(items=items)):
                values = [value for item in items if (value := _fixed(item)) is not None]
                if len(values) == len(items):
                    return Leaf(self._variable(term.item), "in", tuple(value for (value,) in values), holds=holds)
            case t.Default() if (fallback := _fixed(term.fallback)) is not None:
                return Leaf(self._variable(term.operand), "true", fallback=fallback[0], holds=holds)
        # Two values that depend on the data, a call, a field: it may come out either way.
        return Leaf(self._variable(term), "true", holds=holds)

    def _solved(self, term: t.Compare, holds: bool) -> Leaf | None:
        """A comparison of what is computed from one score alone, as a test of the score; None where there is more to it."""
        loads = list(t.loads(term))
        ends = loads[0].type.range if loads and not loads[0].type.optional else None
        if ends is None or len({self._name(load.path) for load in loads}) > 1 or any(isinstance(part, t.Call) for part in t.parts(term)):
            return None
        paths = [load.path for load in loads]
        solutions = tuple(value for value in range(ends[0], ends[1] + 1) if evaluate(term, _scope(paths, value)))
        return Leaf(self._variable(loads[0]), "in", solutions, holds=holds)

    def _compared(self, term: t.Term, op: str, constant: t.Value, holds: bool) -> Leaf:
        fallback = _fixed(term.fallback) if isinstance(term, t.Default) else None
        if isinstance(term, t.Default) and fallback is not None:
            return Leaf(self._variable(term.operand), op, (constant,), fallback[0], holds)
        return Leaf(self._variable(term), op, (constant,), holds=holds)

    def _variable(self, term: t.Term) -> str:
        if isinstance(term, t.Load):
            wide = term.path in self._absent
            return self._noted(Variable(self._name(term.path), term.type.maybe() if wide else term.type))
        paths = frozenset(self._name(load.path) for load in t.loads(term))
        member = isinstance(term, t.Within) and isinstance(term.item, t.Constant) and isinstance(term.collection, t.Load)
        kind = BOOLEAN if isinstance(term, (t.Compare, t.Within)) else term.type
        # Equal terms over variables of the same names are one variable, wherever they are read.
        least = 0 if isinstance(term, t.Call) and term.name == "length" else None
        return self._noted(Variable(f"{sorted(paths)} {_plain(term)}", kind, paths, member, least))

    def _noted(self, variable: Variable) -> str:
        """The same path may be guarded in one place and not in another: the wider type counts."""
        known = self._variables.get(variable.name)
        if known is None or (variable.type.optional and not known.type.optional):
            self._variables[variable.name] = variable
        return variable.name


def _fixed(term: t.Term) -> tuple[t.Value] | None:
    """The value of a term that has the same for all data: a literal, `-1`."""
    if isinstance(term, t.Constant):
        return (term.value,)
    if _varies(term):
        return None
    value = evaluate(term, {})
    return (value,) if value is None or isinstance(value, (bool, int, float, str)) else None


def _scope(paths: Iterable[Path], value: object) -> Mapping[str, object]:
    """A scope in which all paths lead to one value."""
    scope: dict[str, Any] = {}
    for path in paths:
        at = scope
        for part in path[:-1]:
            at = at.setdefault(part, {})
        at[path[-1]] = value
    return scope


def _varies(term: t.Term) -> bool:
    """Whether it depends on data, or on the time."""
    match term:
        case t.Load() | t.Call():
            return True
        case t.Constant():
            return False
        case t.Compare():
            return _varies(term.left) or _varies(term.right)
    return any(map(_varies, t.direct_parts(term)))


def _plain(term: t.Term) -> str:
    """A text that two terms share where they mean the same, whatever their types are called."""
    match term:
        case t.Load():
            return ".".join(term.path)
        case t.Constant():
            return repr(term.value)
    extra = getattr(term, "op", "") or getattr(term, "name", "")
    return f"{type(term).__name__} {extra}({', '.join(map(_plain, t.direct_parts(term)))})"


def _both(a: list[tuple[Leaf, ...]] | None, b: list[tuple[Leaf, ...]] | None) -> list[tuple[Leaf, ...]] | None:
    if a is None or b is None or len(a) * len(b) > MOST:
        return [] if a == [] or b == [] else None
    return [tuple(dict.fromkeys(x + y)) for x in a for y in b] if a and b else []


def _all(found: list[list[tuple[Leaf, ...]] | None]) -> list[tuple[Leaf, ...]] | None:
    cubes: list[tuple[Leaf, ...]] | None = [()]
    for each in found:
        cubes = _both(cubes, each)
    return cubes


def _any(found: list[list[tuple[Leaf, ...]] | None]) -> list[tuple[Leaf, ...]] | None:
    if any(each is None for each in found):
        return None
    cubes = [cube for each in found for cube in each or ()]
    return cubes if len(cubes) <= MOST else None

"""Partial evaluation: what is left of a condition where the value of one path is known, and which path is worth knowing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engine.dsl.expressions.functions import FUNCTIONS
from engine.dsl.expressions.interpret import evaluate
from engine.model import terms as t
from engine.model.types import BOOLEAN, Type

Path = tuple[str, ...]

TRUE = t.Constant(type=BOOLEAN, value=True)
FALSE = t.Constant(type=BOOLEAN, value=False)
# A value that is there and is none of those that the conditions name.
OTHER = object()

_WORTH = 8  # so many conditions must turn on a path: to look its value up takes the time of four to six comparisons
_MOST_VALUES = 256  # of a range


def given(term: t.Term, path: Path, value: object) -> t.Term:
    """The condition where ``path`` has ``value`` (None: it is missing). What only that decides is decided, by the interpreter."""
    match term:
        case t.And() | t.Or():
            return _joined(term, path, value)
        case t.Not():
            operand = given(term.operand, path, value)
            return _constant(operand == FALSE) if operand in (TRUE, FALSE) else t.Not(type=BOOLEAN, operand=operand)
        case t.IsNone(operand=t.Load() as owner) if value is not None and len(owner.path) < len(path) and _begins(path, owner.path):
            return FALSE  # what has the field is there
    if term.type.kind == "boolean" and not isinstance(term, t.Constant) and _settled(term, path, value):
        return _constant(bool(evaluate(term, _scope(path, value))))
    return term


def _joined(term: t.And | t.Or, path: Path, value: object) -> t.Term:
    """Conditions neither raise nor act, so that one operand decides, wherever it stands."""
    decisive, neutral = (FALSE, TRUE) if isinstance(term, t.And) else (TRUE, FALSE)
    left = []
    for operand in term.operands:
        found = given(operand, path, value)
        if found == decisive:
            return decisive
        if found != neutral:
            left.append(found)
    if len(left) < 2:
        return left[0] if left else neutral
    return type(term)(type=BOOLEAN, operands=tuple(left))


def _settled(term: t.Term, path: Path, value: object) -> bool:
    """Whether a term has a value with this one alone.

    Where the value is missing but the type says that it is there, a guard before the term has ruled the case out: the term is
    never reached, and has no value.
    """
    if value is OTHER and not _tests_equality(term):
        return False
    for part in t.parts(term):
        if isinstance(part, t.Load) and (part.path != path or (value is None and not part.type.optional)):
            return False
        if isinstance(part, t.Call) and FUNCTIONS[part.name].reads_scope:
            return False
    return True


def _tests_equality(term: t.Term) -> bool:
    match term:
        case t.Compare(op="==" | "!=", left=t.Load(), right=t.Constant()) | t.Compare(op="==" | "!=", left=t.Constant(), right=t.Load()):
            return True
        case t.Within(item=t.Load(), collection=t.Listing() as listing):
            return all(isinstance(item, t.Constant) for item in listing.items)
        case t.IsNone(operand=t.Load()):
            return True
    return False


def _scope(path: Path, value: object) -> dict[str, object]:
    for name in reversed(path[1:]):
        value = {name: value}
    return {path[0]: value}


def _begins(path: Path, start: Path) -> bool:
    return path[: len(start)] == start


def _constant(value: bool) -> t.Constant:
    return TRUE if value else FALSE


@dataclass(frozen=True, slots=True)
class Split:
    """A path on whose value many conditions turn, and the values that make a difference; missing and any other are two more."""

    path: Path
    values: tuple[object, ...]


@dataclass(slots=True)
class _Seen:
    conditions: int = 0
    values: dict[object, None] = field(default_factory=dict)  # in the order of their appearance


def best_split(conditions: Iterable[t.Term], used: frozenset[Path]) -> Split | None:
    """The path that decides something in the most conditions; None where no path is worth a look."""
    seen: dict[Path, _Seen] = {}
    for condition in conditions:
        here: Counter[Path] = Counter()
        for atom in _atoms(condition):
            turns = _turns_on(atom)
            if turns is not None and turns.path not in used:
                here[turns.path] += 1
                seen.setdefault(turns.path, _Seen()).values.update(dict.fromkeys(turns.values))
        for path in here:
            seen[path].conditions += 1
    worth = [path for path in seen if seen[path].conditions >= _WORTH]
    if not worth:
        return None
    path = min(worth, key=lambda path: (-seen[path].conditions, path))
    return Split(path, tuple(seen[path].values))


def index(conditions: Iterable[t.Term], path: Path) -> tuple[dict[object, list[int]], list[int]]:
    """The positions of conditions that name a value of the path, by value; and of those that ask more of it than which one it is.

    For a value that a condition does not name, the condition is what it is for any other value, unless it asks more.
    """
    naming: dict[object, list[int]] = {}
    asking: list[int] = []
    for position, condition in enumerate(conditions):
        atoms = [atom for atom in _atoms(condition) if any(load.path == path for load in t.loads(atom))]
        if not all(_tests_equality(atom) for atom in atoms):
            asking.append(position)
            continue
        for value in {constant for atom in atoms for constant in _constants(atom)}:
            naming.setdefault(value, []).append(position)
    return naming, asking


def _atoms(term: t.Term) -> Iterator[t.Term]:
    """The operands that `and`, `or` and `not` join."""
    match term:
        case t.And() | t.Or():
            for operand in term.operands:
                yield from _atoms(operand)
        case t.Not():
            yield from _atoms(term.operand)
        case _:
            yield term


def _turns_on(atom: t.Term) -> Split | None:
    """The one path that decides an atom, with the values that can be told apart beforehand; that it is missing always can."""
    loads = list(t.loads(atom))
    if not loads or any(load.path != loads[0].path for load in loads):
        return None
    kind, equality = loads[0].type, _tests_equality(atom)
    values = (*_domain(kind), *(_constants(atom) if equality else ()))
    # To look up a text that may be long, only to see that it is there, would take longer than to test it.
    by_presence = equality and (kind.is_number or kind.kind in ("date", "datetime"))
    return Split(loads[0].path, values) if values or by_presence else None


def _domain(kind: Type) -> tuple[object, ...]:
    """The values of a type that has few."""
    if kind.kind == "boolean":
        return (True, False)
    if kind.kind == "integer" and kind.range is not None and kind.range[1] - kind.range[0] < _MOST_VALUES:
        return tuple(range(kind.range[0], kind.range[1] + 1))
    return kind.options


def _constants(atom: t.Term) -> tuple[object, ...]:
    return tuple(part.value for part in t.parts(atom) if isinstance(part, t.Constant) and part.value is not None)

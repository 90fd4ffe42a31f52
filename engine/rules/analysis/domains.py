"""Conditions over all the values that their names can have.

A condition is cut into variables: paths that are compared with constants, and whatever else has a value of its own (a call, a
comparison of two paths). Each variable gets representatives of its domain; between two neighbouring constants all numbers
behave alike, so one stands for all. What has too many combinations is left undecided, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise, product

from engine.dsl.expressions.interpret import evaluate
from engine.model import terms as t
from engine.model.types import BOOLEAN, Type

MAX_CASES = 20_000
_OTHER = "\0any other text"

Case = Mapping[tuple[str, ...], object]


class Undecidable(Exception):  # noqa: N818  # no error: the answer is "cannot tell"
    """The condition has too many cases to look at."""


def verdict(term: t.Term, within: t.Term | None = None) -> bool | None:
    """True or False where the condition always is; None where it depends on the data, or cannot be told.

    ``within`` is the condition that it is an operand of: what may be missing there may be missing here, guarded or not.
    """
    absent = frozenset(load.path for load in t.loads(within or term) if load.type.optional)
    try:
        rewritten, cases = _cases(term, absent)
    except Undecidable:
        return None
    seen = {value for case in cases if (value := _value(rewritten, case)) is not None}
    return seen.pop() if len(seen) == 1 else None


def _value(term: t.Term, case: Case) -> bool | None:
    """None where the term has no value in this case: a guard in front of it rules the case out."""
    try:
        return bool(evaluate(term, _scope(case)))
    except TypeError:
        return None


def constant_operands(term: t.Term, within: t.Term | None = None) -> Iterator[tuple[t.Term, bool]]:
    """The smallest operands of `and` and `or` that are always true or always false, with which. Links of a chain are one."""
    inner = term.operands if isinstance(term, t.Or) or (isinstance(term, t.And) and not term.chain) else ()
    found = False
    for operand in inner:
        for item in constant_operands(operand, within or term):
            found = True
            yield item
    if not found:
        always = verdict(term, within)
        if always is not None:
            yield term, always


def _scope(case: Case) -> dict[str, object]:
    return {path[0]: value for path, value in case.items()}


def _cases(term: t.Term, absent: frozenset[tuple[str, ...]]) -> tuple[t.Term, Iterator[Case]]:
    """The term over plain variables, and every combination of their representatives."""
    variables = _Variables(absent)
    rewritten = variables.rewrite(term)
    domains = [(name, variables.domain(name)) for name in variables.types]
    count = 1
    for _, values in domains:
        count *= len(values)
        if count > MAX_CASES:
            raise Undecidable
    names = [(name,) for name, _ in domains]
    return rewritten, (dict(zip(names, values, strict=True)) for values in product(*(values for _, values in domains)))


class _Variables:
    """Gives every part of a condition with a value of its own a name."""

    def __init__(self, absent: frozenset[tuple[str, ...]]) -> None:
        self._absent = absent
        self.types: dict[str, Type] = {}
        self._constants: dict[str, list[t.Value]] = {}
        self._names: dict[t.Term, str] = {}

    def rewrite(self, term: t.Term) -> t.Term:
        match term:
            case t.Constant():
                return term
            case t.Not():
                return t.Not(type=BOOLEAN, operand=self.rewrite(term.operand))
            case t.And():
                return t.And(type=BOOLEAN, operands=tuple(self.rewrite(operand) for operand in term.operands))
            case t.Or():
                return t.Or(type=BOOLEAN, operands=tuple(self.rewrite(operand) for operand in term.operands))
            case t.IsNone():
                return t.IsNone(type=BOOLEAN, operand=self._variable(term.operand))
            case t.Compare():
                return self._compare(term)
            case t.Within() if isinstance(term.collection, t.Listing) and all(isinstance(i, t.Constant) for i in term.collection.items):
                constants = [item.value for item in term.collection.items if isinstance(item, t.Constant)]
                return t.Within(type=BOOLEAN, item=self._variable(term.item, *constants), collection=term.collection)
            case t.Default() if isinstance(term.fallback, t.Constant) and term.type.kind == "boolean":
                return t.Default(type=BOOLEAN, operand=self._variable(term.operand), fallback=term.fallback)
        return self._variable(term)

    def _compare(self, term: t.Compare) -> t.Term:
        for side, other in ((term.left, term.right), (term.right, term.left)):
            if isinstance(other, t.Constant):
                if isinstance(side, t.Constant):
                    return term
                inner = self._operand(side, other.value)
                left, right = (inner, other) if side is term.left else (other, inner)
                return t.Compare(type=BOOLEAN, op=term.op, left=left, right=right)
        # Two values that depend on the data: their comparison may come out either way.
        return self._variable(term)

    def _operand(self, term: t.Term, constant: t.Value) -> t.Term:
        if isinstance(term, t.Default) and isinstance(term.fallback, t.Constant):
            inner = self._variable(term.operand, constant, term.fallback.value)
            return t.Default(type=term.type, operand=inner, fallback=term.fallback)
        return self._variable(term, constant)

    def _variable(self, term: t.Term, *constants: t.Value) -> t.Term:
        if isinstance(term, t.Constant):
            return term
        name = self._names.setdefault(term, f"v{len(self._names)}") if not isinstance(term, t.Load) else ".".join(term.path)
        # The same path may be guarded in one place and not in another: the wider type counts.
        wide = isinstance(term, t.Load) and term.path in self._absent
        self.types[name] = term.type.maybe() if wide else term.type
        self._constants.setdefault(name, []).extend(c for c in constants if c is not None)
        return t.Load(type=term.type, path=(name,))

    def domain(self, name: str) -> list[object]:
        kind, constants = self.types[name], self._constants[name]
        values = _values(kind, constants)
        return [*values, None] if kind.optional else values


def _values(kind: Type, constants: list[t.Value]) -> list[object]:
    if kind.kind == "boolean":
        return [True, False]
    if kind.kind == "one_of":
        return list(kind.options)
    if kind.is_number:
        return _numbers(kind, [c for c in constants if isinstance(c, (int, float))])
    if kind.is_text:
        return [*dict.fromkeys(c for c in constants if isinstance(c, str)), _OTHER]
    return [_OTHER]  # dates, lists, objects: all that counts here is whether they are there


def _numbers(kind: Type, constants: list[int | float]) -> list[object]:
    if kind.range is not None and kind.kind == "integer":
        return list(range(kind.range[0], kind.range[1] + 1))
    cuts = sorted(set(constants)) or [0]
    found: list[object] = [cuts[0] - 1, cuts[-1] + 1, *cuts]
    for low, high in pairwise(cuts):
        middle = (low + high) / 2
        if kind.kind == "number":
            found.append(middle)
        elif int(low) + 1 < high:
            found.append(int(low) + 1)
    return found

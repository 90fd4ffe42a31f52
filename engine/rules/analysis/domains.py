"""Conditions over all the values that their variables can have.

Each variable gets representatives of its domain; between two neighbouring constants all numbers behave alike, so one stands for
all. A conjunction of tests is then a cube: for each variable that it restricts, the set of values that are left, as the bits of an
integer. A cube without a value left for some variable holds never; all else about conditions is a question about bits.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any

from engine.model import terms as t
from engine.model.frozen import frozen
from engine.model.types import Type
from engine.rules.analysis.leaves import MOST, Condition, Leaf, Path, Reader, Variable

Cube = Mapping[str, int]  # variable → the values that are left, bit by bit; a variable that is not in it may have any
Test = tuple[str, tuple[t.Value, ...], t.Value, bool]  # a leaf without its variable
_SHORT = 16  # values that are tried one by one
_MANY = 64  # options that all have a value of their own
OTHER = "\0any other text"
_TESTS: Mapping[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]  # the checker lets only ordered values of like types come here
    "<=": operator.le,  # type: ignore[dict-item]  # likewise
    ">": operator.gt,  # type: ignore[dict-item]  # likewise
    ">=": operator.ge,  # type: ignore[dict-item]  # likewise
}


@frozen
class Answers:
    """What is known of a survey's answers beyond their types."""

    metric: Variable | None  # the question that measures
    classes: tuple[tuple[object, str | None, str | None], ...] = ()  # its values, each with its category and sentiment
    shown: Mapping[str, t.Term] = field(default_factory=dict)  # questions with `show_if`: they have no answer, or it holds


def answer_name(path: Path) -> str:
    """An answer has one name, whether it is read by its bare id or not."""
    return ".".join(path) if path[0] == "answer" else "answer." + ".".join(path)


class Space:
    """The variables of conditions that are looked at together, and what each can be."""

    def __init__(self, conditions: Iterable[Condition], answers: Answers | None = None) -> None:
        self.variables: dict[str, Variable] = {}
        self._constants: dict[str, set[t.Value]] = {}
        self._values: dict[str, list[object]] = {}
        self._masks: dict[Leaf, tuple[str, int]] = {}
        self._shown: dict[str, list[Cube]] = {}
        # Variables that are a function of another one.
        self._derived: dict[str, dict[object, str | None]] = {}
        self.metric: str | None = None
        for condition in conditions:
            self._take(condition)
        if answers is not None:
            self._know(answers)

    def _take(self, condition: Condition) -> None:
        variables = self.variables
        for variable in condition.variables:
            if variables.get(variable.name) is not variable:
                self.note(variable)
        for name, constants in condition.constants:
            known = self._constants.get(name)
            if known is None:
                self._constants[name] = set(constants)
            else:
                known |= constants

    def _know(self, answers: Answers) -> None:
        if answers.metric is not None:
            self.metric = answers.metric.name
            # A condition for several surveys reads a wider type; here it is asked of this survey's scores.
            known = self.variables.get(self.metric)
            wide = known is not None and known.type.optional
            self.variables[self.metric] = answers.metric._replace(type=answers.metric.type.maybe()) if wide else answers.metric
            self._derived["answer.category"] = {value: category for value, category, _ in answers.classes}
            self._derived["answer.sentiment"] = {value: feeling for value, _, feeling in answers.classes}
        shown = [
            (name, Reader(answer_name).condition(term)) for name in list(self.variables) if (term := answers.shown.get(name)) is not None
        ]
        for _, condition in shown:
            self._take(condition)
        for name, condition in shown:
            cubes = self.cubes(condition)
            if cubes is not None:
                self._shown[name] = cubes

    def note(self, variable: Variable) -> None:
        """Where one may be missing by one condition's types and not by another's, it may."""
        known = self.variables.get(variable.name)
        if known is None or (variable.type.optional and not known.type.optional):
            self.variables[variable.name] = variable

    def values(self, name: str) -> list[object]:
        """The representatives of a variable's domain; bit n of a mask is the n-th."""
        found = self._values.get(name)
        if found is None:
            kind = self.variables[name].type
            constants = [c for c in self._constants.get(name, ()) if c is not None]
            values = _values(kind, constants)
            if (least := self.variables[name].least) is not None:
                values = sorted({max(least, value) for value in values if isinstance(value, int)})
            found = self._values[name] = [*values, *([None] if kind.optional else [])]
        return found

    def mask(self, leaf: Leaf) -> tuple[str, int]:
        """The variable that a leaf restricts, and the values for which it holds."""
        known = self._masks.get(leaf)
        if known is None:
            derived = self._derived.get(leaf.variable)
            if derived is None or self.metric is None:
                values = self.values(leaf.variable)
                many = self.variables[leaf.variable].type.is_number and len(values) > _SHORT
                known = leaf.variable, _stretch(leaf, values) if many else _mask(leaf[1:], tuple(values))
            else:
                known = self.metric, _mask(leaf[1:], tuple(map(derived.get, self.values(self.metric))))
            self._masks[leaf] = known
        return known

    def cubes(self, condition: Condition) -> list[Cube] | None:
        """The alternatives of a condition that can hold; None where it was too long to be analysed."""
        if condition.cubes is None:
            return None
        found: list[Cube] = []
        masks = self._masks
        for leaves in condition.cubes:
            cube: dict[str, int] = {}
            for leaf in leaves:
                name, mask = masks.get(leaf) or self.mask(leaf)
                cube[name] = cube.get(name, -1) & mask
            if all(cube.values()):
                found += self._where_shown(cube) if self._shown else (cube,)
        return _merged(found) if len(found) > 1 else found

    def _where_shown(self, cube: Cube) -> list[Cube]:
        """The cube, without the answers to questions that are not asked there."""
        found, open_, done = [cube], [name for name in cube if name in self._shown], set[str]()
        while open_ and len(found) < MOST:
            name = open_.pop()
            done.add(name)
            found = [both for a in found for b in self._shown[name] if (both := intersection(a, b)) is not None]
            open_ += [other for a in found for other in a if other in self._shown and other not in done and other not in open_]
        return found

    def excludes_a_value(self, name: str, mask: int) -> bool:
        """Whether a mask rules out more than that the value is missing."""
        return any(value is not None and not mask >> number & 1 for number, value in enumerate(self.values(name)))

    def shown(self, name: str, mask: int) -> list[object]:
        """The values that a mask stands for."""
        return [value for number, value in enumerate(self.values(name)) if mask >> number & 1]


def holds(test: Test, value: object) -> bool:
    """Whether a test holds for a value; neither it nor its opposite does where it has no value there: a guard rules that out."""
    op, constants, fallback, wanted = test
    if value is None:
        value = fallback
    match op:
        case "true":
            return bool(value) is wanted
        case "none":
            return (value is None) is wanted
        case "in":
            return (value in constants) is wanted
    if value is None and op not in ("==", "!="):
        return False
    return _TESTS[op](value, constants[0]) is wanted


@lru_cache(maxsize=16_384)
def _mask(test: Test, values: tuple[object, ...]) -> int:
    """The same tests of the same values come again for every survey."""
    return bits(holds(test, value) for value in values)


def _stretch(leaf: Leaf, values: Sequence[object]) -> int:
    """The mask over many numbers in order: only the place of the constant is looked for, and a bound cuts them in two."""
    if leaf.fallback is not None or None in leaf.constants or leaf.op not in _TESTS:
        return bits(holds(leaf[1:], value) for value in values)
    numbers: Any = values if values[-1] is not None else values[:-1]
    if leaf.op in ("==", "!="):
        place = bisect_left(numbers, leaf.constants[0])
        equal = 1 << place if place < len(numbers) and numbers[place] == leaf.constants[0] else 0
        return equal if (leaf.op == "==") is leaf.holds else ((1 << len(values)) - 1) & ~equal
    cut = (bisect_left if leaf.op in ("<", ">=") else bisect_right)(numbers, leaf.constants[0])
    below, everything = (1 << cut) - 1, (1 << len(numbers)) - 1
    return below if (leaf.op in ("<", "<=")) is leaf.holds else everything & ~below


def bits(flags: Iterable[bool]) -> int:
    """An integer whose n-th bit is the n-th flag."""
    return int("".join(["1" if flag else "0" for flag in flags])[::-1] or "0", 2)


def _merged(cubes: list[Cube]) -> list[Cube]:
    """Fewer cubes for the same: two that differ in one variable are one."""
    found: list[Cube] = []
    for cube in cubes:
        at = 0
        while at < len(found):
            other = found[at]
            differing = [name for name in cube if cube[name] != other.get(name)] if cube.keys() == other.keys() else None
            if differing is not None and len(differing) <= 1:
                cube = {name: mask | other[name] for name, mask in cube.items()}
                del found[at]
                at = 0
            else:
                at += 1
        found.append(cube)
    return found


def intersection(a: Cube, b: Cube) -> Cube | None:
    """What holds in both; None where nothing does."""
    found = dict(a)
    for name, mask in b.items():
        both = found.get(name, -1) & mask
        if not both:
            return None
        found[name] = both
    return found


def _values(kind: Type, constants: Iterable[t.Value]) -> Sequence[object]:
    if kind.kind == "boolean":
        return [True, False]
    if kind.kind == "one_of":
        return _options(kind.options, constants)
    if kind.is_number:
        return _numbers(kind, [c for c in constants if isinstance(c, (int, float))])
    if kind.is_text:
        return [*sorted(c for c in constants if isinstance(c, str)), OTHER]
    return [OTHER]  # dates, lists, objects: all that counts here is whether they are there


def _options(options: Sequence[str], constants: Iterable[t.Value]) -> list[object]:
    """All of them; of many, those that some test names, and one for all others."""
    if len(options) <= _MANY:
        return list(options)
    named = {constant for constant in constants if isinstance(constant, str)}
    return [*sorted(named.intersection(options)), *islice((option for option in options if option not in named), 1)]


def _numbers(kind: Type, constants: list[int | float]) -> Sequence[object]:
    if kind.range is not None and kind.kind == "integer":
        return list(range(kind.range[0], kind.range[1] + 1))
    cuts = sorted(set(constants)) or [0]
    if kind.kind == "integer":
        return sorted({near + step for cut in cuts for near in (math.floor(cut), math.ceil(cut)) for step in (-1, 0, 1)})
    return sorted([cuts[0] - 1, *cuts, *((low + high) / 2 for low, high in pairwise(cuts)), cuts[-1] + 1])

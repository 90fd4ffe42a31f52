"""Which of many rules hold together, and which hold only where another does.

All cubes of all rules are laid beside each other, and for each variable and each set of values there is one bit set of the cubes
that leave room for it. What meets a cube is then a conjunction of a few bit sets, however many rules there are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.rules.analysis.domains import Cube, Space, intersection

NAMED = 3  # rules that a finding names; of more it says only that there are more
_TRIES = 64  # pairs that are looked at one by one, where functions of values make it doubtful whether they meet


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A rule, and earlier ones that hold together with it."""

    rule: int
    earlier: tuple[int, ...]  # at most NAMED
    more: bool
    where: Cube  # for which values it and the first of the earlier ones do
    shadows: bool = False  # the first of the earlier ones holds only where the rule does
    shadowed: bool = False  # the rule holds only where the first of the earlier ones does

    @property
    def covers(self) -> bool:
        """Whether one of the two holds wherever the other does."""
        return self.shadows or self.shadowed


class _Index:
    def __init__(self, cubes: Sequence[Cube]) -> None:
        self.all = (1 << len(cubes)) - 1
        numbers: dict[str, dict[int, list[int]]] = {}
        for number, cube in enumerate(cubes):
            for name, mask in cube.items():
                numbers.setdefault(name, {}).setdefault(mask, []).append(number)
        self._sets = {name: {mask: _set(found) for mask, found in masks.items()} for name, masks in numbers.items()}
        self._free = {name: self.all & ~_union(masks.values()) for name, masks in self._sets.items()}
        self._meeting: dict[tuple[str, int], int] = {}
        self._inside: dict[tuple[str, int], int] = {}

    def meeting(self, cube: Cube) -> int:
        """The cubes that have something in common with this one."""
        found = self.all
        for name, mask in cube.items():
            key = (name, mask)
            if key not in self._meeting:
                self._meeting[key] = _union([bits for other, bits in self._sets[name].items() if other & mask]) | self._free[name]
            found &= self._meeting[key]
        return found

    def inside(self, cube: Cube) -> int:
        """The cubes that lie within this one."""
        found = self.all
        for name, mask in cube.items():
            key = (name, mask)
            if key not in self._inside:
                self._inside[key] = _union([bits for other, bits in self._sets[name].items() if not other & ~mask])
            found &= self._inside[key]
        return found


def meetings(space: Space, rules: Sequence[Sequence[Cube]], wanted: Collection[int] | None = None) -> Iterator[Meeting]:
    """For each rule (its alternatives, in the order of rules) the earlier ones that it surely meets: at most one meeting a rule.

    ``wanted``: pairs of which neither rule is one of these are passed over.
    """
    cubes = [cube for rule in rules for cube in rule]
    owners = [number for number, rule in enumerate(rules) for _ in rule]
    index = _Index(cubes)
    first = 0
    mine = index.all if wanted is None else _union(_range(owners, rules, number) for number in wanted)
    covered: dict[int, int] = {}  # rule → an earlier one that holds wherever it does
    open_ = index.all
    for number, rule in enumerate(rules):
        before, first = (1 << first) - 1, first + len(rule)
        others = index.all if wanted is None or number in wanted else mine
        met = [index.meeting(cube) & others for cube in rule]
        if not _union(met) & ~(((1 << first) - 1) ^ before):
            continue  # nothing but itself
        inside = others & _union([index.inside(cube) for cube in rule])
        for later in _owners(inside & open_ & ~((1 << first) - 1), owners):
            own = _range(owners, rules, later)
            if own & ~inside == 0 and later not in covered:
                covered[later] = number
                open_ &= ~own
        found = _met(space, cubes, owners, rule, [bits & before for bits in met])
        if not found:
            continue
        shadowed = _whole(inside & before, owners, rules)
        cover = covered.get(number)
        chosen = cover if cover is not None else next(shadowed, None)
        names = list(found)
        if chosen is not None and _together(space, rules[chosen], rule) is not None:
            names = [chosen, *(name for name in names if name != chosen)]
        where = _together(space, rules[names[0]], rule)
        assert where is not None
        yield Meeting(
            rule=number,
            earlier=tuple(names[:NAMED]),
            more=len(names) > NAMED,
            where=where,
            shadowed=names[0] == cover,
            shadows=names[0] == chosen and cover is None,
        )


def _met(space: Space, cubes: Sequence[Cube], owners: Sequence[int], rule: Sequence[Cube], meeting: Sequence[int]) -> list[int]:
    """The first few rules that surely meet this one."""
    found: list[int] = []
    for cube, bits in zip(rule, meeting, strict=True):
        tries = 0
        while bits and len(found) <= NAMED and tries < _TRIES:
            number = (bits & -bits).bit_length() - 1
            bits &= bits - 1
            tries += 1
            both = intersection(cubes[number], cube)
            if owners[number] not in found and both is not None and independent(space, both):
                found.append(owners[number])
    return sorted(found)


def _together(space: Space, a: Sequence[Cube], b: Sequence[Cube]) -> Cube | None:
    """Something for which both rules surely hold."""
    both = (intersection(x, y) for x in a for y in b)
    return next((cube for cube in both if cube is not None and independent(space, cube)), None)


def independent(space: Space, cube: Cube) -> bool:
    """Whether the variables of a cube vary independently of each other, so that there surely are data for it.

    A function of a value and the value itself do not, nor do two functions of one value; that a value is there at all says
    nothing about what a function of it gives.
    """
    made_of: dict[str, bool] = {}
    for name in cube:
        variable = space.variables[name]
        for path in variable.paths:
            if path in cube and space.excludes_a_value(path, cube[path]):
                return False
            if path in made_of and not (made_of[path] and variable.member):
                return False
            made_of[path] = variable.member
    return True


def _whole(bits: int, owners: Sequence[int], rules: Sequence[Sequence[Cube]]) -> Iterator[int]:
    """The rules all of whose cubes are in a set."""
    return (number for number in _owners(bits, owners) if _range(owners, rules, number) & ~bits == 0)


def _owners(bits: int, owners: Sequence[int]) -> Iterator[int]:
    last = -1
    while bits:
        number = (bits & -bits).bit_length() - 1
        bits &= bits - 1
        if owners[number] != last:
            last = owners[number]
            yield last


def _range(owners: Sequence[int], rules: Sequence[Sequence[Cube]], number: int) -> int:
    """The cubes of a rule as a set."""
    return ((1 << len(rules[number])) - 1) << bisect_left(owners, number)


def _set(numbers: Iterable[int]) -> int:
    found = list(numbers)
    packed = bytearray(max(found, default=0) // 8 + 1)
    for number in found:
        packed[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(packed, "little")


def _union(sets: Iterable[int]) -> int:
    if isinstance(sets, list) and len(sets) == 1:  # most rules have one alternative
        return int(sets[0])
    found = 0
    for bits in sets:
        found |= bits
    return found

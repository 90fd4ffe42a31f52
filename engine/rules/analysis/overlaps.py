"""Which of many rules hold together, and which hold only where another does.

All cubes of all rules are laid beside each other, and for each variable and each set of values there is one bit set of the cubes
that leave room for it. What meets a cube is then a conjunction of a few bit sets, however many rules there are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from engine.rules.analysis.domains import Cube, Space, intersection

_FEW = 4  # rules that are compared pair by pair first
NAMED = 3  # rules that a finding names; of more it says only that there are more
_TRIES = 64  # pairs that are looked at one by one, where functions of values make it doubtful whether they meet


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A rule, and earlier ones that hold together with it."""

    rule: int
    earlier: tuple[int, ...]  # at most NAMED
    more: bool
    where: tuple[Sequence[Cube], ...]  # for which values it and each of the earlier ones do
    shadows: bool = False  # the first of the earlier ones holds only where the rule does
    shadowed: bool = False  # the rule holds only where the first of the earlier ones does

    @property
    def covers(self) -> bool:
        """Whether one of the two holds wherever the other does."""
        return self.shadows or self.shadowed


class _Index:
    """``several`` are the cubes that are not the only one of their rule."""

    def __init__(self, rules: Sequence[Sequence[Cube]]) -> None:
        self.cubes = [cube for rule in rules for cube in rule]
        self.owners = [number for number, rule in enumerate(rules) for _ in rule]
        self.all = (1 << len(self.cubes)) - 1
        self.several = _set(number for number, owner in enumerate(self.owners) if len(rules[owner]) > 1)
        numbers: dict[str, dict[int, list[int]]] = {}
        for number, cube in enumerate(self.cubes):
            for name, mask in cube.items():
                numbers.setdefault(name, {}).setdefault(mask, []).append(number)
        self._sets = {name: {mask: _set(found) for mask, found in masks.items()} for name, masks in numbers.items()}
        self._free = {name: self.all & ~_union(masks.values()) for name, masks in self._sets.items()}
        self._meeting: dict[tuple[str, int], int] = {}
        self._inside: dict[tuple[str, int], int] = {}
        self._around: dict[tuple[str, int], int] = {}

    def meeting(self, cube: Cube) -> int:
        """The cubes that have something in common with this one."""
        found = self.all
        for key in cube.items():
            bits = self._meeting.get(key)
            if bits is None:
                name, mask = key
                bits = self._meeting[key] = _union([bits for other, bits in self._sets[name].items() if other & mask]) | self._free[name]
            found &= bits
        return found

    def inside(self, cube: Cube) -> int:
        """The cubes that lie within this one."""
        found = self.all
        for key in cube.items():
            bits = self._inside.get(key)
            if bits is None:
                name, mask = key
                bits = self._inside[key] = _union([bits for other, bits in self._sets[name].items() if not other & ~mask])
            found &= bits
        return found

    def around(self, cube: Cube) -> int:
        """The cubes that this one lies within."""
        found = self.all
        for name, free in self._free.items():
            mask = cube.get(name)
            if mask is None:
                found &= free
                continue
            bits = self._around.get((name, mask))
            if bits is None:
                wider = _union([bits for other, bits in self._sets[name].items() if not mask & ~other])
                bits = self._around[name, mask] = wider | free
            found &= bits
        return found


def meetings(space: Space, rules: Sequence[Sequence[Cube]], wanted: Collection[int] | None = None) -> Iterator[Meeting]:
    """For each rule (its alternatives, in the order of rules) the earlier ones that it surely meets: at most one meeting a rule.

    ``wanted``: pairs of which neither rule is one of these are passed over.
    """
    if len(rules) <= _FEW and not any(_meet(a, b) for number, a in enumerate(rules) for b in rules[:number]):
        return  # mostly so, and to look is quicker than to lay out an index
    index = _Index(rules)
    first = 0
    mine = index.all if wanted is None else _union(_range(index.owners, rules, number) for number in wanted)
    touched = 0  # what the wanted ones so far meet: whatever else is not wanted has nothing to meet before it
    for number, rule in enumerate(rules):
        before, own, first = (1 << first) - 1, ((1 << len(rule)) - 1) << first, first + len(rule)
        chief = wanted is None or number in wanted
        if not chief and not own & touched:
            continue
        others = index.all if chief else mine
        met = [index.meeting(cube) & others for cube in rule]
        if chief and wanted is not None:
            touched |= _union(met)
        others &= before
        if not _union(met) & others:
            continue
        found = _met(space, index, rule, [bits & others for bits in met])
        if not found:
            continue
        cover = _covering(index, rules, rule, others)
        chosen = cover
        if chosen is None:
            chosen = next(_whole(others & _union([index.inside(cube) for cube in rule]), index.owners, rules), None)
        names = found
        if chosen is not None and _together(space, rules[chosen], rule):
            names = [chosen, *(name for name in names if name != chosen)]
        yield Meeting(
            rule=number,
            earlier=tuple(names[:NAMED]),
            more=len(names) > NAMED,
            where=tuple(_together(space, rules[name], rule) for name in names[:NAMED]),
            shadowed=names[0] == cover,
            shadows=names[0] == chosen and cover is None,
        )


def _meet(a: Sequence[Cube], b: Sequence[Cube]) -> bool:
    return any(intersection(x, y) is not None for x in a for y in b)


def _covering(index: _Index, rules: Sequence[Sequence[Cube]], rule: Sequence[Cube], others: int) -> int | None:
    """The first of other rules that holds wherever this one does: each of its alternatives lies within one of the other's."""
    around = [index.around(cube) & others for cube in rule]
    alone = others
    for bits in around:
        alone &= bits
    found = index.owners[(alone & -alone).bit_length() - 1] if alone else None
    for owner in _owners(around[0] & index.several, index.owners):
        if found is not None and owner >= found:
            break
        own = _range(index.owners, rules, owner)
        if all(bits & own for bits in around):
            return owner
    return found


def _met(space: Space, index: _Index, rule: Sequence[Cube], meeting: Sequence[int]) -> list[int]:
    """The first few rules that surely meet this one."""
    found: list[int] = []
    for cube, bits in zip(rule, meeting, strict=True):
        tries = 0
        while bits and len(found) <= NAMED and tries < _TRIES:
            number = (bits & -bits).bit_length() - 1
            bits &= bits - 1
            tries += 1
            owner = index.owners[number]
            both = intersection(index.cubes[number], cube) if owner not in found else None
            if both is not None and independent(space, both):
                found.append(owner)
    return sorted(found)


def _together(space: Space, a: Sequence[Cube], b: Sequence[Cube]) -> list[Cube]:
    """For what both rules surely hold."""
    both = (intersection(x, y) for x in a for y in b)
    return [cube for cube in both if cube is not None and independent(space, cube)]


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

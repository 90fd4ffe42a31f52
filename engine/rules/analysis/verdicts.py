"""Whether a condition depends on the data at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from engine.model import terms as t
from engine.rules.analysis.domains import Space
from engine.rules.analysis.leaves import ALWAYS, Condition, Path, Reader, joint


def verdict(term: t.Term, within: t.Term | None = None, given: Condition = ALWAYS, name: Callable[[Path], str] = ".".join) -> bool | None:
    """True or False where the condition always is; None where it depends on the data, or cannot be told.

    ``within`` is the condition that it is an operand of: what may be missing there may be missing here, guarded or not. ``given``
    is what holds wherever it is asked, with the names of paths that ``name`` gives.
    """
    return _verdict(term, _absent(within or term), given, name)


def _absent(term: t.Term) -> frozenset[Path]:
    return frozenset(load.path for load in t.loads(term) if load.type.optional)


def _verdict(term: t.Term, absent: frozenset[Path], given: Condition, name: Callable[[Path], str]) -> bool | None:
    reader = Reader(name, absent)
    sides = [joint(given, reader.condition(term, holds=holds)) for holds in (True, False)]
    space = Space(sides)
    can_hold, can_fail = (space.cubes(side) != [] for side in sides)
    return can_hold if can_hold is not can_fail else None


def constant_operands(
    term: t.Term, within: t.Term | None = None, given: Condition = ALWAYS, name: Callable[[Path], str] = ".".join
) -> Iterator[tuple[t.Term, bool]]:
    """The smallest operands of `and` and `or` that are always true or always false, with which. Links of a chain are one."""
    return _constant(term, _absent(within or term), given, name)


def _constant(term: t.Term, absent: frozenset[Path], given: Condition, name: Callable[[Path], str]) -> Iterator[tuple[t.Term, bool]]:
    inner = term.operands if isinstance(term, t.Or) or (isinstance(term, t.And) and not term.chain) else ()
    found = False
    for operand in inner:
        for item in _constant(operand, absent, given, name):
            found = True
            yield item
    if not found:
        always = _verdict(term, absent, given, name)
        if always is not None:
            yield term, always

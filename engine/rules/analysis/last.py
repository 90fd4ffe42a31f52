"""One analysis for the several checks that ask for it one after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

D = TypeVar("D")
R = TypeVar("R")


def kept_once(analyse: Callable[[D, frozenset[str]], R]) -> Callable[[D, frozenset[str]], R]:
    """The analysis, which keeps its last result: all checks judge one definition before the next one is built."""
    last: tuple[D, frozenset[str], R] | None = None

    @wraps(analyse)
    def analysed(definition: D, objects: frozenset[str]) -> R:
        nonlocal last
        known = last
        # The very same definition: it is frozen, and to compare two would take longer than to analyse one.
        if known is None or known[0] is not definition or known[1] != objects:
            known = last = (definition, objects, analyse(definition, objects))
        return known[2]

    return analysed

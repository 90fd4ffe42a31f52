"""One analysis for the several checks that ask for it one after the other."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

D = TypeVar("D")
P = ParamSpec("P")
R = TypeVar("R")


def kept_once(analyse: Callable[Concatenate[D, P], R]) -> Callable[Concatenate[D, P], R]:
    """The analysis, which keeps its last result: all checks judge one definition before the next one is built."""
    last: tuple[D, object, R] | None = None

    @wraps(analyse)
    def analysed(definition: D, /, *args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal last
        known = last
        # The very same definition: it is frozen, and to compare two would take longer than to analyse one.
        if known is None or known[0] is not definition or known[1] != (args, kwargs):
            known = last = (definition, (args, kwargs), analyse(definition, *args, **kwargs))
        return known[2]

    return analysed

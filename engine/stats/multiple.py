"""p-values of many tests at once, adjusted so that looking at many segments does not find changes that are none.

Each function takes p-values in any order and returns the adjusted ones in the same order, 0…1; a test counts where its adjusted
value is ≤ α. InvalidInputError for a p-value beyond 0…1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from engine.stats.inputs import check_share


def benjamini_hochberg(p_values: Sequence[float]) -> tuple[float, ...]:
    """Keeps the expected share of false ones among the tests that count ≤ α: for many segments, where a false alarm is cheap.

    Benjamini and Hochberg, "Controlling the False Discovery Rate", J. R. Stat. Soc. B 57, 1995.
    """
    order = _ascending(p_values)[::-1]
    m = len(order)
    raised = (p_values[i] * m / (m - position) for position, i in enumerate(order))
    return _in_place(order, accumulate(raised, min))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Keeps the chance of even one false one ≤ α: for few segments, where a false alarm is costly.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Statist. 6, 1979.
    """
    order = _ascending(p_values)
    m = len(order)
    raised = (p_values[i] * (m - position) for position, i in enumerate(order))
    return _in_place(order, accumulate(raised, max))


def bonferroni(p_values: Sequence[float]) -> tuple[float, ...]:
    """As holm, by the plain product with the number of tests; never finds more than holm does. Dunn, JASA 56, 1961."""
    order = _ascending(p_values)
    return _in_place(order, (p_values[i] * len(order) for i in order))


def _ascending(p_values: Sequence[float]) -> list[int]:
    for p in p_values:
        check_share("a p-value", p)
    return sorted(range(len(p_values)), key=p_values.__getitem__)


def _in_place(order: Sequence[int], adjusted: Iterable[float]) -> tuple[float, ...]:
    by_index = dict(zip(order, adjusted, strict=True))
    return tuple(min(1.0, by_index[i]) for i in range(len(order)))

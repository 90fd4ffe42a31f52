"""Control charts: has a series really changed? Against a baseline, for period against period misses even lasting changes.

All take the values period by period and number the periods from 1. Values that are not finite are an InvalidInputError.
Shewhart's chart sees a large jump at once; CUSUM, EWMA and Page-Hinkley add up evidence and see small lasting shifts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.stats.inputs import InvalidInputError, check_count, check_finite, check_positive
from engine.stats.nps import NpsCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Shewhart:
    """Scores, centre and limits in points. A period without answers has neither score nor limits."""

    centre: float
    scores: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    signals: tuple[int, ...]  # periods beyond their limits


def shewhart_nps(series: Sequence[NpsCounts], *, baseline: int, k: float = 3.0) -> Shewhart:
    """NPS per period against the pooled NPS of the first ``baseline`` periods, ± ``k`` standard errors of that period's size.

    Shewhart, Economic Control of Quality of Manufactured Product, 1931, with limits that follow the sample size as in a p chart
    (Montgomery, Introduction to Statistical Quality Control, 7.3). InvalidInputError for a baseline that is not 1…all periods or has
    no answers, or k ≤ 0.
    """
    check_positive("k", k)
    if not 1 <= check_count("baseline", baseline) <= len(series):
        raise InvalidInputError(f"the baseline must be 1 to {len(series)} periods; got {baseline}")
    pooled = sum(series[1:baseline], start=series[0])
    centre, variance = pooled.score, pooled.variance
    if centre is None or variance is None:
        raise InvalidInputError("the baseline has no answers")
    scores = tuple(counts.score for counts in series)
    widths = tuple(100 * k * math.sqrt(variance / counts.n) if counts.n else None for counts in series)
    return Shewhart(
        centre=centre,
        scores=scores,
        low=tuple(None if width is None else centre - width for width in widths),
        high=tuple(None if width is None else centre + width for width in widths),
        signals=_periods(
            score is not None and width is not None and abs(score - centre) > width for score, width in zip(scores, widths, strict=True)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSided:
    """Evidence of a rise and of a fall, each ≥ 0, in the unit of the values."""

    up: tuple[float, ...]
    down: tuple[float, ...]
    signals_up: tuple[int, ...]  # periods in which the evidence exceeds the threshold
    signals_down: tuple[int, ...]

    @property
    def first_signal(self) -> int | None:
        """The first period with a signal of either kind."""
        return min((*self.signals_up, *self.signals_down), default=None)


def cusum(values: Sequence[float], *, target: float, k: float, h: float) -> TwoSided:
    """Tabular CUSUM: C⁺ = max(0, C⁺ + x − target − k), C⁻ = max(0, C⁻ + target − k − x); a signal above ``h``.

    Page, "Continuous Inspection Schemes", Biometrika 41, 1954; Montgomery, 9.1. ``k`` (≥ 0, often half the shift to be found) and
    ``h`` (> 0) in the unit of the values. InvalidInputError for others.
    """
    check_finite("target", target)
    check_positive("h", h)
    _check_allowance("k", k)
    up, down = [0.0], [0.0]
    for x in _finite(values):
        up.append(max(0.0, up[-1] + x - target - k))
        down.append(max(0.0, down[-1] + target - k - x))
    return _two_sided(up[1:], down[1:], h)


def page_hinkley(values: Sequence[float], *, delta: float, threshold: float) -> TwoSided:
    """Page-Hinkley test against the running mean (the current value included), for series whose level is not known beforehand.

    Up: U = Σ(x − mean − delta), evidence U − min U; down: D = Σ(x − mean + delta), evidence max D − D; a signal above ``threshold``.
    Page 1954; Hinkley, "Inference about the Change-Point from Cumulative Sum Tests", Biometrika 58, 1971. ``delta`` (≥ 0) and
    ``threshold`` (> 0) in the unit of the values. InvalidInputError for others.
    """
    check_positive("threshold", threshold)
    _check_allowance("delta", delta)
    up, down = [], []
    total = rise = fall = 0.0
    lowest, highest = math.inf, -math.inf
    for number, x in enumerate(_finite(values), start=1):
        total += x
        rise += x - total / number - delta
        fall += x - total / number + delta
        lowest, highest = min(lowest, rise), max(highest, fall)
        up.append(rise - lowest)
        down.append(highest - fall)
    return _two_sided(up, down, threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ewma:
    """Smoothed values with two kinds of limits: those of the long run, and exact ones, narrower in the first periods."""

    values: tuple[float, ...]
    low: float
    high: float
    low_exact: tuple[float, ...]
    high_exact: tuple[float, ...]
    signals: tuple[int, ...]  # periods beyond the limits of the long run
    signals_exact: tuple[int, ...]  # periods beyond the exact limits


def ewma(values: Sequence[float], *, target: float, sigma: float, weight: float = 0.2, width: float = 2.7) -> Ewma:
    """Exponentially weighted moving average z = λx + (1 − λ)z, from z = target; limits target ± L·σ·√(λ/(2 − λ)·[1 − (1 − λ)²ᵗ]).

    The factor in brackets belongs to the exact limits only. ``weight`` is λ (0 < λ ≤ 1), ``width`` is L, ``sigma`` the standard deviation
    of one value. Roberts, "Control Chart Tests Based on Geometric Moving Averages", Technometrics 1, 1959; Lucas and Saccucci,
    Technometrics 32, 1990. InvalidInputError for parameters beyond their range.
    """
    check_finite("target", target)
    check_positive("sigma", sigma)
    check_positive("width", width)
    if check_positive("weight", weight) > 1:
        raise InvalidInputError(f"weight must be at most 1; got {weight!r}")
    smoothed = [float(target)]
    for x in _finite(values):
        smoothed.append(weight * x + (1 - weight) * smoothed[-1])
    averages = tuple(smoothed[1:])
    half = width * sigma * math.sqrt(weight / (2 - weight))
    exact = [half * math.sqrt(1 - (1 - weight) ** (2 * period)) for period in range(1, len(averages) + 1)]
    return Ewma(
        values=averages,
        low=target - half,
        high=target + half,
        low_exact=tuple(target - each for each in exact),
        high_exact=tuple(target + each for each in exact),
        signals=_periods(abs(z - target) > half for z in averages),
        signals_exact=_periods(abs(z - target) > each for z, each in zip(averages, exact, strict=True)),
    )


def _finite(values: Iterable[float]) -> Iterable[float]:
    return (check_finite("a value", x) for x in values)


def _check_allowance(name: str, value: float) -> None:
    if check_finite(name, value) < 0:
        raise InvalidInputError(f"{name} must be 0 or more; got {value!r}")


def _two_sided(up: Sequence[float], down: Sequence[float], threshold: float) -> TwoSided:
    return TwoSided(
        up=tuple(up),
        down=tuple(down),
        signals_up=_periods(evidence > threshold for evidence in up),
        signals_down=_periods(evidence > threshold for evidence in down),
    )


def _periods(beyond: Iterable[bool]) -> tuple[int, ...]:
    return tuple(period for period, signal in enumerate(beyond, start=1) if signal)

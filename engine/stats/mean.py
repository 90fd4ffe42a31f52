"""Means of scores, on the scale of the answers, from answers per score.

Interval by Student's t ("The Probable Error of a Mean", Biometrika 6, 1908); two means by Welch ("The Generalization of 'Student's'
Problem when Several Different Population Variances are Involved", Biometrika 34, 1947), which asks no equal variances.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from engine.stats import student_t
from engine.stats.estimate import Comparison, Estimate
from engine.stats.inputs import check_count, check_finite, check_fraction

Counts = Mapping[int, int] | Mapping[float, int]  # value → answers


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanEstimate(Estimate):
    """As Estimate; with the spread of the answers."""

    sd: float | None  # standard deviation of the sample, n − 1 in the denominator; None below two answers


def mean(counts: Counts, *, confidence: float = 0.95) -> MeanEstimate:
    """Mean, standard deviation and Student t interval, all on the scale of the answers.

    Without answers ``no_data``; with one ``too_few``, without interval or deviation. Where all answers are alike the interval has no
    width. InvalidInputError for a value that is not finite, a bad count, or a confidence beyond 0…1.
    """
    check_fraction("confidence", confidence)
    n, centre, variance = _moments(counts)
    if centre is None or variance is None:
        return MeanEstimate(value=centre, low=None, high=None, n=n, sd=None, method="student_t", status="too_few" if n else "no_data")
    half = student_t.quantile(confidence, n - 1) * math.sqrt(variance / n)
    return MeanEstimate(value=centre, low=centre - half, high=centre + half, n=n, sd=math.sqrt(variance), method="student_t", status="ok")


def compare(a: Counts, b: Counts, *, confidence: float = 0.95) -> Comparison:
    """The difference a − b of two means with Welch's t test and interval; the degrees of freedom are Satterthwaite's.

    A group without answers gives ``no_data``; one with a single answer ``too_few``, and so do two groups without any spread, for there
    is nothing to measure chance by. InvalidInputError as for mean().
    """
    check_fraction("confidence", confidence)
    (n_a, mean_a, variance_a), (n_b, mean_b, variance_b) = _moments(a), _moments(b)
    difference = None if mean_a is None or mean_b is None else mean_a - mean_b
    low = high = t = df = p_value = None
    if difference is not None and variance_a is not None and variance_b is not None and variance_a + variance_b > 0:
        square_a, square_b = variance_a / n_a, variance_b / n_b
        error = math.sqrt(square_a + square_b)
        # Satterthwaite's formula with shares of the variance, whose squares cannot underflow together.
        part_a, part_b = square_a / (square_a + square_b), square_b / (square_a + square_b)
        df = 1 / (part_a**2 / (n_a - 1) + part_b**2 / (n_b - 1))
        df = max(df, min(n_a, n_b) - 1.0)  # its lower bound, which the last bit may miss
        t = difference / error
        p_value = student_t.two_sided_p(t, df)
        half = student_t.quantile(confidence, df) * error
        low, high = difference - half, difference + half
    return Comparison(
        value=difference,
        low=low,
        high=high,
        statistic=t,
        df=df,
        p_value=p_value,
        n_a=n_a,
        n_b=n_b,
        method="welch_t",
        status="no_data" if difference is None else "ok" if low is not None else "too_few",
    )


def _moments(counts: Counts) -> tuple[int, float | None, float | None]:
    """Number, mean and sample variance."""
    # Exact fractions: sums of squares less the square of the sum would lose all digits where millions answer alike.
    n, total, squares = 0, Fraction(0), Fraction(0)
    for value, count in counts.items():
        number = Fraction(check_finite("a value", value))
        n += check_count(f"the count of {value}", count)
        total += count * number
        squares += count * number * number
    if n == 0:
        return 0, None, None
    return n, float(total / n), float((squares - total * total / n) / (n - 1)) if n > 1 else None

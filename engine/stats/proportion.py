"""Shares in percent, with Wilson's score interval: CSAT, the easy share of CES, GCR, response rates.

Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 22, 1927; preferred for small samples by Brown,
Cai and DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 16, 2001. It stays within 0…100 by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from engine.stats import normal
from engine.stats.estimate import Comparison, Estimate, SampleSize
from engine.stats.inputs import InvalidInputError, check_count, check_positive, check_share
from engine.stats.scores import CSAT, Scale, ces_class, count_classes, csat_class


def share(successes: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """``successes`` out of ``n`` in percent, with Wilson's interval; ``no_data`` where n is 0.

    InvalidInputError for counts that are none, more successes than ``n``, or a confidence beyond 0…1.
    """
    z = normal.quantile(confidence)
    _check_part(successes, n)
    if n == 0:
        return Estimate(value=None, low=None, high=None, n=0, method="wilson", status="no_data")
    low, high = _wilson(successes, n, z)
    return Estimate(value=100 * successes / n, low=low, high=high, n=n, method="wilson", status="ok")


def csat(counts: Mapping[int, int], *, scale: Scale = CSAT, confidence: float = 0.95) -> Estimate:
    """CSAT: the percentage of satisfied answers (4–5 of 1–5; other scales as in csat_class), from answers per score.

    InvalidInputError for a bad score, count or confidence.
    """
    classes = count_classes(counts, lambda score: csat_class(score, scale))
    return share(classes.get("positive", 0), sum(classes.values()), confidence=confidence)


def ces(counts: Mapping[int, int], *, confidence: float = 0.95) -> Estimate:
    """CES: the percentage that found it easy (5–7 of 1–7), from answers per score; its mean is mean.mean().

    InvalidInputError for a bad score, count or confidence.
    """
    classes = count_classes(counts, ces_class)
    return share(classes.get("positive", 0), sum(classes.values()), confidence=confidence)


def gcr(*, yes: int, partly: int, no: int, confidence: float = 0.95) -> Estimate:
    """Goal completion rate: the percentage of ``yes`` among all answers; ``partly`` counts in the denominator only.

    InvalidInputError for a bad count or confidence.
    """
    check_count("yes", yes)
    check_count("partly", partly)
    check_count("no", no)
    return share(yes, yes + partly + no, confidence=confidence)


def compare(a: tuple[int, int], b: tuple[int, int], *, confidence: float = 0.95) -> Comparison:
    """The difference a − b of two shares, each (successes, n), in percentage points.

    Two-sided z test with the pooled share (Fleiss, Statistical Methods for Rates and Proportions, ch. 2, without continuity
    correction); interval by Newcombe's hybrid score method ("Interval Estimation for the Difference between Independent
    Proportions", Statistics in Medicine 17, 1998, method 10). The two are made differently, so near the threshold one may call the
    shares different and the other not. Where all of both groups succeeded, or none, there is nothing to test: z 0, p 1. A group
    without answers gives ``no_data``. InvalidInputError as for share().
    """
    z = normal.quantile(confidence)
    (successes_a, n_a), (successes_b, n_b) = a, b
    _check_part(successes_a, n_a)
    _check_part(successes_b, n_b)
    method = "two_proportion_pooled_z; newcombe_ci"
    if min(n_a, n_b) == 0:
        return Comparison(
            value=None,
            low=None,
            high=None,
            statistic=None,
            df=None,
            p_value=None,
            n_a=n_a,
            n_b=n_b,
            method=method,
            status="no_data",
        )
    value_a, value_b = 100 * successes_a / n_a, 100 * successes_b / n_b
    (low_a, high_a), (low_b, high_b) = _wilson(successes_a, n_a, z), _wilson(successes_b, n_b, z)
    # One division of whole numbers: equal shares give exactly 0, whatever their denominators.
    difference = 100 * (successes_a * n_b - successes_b * n_a) / (n_a * n_b)
    successes, n = successes_a + successes_b, n_a + n_b
    error = 100 * math.sqrt(successes / n * ((n - successes) / n) * (1 / n_a + 1 / n_b))
    statistic = difference / error if error else 0.0
    return Comparison(
        value=difference,
        low=max(-100.0, difference - math.hypot(value_a - low_a, high_b - value_b)),
        high=min(100.0, difference + math.hypot(high_a - value_a, value_b - low_b)),
        statistic=statistic,
        df=None,
        p_value=normal.two_sided_p(statistic),
        n_a=n_a,
        n_b=n_b,
        method=method,
        status="ok",
    )


def sample_size(margin: float, *, expected: float = 0.5, confidence: float = 0.95, population: int | None = None) -> SampleSize:
    """Answers needed for an interval of ± ``margin`` percentage points around an ``expected`` share (0…1; the default needs most).

    z²·p(1 − p) / margin², for a finite ``population`` corrected by n / (1 + (n − 1) / N) (Cochran, Sampling Techniques, 1977, 4.4).
    InvalidInputError for a margin ≤ 0, a share or confidence beyond 0…1, or an empty population.
    """
    z = normal.quantile(confidence)
    check_positive("margin", margin)
    check_share("expected", expected)
    if population is not None and check_count("population", population) == 0:
        raise InvalidInputError("the population is empty")
    raw = z * z * expected * (1 - expected) / (margin / 100) ** 2
    return SampleSize(
        n=max(1, math.ceil(raw)),
        raw=raw,
        n_finite=None if population is None else min(population, max(1, math.ceil(raw / (1 + (raw - 1) / population)))),
    )


def _check_part(successes: int, n: int) -> None:
    if check_count("successes", successes) > check_count("n", n):
        raise InvalidInputError(f"{successes} successes out of {n}: a part cannot exceed the whole")


def _wilson(successes: int, n: int, z: float) -> tuple[float, float]:
    # The upper limit is the lower one of the failures, seen from 100: so both ends are exact where all or none succeeded.
    low, high = _lower(successes, n, z), 100 - _lower(n - successes, n, z)
    value = 100 * successes / n
    return min(low, value), max(high, value)  # the value lies between them but for the last bit


def _lower(successes: int, n: int, z: float) -> float:
    # The smaller root of (n + z²)π² − (2s + z²)π + s²/n = 0, as product over larger root: the usual form subtracts near-equal numbers.
    larger = successes + z * z / 2 + z * math.sqrt(successes * (n - successes) / n + z * z / 4)
    return 100 * (successes * successes / n) / larger if successes else 0.0

"""Net Promoter Score: % promoters − % detractors, −100…+100 points, with an interval that holds for small samples too.

The interval is the adjusted Wald interval for a difference of two shares of one sample: add 3 pseudo-answers in the proportions
¼, ½, ¼ (¾ promoter, 1½ passives, ¾ detractor), then take the normal interval (Bonett and Price, "Adjusted Wald Confidence Interval
for a Difference of Binomial Proportions Based on Paired Data", J. Educ. Behav. Stat. 37, 2012; for NPS: Rocks, "Interval Estimation
for the Net Promoter Score", The American Statistician 70, 2016, which finds it best of those compared).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from engine.stats import normal
from engine.stats.estimate import Comparison, Estimate, SampleSize
from engine.stats.inputs import InvalidInputError, check_count, check_positive, check_share
from engine.stats.scores import count_classes, nps_class

_LEAST_FOR_INTERVAL = 2  # of one answer the pseudo-answers are three quarters: the interval need not even hold the figure


@dataclass(frozen=True, slots=True, kw_only=True)
class NpsCounts:
    """Answers per class. InvalidInputError unless all three are whole numbers ≥ 0."""

    promoters: int
    passives: int
    detractors: int

    def __post_init__(self) -> None:
        check_count("promoters", self.promoters)
        check_count("passives", self.passives)
        check_count("detractors", self.detractors)

    @classmethod
    def of(cls, counts: Mapping[int, int]) -> NpsCounts:
        """From answers per score (0–10). InvalidInputError for a bad score or count."""
        classes = count_classes(counts, nps_class)
        return cls(promoters=classes.get("promoter", 0), passives=classes.get("passive", 0), detractors=classes.get("detractor", 0))

    @property
    def n(self) -> int:
        """Valid answers."""
        return self.promoters + self.passives + self.detractors

    @property
    def score(self) -> float | None:
        """NPS in points; None without answers."""
        return 100 * (self.promoters - self.detractors) / self.n if self.n else None

    @property
    def variance(self) -> float | None:
        """Of one answer, where a promoter is +1 and a detractor −1: 0…1; None without answers."""
        return _variance(self.promoters, self.passives, self.detractors) if self.n else None

    @property
    def standard_error(self) -> float | None:
        """Of the score, in points, unadjusted; None without answers."""
        return None if self.variance is None else 100 * math.sqrt(self.variance / self.n)

    def __add__(self, other: NpsCounts) -> NpsCounts:
        return NpsCounts(
            promoters=self.promoters + other.promoters,
            passives=self.passives + other.passives,
            detractors=self.detractors + other.detractors,
        )

    def __sub__(self, other: NpsCounts) -> NpsCounts:
        """The rest of a whole, to compare a segment with all others. InvalidInputError where ``other`` is no part of it."""
        return NpsCounts(
            promoters=self.promoters - other.promoters,
            passives=self.passives - other.passives,
            detractors=self.detractors - other.detractors,
        )


def nps(counts: NpsCounts, *, confidence: float = 0.95) -> Estimate:
    """The score in points with its adjusted Wald interval, clipped to ±100.

    Without answers ``no_data``; with one ``too_few``, without an interval. At confidences below 94 % the interval of a handful of
    like answers can end short of ±100, hence of the score: the pseudo-answers draw it to the middle. InvalidInputError unless
    0 < confidence < 1.
    """
    z = normal.quantile(confidence)
    low = high = None
    if counts.n >= _LEAST_FOR_INTERVAL:
        centre, error = _adjusted(counts)
        low, high = max(-100.0, centre - z * error), min(100.0, centre + z * error)
    return Estimate(
        value=counts.score,
        low=low,
        high=high,
        n=counts.n,
        method="adjusted_wald_clipped",
        status="no_data" if counts.n == 0 else "ok" if low is not None else "too_few",
    )


def compare(a: NpsCounts, b: NpsCounts, *, confidence: float = 0.95) -> Comparison:
    """The difference a − b in points (−200…+200), with interval and two-sided z test.

    Unpooled z on the adjusted counts of both groups, as for one score; the interval is centred on the adjusted difference and
    clipped to ±200. A group without answers gives ``no_data``, one with a single answer ``too_few``. InvalidInputError unless
    0 < confidence < 1.
    """
    quantile = normal.quantile(confidence)
    low = high = z = p_value = None
    if min(a.n, b.n) >= _LEAST_FOR_INTERVAL:
        (centre_a, error_a), (centre_b, error_b) = _adjusted(a), _adjusted(b)
        difference, error = centre_a - centre_b, math.hypot(error_a, error_b)
        low, high = max(-200.0, difference - quantile * error), min(200.0, difference + quantile * error)
        z = difference / error  # the pseudo-answers keep the error above 0
        p_value = normal.two_sided_p(z)
    return Comparison(
        value=None if a.score is None or b.score is None else a.score - b.score,
        low=low,
        high=high,
        statistic=z,
        df=None,
        p_value=p_value,
        n_a=a.n,
        n_b=b.n,
        method="adjusted_wald_two_sample",
        status="no_data" if min(a.n, b.n) == 0 else "ok" if low is not None else "too_few",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NpsSampleSize(SampleSize):
    """As SampleSize, by the unadjusted (Wald) interval; ``n_adjusted`` are enough for the adjusted interval that nps() gives."""

    n_adjusted: int
    variance: float  # expected, of one answer on −1, 0, +1


def sample_size(
    margin: float, *, promoters: float = 0.5, detractors: float = 0.5, confidence: float = 0.95, population: int | None = None
) -> NpsSampleSize:
    """Answers needed for an interval of ± ``margin`` points, where shares (0…1) of promoters and detractors are expected as given.

    z²·variance / margin² (the defaults have the greatest variance); 3 fewer do for the adjusted interval, which adds 3 itself
    (Sauro and Lewis, measuringu.com/nps-sig-test-sample-size). ``population``: all whom one could ask; corrected by n / (1 + (n − 1) / N)
    (Cochran, Sampling Techniques, 1977, 4.2). At least 2 answers, for one has no interval. InvalidInputError for a margin ≤ 0, shares
    that exceed 1 together, an empty population, or a confidence beyond 0…1.
    """
    z = normal.quantile(confidence)
    check_positive("margin", margin)
    if population is not None and check_count("population", population) == 0:
        raise InvalidInputError("the population is empty")
    variance = _expected_variance(promoters, detractors)
    raw = z * z * variance / (margin / 100) ** 2
    return NpsSampleSize(
        n=max(_LEAST_FOR_INTERVAL, math.ceil(raw)),
        raw=raw,
        n_finite=None if population is None else min(population, max(_LEAST_FOR_INTERVAL, math.ceil(raw / (1 + (raw - 1) / population)))),
        n_adjusted=max(_LEAST_FOR_INTERVAL, math.ceil(raw - 3)),
        variance=variance,
    )


def sample_size_to_compare(
    *,
    promoters_a: float,
    detractors_a: float,
    promoters_b: float,
    detractors_b: float,
    confidence: float = 0.95,
    power: float = 0.8,
) -> SampleSize:
    """Answers needed per group to find the difference between two expected scores, at that two-sided confidence and power.

    (z₁₋α/₂ + z_power)² · (variance a + variance b) / difference², the normal formula for two means (Cohen, Statistical Power
    Analysis, 1988, ch. 2, with unequal variances). All shares 0…1. InvalidInputError for shares that are none, equal scores, or a
    confidence or power beyond 0…1.
    """
    z = normal.quantile(confidence) + normal.quantile_below(power)
    variance = _expected_variance(promoters_a, detractors_a) + _expected_variance(promoters_b, detractors_b)
    difference = (promoters_a - detractors_a) - (promoters_b - detractors_b)
    if abs(difference) < 1e-9:  # shares are decimal fractions: 0.5 − 0.2 and 0.4 − 0.1 differ in the last bit
        raise InvalidInputError("both groups are expected to have the same score; no sample finds a difference that is not there")
    raw = z * z * variance / difference**2
    return SampleSize(n=max(_LEAST_FOR_INTERVAL, math.ceil(raw)), raw=raw, n_finite=None)


def _variance(promoters: int, passives: int, detractors: int) -> float:
    # Equal to p + d − (p − d)², but without that difference of near-equal numbers when almost all are of one class.
    n = promoters + passives + detractors
    p, d = promoters / n, detractors / n
    return p * ((passives + detractors) / n) + d * ((passives + promoters) / n) + 2 * p * d


def _adjusted(counts: NpsCounts) -> tuple[float, float]:
    """Score and standard error in points, with the pseudo-answers."""
    # Counted in quarters of an answer, so that numbers of any size stay exact until they are divided.
    promoters, passives, detractors = 4 * counts.promoters + 3, 4 * counts.passives + 6, 4 * counts.detractors + 3
    quarters = promoters + passives + detractors
    return (
        100 * (promoters - detractors) / quarters,
        100 * math.sqrt(_variance(promoters, passives, detractors) / (quarters / 4)),
    )


def _expected_variance(promoters: float, detractors: float) -> float:
    check_share("promoters", promoters)
    check_share("detractors", detractors)
    if promoters + detractors > 1 + 1e-9:  # 0.7 + 0.3 may exceed 1 by a rounding error
        raise InvalidInputError(f"promoters and detractors are more than all: {promoters} + {detractors}")
    return promoters * (1 - promoters) + detractors * (1 - detractors) + 2 * promoters * detractors

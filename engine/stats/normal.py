"""The standard normal distribution, two-sided."""

from __future__ import annotations

import math
from statistics import NormalDist

from engine.stats.inputs import check_fraction

_STANDARD = NormalDist()


def quantile(confidence: float) -> float:
    """z such that a share ``confidence`` (0…1, both excluded) of a standard normal lies within ±z; 1.96 for 0.95.

    ``NormalDist.inv_cdf`` is Wichura's algorithm AS 241 (Applied Statistics 37, 1988), good to about 16 digits. InvalidInputError
    for any other confidence.
    """
    # From the lower tail: 1 − (1 − c)/2 would round to 1 for a confidence close to 1, where no quantile exists.
    return -_STANDARD.inv_cdf((1 - check_fraction("confidence", confidence)) / 2)


def quantile_below(probability: float) -> float:
    """z such that a share ``probability`` of a standard normal lies below z; for the power of a test."""
    return _STANDARD.inv_cdf(check_fraction("power", probability))


def two_sided_p(z: float) -> float:
    """The chance that a standard normal falls farther from 0 than ``z``; exact in the far tail too, unlike 2·(1 − Φ)."""
    return math.erfc(abs(z) / math.sqrt(2))

"""The results that the measures share: one figure with its interval, and the difference of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "no_data", "too_few"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure and its two-sided interval. The unit is the measure's: points for NPS, percent for shares, the scale for means.

    ``no_data``: nothing was answered, so there is no figure at all; never read it as 0.
    ``too_few``: the figure stands, but so few answers carry no interval.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int  # valid answers behind the figure
    method: str  # of the interval
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The difference a − b of two independent groups, with its interval and test. Units as in Estimate.

    ``no_data``: a group has no answers, so there is no difference. ``too_few``: the difference stands, but nothing can be said
    about chance; interval, statistic and p-value are None.
    """

    value: float | None
    low: float | None
    high: float | None
    statistic: float | None  # z, or Student's t where ``df`` is given
    df: float | None  # degrees of freedom
    p_value: float | None  # two-sided, 0…1
    n_a: int
    n_b: int
    method: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """How many answers (not invitations) are needed."""

    n: int  # from an endless population, rounded up
    raw: float  # the same, unrounded
    n_finite: int | None  # with the finite population correction; None where no population was given

"""What weighting costs: a weighted sample says as much as a smaller unweighted one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from engine.stats.inputs import InvalidInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveSize:
    """``no_data``: there are no weights, or all are 0."""

    n: int  # weights given
    n_eff: float | None  # size of the unweighted sample that says as much
    deff: float | None  # n / n_eff, Kish's design effect of weighting, ≥ 1
    status: Literal["ok", "no_data"]


def kish(weights: Sequence[float]) -> EffectiveSize:
    """Effective sample size (Σw)² / Σw² (Kish, Survey Sampling, 1965, 11.7).

    InvalidInputError for a weight that is negative or not finite.
    """
    for weight in weights:
        if isinstance(weight, bool) or not (math.isfinite(weight) and weight >= 0):
            raise InvalidInputError(f"a weight must be finite and 0 or more; got {weight!r}")
    largest = max(weights, default=0)
    if largest == 0:
        return EffectiveSize(n=len(weights), n_eff=None, deff=None, status="no_data")
    scaled = [weight / largest for weight in weights]  # only their ratios count; this way no square over- or underflows
    n_eff = math.fsum(scaled) ** 2 / math.fsum(weight * weight for weight in scaled)
    return EffectiveSize(n=len(weights), n_eff=n_eff, deff=len(weights) / n_eff, status="ok")

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.inputs import InvalidInputError
from engine.stats.weights import kish


def test_by_hand() -> None:
    result = kish([1, 1, 2])  # (1 + 1 + 2)² / (1 + 1 + 4)
    assert (result.n, result.status) == (3, "ok")
    assert (result.n_eff, result.deff) == pytest.approx((16 / 6, 18 / 16))


def test_equal_weights_cost_nothing() -> None:
    assert kish([0.3] * 7).n_eff == pytest.approx(7)


@pytest.mark.parametrize("weights", [[], [0, 0]])
def test_no_weight_at_all_is_no_data(weights: list[float]) -> None:
    result = kish(weights)
    assert (result.n, result.n_eff, result.deff, result.status) == (len(weights), None, None, "no_data")


@given(st.lists(st.floats(1e-3, 1e3), min_size=1), st.sampled_from([1e-300, 1.0, 1e300]))
def test_only_ratios_count_and_n_is_the_limit(weights: list[float], factor: float) -> None:
    result = kish(weights)
    assert result.n_eff is not None
    assert 1 - 1e-9 <= result.n_eff <= len(weights) * (1 + 1e-9)
    assert kish([weight * factor for weight in weights]).n_eff == pytest.approx(result.n_eff)


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, True])
def test_weights_are_checked(bad: float) -> None:
    with pytest.raises(InvalidInputError, match="weight"):
        kish([1, bad])

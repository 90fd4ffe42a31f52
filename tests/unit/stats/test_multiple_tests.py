from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.inputs import InvalidInputError
from engine.stats.multiple import benjamini_hochberg, bonferroni, holm

Adjust = Callable[[Sequence[float]], tuple[float, ...]]

# The fifteen p-values of the example in Benjamini and Hochberg 1995, section 4.1: at 5 % Bonferroni finds 3, their method 4.
TRIAL = (0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0)

p_values = st.lists(st.floats(0, 1), max_size=20)


def found(adjusted: Sequence[float]) -> int:
    return sum(p <= 0.05 for p in adjusted)


def test_example_of_benjamini_and_hochberg() -> None:
    assert found(benjamini_hochberg(TRIAL)) == 4
    assert found(bonferroni(TRIAL)) == 3


def test_by_hand_in_the_order_given() -> None:
    p = (0.04, 0.01, 0.03)
    assert benjamini_hochberg(p) == pytest.approx((0.04, 0.03, 0.04))  # 0.04·3/3; 0.01·3/1; 0.03·3/2 lowered to the next
    assert holm(p) == pytest.approx((0.06, 0.03, 0.06))  # 0.04·1 raised to the one before; 0.01·3; 0.03·2
    assert bonferroni(p) == pytest.approx((0.12, 0.03, 0.09))


@pytest.mark.parametrize("adjust", [benjamini_hochberg, holm, bonferroni])
def test_one_test_needs_no_adjustment(adjust: Adjust) -> None:
    assert adjust([0.03]) == (0.03,)
    assert adjust([]) == ()


@given(p_values)
def test_strictness_grows_from_bh_to_holm_to_bonferroni(p: list[float]) -> None:
    for raw, bh, by_holm, by_bonferroni in zip(p, benjamini_hochberg(p), holm(p), bonferroni(p), strict=True):
        assert raw <= bh * (1 + 1e-12)
        assert bh <= by_holm * (1 + 1e-12)
        assert by_holm <= by_bonferroni <= 1


@given(p_values)
def test_order_does_not_matter(p: list[float]) -> None:
    for adjust in (benjamini_hochberg, holm, bonferroni):
        assert sorted(adjust(p)) == list(adjust(sorted(p)))
        assert adjust(p[::-1]) == adjust(p)[::-1]


@pytest.mark.parametrize("bad", [-0.1, 1.1, float("nan"), True])
@pytest.mark.parametrize("adjust", [benjamini_hochberg, holm, bonferroni])
def test_p_values_are_checked(adjust: Adjust, bad: float) -> None:
    with pytest.raises(InvalidInputError, match="p-value"):
        adjust([0.5, bad])

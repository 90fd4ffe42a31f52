"""Published: table III of Fisher and Yates, Statistical Tables, 1938. Exact: one, two and four degrees of freedom have closed forms."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stats import normal
from engine.stats.inputs import InvalidInputError
from engine.stats.student_t import quantile, two_sided_p

degrees = st.one_of(st.floats(1, 50), st.floats(1, 1e12))


@pytest.mark.parametrize(
    ("df", "at_90", "at_95", "at_99"),
    [
        (1, 6.314, 12.706, 63.657),
        (2, 2.920, 4.303, 9.925),
        (5, 2.015, 2.571, 4.032),
        (10, 1.812, 2.228, 3.169),
        (30, 1.697, 2.042, 2.750),
        (120, 1.658, 1.980, 2.617),
    ],
)
def test_quantiles_published(df: int, at_90: float, at_95: float, at_99: float) -> None:
    assert quantile(0.90, df) == pytest.approx(at_90, abs=5.1e-4)
    assert quantile(0.95, df) == pytest.approx(at_95, abs=5.1e-4)
    assert quantile(0.99, df) == pytest.approx(at_99, abs=5.1e-4)


@given(st.floats(0.01, 1e6))
def test_tail_in_closed_form(t: float) -> None:
    # 1 − 2/π·atan t = 2/π·atan(1/t); 1 − s with s = t/√(2 + t²) is 2/((2 + t²)(1 + s)); with four degrees 1 − s(3 − s²)/2.
    assert two_sided_p(t, 1) == pytest.approx(2 / math.pi * math.atan(1 / t), rel=1e-11)
    s = t / math.sqrt(2 + t * t)
    assert two_sided_p(t, 2) == pytest.approx(2 / ((2 + t * t) * (1 + s)), rel=1e-11)
    s, complement = t / math.sqrt(4 + t * t), 4 / (4 + t * t)
    complement /= 1 + s  # 1 − s without cancellation
    assert two_sided_p(t, 4) == pytest.approx(complement**2 * (2 + s) / 2, rel=1e-11)


@given(st.floats(0.001, 0.9999))
def test_quantile_in_closed_form(confidence: float) -> None:
    assert quantile(confidence, 1) == pytest.approx(math.tan(math.pi * confidence / 2), rel=1e-10)
    assert quantile(confidence, 2) == pytest.approx(confidence * math.sqrt(2 / (1 - confidence**2)), rel=1e-10)


@settings(deadline=None)
@given(st.floats(0.001, 1 - 1e-9), degrees)
def test_quantile_inverts_the_tail(confidence: float, df: float) -> None:
    assert two_sided_p(quantile(confidence, df), df) == pytest.approx(1 - confidence, rel=1e-9)


@settings(deadline=None)
@given(st.floats(0.01, 0.9999), degrees)
def test_tails_are_heavier_than_normal_and_lighten_with_degrees(confidence: float, df: float) -> None:
    t = quantile(confidence, df)
    assert t >= normal.quantile(confidence) * (1 - 1e-12)
    assert quantile(confidence, 2 * df) <= t * (1 + 1e-12)


def test_many_degrees_of_freedom_are_normal() -> None:
    assert quantile(0.95, 1e13) == pytest.approx(normal.quantile(0.95), rel=1e-12)


@pytest.mark.parametrize("t", [0.1, 1.0, 1.7, 1.75, 3.0, 6.0])
def test_both_methods_agree_where_they_meet(t: float) -> None:
    # The tail moves by less than 1e-9 of itself over this step, so a larger gap would be a difference of the methods.
    assert two_sided_p(t, 1000) == pytest.approx(two_sided_p(t, 1000 + 1e-6), rel=1e-8)


def test_ends_of_the_range() -> None:
    assert two_sided_p(0, 3) == 1
    assert two_sided_p(-2, 3) == two_sided_p(2, 3)
    assert two_sided_p(math.inf, 3) == 0
    assert two_sided_p(math.inf, 3000) == 0
    assert two_sided_p(5e-324, 3) == 1
    assert quantile(1e-17, 3) == 0


@pytest.mark.parametrize("df", [0, 0.5, -1, math.nan, math.inf, True])
def test_degrees_of_freedom_are_checked(df: float) -> None:
    with pytest.raises(InvalidInputError, match="degrees of freedom"):
        two_sided_p(1, df)
    with pytest.raises(InvalidInputError, match="degrees of freedom"):
        quantile(0.95, df)


def test_other_input_is_checked() -> None:
    with pytest.raises(InvalidInputError, match="not a number"):
        two_sided_p(math.nan, 3)
    with pytest.raises(InvalidInputError, match="confidence"):
        quantile(1, 3)


def test_normal_published() -> None:
    """Abramowitz and Stegun, tables 26.1 and 26.5."""
    assert normal.quantile(0.9) == pytest.approx(1.644853627, abs=1e-9)
    assert normal.quantile(0.99) == pytest.approx(2.575829304, abs=1e-9)
    assert normal.quantile_below(0.8) == pytest.approx(0.841621234, abs=1e-9)
    assert normal.two_sided_p(2) == pytest.approx(2 * 0.022750131948, abs=1e-11)
    assert normal.two_sided_p(-2) == normal.two_sided_p(2)


def test_normal_reaches_the_far_tail() -> None:
    assert normal.quantile(1 - 2**-53) == pytest.approx(8.3, abs=0.1)
    assert normal.two_sided_p(30) == pytest.approx(9.8e-198, rel=0.01)

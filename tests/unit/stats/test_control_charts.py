from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stats.control import cusum, ewma, page_hinkley, shewhart_nps
from engine.stats.inputs import InvalidInputError
from engine.stats.nps import NpsCounts

series = st.lists(st.floats(-100, 100), max_size=30)


def of(promoters: int, passives: int, detractors: int) -> NpsCounts:
    return NpsCounts(promoters=promoters, passives=passives, detractors=detractors)


def test_shewhart_by_hand() -> None:
    # Baseline: 0 points, variance 1. Three standard errors are 30 points for 100 answers and 60 for 25.
    chart = shewhart_nps([of(60, 0, 40), of(40, 0, 60), of(70, 0, 30), of(17, 0, 8), of(0, 0, 0), of(10, 0, 90)], baseline=2)
    assert chart.centre == 0
    assert chart.scores == pytest.approx((20, -20, 40, 36, None, -80))
    assert chart.high == pytest.approx((30, 30, 30, 60, None, 30))
    assert chart.low == pytest.approx((-30, -30, -30, -60, None, -30))
    assert chart.signals == (3, 6)


def test_shewhart_needs_a_baseline() -> None:
    periods = [of(0, 0, 0), of(1, 1, 1)]
    for baseline in (0, 3):
        with pytest.raises(InvalidInputError, match="baseline"):
            shewhart_nps(periods, baseline=baseline)
    with pytest.raises(InvalidInputError, match="no answers"):
        shewhart_nps(periods, baseline=1)
    with pytest.raises(InvalidInputError, match="baseline"):
        shewhart_nps([], baseline=1)
    with pytest.raises(InvalidInputError, match="k must"):
        shewhart_nps(periods, baseline=2, k=0)


def test_cusum_by_hand() -> None:
    chart = cusum([10, 12, 12, 9, 8, 7], target=10, k=0.5, h=2)
    assert chart.up == pytest.approx((0, 1.5, 3, 1.5, 0, 0))
    assert chart.down == pytest.approx((0, 0, 0, 0.5, 2, 4.5))
    assert (chart.signals_up, chart.signals_down, chart.first_signal) == ((3,), (6,), 3)  # 2 is not above 2


def test_page_hinkley_by_hand() -> None:
    # Running means 1, 1, 2, 2.5: U is −½, −1, ½, 1½ and its least value −½, −1, −1, −1.
    chart = page_hinkley([1, 1, 4, 4], delta=0.5, threshold=2)
    assert chart.up == pytest.approx((0, 0, 1.5, 2.5))
    assert chart.down == pytest.approx((0, 0, 0, 0))
    assert (chart.signals_up, chart.signals_down, chart.first_signal) == ((4,), (), 4)


def test_ewma_published() -> None:
    """NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.4; values to two decimals."""
    values = [52, 47, 53, 49.3, 50.1, 47, 51, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
    chart = ewma(values, target=50, sigma=2.0539, weight=0.3, width=3)
    published = "50.60 49.52 50.56 50.18 50.16 49.21 49.75 49.85 50.26 50.33 50.11 49.36 49.52 50.05 49.38 49.92 50.73 51.23 51.94 51.99"
    assert chart.values == pytest.approx([float(each) for each in published.split()], abs=0.0051)
    assert (chart.low, chart.high) == pytest.approx((47.4115, 52.5884), abs=1e-4)
    assert chart.signals == ()


def test_exact_ewma_limits_start_narrow() -> None:
    # In the first period z is λx + (1 − λ)·target, so its standard deviation is λσ.
    chart = ewma([5.0, 0.0], target=0, sigma=2, weight=0.5, width=2.4)
    assert chart.high_exact[0] == pytest.approx(2.4 * 0.5 * 2)
    assert chart.low_exact[0] == -chart.high_exact[0]
    assert chart.high == pytest.approx(2.4 * 2 * math.sqrt(0.5 / 1.5))
    assert (chart.signals, chart.signals_exact) == ((), (1,))


@settings(deadline=None)
@given(series)
def test_a_fall_mirrors_a_rise(values: list[float]) -> None:
    mirrored = [-x for x in values]
    for chart, reverse in (
        (cusum(values, target=0, k=1, h=20), cusum(mirrored, target=0, k=1, h=20)),
        (page_hinkley(values, delta=1, threshold=20), page_hinkley(mirrored, delta=1, threshold=20)),
    ):
        assert chart.up == pytest.approx(reverse.down)
        assert chart.down == pytest.approx(reverse.up)
        assert all(evidence >= 0 for evidence in chart.up + chart.down)
        assert len(chart.up) == len(chart.down) == len(values)


@settings(deadline=None)
@given(series)
def test_exact_limits_grow_to_those_of_the_long_run(values: list[float]) -> None:
    chart = ewma(values, target=0, sigma=10)
    assert list(chart.high_exact) == sorted(chart.high_exact)
    assert all(each <= chart.high for each in chart.high_exact)
    assert set(chart.signals) <= set(chart.signals_exact)


def test_nothing_yet_is_no_signal() -> None:
    assert cusum([], target=0, k=1, h=1).first_signal is None
    assert page_hinkley([], delta=1, threshold=1).up == ()
    assert ewma([], target=0, sigma=1).values == ()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="a value"):
        cusum([math.nan], target=0, k=1, h=1)
    with pytest.raises(InvalidInputError, match="k must"):
        cusum([1], target=0, k=-1, h=1)
    with pytest.raises(InvalidInputError, match="h must"):
        cusum([1], target=0, k=1, h=0)
    with pytest.raises(InvalidInputError, match="target"):
        cusum([1], target=math.inf, k=1, h=1)
    with pytest.raises(InvalidInputError, match="delta"):
        page_hinkley([1], delta=-1, threshold=1)
    with pytest.raises(InvalidInputError, match="threshold"):
        page_hinkley([1], delta=1, threshold=0)
    with pytest.raises(InvalidInputError, match="weight"):
        ewma([1], target=0, sigma=1, weight=1.5)
    with pytest.raises(InvalidInputError, match="sigma"):
        ewma([1], target=0, sigma=0)
    with pytest.raises(InvalidInputError, match="width"):
        ewma([1], target=0, sigma=1, width=-3)

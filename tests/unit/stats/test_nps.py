"""Expected values are worked out here from the formulas of Bonett and Price 2012 (adjusted Wald), with z = 1.959963984540054."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stats.inputs import InvalidInputError
from engine.stats.nps import NpsCounts, compare, nps, sample_size, sample_size_to_compare

Z = 1.959963984540054

few_or_many = st.one_of(st.integers(0, 20), st.integers(0, 10**9))
some_counts = st.builds(NpsCounts, promoters=few_or_many, passives=few_or_many, detractors=few_or_many)
with_interval = some_counts.filter(lambda counts: counts.n >= 2)


def of(promoters: int, passives: int, detractors: int) -> NpsCounts:
    return NpsCounts(promoters=promoters, passives=passives, detractors=detractors)


def swapped(counts: NpsCounts) -> NpsCounts:
    return of(counts.detractors, counts.passives, counts.promoters)


def test_thirty_forty_thirty_is_zero() -> None:
    assert nps(of(30, 40, 30)).value == 0


def test_interval_by_hand() -> None:
    # 97 answers and 3 pseudo-answers are 100: 60.75 % − 20.75 % = 40 points, variance 0.815 − 0.16 = 0.655.
    result = nps(of(60, 17, 20))
    half = Z * 100 * math.sqrt(0.655 / 100)
    assert result.value == pytest.approx(100 * 40 / 97)
    assert result.low == pytest.approx(40 - half)
    assert result.high == pytest.approx(40 + half)
    assert (result.n, result.method, result.status) == (97, "adjusted_wald_clipped", "ok")


def test_confidence_sets_the_width() -> None:
    # z for 90 % is 1.644854 (Abramowitz and Stegun, table 26.5).
    assert nps(of(60, 17, 20), confidence=0.9).high == pytest.approx(40 + 1.6448536 * 100 * math.sqrt(0.655 / 100))


def test_interval_is_clipped_at_the_ends_of_the_scale() -> None:
    # 13 promoters: centre 13/16, variance 14.5/16 − (13/16)² over 16; the upper end would be 104.
    result = nps(of(13, 0, 0))
    assert result.high == 100
    assert result.low == pytest.approx(100 * (13 / 16 - Z * math.sqrt((14.5 / 16 - (13 / 16) ** 2) / 16)))
    assert nps(of(0, 0, 13)).low == -100


def test_no_answers_are_no_data_and_not_zero() -> None:
    result = nps(of(0, 0, 0))
    assert (result.value, result.low, result.high, result.n, result.status) == (None, None, None, 0, "no_data")


def test_one_answer_has_no_interval() -> None:
    result = nps(of(1, 0, 0))
    assert (result.value, result.low, result.high, result.status) == (100, None, None, "too_few")


def test_counts_by_score() -> None:
    assert NpsCounts.of({0: 1, 6: 2, 7: 3, 8: 4, 9: 5, 10: 6}) == of(11, 7, 3)


def test_variance_and_standard_error_of_the_plain_score() -> None:
    counts = of(50, 0, 50)
    assert counts.variance == 1
    assert counts.standard_error == pytest.approx(10)
    assert of(0, 0, 0).variance is None
    assert of(0, 0, 0).standard_error is None


def test_variance_keeps_its_digits_where_almost_all_agree() -> None:
    # One passive among 10¹² promoters: 1·10⁻¹² · (1 − 10⁻¹²); p − p² in floats would be off in the fifth digit.
    assert of(10**12 - 1, 1, 0).variance == pytest.approx(1e-12 * (1 - 1e-12), rel=1e-12)


def test_a_segment_and_its_rest_make_the_whole() -> None:
    whole, segment = of(5, 6, 7), of(1, 2, 3)
    assert (whole - segment) + segment == whole
    with pytest.raises(InvalidInputError):
        segment - whole


@pytest.mark.parametrize("bad", [-1, True, 1.0, "1"])
def test_counts_must_be_whole_numbers(bad: int) -> None:
    with pytest.raises(InvalidInputError, match="promoters"):
        of(bad, 1, 1)


@pytest.mark.parametrize("bad", [0, 1, -0.5, 95, math.nan, True])
def test_confidence_must_lie_between_0_and_1(bad: float) -> None:
    with pytest.raises(InvalidInputError, match="confidence"):
        nps(of(1, 1, 1), confidence=bad)
    with pytest.raises(InvalidInputError, match="confidence"):
        compare(of(1, 1, 1), of(1, 1, 1), confidence=bad)


@pytest.mark.parametrize("bad", [11, -1, True])
def test_scores_must_be_on_the_scale(bad: int) -> None:
    with pytest.raises(InvalidInputError):
        NpsCounts.of({bad: 1})


@settings(deadline=None)
@given(with_interval, st.floats(0.95, 0.9999))
def test_interval_holds_the_score_and_stays_on_the_scale(counts: NpsCounts, confidence: float) -> None:
    result = nps(counts, confidence=confidence)
    assert result.value is not None
    assert result.low is not None
    assert result.high is not None
    assert -100 <= result.low <= result.value <= result.high <= 100


@settings(deadline=None)
@given(with_interval, st.integers(2, 1000))
def test_interval_widens_as_answers_get_fewer(counts: NpsCounts, factor: int) -> None:
    fewer = nps(counts)
    more = nps(of(counts.promoters * factor, counts.passives * factor, counts.detractors * factor))
    assert fewer.low is not None
    assert fewer.high is not None
    assert more.low is not None
    assert more.high is not None
    assert more.value == pytest.approx(fewer.value)
    assert more.high - more.low < fewer.high - fewer.low


@settings(deadline=None)
@given(with_interval)
def test_swapping_promoters_and_detractors_mirrors_everything(counts: NpsCounts) -> None:
    result, mirrored = nps(counts), nps(swapped(counts))
    assert result.value is not None
    assert result.low is not None
    assert result.high is not None
    assert (mirrored.value, mirrored.low, mirrored.high) == pytest.approx((-result.value, -result.high, -result.low))


def test_two_scores_by_hand() -> None:
    # Adjusted +40 and −40, each with variance 0.655 / 100: z = 0.8 / √0.0131.
    result = compare(of(60, 17, 20), of(20, 17, 60))
    error = 100 * math.sqrt(0.0131)
    assert result.value == pytest.approx(100 * 80 / 97)
    assert result.statistic == pytest.approx(80 / error)
    assert result.p_value == pytest.approx(math.erfc(80 / error / math.sqrt(2)))
    assert (result.low, result.high) == pytest.approx((80 - Z * error, 80 + Z * error))
    assert (result.n_a, result.n_b, result.df, result.status) == (97, 97, None, "ok")


def test_two_scores_without_spread_have_a_finite_test() -> None:
    result = compare(of(97, 0, 0), of(0, 0, 97))
    assert result.value == 200
    assert result.statistic is not None
    assert math.isfinite(result.statistic)
    assert result.high == pytest.approx(200 * 0.97 + Z * 100 * math.sqrt(2 * (0.985 - 0.97**2) / 100))


def test_difference_is_clipped_to_200_points() -> None:
    # At 99.9 % two groups of 13 reach beyond; z is 3.290527 (Abramowitz and Stegun, table 26.5).
    error = 100 * math.sqrt(2 * (14.5 / 16 - (13 / 16) ** 2) / 16)
    assert 200 * 13 / 16 + 3.290527 * error > 200
    assert compare(of(13, 0, 0), of(0, 0, 13), confidence=0.999).high == 200


@pytest.mark.parametrize(
    ("a", "b", "value", "status"),
    [(of(0, 0, 0), of(5, 5, 5), None, "no_data"), (of(5, 5, 5), of(0, 0, 0), None, "no_data"), (of(1, 0, 0), of(5, 5, 5), 100, "too_few")],
)
def test_groups_too_small_to_compare(a: NpsCounts, b: NpsCounts, value: float | None, status: str) -> None:
    result = compare(a, b)
    assert (result.value, result.low, result.high, result.statistic, result.p_value) == (value, None, None, None, None)
    assert result.status == status


@settings(deadline=None)
@given(with_interval, with_interval)
def test_comparison_is_antisymmetric(a: NpsCounts, b: NpsCounts) -> None:
    forth, back = compare(a, b), compare(b, a)
    assert forth.value is not None
    assert forth.low is not None
    assert forth.high is not None
    assert forth.statistic is not None
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low))
    assert back.statistic == pytest.approx(-forth.statistic)
    assert back.p_value == pytest.approx(forth.p_value)
    assert -200 <= forth.low <= forth.high <= 200


@given(with_interval)
def test_a_group_does_not_differ_from_itself(counts: NpsCounts) -> None:
    result = compare(counts, counts)
    assert (result.value, result.statistic, result.p_value) == (0, 0, 1)


def test_sample_size_by_hand() -> None:
    # 1.959964² · 1 / 0.1² = 384.15, the number of every table for the greatest variance; of 1,000: 384.15 / 1.38315 = 277.7.
    result = sample_size(10, population=1000)
    assert result.raw == pytest.approx(384.1458820694)
    assert (result.n, result.n_adjusted, result.n_finite, result.variance) == (385, 382, 278, 1)


def test_sample_size_gives_the_margin_that_was_asked_for() -> None:
    needed = sample_size(5, promoters=0.5, detractors=0.25)
    quarter = needed.n_adjusted // 4 + 1
    result = nps(of(2 * quarter, quarter, quarter))
    assert result.low is not None
    assert result.high is not None
    assert (result.high - result.low) / 2 == pytest.approx(5, abs=0.01)


def test_sample_size_never_asks_for_more_than_there_are_nor_for_one() -> None:
    assert sample_size(1, population=50).n_finite == 50
    assert sample_size(1, population=1).n_finite == 1
    assert sample_size(5, promoters=1, detractors=0).n == 2


def test_sample_size_of_two_groups_by_hand() -> None:
    # (1.959964 + 0.841621)² = 7.848880; variances 0.8 − 0.16 and 0.7 − 0.09; difference 0.1.
    result = sample_size_to_compare(promoters_a=0.6, detractors_a=0.2, promoters_b=0.5, detractors_b=0.2)
    assert result.raw == pytest.approx(7.848880 * (0.64 + 0.61) / 0.01, rel=1e-6)
    assert result.n == 982


@pytest.mark.parametrize("margin", [0, -1, math.nan, math.inf])
def test_sample_size_refuses_margins_that_are_none(margin: float) -> None:
    with pytest.raises(InvalidInputError, match="margin"):
        sample_size(margin)


def test_sample_size_refuses_impossible_expectations() -> None:
    with pytest.raises(InvalidInputError, match="more than all"):
        sample_size(5, promoters=0.7, detractors=0.4)
    with pytest.raises(InvalidInputError, match="share"):
        sample_size(5, promoters=50, detractors=0.4)
    with pytest.raises(InvalidInputError, match="population"):
        sample_size(5, population=0)
    with pytest.raises(InvalidInputError, match="same score"):
        sample_size_to_compare(promoters_a=0.5, detractors_a=0.2, promoters_b=0.4, detractors_b=0.1)
    with pytest.raises(InvalidInputError, match="power"):
        sample_size_to_compare(promoters_a=0.5, detractors_a=0.2, promoters_b=0.4, detractors_b=0.2, power=1)

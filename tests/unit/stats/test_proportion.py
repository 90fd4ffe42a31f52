"""Published: Newcombe, Statistics in Medicine 17, 1998, 857–872 (Wilson, table I) and 873–890 (two shares, table II, method 10).

The rest is worked out here: at p = ½ Wilson's half width is z / (2√(n + z²)), at 0 of n its upper end z² / (n + z²).
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stats.inputs import InvalidInputError
from engine.stats.proportion import ces, compare, csat, gcr, sample_size, share
from engine.stats.scores import Scale

Z = 1.959963984540054


@st.composite
def parts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.one_of(st.integers(1, 30), st.integers(1, 10**9)))
    return draw(st.integers(0, n)), n


def test_wilson_published() -> None:
    result = share(81, 263)
    assert (result.low, result.high) == pytest.approx((25.53, 36.62), abs=0.005)


def test_wilson_at_one_half() -> None:
    result = share(32, 64)
    half = 100 * Z / (2 * math.sqrt(64 + Z * Z))
    assert (result.value, result.low, result.high) == pytest.approx((50, 50 - half, 50 + half))
    assert (result.n, result.method, result.status) == (64, "wilson", "ok")


def test_wilson_ends_exactly_where_all_or_none_succeeded() -> None:
    none, all_ = share(0, 12), share(12, 12)
    assert (none.low, all_.high) == (0, 100)
    assert none.high == pytest.approx(100 * Z * Z / (12 + Z * Z))
    assert all_.low == pytest.approx(100 * 12 / (12 + Z * Z))


def test_one_answer_has_a_wilson_interval() -> None:
    result = share(1, 1)
    assert result.low == pytest.approx(100 / (1 + Z * Z))
    assert (result.value, result.high, result.status) == (100, 100, "ok")


def test_no_answers_are_no_data_and_not_zero() -> None:
    for result in (share(0, 0), csat({}), ces({4: 0}), gcr(yes=0, partly=0, no=0)):
        assert (result.value, result.low, result.high, result.n, result.status) == (None, None, None, 0, "no_data")


@settings(deadline=None)
@given(parts(), st.floats(0.001, 0.9999))
def test_interval_holds_the_share_and_stays_within_0_and_100(part: tuple[int, int], confidence: float) -> None:
    result = share(*part, confidence=confidence)
    assert result.value is not None
    assert result.low is not None
    assert result.high is not None
    assert 0 <= result.low <= result.value <= result.high <= 100


@settings(deadline=None)
@given(st.integers(1, 500), st.integers(1, 500))
def test_both_ends_solve_the_score_equation(successes: int, failures: int) -> None:
    """Wilson's ends are the shares π for which the observed one lies exactly z standard errors away."""
    n = successes + failures
    result = share(successes, n)
    assert result.low is not None
    assert result.high is not None
    for end in (result.low / 100, result.high / 100):
        assert (successes / n - end) ** 2 == pytest.approx(Z * Z * end * (1 - end) / n, rel=1e-6)


@settings(deadline=None)
@given(parts(), st.integers(2, 1000))
def test_interval_widens_as_answers_get_fewer(part: tuple[int, int], factor: int) -> None:
    fewer, more = share(*part), share(part[0] * factor, part[1] * factor)
    assert fewer.low is not None
    assert fewer.high is not None
    assert more.low is not None
    assert more.high is not None
    assert more.high - more.low < fewer.high - fewer.low


@settings(deadline=None)
@given(parts())
def test_failures_mirror_successes(part: tuple[int, int]) -> None:
    successes, n = part
    result, mirrored = share(successes, n), share(n - successes, n)
    assert result.value is not None
    assert result.low is not None
    assert result.high is not None
    assert (mirrored.value, mirrored.low, mirrored.high) == pytest.approx((100 - result.value, 100 - result.high, 100 - result.low))


def test_csat_is_the_share_of_4_and_5() -> None:
    assert csat({1: 1, 2: 2, 3: 3, 4: 4, 5: 10}) == share(14, 20)
    assert csat({6: 3, 7: 1}, scale=Scale(1, 10)) == share(1, 4)


def test_ces_is_the_share_of_5_to_7() -> None:
    assert ces({1: 1, 4: 2, 5: 3, 6: 4, 7: 5}) == share(12, 15)


def test_gcr_counts_partly_in_the_denominator_only() -> None:
    assert gcr(yes=6, partly=3, no=1) == share(6, 10)


def test_bad_counts_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="exceed"):
        share(11, 10)
    with pytest.raises(InvalidInputError, match="successes"):
        share(-1, 10)
    with pytest.raises(InvalidInputError, match="partly"):
        gcr(yes=1, partly=-1, no=1)
    with pytest.raises(InvalidInputError, match="score 4"):
        csat({4: -1})
    with pytest.raises(InvalidInputError, match="no score"):
        csat({0: 1})
    with pytest.raises(InvalidInputError, match="no score"):
        ces({8: 1})
    with pytest.raises(InvalidInputError, match="confidence"):
        share(1, 2, confidence=1.0)
    with pytest.raises(InvalidInputError, match="exceed"):
        compare((1, 2), (3, 2))


@pytest.mark.parametrize(
    ("a", "b", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1),
    ],
)
def test_newcombe_published(a: tuple[int, int], b: tuple[int, int], low: float, high: float) -> None:
    result = compare(a, b)
    assert (result.low, result.high) == pytest.approx((100 * low, 100 * high), abs=0.0051)


def test_pooled_z_by_hand() -> None:
    # 15 of 25 and 5 of 25: pooled 0.4, so z = 0.4 / √(0.24 · 2/25).
    result = compare((15, 25), (5, 25))
    z = 0.4 / math.sqrt(0.24 * 2 / 25)
    assert (result.value, result.statistic) == pytest.approx((40, z))
    assert result.p_value == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert (result.n_a, result.n_b, result.status) == (25, 25, "ok")


def test_two_shares_without_spread_do_not_differ() -> None:
    result = compare((5, 5), (9, 9))
    assert (result.value, result.statistic, result.p_value) == (0, 0, 1)


@pytest.mark.parametrize(("a", "b"), [((0, 0), (1, 2)), ((1, 2), (0, 0))])
def test_an_empty_group_cannot_be_compared(a: tuple[int, int], b: tuple[int, int]) -> None:
    result = compare(a, b)
    assert (result.value, result.low, result.high, result.statistic, result.p_value) == (None, None, None, None, None)
    assert result.status == "no_data"


@settings(deadline=None)
@given(parts(), parts())
def test_comparison_is_antisymmetric_and_holds_the_difference(a: tuple[int, int], b: tuple[int, int]) -> None:
    forth, back = compare(a, b), compare(b, a)
    assert forth.value is not None
    assert forth.low is not None
    assert forth.high is not None
    assert forth.statistic is not None
    assert -100 <= forth.low <= forth.value <= forth.high <= 100
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low), abs=1e-9)
    assert back.statistic == pytest.approx(-forth.statistic)


@settings(deadline=None)
@given(parts(), st.integers(2, 99))
def test_equal_shares_differ_by_exactly_nothing(part: tuple[int, int], factor: int) -> None:
    result = compare(part, (part[0] * factor, part[1] * factor))
    assert (result.value, result.statistic, result.p_value) == (0, 0, 1)


def test_sample_size_by_hand() -> None:
    # 1.959964² · 0.25 / 0.05² = 384.15, as in Cochran's tables; of 500: 384.15 / (1 + 383.15 / 500) = 217.5.
    result = sample_size(5, population=500)
    assert result.raw == pytest.approx(384.1458820694)
    assert (result.n, result.n_finite) == (385, 218)
    assert sample_size(5).n_finite is None
    assert sample_size(1, population=7).n_finite == 7


def test_sample_size_refuses_what_cannot_be() -> None:
    with pytest.raises(InvalidInputError, match="margin"):
        sample_size(0)
    with pytest.raises(InvalidInputError, match="expected"):
        sample_size(5, expected=1.5)
    with pytest.raises(InvalidInputError, match="population"):
        sample_size(5, population=0)

"""Published: Student's sleep data (Biometrika 6, 1908) as in R's help page of t.test, here in tenths of an hour."""

from __future__ import annotations

import math
import statistics
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.stats.inputs import InvalidInputError
from engine.stats.mean import compare, mean

FIRST_DRUG = (7, -16, -2, -12, -1, 34, 37, 8, 0, 20)
SECOND_DRUG = (19, 8, 11, 1, -1, 44, 55, 16, 46, 34)

histograms = st.dictionaries(st.integers(0, 10), st.integers(1, 10**6), min_size=1)


def test_student_interval_published() -> None:
    # The paired differences; R: mean 1.58, 95 % interval 0.7001142 to 2.4598858.
    differences = [b - a for a, b in zip(FIRST_DRUG, SECOND_DRUG, strict=True)]
    result = mean(Counter(differences))
    assert result.value == pytest.approx(15.8)
    assert (result.low, result.high) == pytest.approx((7.001142, 24.598858), abs=1e-6)
    assert (result.n, result.method, result.status) == (10, "student_t", "ok")


def test_welch_published() -> None:
    # R: t = −1.8608, df = 17.776, p = 0.07939, 95 % interval −3.3654832 to 0.2054832.
    result = compare(Counter(FIRST_DRUG), Counter(SECOND_DRUG))
    assert result.value == pytest.approx(-15.8)
    assert result.statistic == pytest.approx(-1.8608, abs=5e-5)
    assert result.df == pytest.approx(17.776, abs=5e-4)
    assert result.p_value == pytest.approx(0.07939, abs=5e-6)
    assert (result.low, result.high) == pytest.approx((-33.654832, 2.054832), abs=1e-6)
    assert (result.n_a, result.n_b, result.method, result.status) == (10, 10, "welch_t", "ok")


def test_two_answers_by_hand() -> None:
    # 3 and 5: mean 4, sd √2, standard error 1; t for one degree of freedom is tan(0.475π) = 12.7062.
    result = mean({3: 1, 5: 1})
    assert (result.value, result.sd) == pytest.approx((4, math.sqrt(2)))
    assert result.high == pytest.approx(4 + math.tan(0.475 * math.pi))


def test_no_answers_and_one_answer() -> None:
    none = mean({})
    assert (none.value, none.low, none.high, none.sd, none.n, none.status) == (None, None, None, None, 0, "no_data")
    one = mean({4: 1, 5: 0})
    assert (one.value, one.low, one.high, one.sd, one.n, one.status) == (4, None, None, None, 1, "too_few")


def test_like_answers_have_no_spread() -> None:
    result = mean({4: 30})
    assert (result.value, result.low, result.high, result.sd, result.status) == (4, 4, 4, 0, "ok")


def test_digits_survive_large_numbers() -> None:
    # Answers 10⁹ and 10⁹ + 1, half a billion each: the variance is ¼ · n / (n − 1), far below what squares in floats could tell.
    result = mean({10**9: 5 * 10**8, 10**9 + 1: 5 * 10**8})
    assert result.sd == pytest.approx(math.sqrt(0.25 * 10**9 / (10**9 - 1)), rel=1e-14)


@settings(deadline=None)
@given(st.lists(st.integers(1, 7), min_size=2, max_size=50))
def test_agrees_with_the_standard_library(answers: list[int]) -> None:
    result = mean(Counter(answers))
    assert result.value == pytest.approx(statistics.fmean(answers))
    assert result.sd == pytest.approx(statistics.stdev(answers))


@settings(deadline=None)
@given(histograms, st.integers(-5, 5), st.floats(0.5, 0.999))
def test_moves_with_the_scale(counts: dict[int, int], shift: int, confidence: float) -> None:
    result = mean(counts, confidence=confidence)
    moved = mean({score + shift: count for score, count in counts.items()}, confidence=confidence)
    assert result.value is not None
    assert moved.value == pytest.approx(result.value + shift, abs=1e-9)
    assert moved.sd == (None if result.sd is None else pytest.approx(result.sd))
    if result.low is not None and result.high is not None:
        assert result.low <= result.value <= result.high
        assert moved.low == pytest.approx(result.low + shift, abs=1e-9)


@settings(deadline=None)
@given(histograms, st.integers(2, 100))
def test_interval_narrows_as_answers_grow(counts: dict[int, int], factor: int) -> None:
    fewer, more = mean(counts), mean({score: count * factor for score, count in counts.items()})
    if fewer.low is not None and fewer.high is not None and fewer.sd:
        assert more.low is not None
        assert more.high is not None
        assert more.high - more.low < fewer.high - fewer.low


@settings(deadline=None)
@given(histograms, histograms)
def test_comparison_is_antisymmetric(a: dict[int, int], b: dict[int, int]) -> None:
    forth, back = compare(a, b), compare(b, a)
    assert forth.value is not None
    assert back.value == pytest.approx(-forth.value)
    assert forth.status == back.status
    if forth.statistic is not None and forth.low is not None and forth.high is not None and forth.df is not None:
        assert back.statistic == pytest.approx(-forth.statistic)
        assert back.p_value == pytest.approx(forth.p_value)
        assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low))
        assert min(forth.n_a, forth.n_b) - 1 <= forth.df <= (forth.n_a + forth.n_b - 2) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("a", "b", "value", "status"),
    [({}, {3: 5}, None, "no_data"), ({4: 1}, {3: 5, 4: 5}, 4 - 3.5, "too_few"), ({4: 5}, {3: 5}, 1, "too_few")],
)
def test_groups_that_cannot_be_compared(a: dict[int, int], b: dict[int, int], value: float | None, status: str) -> None:
    result = compare(a, b)
    assert (result.value, result.low, result.high, result.statistic, result.df, result.p_value) == (value, None, None, None, None, None)
    assert result.status == status


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="finite"):
        mean({math.nan: 1})
    with pytest.raises(InvalidInputError, match="finite"):
        mean({math.inf: 1})
    with pytest.raises(InvalidInputError, match="count of 3"):
        mean({3: -1})
    with pytest.raises(InvalidInputError, match="confidence"):
        mean({}, confidence=1)
    with pytest.raises(InvalidInputError, match="confidence"):
        compare({}, {}, confidence=0)

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.inputs import InvalidInputError
from engine.stats.scores import (
    CES,
    CSAT,
    NPS,
    NoScore,
    Scale,
    ces_class,
    count_classes,
    csat_class,
    nps_class,
    parse_gcr,
    parse_score,
    sentiment,
    tally,
)


@pytest.mark.parametrize(("raw", "score"), [("0", 0), ("10", 10), (" 7", 7), ("\t8\r\n", 8), ("\v9\f", 9), (3, 3)])
def test_scores(raw: object, score: int) -> None:
    assert parse_score(raw, NPS) == score


@pytest.mark.parametrize("raw", [None, "", "  ", "N/A", "n/a", " NA "])
def test_missing(raw: object) -> None:
    assert parse_score(raw, NPS) is NoScore.MISSING


@pytest.mark.parametrize(
    "raw",
    [
        "11",
        "-1",
        "-0",
        "+5",
        "05",
        "5.0",
        "5,0",
        "5e0",
        "0x5",
        "0_5",
        "1 0",
        "five",
        "True",
        "nan",
        "inf",
        "٥",
        "５",
        "⁵",
        "5️⃣",
        "5\u200b",
        "\u00a05",
    ],
)
def test_text_that_is_no_score_is_rejected(raw: str) -> None:
    assert parse_score(raw, NPS) is NoScore.REJECTED


@pytest.mark.parametrize("raw", [True, False, 5.0, math.nan, Decimal(5), 11, -1, 10**400, b"5", [5], {"score": 5}])
def test_values_that_are_no_score_are_rejected(raw: object) -> None:
    assert parse_score(raw, NPS) is NoScore.REJECTED


def test_the_scale_decides() -> None:
    assert parse_score("0", CSAT) is NoScore.REJECTED
    assert parse_score("6", CSAT) is NoScore.REJECTED
    assert parse_score("7", CES) == 7


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.binary(), st.none(), st.from_regex(r"\s*\d+\s*")))
def test_nothing_but_points_of_the_scale_comes_out(raw: object) -> None:
    parsed = parse_score(raw, NPS)
    if not isinstance(parsed, NoScore):
        assert type(parsed) is int
        assert str(parsed) == (raw.strip(" \t\n\r\f\v") if isinstance(raw, str) else str(raw))
        assert 0 <= parsed <= 10


@pytest.mark.parametrize(("low", "high"), [(5, 5), (5, 1), (-1, 5), (0, 1000), (True, 5), (0, 5.0)])
def test_scales_are_checked(low: int, high: int) -> None:
    with pytest.raises(InvalidInputError, match="scale"):
        Scale(low, high)


def test_tally() -> None:
    # True must not be counted as 1, though the two are equal.
    counted = tally(["1", 1, True, "5", None, "", "6"], CSAT)
    assert dict(counted.counts) == {1: 2, 5: 1}
    assert (counted.n, counted.missing, counted.rejected) == (3, 2, 2)


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        ("yes", "yes"),
        (" partly\n", "partly"),
        ("no", "no"),
        ("n/a", NoScore.MISSING),
        ("", NoScore.MISSING),
        (None, NoScore.MISSING),
        ("Yes", NoScore.REJECTED),
        ("maybe", NoScore.REJECTED),
        (True, NoScore.REJECTED),
    ],
)
def test_gcr_answers(raw: object, answer: str) -> None:
    assert parse_gcr(raw) == answer


def test_nps_classes() -> None:
    classes = [nps_class(score) for score in range(11)]
    assert classes == ["detractor"] * 7 + ["passive"] * 2 + ["promoter"] * 2


def test_csat_classes() -> None:
    assert [csat_class(score) for score in range(1, 6)] == ["negative", "negative", "neutral", "positive", "positive"]


def test_csat_classes_of_ten_points_halve_onto_five() -> None:
    ten = Scale(1, 10)
    assert all(csat_class(score, ten) == csat_class((score + 1) // 2) for score in range(1, 11))


def test_ces_classes() -> None:
    assert [ces_class(score) for score in range(1, 8)] == ["negative"] * 3 + ["neutral"] + ["positive"] * 3


@pytest.mark.parametrize("bad", [-1, 11, True, 9.0, "9"])
def test_only_scores_have_a_class(bad: int) -> None:
    for classify in (nps_class, csat_class, ces_class):
        with pytest.raises(InvalidInputError, match="no score"):
            classify(bad)


def test_sentiments() -> None:
    assert [sentiment(each) for each in ("promoter", "positive", "yes")] == ["positive"] * 3
    assert [sentiment(each) for each in ("passive", "neutral", "partly")] == ["neutral"] * 3
    assert [sentiment(each) for each in ("detractor", "negative", "no")] == ["negative"] * 3
    with pytest.raises(InvalidInputError, match="no class"):
        sentiment("fan")


def test_classes_are_counted() -> None:
    assert count_classes({1: 2, 2: 3, 3: 0, 5: 4}, csat_class) == {"negative": 5, "neutral": 0, "positive": 4}
    with pytest.raises(InvalidInputError, match="count of score 5"):
        count_classes({5: -1}, csat_class)

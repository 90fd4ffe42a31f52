"""Rates worked out by hand from the formulas in AAPOR's Standard Definitions."""

from __future__ import annotations

import pytest

from engine.stats.inputs import InvalidInputError
from engine.stats.proportion import share
from engine.stats.response import Dispositions, OutcomeRates, outcome_rates, response_rate

# 100 eligible, 85 of them reached; 25 of unknown eligibility; 25 not eligible.
CASES = Dispositions(complete=50, partial=10, refusal=20, non_contact=15, other=5, unknown_household=20, unknown_other=5, not_eligible=25)


def test_response_rate_is_completed_of_delivered() -> None:
    assert response_rate(30, 120) == share(30, 120)
    assert response_rate(0, 0).status == "no_data"


def test_more_answers_than_invitations_are_a_fault() -> None:
    with pytest.raises(InvalidInputError, match="only 10 delivered"):
        response_rate(11, 10)
    with pytest.raises(InvalidInputError, match="completed"):
        response_rate(-1, 10)


def test_all_rates() -> None:
    rates = outcome_rates(CASES)  # e = 100 / 125, so 120 are taken to be eligible
    assert rates.e == pytest.approx(0.8)
    assert (rates.rr1, rates.rr2) == pytest.approx((40, 48))
    assert (rates.rr3, rates.rr4) == pytest.approx((100 * 50 / 120, 50))
    assert (rates.rr5, rates.rr6) == pytest.approx((50, 60))
    assert (rates.coop1, rates.coop2) == pytest.approx((100 * 50 / 85, 100 * 60 / 85))
    assert (rates.coop3, rates.coop4) == pytest.approx((62.5, 75))
    assert (rates.ref1, rates.ref2, rates.ref3) == pytest.approx((16, 100 * 20 / 120, 20))
    assert (rates.con1, rates.con2, rates.con3) == pytest.approx((68, 100 * 85 / 120, 85))


def test_e_spans_the_rates_between_none_and_all_eligible() -> None:
    none, all_ = outcome_rates(CASES, e=0), outcome_rates(CASES, e=1)
    assert (none.rr3, none.rr4, none.ref2, none.con2) == (none.rr5, none.rr6, none.ref3, none.con3)
    assert (all_.rr3, all_.rr4, all_.ref2, all_.con2) == (all_.rr1, all_.rr2, all_.ref1, all_.con1)


def test_e_makes_no_odds_where_all_eligibility_is_known() -> None:
    rates = outcome_rates(Dispositions(complete=1, refusal=3))
    assert rates.rr1 == rates.rr3 == rates.rr5 == 25


def test_empty_denominators_give_no_rate() -> None:
    empty = outcome_rates(Dispositions())
    assert empty == OutcomeRates(**dict.fromkeys(OutcomeRates.__dataclass_fields__))
    unknown = outcome_rates(Dispositions(unknown_other=4))
    assert (unknown.e, unknown.rr1, unknown.rr3, unknown.rr5, unknown.coop1) == (None, 0, None, None, None)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="refusal"):
        Dispositions(refusal=-1)
    with pytest.raises(InvalidInputError, match="e must be"):
        outcome_rates(CASES, e=1.1)

"""Response rates in percent: answered of delivered, and the outcome rates of AAPOR for surveys by contact attempt.

AAPOR: "Standard Definitions: Final Dispositions of Case Codes and Outcome Rates for Surveys", American Association for Public
Opinion Research; the names of rates and dispositions are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from engine.stats import proportion
from engine.stats.estimate import Estimate
from engine.stats.inputs import InvalidInputError, check_count, check_share


def response_rate(completed: int, delivered: int, *, confidence: float = 0.95) -> Estimate:
    """Completed answers as a percentage of delivered invitations, with Wilson's interval; ``no_data`` where nothing was delivered.

    InvalidInputError for bad counts or confidence, and where more were completed than delivered: that is a fault of the data (an
    open link, forwarded mail), and 110 % would hide it.
    """
    if check_count("completed", completed) > check_count("delivered", delivered):
        raise InvalidInputError(f"{completed} completed, but only {delivered} delivered: the answers are not all from these invitations")
    return proportion.share(completed, delivered, confidence=confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispositions:
    """What became of each person in the sample. InvalidInputError unless all are whole numbers ≥ 0."""

    complete: int = 0  # I
    partial: int = 0  # P
    refusal: int = 0  # R: refused or broke off
    non_contact: int = 0  # NC: eligible, never reached
    other: int = 0  # O: eligible and reached, no interview for another reason
    unknown_household: int = 0  # UH: unknown whether there is anyone to ask
    unknown_other: int = 0  # UO: unknown whether eligible, for another reason
    not_eligible: int = 0  # NE

    def __post_init__(self) -> None:
        for each in fields(self):
            check_count(each.name, getattr(self, each.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRates:
    """AAPOR's rates in percent; None where a rate's denominator is 0."""

    e: float | None  # assumed share of eligible persons among those of unknown eligibility, 0…1
    rr1: float | None  # response rate, complete only, all unknown counted as eligible: the least
    rr2: float | None  # … partial ones too
    rr3: float | None  # complete only, a share e of the unknown
    rr4: float | None  # … partial ones too
    rr5: float | None  # complete only, no unknown
    rr6: float | None  # … partial ones too: the greatest
    coop1: float | None  # cooperation of the reached: complete only
    coop2: float | None  # … partial ones too
    coop3: float | None  # complete only, of those able to answer
    coop4: float | None  # … partial ones too
    ref1: float | None  # refusals, all unknown counted as eligible
    ref2: float | None  # a share e of the unknown
    ref3: float | None  # no unknown
    con1: float | None  # reached, all unknown counted as eligible
    con2: float | None  # a share e of the unknown
    con3: float | None  # no unknown


def outcome_rates(cases: Dispositions, *, e: float | None = None) -> OutcomeRates:
    """AAPOR's response, cooperation, refusal and contact rates.

    ``e`` is the share (0…1) of the unknown taken to be eligible; None takes the share among those whose eligibility is known (the
    "proportional allocation" or CASRO method). InvalidInputError for an ``e`` beyond 0…1.
    """
    interviews = cases.complete + cases.partial
    reached = interviews + cases.refusal + cases.other
    eligible = reached + cases.non_contact
    unknown = cases.unknown_household + cases.unknown_other
    known = eligible + cases.not_eligible
    if e is not None:
        check_share("e", e)
    elif known:
        e = eligible / known
    # Where e is unknown and matters, nothing can be said; where nobody is of unknown eligibility it does not matter.
    some = eligible if unknown == 0 else None if e is None else eligible + e * unknown
    able = interviews + cases.refusal
    return OutcomeRates(
        e=e,
        rr1=_percent(cases.complete, eligible + unknown),
        rr2=_percent(interviews, eligible + unknown),
        rr3=_percent(cases.complete, some),
        rr4=_percent(interviews, some),
        rr5=_percent(cases.complete, eligible),
        rr6=_percent(interviews, eligible),
        coop1=_percent(cases.complete, reached),
        coop2=_percent(interviews, reached),
        coop3=_percent(cases.complete, able),
        coop4=_percent(interviews, able),
        ref1=_percent(cases.refusal, eligible + unknown),
        ref2=_percent(cases.refusal, some),
        ref3=_percent(cases.refusal, eligible),
        con1=_percent(reached, eligible + unknown),
        con2=_percent(reached, some),
        con3=_percent(reached, eligible),
    )


def _percent(part: int, whole: float | None) -> float | None:
    return 100 * part / whole if whole else None

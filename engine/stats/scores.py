"""Scores: strict parsing of what respondents sent, and the classes of each measure.

NPS 0–10: promoters 9–10, passives 7–8, detractors 0–6 (Reichheld, "The One Number You Need to Grow", HBR, December 2003).
CSAT 1–5: positive 4–5 ("top two boxes"), neutral 3, negative 1–2. CES 1–7: positive 5–7, neutral 4, negative 1–3 (CES 2.0,
Dixon and others, "The Effortless Experience", 2013). GCR: yes, partly, no.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Literal, TypeVar

from engine.stats.inputs import InvalidInputError, check_count

NpsClass = Literal["promoter", "passive", "detractor"]
Sentiment = Literal["positive", "neutral", "negative"]
GcrAnswer = Literal["yes", "partly", "no"]
_C = TypeVar("_C", bound=str)

_ASCII_SPACE = " \t\n\r\f\v"
_NOT_ANSWERED = frozenset({"", "n/a", "na"})
_LONGEST = 1000  # points of a scale; no question has more, and the table of its texts stays small


@dataclass(frozen=True, slots=True)
class Scale:
    """Whole points from ``low`` to ``high``, both included. InvalidInputError unless 0 ≤ low < high and at most 1,000 points."""

    low: int
    high: int

    def __post_init__(self) -> None:
        check_count("the scale's low end", self.low)
        check_count("the scale's high end", self.high)
        if not 0 < self.high - self.low < _LONGEST:
            raise InvalidInputError(f"a scale needs two to {_LONGEST} points, low end first; got {self.low}–{self.high}")

    def check(self, score: int) -> int:
        """``score``, if it is a point of the scale; else InvalidInputError."""
        if type(score) is not int or not self.low <= score <= self.high:
            raise InvalidInputError(f"{score!r} is no score from {self.low} to {self.high}")
        return score


NPS = Scale(0, 10)
CSAT = Scale(1, 5)
CES = Scale(1, 7)


class NoScore(StrEnum):
    """Why an answer holds no score. Neither counts among the valid answers."""

    MISSING = "missing"  # not answered
    REJECTED = "rejected"  # answered with something that is not on the scale


def parse_score(raw: object, scale: Scale) -> int | NoScore:
    """The score that ``raw`` is: an int of the scale, or its decimal text in ASCII digits with ASCII white space around it.

    None, empty text and "N/A" or "NA" in any case are missing. All else is rejected, for its meaning would be a guess: points
    beyond the scale (never clamped), booleans, floats, signs, leading zeros, underscores, digits of other scripts.
    """
    if raw is None:
        return NoScore.MISSING
    if isinstance(raw, str):
        text = raw.strip(_ASCII_SPACE)
        found = _points(scale).get(text)
        if found is not None:
            return found
        return NoScore.MISSING if text.lower() in _NOT_ANSWERED else NoScore.REJECTED
    if isinstance(raw, int) and not isinstance(raw, bool) and scale.low <= raw <= scale.high:
        return int(raw)
    return NoScore.REJECTED


@cache
def _points(scale: Scale) -> dict[str, int]:
    # Looking texts up, instead of converting them, leaves no room for anything that int() is lenient about.
    return {str(point): point for point in range(scale.low, scale.high + 1)}


def parse_gcr(raw: object) -> GcrAnswer | NoScore:
    """The answer that ``raw`` is: exactly ``yes``, ``partly`` or ``no``, with ASCII white space around it; missing as in parse_score."""
    if raw is None:
        return NoScore.MISSING
    if not isinstance(raw, str):
        return NoScore.REJECTED
    match raw.strip(_ASCII_SPACE):
        case "yes":
            return "yes"
        case "partly":
            return "partly"
        case "no":
            return "no"
        case text:
            return NoScore.MISSING if text.lower() in _NOT_ANSWERED else NoScore.REJECTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often each score was given, and how many answers held none."""

    counts: Mapping[int, int]  # score → answers; scores that nobody gave are absent
    missing: int
    rejected: int

    @property
    def n(self) -> int:
        """Valid answers."""
        return sum(self.counts.values())


def tally(raws: Iterable[object], scale: Scale) -> Tally:
    """Parse many answers and count them: the way from raw values, of a CSV import say, to what the measures take."""
    counts: dict[int, int] = {}
    missing = rejected = 0
    for raw in raws:
        parsed = parse_score(raw, scale)
        if parsed is NoScore.MISSING:
            missing += 1
        elif parsed is NoScore.REJECTED:
            rejected += 1
        else:
            counts[parsed] = counts.get(parsed, 0) + 1
    return Tally(counts=counts, missing=missing, rejected=rejected)


def nps_class(score: int) -> NpsClass:
    """The class of an NPS score, 0–10. InvalidInputError for any other value."""
    NPS.check(score)
    if score >= 9:
        return "promoter"
    return "passive" if score >= 7 else "detractor"


def csat_class(score: int, scale: Scale = CSAT) -> Sentiment:
    """The class of a CSAT score. InvalidInputError for a value that is not on the scale.

    1–5 is the measure's own scale. Longer or shorter ones keep its proportions: the upper two fifths are positive, the next fifth
    is neutral; so of 1–10, 7–10 are positive, 5–6 neutral, 1–4 negative.
    """
    rank = scale.check(score) - scale.low + 1
    points = scale.high - scale.low + 1
    if 5 * rank > 3 * points:
        return "positive"
    return "neutral" if 5 * rank > 2 * points else "negative"


def ces_class(score: int) -> Sentiment:
    """The class of a CES score, 1–7, where 7 is easiest. InvalidInputError for any other value."""
    CES.check(score)
    if score >= 5:
        return "positive"
    return "neutral" if score == 4 else "negative"


_SENTIMENTS: Mapping[str, Sentiment] = {
    "promoter": "positive",
    "passive": "neutral",
    "detractor": "negative",
    "positive": "positive",
    "neutral": "neutral",
    "negative": "negative",
    "yes": "positive",
    "partly": "neutral",
    "no": "negative",
}


def sentiment(category: str) -> Sentiment:
    """What a class of any measure amounts to: positive, neutral or negative. InvalidInputError for an unknown class."""
    try:
        return _SENTIMENTS[category]
    except KeyError:
        raise InvalidInputError(f"{category!r} is no class of NPS, CSAT, CES or GCR") from None


def count_classes(counts: Mapping[int, int], classify: Callable[[int], _C]) -> dict[_C, int]:
    """Answers per class, from answers per score; classes without answers are absent. InvalidInputError for a bad score or count."""
    classes: dict[_C, int] = {}
    for score, count in counts.items():
        name = classify(score)
        classes[name] = classes.get(name, 0) + check_count(f"the count of score {score}", count)
    return classes

"""The score and the class of an answer, by its survey's metric; the classes themselves are those of `stats`."""

from __future__ import annotations

from collections.abc import Mapping

from engine.dsl.contract import SCALES
from engine.model.definitions import Question, Survey
from engine.stats.scores import Scale, ces_class, csat_class, nps_class, sentiment

__all__ = ["rate", "scale_of", "sentiment"]


def scale_of(question: Question) -> tuple[int, int]:
    """Lowest and highest score of a scored question."""
    return question.scale or SCALES[question.type]


def rate(survey: Survey, values: Mapping[str, object]) -> tuple[float | None, str | None]:
    """Score and category of the metric question; both are None where it was not asked or not answered.

    GCR has a category and no score.
    """
    question = survey.question(survey.metric_question) if survey.metric_question else None
    value = values.get(question.id) if question is not None else None
    if question is None or value is None:
        return None, None
    if survey.metric == "gcr":
        return None, str(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None, None
    if survey.metric == "nps":
        return float(value), nps_class(value)
    return float(value), ces_class(value) if survey.metric == "ces" else csat_class(value, Scale(*scale_of(question)))

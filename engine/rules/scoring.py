"""The score and the class of an answer, by the survey's metric. The classes themselves are those of the measures."""

from __future__ import annotations

from collections.abc import Mapping

from engine.dsl.contract import SCALES
from engine.model.definitions import Question, Survey
from engine.stats import scores


def scale_of(question: Question) -> scores.Scale:
    """The scale of a scored question: its own, or the one of its type."""
    return scores.Scale(*(question.scale or SCALES[question.type]))


def rate(survey: Survey, values: Mapping[str, object]) -> tuple[float | None, str | None]:
    """Score and category of the metric question; both are None where it was not asked or not answered.

    NPS: promoter, passive, detractor. CSAT and CES: positive, neutral, negative; a CSAT scale other than 1–5 keeps its
    proportions (``stats.scores.csat_class``). GCR has a category and no score.
    """
    question = survey.question(survey.metric_question) if survey.metric_question else None
    value = values.get(question.id) if question is not None else None
    if question is None or value is None:
        return None, None
    return grade(survey.metric, question.type, question.scale, value)


def grade(metric: str | None, kind: str, scale: tuple[int, int] | None, value: object) -> tuple[float | None, str | None]:
    """Score and category of an answer to a metric question of a type, with a scale of its own or that of its type."""
    match metric, value:
        case "nps", int():
            return float(value), scores.nps_class(value)
        case "csat", int():
            return float(value), scores.csat_class(value, scores.Scale(*(scale or SCALES[kind])))
        case "ces", int():
            return float(value), scores.ces_class(value)
        case "gcr", str():
            return None, value
    raise AssertionError(f"{value!r} is no answer to a question of metric {metric}")


def sentiment(category: str) -> scores.Sentiment:
    """positive, neutral or negative, for the categories of every metric."""
    return scores.sentiment(category)

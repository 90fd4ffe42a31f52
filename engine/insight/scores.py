"""The score of each survey with a metric, from the answers in the store."""

from __future__ import annotations

from dataclasses import dataclass

from engine.model.definitions import Definitions, Survey
from engine.stats import mean, nps, proportion, response
from engine.stats.estimate import Estimate
from engine.stats.nps import NpsCounts
from engine.store.protocol import Transaction

# What the overview calls each metric, and its unit.
UNITS = {"nps": "", "csat": " %", "ces": " %", "gcr": " %"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyScore:
    survey: str
    metric: str
    estimate: Estimate
    classes: dict[str, int]  # category → answers
    mean: float | None  # of the score, where the metric has one

    @property
    def answers(self) -> int:
        return sum(self.classes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A survey that was answered by so few that its score would say what single persons answered."""

    survey: str
    metric: str
    fewer_than: int  # answers: the project's `anonymity`


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """From sent to answered, over all surveys."""

    sent: int
    answered: int
    rate: Estimate


def survey_scores(tx: Transaction, definitions: Definitions) -> list[SurveyScore | Withheld]:
    """One score a survey that has a metric, in the order of names; withheld where there are answers, but too few to be shown."""
    scores = [_score(tx, survey) for _, survey in sorted(definitions.surveys.items()) if survey.metric != "none"]
    least = definitions.project.anonymity
    return [
        Withheld(survey=score.survey, metric=score.metric, fewer_than=least) if 0 < score.answers < least else score for score in scores
    ]


def _score(tx: Transaction, survey: Survey) -> SurveyScore:
    classes: dict[str, int] = {}
    scores: dict[int, int] = {}
    for category, score, count in tx.answers_of_survey(survey.name):
        if category is not None:
            classes[category] = classes.get(category, 0) + count
        if score is not None:
            scores[int(score)] = scores.get(int(score), 0) + count
    counted = sum(classes.values())
    match survey.metric:
        case "nps":
            counts = NpsCounts(
                promoters=classes.get("promoter", 0), passives=classes.get("passive", 0), detractors=classes.get("detractor", 0)
            )
            estimate = nps.nps(counts)
        case "gcr":
            estimate = proportion.share(classes.get("yes", 0), counted)
        case _:
            estimate = proportion.share(classes.get("positive", 0), counted)
    average = mean.mean(scores).value if scores else None
    return SurveyScore(survey=survey.name, metric=survey.metric, estimate=estimate, classes=classes, mean=average)


def response_rate(tx: Transaction) -> Response:
    """Answered invitations among those that were sent."""
    funnel = tx.funnel()
    answered = funnel.get("answered", 0)
    sent = answered + funnel.get("sent", 0) + funnel.get("expired", 0)
    return Response(sent=sent, answered=answered, rate=response.response_rate(answered, sent))

"""Scores as a person reads them: the figure with its interval and n."""

from __future__ import annotations

from engine.insight.scores import UNITS, SurveyScore, Withheld
from engine.stats.estimate import Estimate


def figure(estimate: Estimate, unit: str) -> str:
    """`40.1 (95 % interval 31.0 to 49.2, n = 120)`; says so where there is nothing, or too little."""
    if estimate.value is None:
        return "no data"
    value = f"{estimate.value:.1f}{unit}"
    if estimate.low is None or estimate.high is None:
        return f"{value} (n = {estimate.n}, too few for an interval)"
    return f"{value} (95 % interval {estimate.low:.1f} to {estimate.high:.1f}, n = {estimate.n})"


def score_line(score: SurveyScore | Withheld) -> str:
    """`NPS 40.1 (…)  nps_delivery`."""
    if isinstance(score, Withheld):
        return f"{score.metric.upper():<12} fewer than {score.fewer_than} answers, so not shown  {score.survey}"
    average = f", mean {score.mean:.2f}" if score.mean is not None and score.metric != "nps" else ""
    return f"{score.metric.upper():<12} {figure(score.estimate, UNITS[score.metric])}{average}  {score.survey}"

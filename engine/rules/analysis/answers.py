"""What a survey says about its answers: which classes its scores have, and when a question has an answer at all."""

from __future__ import annotations

from engine.dsl.contract import answer_type
from engine.model import terms as t
from engine.model.definitions import Survey
from engine.rules.analysis.domains import Answers
from engine.rules.analysis.last import kept_once
from engine.rules.analysis.leaves import Path, Reader, Variable
from engine.rules.scoring import rate, sentiment


@kept_once
def answers_of(survey: Survey, objects: frozenset[str]) -> Answers:
    """``objects``: of the data contract. What reads them is left out: they may be others by the time of the answer."""
    shown = []
    for question in survey.questions:
        condition = question.show_if
        if condition is not None and not any(path[0] in objects for path in t.paths(condition.term)):
            kind = answer_type(question)
            if kind is not None:
                absent = t.IsNone(type=condition.term.type, operand=t.Load(type=kind, path=("answer", question.id)))
                asked = t.Or(type=condition.term.type, operands=(absent, condition.term))
                shown.append((f"answer.{question.id}", Reader(_name).condition(asked)))
    return Answers(metric=_metric(survey), classes=tuple(_classes(survey)), shown=tuple(shown))


def _name(path: Path) -> str:
    return ".".join(path) if path[0] == "answer" else "answer." + ".".join(path)


def _metric(survey: Survey) -> Variable | None:
    question = survey.question(survey.metric_question) if survey.metric_question is not None else None
    kind = answer_type(question) if question is not None else None
    return Variable(f"answer.{question.id}", kind) if question is not None and kind is not None else None


def _classes(survey: Survey) -> list[tuple[object, str | None, str | None]]:
    question = survey.question(survey.metric_question) if survey.metric_question is not None else None
    kind = answer_type(question) if question is not None else None
    if question is None or kind is None:
        return []
    values = range(kind.range[0], kind.range[1] + 1) if kind.range is not None else kind.options
    classes = [(value, rate(survey, {question.id: value})[1]) for value in values]
    return [(value, category, sentiment(category) if category is not None else None) for value, category in classes]

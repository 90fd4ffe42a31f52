"""What a survey says about its answers: which classes its scores have, and when a question has an answer at all."""

from __future__ import annotations

from functools import lru_cache

from engine.dsl.contract import answer_type
from engine.model import terms as t
from engine.model.definitions import Survey
from engine.model.types import Type
from engine.rules.analysis.domains import Answers
from engine.rules.analysis.last import kept_once
from engine.rules.analysis.leaves import Variable
from engine.rules.scoring import grade, sentiment

_Class = tuple[object, str | None, str | None]


@kept_once
def answers_of(survey: Survey, objects: frozenset[str]) -> Answers:
    """``objects``: of the data contract. What reads them is left out: they may be others by the time of the answer."""
    shown = {name: condition for name, condition, roots in _shown(survey) if roots.isdisjoint(objects)}
    question = survey.question(survey.metric_question) if survey.metric_question is not None else None
    kind = answer_type(question) if question is not None else None
    if question is None or kind is None:
        return Answers(metric=None, shown=shown)
    classes = _classes(survey.metric, question.type, question.scale, kind)
    return Answers(metric=Variable(f"answer.{question.id}", kind), classes=classes, shown=shown)


@kept_once
def _shown(survey: Survey) -> list[tuple[str, t.Term, frozenset[str]]]:
    """The questions with `show_if`: each with what holds of its answer, and the roots of what that reads."""
    found: list[tuple[str, t.Term, frozenset[str]]] = []
    for question in survey.questions:
        condition = question.show_if
        kind = answer_type(question) if condition is not None else None
        if condition is not None and kind is not None:
            absent = t.IsNone(type=condition.term.type, operand=t.Load(type=kind, path=("answer", question.id)))
            asked = t.Or(type=condition.term.type, operands=(absent, condition.term))
            roots = frozenset(path[0] for path in t.paths(condition.term))
            found.append((f"answer.{question.id}", asked, roots))
    return found


@lru_cache(maxsize=256)
def _classes(metric: str | None, type_: str, scale: tuple[int, int] | None, kind: Type) -> tuple[_Class, ...]:
    """The values of a metric question, each with its category and sentiment. Nearly all surveys have the same few."""
    values = range(kind.range[0], kind.range[1] + 1) if kind.range is not None else kind.options
    classes = [(value, grade(metric, type_, scale, value)[1]) for value in values]
    return tuple((value, category, sentiment(category) if category is not None else None) for value, category in classes)

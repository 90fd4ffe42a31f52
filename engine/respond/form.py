"""A survey as it is asked: its questions on pages, so that every condition can be decided before its page is shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.dsl.contract import SCALES
from engine.errors import SoundingError
from engine.model.definitions import Question, Survey
from engine.model.terms import Expression, paths
from engine.respond.parsing import TYPES, field_names


@dataclass(frozen=True, slots=True)
class Form:
    """``pages`` holds every question once, in the order of asking: as the survey's ``pages`` say, the ones left out last.

    A page ends before a question whose condition or text reads an answer from the same page: without a script nothing can
    change while the respondent is answering.
    """

    survey: Survey
    pages: tuple[tuple[Question, ...], ...]
    reads: Mapping[str, frozenset[str]]  # question → questions whose answers its condition reads

    @classmethod
    def of(cls, survey: Survey) -> Form:
        """Raises SoundingError where the survey cannot be asked; call it before the survey goes live."""
        _check(survey)
        owners = {name: q.id for q in survey.questions for name in field_names(q)}
        conditions = {q.id: _answers_in([q.show_if] if q.show_if else [], owners, survey) for q in survey.questions}
        texts = {q.id: _answers_in(_expressions(q), owners, survey) for q in survey.questions}
        needs = {name: conditions[name] | texts[name] for name in conditions}
        pages = tuple(page for group in _groups(survey) for page in _split(group, needs))
        _check_order(survey, pages, needs)
        return cls(survey, pages, conditions)


def _expressions(question: Question) -> Iterator[Expression]:
    """The expressions in the texts of a question."""
    for text in (question.ask, *question.options.values(), *question.labels.values()):
        for template in text.by_language.values():
            yield from template.expressions


def _answers_in(expressions: Iterable[Expression], owners: Mapping[str, str], survey: Survey) -> frozenset[str]:
    """The questions whose answers the expressions read."""
    found: set[str] = set()
    for path in (path for expression in expressions for path in paths(expression.term)):
        name = path[1] if path[0] == "answer" and len(path) > 1 else path[0]
        if name in owners:
            found.add(owners[name])
        elif path[0] == "answer" and survey.metric_question:  # answer.category, answer.sentiment
            found.add(survey.metric_question)
    return frozenset(found)


def _groups(survey: Survey) -> Iterator[list[Question]]:
    asked: set[str] = set()
    for names in survey.pages:
        group = [q for name in names if name not in asked and (q := survey.question(name)) is not None]
        asked.update(names)
        yield group
    yield [q for q in survey.questions if q.id not in asked]


def _split(group: Iterable[Question], needs: Mapping[str, frozenset[str]]) -> Iterator[tuple[Question, ...]]:
    page: list[Question] = []
    for question in group:
        if needs[question.id] & {q.id for q in page}:
            yield tuple(page)
            page = []
        page.append(question)
    if page:
        yield tuple(page)


def _check_order(survey: Survey, pages: tuple[tuple[Question, ...], ...], needs: Mapping[str, frozenset[str]]) -> None:
    asked: set[str] = set()
    for page in pages:
        for question in page:
            if missing := needs[question.id] - asked:
                place = f"{question.at}: survey.{survey.name}, question {question.id}"
                raise SoundingError(f"{place}: its page comes before that of {min(missing)}, which it reads; change the order of `pages`")
        asked.update(question.id for question in page)


def _check(survey: Survey) -> None:
    for question in survey.questions:
        place = f"{question.at}: survey.{survey.name}, question {question.id}"
        if question.type not in TYPES:
            raise SoundingError(f"{place}: questions of type {question.type} cannot be asked yet; use single or scale questions instead")
        if question.type in SCALES and question.scale is not None:
            lowest, highest = question.scale
            if question.type == "nps" and question.scale != SCALES["nps"]:
                raise SoundingError(f"{place}: an nps question is asked on 0-10, not on {lowest}-{highest}; use type scale")
            if not 0 <= lowest < highest <= 10:
                raise SoundingError(f"{place}: the scale {lowest}-{highest} does not lie within 0-10")
    for number, thanks in enumerate(survey.thanks, 1):
        # The page escapes text, but a script in a link's address would survive that.
        if thanks.link is not None and not thanks.link.startswith("https://"):
            place = f"{survey.at}: survey.{survey.name}, thanks {number}"
            raise SoundingError(f"{place}: the link {thanks.link!r} must begin with https://")

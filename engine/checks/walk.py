"""What checks look at in a definition."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dsl.source import FOLDERS, PROJECT_FILE
from engine.model.definitions import Audience, Automation, Cadence, Definition, Project, Step, Survey
from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.texts import Template, Text
from engine.rules.analysis.reach import placed

Order = tuple[int, tuple[str, ...], int, int]


def file_order(span: Span) -> Order:
    """A key that sorts places as their files are read: the project's file, then folder by folder."""
    parts = tuple(span.file.split("/"))
    rank = -1 if span.file == PROJECT_FILE else FOLDERS.index(parts[0]) if parts[0] in FOLDERS else len(FOLDERS)
    return rank, parts, span.line, span.column


def steps(of: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, those of branches and of failures too."""
    return (step for _, step in placed(of))


def conditions(definition: Definition) -> Iterator[tuple[str, Expression]]:
    """Every condition of a definition: the key that it stands under, and the expression."""
    match definition:
        case Project():
            if definition.may_ask is not None:
                yield "may_ask", definition.may_ask
            yield from (("if", cap.condition) for cap in definition.frequency if cap.condition is not None)
        case Survey():
            yield from _of_survey(definition)
        case Audience() if definition.where is not None:
            yield "where", definition.where
        case Cadence() if definition.condition is not None:
            yield "if", definition.condition
        case Automation():
            yield from (("if", found) for found in _of_automation(definition))


def _of_survey(survey: Survey) -> Iterator[tuple[str, Expression]]:
    for question in survey.questions:
        if question.show_if is not None:
            yield "show_if", question.show_if
        if question.validate is not None:
            yield "validate", question.validate
    for thanks in survey.thanks:
        if thanks.condition is not None:
            yield "if", thanks.condition
    for quota in survey.quotas:
        if quota.condition is not None:
            yield "if", quota.condition


def _of_automation(automation: Automation) -> Iterator[Expression]:
    if automation.condition is not None:
        yield automation.condition
    yield from (step.condition for step in steps(automation.then) if step.condition is not None)


def templates(content: object) -> Iterator[Template]:
    """The templates in a step's content."""
    if isinstance(content, Template):
        yield content
    elif isinstance(content, Text):
        yield from content.by_language.values()
    elif isinstance(content, dict):
        for value in content.values():
            yield from templates(value)

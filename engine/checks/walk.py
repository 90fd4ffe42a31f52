"""Everything that checks look at, with the address of the definition that it is in."""

from __future__ import annotations

from collections.abc import Iterator

from engine.model.definitions import Automation, Definitions, Step, Survey, address
from engine.model.terms import Expression
from engine.model.texts import Template, Text


def steps(of: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, those of branches and of failures too."""
    for step in of:
        yield step
        for inner in (step.then, step.otherwise, step.on_timeout, step.on_failure):
            yield from steps(inner)


def conditions(definitions: Definitions) -> Iterator[tuple[str, str, Expression]]:
    """Every condition: the address, the key that it stands under, and the expression."""
    project = definitions.project
    if project.may_ask is not None:
        yield f"project.{project.name}", "may_ask", project.may_ask
    for cap in project.frequency:
        if cap.condition is not None:
            yield f"project.{project.name}", "if", cap.condition
    for survey in definitions.surveys.values():
        yield from ((address(survey), key, found) for key, found in _of_survey(survey))
    for audience in definitions.audiences.values():
        if audience.where is not None:
            yield address(audience), "where", audience.where
    for cadence in definitions.cadences.values():
        if cadence.condition is not None:
            yield address(cadence), "if", cadence.condition
    for automation in definitions.automations.values():
        yield from ((address(automation), "if", found) for found in _of_automation(automation))


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

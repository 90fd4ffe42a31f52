"""SND403: a text that some project language lacks."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.checks.walk import steps
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Automation, Definition, MessageTemplate, Project, Survey, address
from engine.model.texts import Text


def _texts(definition: Definition) -> Iterator[Text]:
    if isinstance(definition, Survey):
        if definition.title is not None:
            yield definition.title
        for question in definition.questions:
            yield from (question.ask, *question.options.values(), *question.rows.values(), *question.labels.values())
        yield from (thanks.text for thanks in definition.thanks)
        if definition.incentive is not None and definition.incentive.offer is not None:
            yield definition.incentive.offer
    elif isinstance(definition, MessageTemplate):
        yield from (text for text in (definition.subject, definition.text) if text is not None)
    elif isinstance(definition, Automation):
        for step in steps(definition.then):
            yield from (text for text in step.content.values() if isinstance(text, Text))
    elif isinstance(definition, Project):
        yield from (annotation.text for annotation in definition.annotations)


def _one(definition: Definition, project: Project) -> Iterator[Diagnostic]:
    wanted = project.languages
    for text in _texts(definition):
        missing = [language for language in wanted if language not in text.by_language]
        if "" in text.by_language or not missing:
            continue
        yield Diagnostic(
            code=CHECK.code,
            severity=CHECK.severity,
            message=f"this text is missing in {', '.join(missing)}",
            file=text.at.file,
            span=text.at,
            hint="the project's languages are " + ", ".join(wanted),
            address=address(definition),
        )


CHECK = Check(
    code="SND403",
    severity=Severity.ERROR,
    title="a text lacks a project language",
    explanation="A text written by language must be there in every language of the project: a contact would get it in the wrong one.",
    one=_one,
)

"""SND403 and SND404: a text that some project language lacks, and one in a language that the project does not have."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.checks.walk import steps
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.dsl.nearest import nearest
from engine.model.definitions import Automation, Definition, MessageTemplate, Project, Report, Survey, address
from engine.model.span import Span
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
    elif isinstance(definition, Report) and definition.title is not None:
        yield definition.title


def _one(definition: Definition, project: Project) -> Iterator[Diagnostic]:
    for text in _texts(definition):
        by_language = text.by_language
        if "" in by_language and not text.strange:
            continue  # for everybody
        lacks = [language for language in project.languages if language not in by_language] if "" not in by_language else []
        empty = [language for language, words in by_language.items() if not words.text.strip()]
        if len(empty) < len(by_language):  # where all are, it is meant to be
            for language in empty:
                yield _finding(MISSING, definition, project, f"this text is empty in {language}", by_language[language].at)
        # As many strange ones as lacking ones: they are those, misspelt, and are reported as such.
        if len(lacks) > len(text.strange):
            yield _finding(MISSING, definition, project, f"this text is missing in {', '.join(lacks)}", text.at)
        for language, place in text.strange.items():
            near = nearest(language, project.languages)
            message = f"`{language}` is no language of the project" + (f"; did you mean `{near}`?" if near is not None else "")
            yield _finding(UNKNOWN, definition, project, message, place)


def _finding(check: Check, definition: Definition, project: Project, message: str, span: Span) -> Diagnostic:
    return Diagnostic(
        code=check.code,
        severity=check.severity,
        message=message,
        file=span.file,
        span=span,
        hint="the project's languages are " + ", ".join(project.languages),
        address=address(definition),
    )


MISSING = Check(
    code="SND403",
    severity=Severity.ERROR,
    title="a text lacks a project language",
    explanation=(
        "A text written by language must be there in every language of the project, and say something: a contact would get it in the wrong "
        "one, or get nothing."
    ),
    kinds=(Survey, MessageTemplate, Automation, Project, Report),
    one=_one,
)
_PROJECT = "project: example\nlanguages: [ru, en]\nannotations:\n"
# Found in the same walk over the texts.
UNKNOWN = Check(
    code="SND404",
    severity=Severity.ERROR,
    title="a text in a language that the project does not have",
    explanation="Nobody would ever read it. Its code is misspelt, or the language is missing in the project's `languages`.",
    fails=_PROJECT + "  - {date: 2026-03-01, text: {ru: Новый перевозчик, eng: New carrier}}\n",
    passes=_PROJECT + "  - {date: 2026-03-01, text: {ru: Новый перевозчик, en: New carrier}}\n",
)
CHECKS = (MISSING, UNKNOWN)

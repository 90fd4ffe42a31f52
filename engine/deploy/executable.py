"""What validates but is not carried out by this version. Deploying it would ask the wrong people or lose steps, so it is refused."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import RefusedError
from engine.model.definitions import Audience, Automation, Cadence, Definitions, Project, Step, Survey
from engine.model.policies import RunMode
from engine.model.span import Span

_ACTIONS = frozenset({"ticket", "email", "webhook", "update", "if", "stop"})
_USES = frozenset({"smtp", "zendesk", "bitrix24", "webhook", "events"})


def check_executable(definitions: Definitions) -> None:
    """Raises RefusedError that names everything this version would have to leave out."""
    found = [f"  {at}: {what}" for what, at in _everything(definitions)]
    if found:
        raise RefusedError("this is part of the language, but this version does not carry it out yet:\n" + "\n".join(found))


def _everything(definitions: Definitions) -> Iterator[tuple[str, Span]]:
    yield from _project(definitions.project)
    for survey in definitions.surveys.values():
        yield from _survey(survey)
    for audience in definitions.audiences.values():
        yield from _audience(audience)
    for cadence in definitions.cadences.values():
        yield from _cadence(cadence)
    for automation in definitions.automations.values():
        yield from _automation(automation)
    for report in definitions.reports.values():
        yield "a report", report.at


def _project(project: Project) -> Iterator[tuple[str, Span]]:
    for name, value in (
        ("limits", project.limits),
        ("retention", project.retention),
    ):
        if value:
            yield name, project.at
    for connection in project.connections.values():
        if connection.use not in _USES:
            yield f"`use: {connection.use}`", connection.at
        for key in ("rate", "dkim"):
            if key in connection.settings:
                yield f"`{key}` of a connection", connection.at


def _survey(survey: Survey) -> Iterator[tuple[str, Span]]:
    wanted = {
        "partial": survey.partial,
        "incentive": survey.incentive,
        "quotas": survey.quotas,
        "variants": survey.variants,
        "anonymous": survey.anonymous,
        "open": survey.open,
    }
    yield from ((name, survey.at) for name, value in wanted.items() if value)
    for question in survey.questions:
        if question.type == "matrix":
            yield "a matrix question", question.at
        if question.validate is not None:
            yield "`validate`", question.at


def _audience(audience: Audience) -> Iterator[tuple[str, Span]]:
    for name, value in (("limit", audience.limit), ("expect", audience.expect)):
        if value:
            yield name, audience.at


def _cadence(cadence: Cadence) -> Iterator[tuple[str, Span]]:
    wanted = {
        "every": cadence.every,
        "cron": cadence.cron,
        "cancel_on": cadence.cancel_on,
        "spread": cadence.spread,
        "remind": cadence.remind,
    }
    yield from ((name, cadence.at) for name, value in wanted.items() if value)


def _automation(automation: Automation) -> Iterator[tuple[str, Span]]:
    if automation.run != RunMode():
        yield "`run`", automation.at
    if any(event.startswith("metric.") for event in automation.when):
        yield "`metric.SURVEY.changed`", automation.at
    yield from _steps(automation.then)


def _steps(steps: tuple[Step, ...]) -> Iterator[tuple[str, Span]]:
    for step in steps:
        if step.action not in _ACTIONS:
            yield f"`{step.action}` in an automation", step.at
        elif step.name is not None or step.on_failure:
            yield "`as` and `on_failure`", step.at
        yield from _steps((*step.then, *step.otherwise))

"""What validates but is not carried out by this version. Deploying it would ask the wrong people or lose steps, so it is refused."""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import RefusedError
from engine.model.definitions import Audience, Automation, Cadence, Definitions, Project, Step, Survey
from engine.model.span import Span

_ACTIONS = frozenset({"ticket", "email", "webhook", "update", "emit", "ask", "suppress", "if", "stop", "wait", "wait_for"})
_UNHEARD = frozenset({"delivered", "bounced", "opened", "started", "edited", "unsubscribed"})  # of an invitation: nothing says so yet
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
    if project.retention:
        yield "retention", project.at
    for name, calendar in project.calendars.items():
        if name:
            yield f"calendar {name}: no step can name it", project.at
        elif calendar.hours is not None:
            yield "`hours` of the calendar", project.at
    for connection in project.connections.values():
        if connection.use not in _USES:
            yield f"`use: {connection.use}`", connection.at
        if "dkim" in connection.settings:
            yield "`dkim` of a connection", connection.at


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
        "spread": cadence.spread,
    }
    yield from ((name, cadence.at) for name, value in wanted.items() if value)


def _automation(automation: Automation) -> Iterator[tuple[str, Span]]:
    yield from _events(automation.when, automation.at)
    yield from _steps(automation.then)


def _steps(steps: tuple[Step, ...]) -> Iterator[tuple[str, Span]]:
    for step in steps:
        if step.action not in _ACTIONS:
            yield f"`{step.action}` in an automation", step.at
        if step.action == "emit" and step.content.get("objects"):
            yield "an object in the `data` of `emit`", step.at
        yield from _events(step.events, step.at)
        for branch in (step.then, step.otherwise, step.on_timeout, step.on_failure):
            yield from _steps(branch)


def _events(names: tuple[str, ...], at: Span) -> Iterator[tuple[str, Span]]:
    """What would be waited for in vain."""
    for name in names:
        if name.startswith("metric."):
            yield "`metric.SURVEY.changed`", at
        elif name.startswith("survey.") and name.rpartition(".")[2] in _UNHEARD:
            yield f"`survey.NAME.{name.rpartition('.')[2]}`", at

"""SND806: a wait for what never comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.checks.check import Check
from engine.checks.walk import steps
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.dsl.uses import USES
from engine.model.definitions import Automation, Cadence, Project, Survey, address
from engine.model.span import Span

_ASKED = None  # the fact of a survey that somebody is asked, which brings about all of its events
_FIXED = ""  # that of one whose answers cannot be edited, whoever asks
_OF_ANSWERS = ("opened", "started", "answered", "edited")
# What a system that posts its changes must be able to do to have such objects; any other object is a CRM's.
_KEEPS = {"ticket": "ticket", "task": "task"}
_OF_SURVEY = "survey "
_Wait = tuple[str, str, Span]  # the event, and whose wait for it stands where
_Fact = _Wait | str | None  # a text: an event that the project brings about


def _facts(definition: Cadence | Survey | Automation, _project: Project) -> Iterator[tuple[str, _Fact]]:
    match definition:
        case Cadence():
            yield _OF_SURVEY + definition.survey, _ASKED
        case Survey():
            if definition.edit == "never":
                yield _OF_SURVEY + definition.name, _FIXED
            if definition.open:
                yield from ((_OF_SURVEY + definition.name, f"survey.{definition.name}.{verb}") for verb in _OF_ANSWERS)
        case Automation():
            yield from _of_automation(definition)


def _of_automation(automation: Automation) -> Iterator[tuple[str, _Fact]]:
    waiting = []
    for step in steps(automation.then):
        if step.action == "emit":
            event = str(step.content["event"])
            yield _group(event), event
        elif step.action == "ask":
            yield _OF_SURVEY + str(step.content["survey"]), _ASKED
        elif step.events:
            waiting.append(step)
    own = {step.name for step in steps(automation.then)} if waiting else ()
    for step in waiting:
        for event in step.events:
            if event.split(".")[0] not in own:
                yield _group(event), (event, address(automation), step.places.get(f"wait_for.{event}", step.at))


def _group(event: str) -> str:
    """What is judged together: all events of a survey, or one of another kind."""
    kind, _, rest = event.partition(".")
    return _OF_SURVEY + rest.rpartition(".")[0] if kind in ("survey", "metric") else event


def _judge(group: str, facts: Sequence[_Fact], project: Project) -> Iterator[Diagnostic]:
    waits = [fact for fact in facts if isinstance(fact, tuple)]
    of_survey = group.startswith(_OF_SURVEY)
    for event, automation, span in waits:
        unedited = of_survey and _FIXED in facts and event.endswith(".edited")
        if (_ASKED in facts or event in facts) and not unedited:
            continue
        kind, declared = event.split(".")[0], event in project.events
        if not of_survey and any(_brings(use, kind, declared=declared) for use in _uses(project)):
            continue
        if of_survey:
            why = "answers to this survey cannot be edited" if unedited else "nothing asks this survey"
        else:
            why = f"no automation emits it and no connection brings {'it' if declared else f'{kind} events'}"
        yield Diagnostic(
            code=CHECK.code,
            severity=CHECK.severity,
            message=f"`{event}` never comes: {why}, so it cannot end this wait",
            file=span.file,
            span=span,
            hint="add what brings it, or wait for something else" if of_survey else "add a connection with `use: events`, or emit it",
            address=automation,
        )


def _uses(project: Project) -> Iterator[str]:
    return (connection.use for connection in project.connections.values())


def _brings(use: str, kind: str, *, declared: bool) -> bool:
    """Whether a connection of this use can bring events of such an object. One that the project declares is posted to `/events` only."""
    return use == "events" or (not declared and USES[use].hooks and _KEEPS.get(kind, "update") in USES[use].actions)


_WAIT = """automation: follow
when: survey.nps_delivery.answered
then:
  - wait_for: survey.visit.answered
    at_most: 7d
  - ticket: {title: "{{ contact.name }}"}
---
survey: visit
metric: nps
questions: {score: {type: nps, ask: Would you recommend us?}}
"""
CHECK = Check(
    code="SND806",
    severity=Severity.WARNING,
    title="a wait for what never comes",
    explanation=(
        "No automation emits the event, no connection brings it (one that the project declares comes by `use: events`), no cadence and "
        "no step asks the survey that it is about, or `edit: never` keeps its answers as they are. Such a wait always ends by its time-out."
    ),
    kinds=(Cadence, Survey, Automation),
    facts=_facts,
    judge=_judge,
    whole=True,
    fails=_WAIT,
    passes=_WAIT + "---\ncadence: visits\nsurvey: visit\naudience: buyers\nwhen: deal.won\nvia: [mail]\n",
)

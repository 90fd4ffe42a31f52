"""SND806: a wait for what never comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.checks.check import Check
from engine.checks.walk import steps
from engine.dsl.contract import SURVEY_EVENTS
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.dsl.uses import USES
from engine.model.definitions import Automation, Cadence, Definition, Project, Survey, address
from engine.model.span import Span

_BROUGHT = None  # the fact of an event that the project brings about; a wait for one has its address and place
_RULED_OUT = ""  # that of one which never is, whoever asks
_OF_ANSWERS = ("opened", "started", "answered", "edited")
# What a system that posts its changes must be able to do to have such objects; any other object is a CRM's.
_KEEPS = {"ticket": "ticket", "task": "task"}
_Fact = tuple[str, Span] | str | None


def _facts(definition: Definition, _project: Project) -> Iterator[tuple[str, _Fact]]:
    if isinstance(definition, Survey) and definition.edit == "never":
        yield f"survey.{definition.name}.edited", _RULED_OUT
    match definition:
        case Cadence():
            yield from _asked(definition.survey)
        case Survey() if definition.open:
            yield from ((f"survey.{definition.name}.{verb}", _BROUGHT) for verb in _OF_ANSWERS)
        case Automation():
            for step in steps(definition.then):
                if step.action == "emit":
                    yield str(step.content["event"]), _BROUGHT
                elif step.action == "ask":
                    yield from _asked(str(step.content["survey"]))
            own = {step.name for step in steps(definition.then) if step.name is not None}
            for step in steps(definition.then):
                for event in step.events:
                    if event.split(".")[0] not in own:
                        yield event, (address(definition), step.places.get(f"wait_for.{event}", step.at))


def _asked(survey: str) -> Iterator[tuple[str, None]]:
    yield from ((f"survey.{survey}.{verb}", _BROUGHT) for verb in SURVEY_EVENTS)
    yield f"metric.{survey}.changed", _BROUGHT


def _judge(group: str, facts: Sequence[_Fact], project: Project) -> Iterator[Diagnostic]:
    waits = [fact for fact in facts if isinstance(fact, tuple)]
    unedited = _RULED_OUT in facts
    if not waits or (_BROUGHT in facts and not unedited):
        return
    kind = group.split(".")[0]
    of_survey = kind in ("survey", "metric")
    if not of_survey and any(_brings(use, kind, declared=group in project.events) for use in _uses(project)):
        return
    if of_survey:
        why = "answers to this survey cannot be edited" if unedited else "nothing asks this survey"
    else:
        why = f"no automation emits it and no connection brings {'it' if group in project.events else f'{kind} events'}"
    for automation, span in waits:
        yield Diagnostic(
            code=CHECK.code,
            severity=CHECK.severity,
            message=f"`{group}` never comes: {why}, so it cannot end this wait",
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
    facts=_facts,
    judge=_judge,
    whole=True,
    fails=_WAIT,
    passes=_WAIT + "---\ncadence: visits\nsurvey: visit\naudience: buyers\nwhen: deal.won\nvia: [mail]\n",
)

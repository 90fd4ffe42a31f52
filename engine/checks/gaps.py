"""SND801 and SND804: scores that no automation handles, and automations that no answer can start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.checks.check import Check
from engine.checks.classes import Weighed, constant_by_class, weighed
from engine.checks.dead import CHECK as DEAD
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Automation, Project, Survey, address
from engine.model.frozen import frozen
from engine.model.span import Span
from engine.rules.analysis.answers import answers_of
from engine.rules.analysis.domains import Answers, Cube, Space
from engine.rules.analysis.leaves import Condition
from engine.rules.analysis.reach import begins

LEAST = 2  # automations that there can be something between


@frozen
class _Asked:
    survey: str  # address
    answers: Answers
    at: Span


@frozen
class _Handler:
    automation: str  # address
    condition: Condition
    only: bool  # no other survey's answers can start it
    at: Span
    weighed: tuple[tuple[Weighed, ...], ...] = ()


def _facts(definition: Survey | Automation, project: Project) -> Iterator[tuple[str, _Asked | _Handler]]:
    objects = frozenset(project.objects)
    if isinstance(definition, Survey):
        at = definition.metric_at or definition.at
        yield (
            f"survey.{definition.name}.answered",
            _Asked(survey=address(definition), answers=answers_of(definition, objects), at=at),
        )
    else:
        events = [event for event in definition.when if event.startswith("survey.") and event.endswith(".answered")]
        if events:
            own = definition.condition
            handler = _Handler(
                automation=address(definition),
                condition=begins(definition, objects),
                only=len(definition.when) == 1,
                at=own.at if own is not None else definition.at,
                weighed=weighed(definition, objects) if len(definition.when) == 1 else (),
            )
            yield from ((event, handler) for event in events)


def _judge(_group: str, facts: Sequence[_Asked | _Handler], _project: Project) -> Iterator[Diagnostic]:
    asked = next((fact for fact in facts if isinstance(fact, _Asked)), None)
    handlers = [fact for fact in facts if isinstance(fact, _Handler)]
    if asked is None or not handlers:
        return
    # Most often those for this survey alone handle every score, and the others need not be looked at.
    own, shared = ([handler for handler in handlers if handler.only is only] for only in (True, False))
    space = Space((handler.condition for handler in own), asked.answers)
    judged = [(handler, space.cubes(handler.condition)) for handler in own]
    for handler, cubes in judged:
        if cubes == []:
            yield from [_dead(handler)] if _alone(handler.condition) else []
        elif handler.weighed:
            yield from constant_by_class(handler.automation, handler.weighed, asked.answers)
    metric = space.metric
    if metric is None or len(handlers) < LEAST:
        return
    every = (1 << len(space.values(metric))) - 1
    handled = _handled(metric, (cubes for _, cubes in judged))
    if shared and handled & every != every:
        others = Space((handler.condition for handler in shared), asked.answers)
        handled |= _handled(metric, (others.cubes(handler.condition) for handler in shared))
    missing = [value for value in space.shown(metric, every & ~handled) if value is not None]
    if missing:
        yield Diagnostic(
            code=GAP.code,
            severity=GAP.severity,
            message=f"no automation handles a `{metric.removeprefix('answer.')}` of {named(missing)}",
            file=asked.at.file,
            span=asked.at,
            hint=f"the {len(handlers)} automations on this answer leave it out; that may be meant so",
            address=asked.survey,
        )


def _handled(metric: str, conditions: Iterable[Sequence[Cube] | None]) -> int:
    """The scores for which one of the conditions can hold."""
    handled = 0
    for cubes in conditions:
        for cube in cubes if cubes is not None else ({},):  # what cannot be told may handle any
            handled |= cube.get(metric, -1)
    return handled


def _alone(condition: Condition) -> bool:
    """Whether it can hold by its types; where it cannot, the condition itself is reported."""
    return Space([condition]).cubes(condition) != []


def _dead(handler: _Handler) -> Diagnostic:
    return Diagnostic(
        code=DEAD.code,
        severity=DEAD.severity,
        message="no answer to the survey can make this hold",
        file=handler.at.file,
        span=handler.at,
        hint="look at which scores belong to a category, and at the `show_if` of what it reads",
        address=handler.automation,
    )


def named(values: Sequence[object]) -> str:
    """`7 to 8`, `0, 4 to 6`, `partly`."""
    numbers = [value for value in values if isinstance(value, int)]
    if len(numbers) < len(values):
        return ", ".join(f'"{value}"' for value in values)
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


_SURVEY = """survey: visit
metric: nps
questions:
  score: {type: nps, ask: Would you recommend us?}
---
automation: sorry
when: survey.visit.answered
if: score <= 6
then: [{ticket: {title: "{{ contact.name }}: {{ score }}"}}]
---
automation: thank
when: survey.visit.answered
"""
_THEN = 'then: [{email: {subject: Thank you, body: "{{ contact.name }}, thank you!"}}]\n'
GAP = Check(
    code="SND801",
    severity=Severity.INFO,
    title="a score that no automation handles",
    explanation=(
        "Of the automations on an answer to a survey, none can hold for these scores, whatever else is true. Often that is meant so: "
        "a passive score needs no action. It may also be a bound that was moved in one place only. Nothing is said where there is but "
        "one automation, or where a condition is too long to be judged."
    ),
    kinds=(Survey, Automation),
    facts=_facts,
    judge=_judge,
    whole=True,
    fails=_SURVEY + "if: score >= 9\n" + _THEN,
    passes=_SURVEY + "if: score > 6\n" + _THEN,
)

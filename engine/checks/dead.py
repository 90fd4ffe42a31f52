"""SND804: branches that are never taken, given what holds where they stand."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.checks.walk import operand
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Automation, Project, address
from engine.model.span import Span
from engine.rules.analysis.domains import Space
from engine.rules.analysis.leaves import Condition
from engine.rules.analysis.reach import Reached, placed, reached
from engine.rules.analysis.verdicts import constant_operands, verdict


def _one(automation: Automation, project: Project) -> Iterator[Diagnostic]:
    if all(step.condition is None and step.action != "stop" for _, step in placed(automation.then)):
        return
    found = {place.position: place for place in reached(automation, frozenset(project.objects))}
    for place in found.values():
        yield from (_finding(automation, span, message) for span, message in _of_condition(place))
    for position, step in placed(automation.then):
        before, _, number = position.rpartition("/")
        previous = f"{before}{'/' if before else ''}{int(number) - 1}"
        if position not in found and previous in found:
            yield _finding(automation, step.at, "this step is never taken: the run ends before it")


def _knows_of(given: Condition, own: Condition) -> bool:
    """Whether what is known says anything about what a condition depends on."""
    known, asked = ({name for variable in of.variables for name in (variable.name, *variable.paths)} for of in (given, own))
    return not known.isdisjoint(asked)


def _of_condition(place: Reached) -> Iterator[tuple[Span, str]]:
    own = place.step.condition
    if own is None or place.own is None or not _knows_of(place.given, place.own):  # by itself it was judged already
        return
    if Space([place.given]).cubes(place.given) == []:  # what cannot be reached was reported further up
        return
    for term, always in constant_operands(own.term, None, place.given, place.name):
        if verdict(term, own.term, name=place.name) is not None or verdict(own.term, name=place.name) is not None:
            continue  # it is so everywhere, and reported as that
        if not always:
            yield operand(own, term), "this never holds here, given the conditions around it"
        elif term is own.term and place.step.otherwise:
            yield operand(own, term), "this always holds here, given the conditions around it, so its `else` never happens"


def _finding(automation: Automation, span: Span, message: str) -> Diagnostic:
    return Diagnostic(
        code=CHECK.code,
        severity=CHECK.severity,
        message=message,
        file=span.file,
        span=span,
        hint="delete what never happens, or mend the condition",
        address=address(automation),
    )


_RESCUE = """automation: rescue
when: survey.nps_delivery.answered
if: score <= 6
then:
  - ticket: {title: "{{ contact.name }}: {{ score }}"}
"""
CHECK = Check(
    code="SND804",
    severity=Severity.WARNING,
    title="an automation or a branch that is never taken",
    explanation=(
        "The condition can hold, but not where it stands: the automation's own `if`, the branches around it and a `stop` before it "
        "leave no data for it. Objects are read anew behind a wait and behind an update, so what was known of them does not count there. "
        "Of an automation on an answer, the survey counts too: which scores belong to a category, and when a question is asked."
    ),
    kinds=(Automation,),
    one=_one,
    fails=_RESCUE + "    if: score >= 9\n",
    passes=_RESCUE + "    if: score <= 3\n",
)

"""Conditions that are constant by what a survey means: which of its scores belong to which category."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.checks.constant import CHECK as CONSTANT
from engine.checks.dead import CHECK as DEAD
from engine.dsl.diagnostics import Diagnostic
from engine.model import terms as t
from engine.model.definitions import Automation
from engine.model.frozen import frozen
from engine.model.span import Span
from engine.rules.analysis.domains import Answers, Space
from engine.rules.analysis.leaves import ALWAYS, Condition, joint
from engine.rules.analysis.reach import Naming, begins, reached, read, spelled

_CLASSES = frozenset(("answer.category", "answer.sentiment"))


@frozen
class Weighed:
    """A condition, or an operand of one, that reads the class of an answer beside other answers."""

    at: Span
    given: Condition  # what holds wherever it is asked
    holds: Condition  # likewise
    fails: Condition  # whatever is given


def weighed(automation: Automation, objects: frozenset[str]) -> tuple[tuple[Weighed, ...], ...]:
    """For each condition that the class of an answer may make constant: its operands, the smallest first, and itself."""
    found: list[tuple[Weighed, ...]] = []
    own = automation.condition
    if own is not None and _weighs(begins(automation, objects)):
        found.append(tuple(_operands(own, ALWAYS, spelled(automation, objects))))
    found += (
        tuple(_operands(place.step.condition, place.given, place.name))
        for place in reached(automation, objects)
        if place.own is not None and place.step.condition is not None and _weighs(place.given, place.own)
    )
    return tuple(found)


def _weighs(*conditions: Condition) -> bool:
    answers = {variable.name for condition in conditions for variable in condition.variables if variable.name.startswith("answer.")}
    return len(answers) > 1 and not answers.isdisjoint(_CLASSES)


def _operands(expression: t.Expression, given: Condition, name: Naming) -> Iterator[Weighed]:
    for term in _parts(expression.term):
        holds, fails = read(term, name), read(term, name, holds=False)
        if _weighs(given, holds):
            yield Weighed(at=expression.place(term.offset), given=given, holds=joint(given, holds), fails=fails)


def _parts(term: t.Term) -> Iterator[t.Term]:
    for operand in term.operands if isinstance(term, t.Or) or (isinstance(term, t.And) and not term.chain) else ():
        yield from _parts(operand)
    yield term


def constant_by_class(automation: str, conditions: Sequence[Sequence[Weighed]], answers: Answers) -> Iterator[Diagnostic]:
    """A finding for each condition that is constant for the answers to a survey, though not by the types of what it reads."""
    for operands in conditions:
        smallest = next((finding for one in operands if (finding := _judged(automation, one, answers)) is not None), None)
        if smallest is not None:
            yield smallest


def _judged(automation: str, one: Weighed, answers: Answers) -> Diagnostic | None:
    if not _possible(one.given, answers) or not _possible(one.holds) or not _possible(one.fails):
        return None  # reported further up, or as what it is by its types
    check, hint = CONSTANT, "look at which scores belong to a category"
    if not _possible(one.fails, answers):
        message = "this is always true for the answers to the survey"
    elif not _possible(one.holds, answers):
        message = "this is always false for the answers to the survey"
        if one.given != ALWAYS:
            check, message = DEAD, "this never holds here, given the conditions around it and the answers to the survey"
    else:
        return None
    return Diagnostic(
        code=check.code, severity=check.severity, message=message, file=one.at.file, span=one.at, hint=hint, address=automation
    )


def _possible(condition: Condition, answers: Answers | None = None) -> bool:
    """Whether it can hold; where it is too long to be analysed, it may."""
    return Space([condition], answers).cubes(condition) != []

"""SND211 and SND212: questions that nobody is asked, and thank-yous that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.checks.walk import operand
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model import terms as t
from engine.model.definitions import Project, Question, Survey, address
from engine.model.span import Span
from engine.rules.analysis.answers import answers_of
from engine.rules.analysis.domains import Answers, Space, answer_name
from engine.rules.analysis.leaves import ALWAYS, Condition, Reader, joint
from engine.rules.analysis.verdicts import verdict


def _questions(survey: Survey, _project: Project) -> Iterator[Diagnostic]:
    conditional = {question.id for question in survey.questions if question.show_if is not None}
    # A condition that reads no question with a condition can hold, unless it never holds anywhere: that is SND310.
    doubtful = [question for question in survey.questions if _reads(question) & conditional]
    if not doubtful:
        return
    known, hidden = answers_of(survey, frozenset()), _never_anywhere(survey)
    for question in doubtful:
        if _reads(question) & hidden:
            hidden.add(question.id)  # which follows from the other's condition
        elif question.id not in hidden and question.show_if is not None and not _can_hold(_read(question.show_if.term), known):
            hidden.add(question.id)
            page = next((number for number, page in enumerate(survey.pages, 1) if question.id in page and hidden.issuperset(page)), None)
            required = ", though it is required" if question.required else ""
            unseen = f"; so nobody sees page {page}" if page is not None else ""
            message = f"nobody is asked `{question.id}`{required}: where its condition holds, what it reads was not asked{unseen}"
            yield _finding(QUESTION, survey, operand(question.show_if, question.show_if.term), message)


def _reads(question: Question) -> set[str]:
    """The questions whose answers decide whether one is asked."""
    return {part for path in t.paths(question.show_if.term) for part in path[:2]} if question.show_if is not None else set()


def _never_anywhere(survey: Survey) -> set[str]:
    return {q.id for q in survey.questions if q.show_if is not None and verdict(q.show_if.term, name=answer_name) is False}


def _thanks(survey: Survey, _project: Project) -> Iterator[Diagnostic]:
    if not _several(survey):
        return
    known = answers_of(survey, frozenset())
    before = ALWAYS  # what holds where none of the earlier ones is shown
    closed = False  # an earlier one is for everybody
    for number, thanks in enumerate(survey.thanks):
        own = _read(thanks.condition.term) if thanks.condition is not None else ALWAYS
        judged = closed if thanks.condition is None else number and _can_hold(own, known)
        if judged and not _can_hold(joint(before, own), known):
            at = operand(thanks.condition, thanks.condition.term) if thanks.condition is not None else thanks.text.at
            yield _finding(THANKS, survey, at, "nobody sees this thank-you: where it could be shown, an earlier one is")
        closed |= thanks.condition is None
        before = joint(before, _read(thanks.condition.term, holds=False)) if thanks.condition is not None else Condition(())


def _several(survey: Survey) -> bool:
    """Whether any but the first has a condition, or there are two for everybody.

    One for everybody else is good practice, even where the conditions before it leave nobody.
    """
    return any(one.condition is not None for one in survey.thanks[1:]) or sum(one.condition is None for one in survey.thanks) > 1


def _can_hold(condition: Condition, known: Answers) -> bool:
    """Where it is too long to be analysed, it may."""
    return Space([condition], known).cubes(condition) != []


def _read(term: t.Term, *, holds: bool = True) -> Condition:
    return Reader(answer_name).condition(term, holds=holds)


def _finding(check: Check, survey: Survey, span: Span, message: str) -> Diagnostic:
    return Diagnostic(
        code=check.code,
        severity=check.severity,
        message=message,
        file=span.file,
        span=span,
        hint="delete it, or mend the conditions",
        address=address(survey),
    )


_SURVEY = """survey: example
metric: nps
questions:
  score: {type: nps, ask: "Would you recommend us?"}
"""
_FOLLOWS = '  reason: {{type: single, ask: "Why?", options: {{price: Price, speed: Speed}}, show_if: score <= 6}}\n  {}\n'
QUESTION = Check(
    code="SND211",
    severity=Severity.WARNING,
    title="a question that nobody is asked",
    explanation=(
        "The condition can hold, but not together with the conditions of the questions that it reads: where those were not asked, "
        "there is no answer to read. A page on which all questions are such is never seen."
    ),
    kinds=(Survey,),
    one=_questions,
    fails=_SURVEY + _FOLLOWS.format("detail: {type: text, ask: \"What of it?\", show_if: reason == 'price' and score >= 9}"),
    passes=_SURVEY + _FOLLOWS.format("detail: {type: text, ask: \"What of it?\", show_if: reason == 'price' and score <= 3}"),
)
THANKS = Check(
    code="SND212",
    severity=Severity.WARNING,
    title="a thank-you that nobody sees",
    explanation="The first that holds is shown. Behind one without a condition, or behind wider ones, there is nobody left.",
    kinds=(Survey,),
    one=_thanks,
    fails=_SURVEY + "thanks:\n  - {text: Thank you}\n  - {if: score >= 9, text: We are glad}\n",
    passes=_SURVEY + "thanks:\n  - {if: score >= 9, text: We are glad}\n  - {text: Thank you}\n",
)
CHECKS = (QUESTION, THANKS)

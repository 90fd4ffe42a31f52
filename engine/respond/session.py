"""A survey session: what was posted, read against the survey, gives an answer or says what is wrong with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from zoneinfo import ZoneInfo

from engine.dsl.expressions import meaning
from engine.dsl.expressions.interpret import evaluate
from engine.model.definitions import Question, Survey, Thanks
from engine.model.terms import Expression
from engine.respond.form import Form
from engine.respond.parsing import Fields, Problem, Value, field_names, parse
from engine.rules.scoring import rate, sentiment

State = Literal["open", "answered", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a respondent's link leads to."""

    survey: Survey  # the version that asks
    languages: tuple[str, ...]  # the project's
    language: str | None  # the contact's, where it is known
    default_language: str
    state: State
    contact: Mapping[str, object] | None  # as expressions see it: every field of the contract, None where missing; None: nobody known
    context: Mapping[str, object] = field(default_factory=dict)  # what else texts and conditions may name: deal, company, invitation, …
    now: dt.datetime  # what now() and today() go by
    zone: ZoneInfo  # the project's

    @property
    def background(self) -> dict[str, object]:
        """The part of the scope that no answer changes."""
        return {**self.context, "contact": self.contact, meaning.NOW: self.now, meaning.ZONE: self.zone}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A whole, valid answer."""

    values: Mapping[str, Any]  # question (or ID_other) → JSON value; what was hidden or left out is absent
    score: float | None  # of the metric question
    category: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invalid:
    errors: Mapping[str, Problem]  # question → what is wrong, in the order of the survey
    values: Mapping[str, Any]  # the ones that were right, as in Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A form read against the survey: the state of a session, valid or not, complete or not."""

    form: Form
    background: Mapping[str, object]
    values: Mapping[str, Value]
    errors: Mapping[str, Problem]
    visible: frozenset[str]  # questions whose condition holds
    undecided: frozenset[str]  # questions whose condition reads an answer that is not right yet

    @property
    def scope(self) -> dict[str, object]:
        """What expressions and texts may name now."""
        return scope(self.form.survey, self.values, self.background)

    @property
    def outcome(self) -> Accepted | Invalid:
        values = {name: to_json(value) for name, value in self.values.items()}
        if self.errors:
            return Invalid(errors=self.errors, values=values)
        score, category = rate(self.form.survey, self.values)
        return Accepted(values=values, score=score, category=category)

    def shown(self, page: int) -> tuple[Question, ...]:
        """The questions of a page that are asked of this respondent."""
        return tuple(q for q in self.form.pages[page] if q.id in self.visible)

    def next_page(self, page: int) -> int | None:
        """The first page behind ``page`` (-1: of all) with something to ask."""
        return next((n for n in range(page + 1, len(self.form.pages)) if self.shown(n)), None)

    def page_before(self, page: int) -> int | None:
        return next((n for n in range(page - 1, -1, -1) if self.shown(n)), None)

    def first_error(self, last: int) -> int | None:
        """The first page with an error, up to and with ``last``: later ones were not asked yet."""
        return next((n for n in range(last + 1) if any(q.id in self.errors for q in self.form.pages[n])), None)

    def progress(self, page: int) -> tuple[int, int]:
        """Which step ``page`` is, of how many: later pages count unless it is decided that nothing on them is asked."""
        behind = sum(1 for n in range(page) if self.shown(n))
        settled = {q.id for n in range(page) for q in self.form.pages[n]}
        ahead = sum(1 for later in self.form.pages[page + 1 :] if any(self._may_show(q, settled) for q in later))
        return behind + 1, behind + 1 + ahead

    def _may_show(self, question: Question, settled: set[str]) -> bool:
        return question.id in self.visible | self.undecided or not self.form.reads[question.id] <= settled


def read(form: Form, fields: Fields, background: Mapping[str, object]) -> Reading:
    """Read a posted form, of any number of pages. Fields that belong to no question, or to a hidden one, are ignored.

    A condition is decided only when all answers that it reads are right: the checker proved it for those.
    """
    values: dict[str, Value] = {}
    errors: dict[str, Problem] = {}
    visible: set[str] = set()
    undecided: set[str] = set()
    for question in form.survey.questions:
        if form.reads[question.id] & (errors.keys() | undecided):
            undecided.add(question.id)
            continue
        if question.show_if is not None and not _holds(question.show_if, scope(form.survey, values, background)):
            continue
        visible.add(question.id)
        parsed = parse(question, fields)
        if isinstance(parsed, Problem):
            errors[question.id] = parsed
        else:
            values.update(parsed)
    return Reading(
        form=form, background=background, values=values, errors=errors, visible=frozenset(visible), undecided=frozenset(undecided)
    )


def submit(form: Form, fields: Fields, background: Mapping[str, object]) -> Accepted | Invalid:
    """A whole answer at once, as chats and imports give it."""
    return read(form, fields, background).outcome


def scope(survey: Survey, values: Mapping[str, Value], background: Mapping[str, object]) -> dict[str, object]:
    """What expressions and texts of the survey may name: every question, None where it has no answer, beside the background."""
    answers: dict[str, object] = {name: values.get(name) for question in survey.questions for name in field_names(question)}
    _, category = rate(survey, values)
    classes = {"category": category, "sentiment": None if category is None else sentiment(category)}
    return {**background, **answers, "answer": {**answers, **classes}}


def thanks(reading: Reading) -> Thanks | None:
    """What to say after the answer: the first that holds."""
    known = reading.scope
    return next((t for t in reading.form.survey.thanks if t.condition is None or _holds(t.condition, known)), None)


def to_json(value: Value) -> Any:
    """A value as it is stored."""
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, dt.date) else value


def from_json(survey: Survey, stored: Mapping[str, Any]) -> dict[str, Value]:
    """Stored values as expressions see them: the way back from ``Accepted.values``."""
    dates = {question.id for question in survey.questions if question.type == "date"}
    values: dict[str, Value] = {}
    for name, value in stored.items():
        if name in dates:
            values[name] = dt.date.fromisoformat(value)
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return values


def _holds(condition: Expression, known: Mapping[str, object]) -> bool:
    return evaluate(condition.term, known) is True

"""One question's raw form fields into a typed value. Strict: what is not exactly an answer is a problem, never a guess."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from engine.dsl.contract import SCALES
from engine.dsl.expressions import meaning
from engine.model.definitions import Question
from engine.rules.scoring import scale_of
from engine.stats import scores

Fields = Mapping[str, Sequence[str]]  # a form as posted: field name → values
Value = bool | int | float | str | dt.date | tuple[str, ...]

TEXT_LIMIT = 10_000  # characters
OTHER = "other"  # the option that a question with `other: true` offers beside its own

_ASCII_SPACE = " \t\n\r\f\v"
# PostgreSQL stores no NUL and UTF-8 no lone surrogate; the other control characters only confuse whoever reads the text.
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_NUMBER = re.compile(r"-?[0-9]{1,15}([.,][0-9]{1,15})?")  # whole ones are exact as IEEE doubles
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LABEL = r"[^\W_]((?:[^\W_]|-){0,61}[^\W_])?"
_EMAIL = re.compile(rf"""[^\s@"(),:;<>\[\]\\.]+(\.[^\s@"(),:;<>\[\]\\.]+)*@{_LABEL}(\.{_LABEL})+""")
_PHONE = re.compile(r"\+?[0-9]{5,15}")
_PHONE_FILLERS = str.maketrans("", "", " \t\u00a0\u202f()-.\u2010\u2011\u2012\u2013/")


class Problem(StrEnum):
    """Why an answer cannot be taken; the pages have words for each."""

    REQUIRED = "required"
    CHOICE = "choice"  # none of the offered scores or options
    REPEATED = "repeated"  # one option at two places of a ranking, or two texts where one is asked for
    INCOMPLETE = "incomplete"  # a ranking with options left out
    TOO_LONG = "too_long"
    NUMBER = "number"
    EMAIL = "email"
    PHONE = "phone"
    DATE = "date"
    CONSENT = "consent"  # required and not given


# By value name (ID, and ID_other); empty where there is no answer. The types of answers promise a list for a question with
# several options and a truth value for a consent, so leaving these empty is an answer too: [] and false.
Parsed = Mapping[str, Value] | Problem


def parse(question: Question, fields: Fields) -> Parsed:
    """What ``fields`` say to ``question``, or why that is no answer to it."""
    parsed = _PARSERS[question.type](question, fields)
    if isinstance(parsed, Problem) or not question.required or question.type == "info":
        return parsed
    if question.type == "consent":
        return parsed if parsed.get(question.id) is True else Problem.CONSENT
    return parsed if parsed.get(question.id, ()) != () else Problem.REQUIRED


def field_names(question: Question) -> tuple[str, ...]:
    """The form fields that belong to a question."""
    if question.type == "info":
        return ()
    return (question.id, f"{question.id}_{OTHER}") if question.other else (question.id,)


def option_names(question: Question) -> tuple[str, ...]:
    return (*question.options, OTHER) if question.other else tuple(question.options)


def _entries(question: Question, fields: Fields) -> list[str]:
    """The values posted for the question, trimmed; an empty one is how a form says nothing."""
    return [entry for raw in fields.get(question.id, ()) if (entry := raw.strip(_ASCII_SPACE))]


def _clean(raw: str) -> str:
    """Text as it is stored: line ends as ``\\n``, composed letters (NFC), nothing that a store refuses."""
    lines = raw.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _UNSTORABLE.sub("", lines)).strip()


def _single(check: Callable[[Question, str], Value | Problem | None], otherwise: Problem) -> Callable[[Question, Fields], Parsed]:
    """A parser of questions with one value; two different values for one question are no answer."""

    def parser(question: Question, fields: Fields) -> Parsed:
        entries = set(_entries(question, fields))
        if not entries:
            return {}
        if len(entries) > 1:
            return otherwise
        value = check(question, entries.pop())
        if isinstance(value, Problem):
            return value
        return {} if value is None else {question.id: value}

    return parser


def _score(question: Question, entry: str) -> Value | Problem | None:
    return _scored(scores.parse_score(entry, scale_of(question)))


def _gcr(question: Question, entry: str) -> Value | Problem | None:
    return _scored(scores.parse_gcr(entry))


def _scored(parsed: int | str) -> Value | Problem | None:
    if isinstance(parsed, scores.NoScore):
        return None if parsed is scores.NoScore.MISSING else Problem.CHOICE
    return parsed


def _yes_no(question: Question, entry: str) -> Value | Problem:
    return {"yes": True, "no": False}.get(entry, Problem.CHOICE)


def _number(question: Question, entry: str) -> Value | Problem:
    if not _NUMBER.fullmatch(entry):
        return Problem.NUMBER
    return meaning.tidy(float(entry.replace(",", ".")))


def _email(question: Question, entry: str) -> Value | Problem:
    local = entry.partition("@")[0]
    clean = _clean(entry)
    if clean != unicodedata.normalize("NFC", entry) or len(local) > 64 or len(entry) > 254 or not _EMAIL.fullmatch(clean):
        return Problem.EMAIL
    return clean


def _phone(question: Question, entry: str) -> Value | Problem:
    number = entry.translate(_PHONE_FILLERS)
    return number if _PHONE.fullmatch(number) else Problem.PHONE


def _date(question: Question, entry: str) -> Value | Problem:
    if not _DATE.fullmatch(entry):
        return Problem.DATE
    try:
        return dt.date.fromisoformat(entry)
    except ValueError:
        return Problem.DATE


def _prose(name: str, fields: Fields) -> str | Problem:
    """The text in one field; empty where there is none."""
    texts = {clean for raw in fields.get(name, ()) if (clean := _clean(raw))}
    if len(texts) > 1:
        return Problem.REPEATED
    text = texts.pop() if texts else ""
    return text if len(text) <= TEXT_LIMIT else Problem.TOO_LONG


def _text(question: Question, fields: Fields) -> Parsed:
    text = _prose(question.id, fields)
    if isinstance(text, Problem):
        return text
    return {question.id: text} if text else {}


def _with_other(question: Question, fields: Fields, value: Value) -> Parsed:
    """The answer and, where "other" was chosen, its text; the text of an unticked "other" is not an answer."""
    chosen = value if isinstance(value, tuple) else (value,)
    if not question.other or OTHER not in chosen:
        return {question.id: value}
    name = f"{question.id}_{OTHER}"
    text = _prose(name, fields)
    if isinstance(text, Problem):
        return text
    return {question.id: value, name: text} if text else {question.id: value}


def _option(question: Question, fields: Fields) -> Parsed:
    entries = set(_entries(question, fields))
    if not entries:
        return {}
    if len(entries) > 1 or not entries <= set(option_names(question)):
        return Problem.CHOICE
    return _with_other(question, fields, entries.pop())


def _options(question: Question, fields: Fields) -> Parsed:
    entries = set(_entries(question, fields))
    offered = option_names(question)
    if not entries <= set(offered):
        return Problem.CHOICE
    return _with_other(question, fields, tuple(name for name in offered if name in entries))


def _ranking(question: Question, fields: Fields) -> Parsed:
    entries = _entries(question, fields)
    if not set(entries) <= set(question.options):
        return Problem.CHOICE
    if len(set(entries)) < len(entries):
        return Problem.REPEATED
    if 0 < len(entries) < len(question.options):
        return Problem.INCOMPLETE
    return {question.id: tuple(entries)}


def _consent(question: Question, fields: Fields) -> Parsed:
    entries = set(_entries(question, fields))
    if len(entries) > 1 or not entries <= {"yes", "no"}:
        return Problem.CHOICE
    return {question.id: "yes" in entries}


def _info(question: Question, fields: Fields) -> Parsed:
    return {}


_PARSERS: Mapping[str, Callable[[Question, Fields], Parsed]] = {
    **dict.fromkeys(SCALES, _single(_score, Problem.CHOICE)),
    "gcr": _single(_gcr, Problem.CHOICE),
    "yes_no": _single(_yes_no, Problem.CHOICE),
    "single": _option,
    "dropdown": _option,
    "multiple": _options,
    "ranking": _ranking,
    "text": _text,
    "number": _single(_number, Problem.NUMBER),
    "email": _single(_email, Problem.EMAIL),
    "phone": _single(_phone, Problem.PHONE),
    "date": _single(_date, Problem.DATE),
    "consent": _consent,
    "info": _info,
}

TYPES = frozenset(_PARSERS)
"""The question types that can be asked so far."""

"""The functions and filters of the language, by name: what they take, what they give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.dsl.expressions import meaning
from engine.model.types import BOOLEAN, DATE, DATETIME, INTEGER, NUMBER, TEXT, TEXT_KINDS, Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """``takes`` has a set of kinds for each argument; the last ``optional_arguments`` may be left out."""

    takes: tuple[frozenset[str], ...]
    gives: Type
    call: Callable[..., object]
    reads_scope: bool = False  # the call gets the scope first: it reads the decision's instant
    optional_arguments: int = 0
    is_filter: bool = False
    # Where it is given, the arguments behind the first are literals, and it says what is wrong with one.
    literal: Callable[[str], str | None] | None = None


_NUMBERS = frozenset({"integer", "number"})
TEXTS = TEXT_KINDS | {"one_of"}
_DAYS = frozenset({"date", "datetime"})
_MOST_WORDS = 32

FUNCTIONS: Mapping[str, Function] = {
    "now": Function(takes=(), gives=DATETIME, call=meaning.now, reads_scope=True),
    "today": Function(takes=(), gives=DATE, call=meaning.today, reads_scope=True),
    "days_since": Function(takes=(_DAYS,), gives=INTEGER, call=meaning.days_since, reads_scope=True),
    "days_until": Function(takes=(_DAYS,), gives=INTEGER, call=meaning.days_until, reads_scope=True),
    "contains": Function(
        takes=(TEXTS,) * (1 + _MOST_WORDS),
        gives=BOOLEAN,
        call=meaning.contains,
        optional_arguments=_MOST_WORDS - 1,
        literal=meaning.compile_phrase,
    ),
    "matches": Function(takes=(TEXTS, TEXTS), gives=BOOLEAN, call=meaning.matches, literal=meaning.compile_pattern),
    "lower": Function(takes=(TEXTS,), gives=TEXT, call=meaning.lower, is_filter=True),
    "length": Function(takes=(TEXTS | {"list"},), gives=INTEGER, call=meaning.length, is_filter=True),
    "round": Function(takes=(_NUMBERS, _NUMBERS), gives=NUMBER, call=meaning.round_half_away, optional_arguments=1, is_filter=True),
}
FILTERS = ("default", *(name for name, f in FUNCTIONS.items() if f.is_filter))
CALLABLE = tuple(name for name, f in FUNCTIONS.items() if not f.is_filter)

KEYWORDS = frozenset({"and", "or", "not", "in", "is", "true", "false", "none", "if", "else", "for", "True", "False", "None"})

BINARY: Mapping[str, Callable[..., object]] = {
    "+": meaning.add,
    "-": meaning.subtract,
    "*": meaning.multiply,
    "/": meaning.divide,
    "//": meaning.floor_divide,
    "%": meaning.modulo,
}

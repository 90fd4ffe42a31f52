"""Checked expressions: what the type checker makes of the text, and what every back end (interpreter, Python, SQL) reads.

A term cannot raise and has exactly one value. ``offset`` counts code points from the start of the expression's text; it
says where the term came from and is no part of its meaning, so it does not count in comparisons.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import field, fields
from functools import cache
from typing import Any, Protocol

from engine.model.frozen import frozen
from engine.model.span import Span
from engine.model.types import Type

Value = bool | int | float | str | dt.date | dt.datetime | None


@frozen
class Term:
    type: Type = field(hash=False)  # terms that differ in their type alone are rare, and its hash is slow
    offset: int = field(default=0, compare=False)


@frozen
class Constant(Term):
    value: Value


@frozen
class Load(Term):
    """A name of the scope and the attributes behind it: ``contact.tier`` is ``("contact", "tier")``."""

    path: tuple[str, ...]


@frozen
class Listing(Term):
    items: tuple[Term, ...]


@frozen
class Not(Term):
    operand: Term


@frozen
class And(Term):
    operands: tuple[Term, ...]
    chain: bool = False  # the links of one chained comparison


@frozen
class Or(Term):
    operands: tuple[Term, ...]


@frozen
class Compare(Term):
    """``op`` is one of ``== != < <= > >=``. A missing value equals only a missing value."""

    op: str
    left: Term
    right: Term


@frozen
class Within(Term):
    """``item in collection``; a missing item is in no list unless the list has ``none``."""

    item: Term
    collection: Term


@frozen
class IsNone(Term):
    operand: Term


@frozen
class Arithmetic(Term):
    """``op`` is one of ``+ - * / // %``; dividing by zero gives a missing value."""

    op: str
    left: Term
    right: Term


@frozen
class Negate(Term):
    operand: Term


@frozen
class Concat(Term):
    """``left ~ right``: the texts of both, one behind the other."""

    left: Term
    right: Term


@frozen
class Default(Term):
    """``operand|default(fallback)``."""

    operand: Term
    fallback: Term


@frozen
class Call(Term):
    """A function or filter of the language, by name."""

    name: str
    arguments: tuple[Term, ...]


class Origin(Protocol):
    """The text that an expression was read from."""

    def within(self, offset: int, length: int = 1) -> Span: ...


@frozen
class Expression:
    """A checked expression with its canonical text: reformatting the file does not change it.

    ``origin`` is there only where the files were just read; a stored version knows no more than ``at``.
    """

    text: str
    term: Term
    at: Span = field(compare=False)
    origin: Origin | None = field(default=None, compare=False, repr=False, metadata={"transient": True})

    def place(self, offset: int, length: int = 1) -> Span:
        """Where ``length`` characters of the text as written stand, from a term's offset on."""
        return self.at if self.origin is None else self.origin.within(offset, length)


@cache
def _made_of(cls: Any) -> tuple[str, ...]:
    return tuple(part.name for part in fields(cls) if part.type in ("Term", "tuple[Term, ...]"))


def direct_parts(term: Term) -> list[Term]:
    """What a term is made of."""
    found: list[Term] = []
    cls: Any = type(term)
    for name in _made_of(cls):
        value = getattr(term, name)
        if isinstance(value, tuple):
            found += value
        else:
            found.append(value)
    return found


def parts(term: Term) -> Iterator[Term]:
    """A term, what it is made of, what that is made of, and so on."""
    waiting = [term]
    while waiting:
        part = waiting.pop()
        yield part
        waiting += reversed(direct_parts(part))


def loads(term: Term) -> Iterator[Load]:
    """Every reading of a path in a term."""
    return (part for part in parts(term) if isinstance(part, Load))


def paths(term: Term) -> Iterator[tuple[str, ...]]:
    """Every path that a term reads."""
    return (load.path for load in loads(term))

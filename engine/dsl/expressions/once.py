"""Expressions parsed and checked once for each text and what it reads: a large project says `contact.name` in a thousand places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from engine.dsl.expressions.check import Checker, Facts
from engine.dsl.expressions.comparing import Problem
from engine.dsl.expressions.parse import parse
from engine.dsl.expressions.tree import Name, Node, children
from engine.dsl.expressions.unparse import unparse
from engine.model import terms as t
from engine.model.types import Type

_MOST = 16_384  # texts that are kept
_NOTHING: Facts = frozenset()
_Scope = tuple[tuple[str, Type], ...]


@dataclass(frozen=True, slots=True)
class Parsed:
    """``text`` is the canonical form; ``roots`` are the names that the expression reads, without what stands behind their dots."""

    tree: Node
    text: str
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """``term`` is None where there are problems. What is known where a condition holds, and where it does not."""

    term: t.Term | None
    problems: tuple[Problem, ...]
    holds: Facts = _NOTHING
    otherwise: Facts = _NOTHING


@lru_cache(maxsize=_MOST)
def parsed(text: str) -> Parsed:
    """Raises ParseError where the text is no expression."""
    tree = parse(text)
    return Parsed(tree, unparse(tree), tuple(dict.fromkeys(_roots(tree))))


def _roots(node: Node) -> Iterator[str]:
    if isinstance(node, Name):
        yield node.name
    for child in children(node):
        yield from _roots(child)


def check_condition(text: str, names: Mapping[str, Type], known: Facts) -> Checked:
    """A boolean expression. Raises ParseError."""
    found = _condition(text, _read(text, names), known)
    # Of a refused one, hints name what else could be read, so all the names count.
    return judge_condition(parsed(text).tree, names, known) if found.term is None else found


def check_value(text: str, names: Mapping[str, Type], known: Facts) -> Checked:
    """An expression of any type. Raises ParseError."""
    found = _value(text, _read(text, names), known)
    return _judge_value(parsed(text).tree, names, known) if found.term is None else found


def judge_condition(tree: Node, names: Mapping[str, Type], known: Facts) -> Checked:
    checker = Checker(names, known)
    condition = checker.condition(tree)
    term, holds = condition if condition is not None else (None, _NOTHING)
    return Checked(term, tuple(checker.problems), holds, checker.otherwise)


def _judge_value(tree: Node, names: Mapping[str, Type], known: Facts) -> Checked:
    checker = Checker(names, known)
    return Checked(checker.value(tree), tuple(checker.problems))


def _read(text: str, names: Mapping[str, Type]) -> _Scope:
    return tuple([(root, names[root]) for root in parsed(text).roots if root in names])


@lru_cache(maxsize=_MOST)
def _condition(text: str, scope: _Scope, known: Facts) -> Checked:
    return judge_condition(parsed(text).tree, dict(scope), known)


@lru_cache(maxsize=_MOST)
def _value(text: str, scope: _Scope, known: Facts) -> Checked:
    return _judge_value(parsed(text).tree, dict(scope), known)

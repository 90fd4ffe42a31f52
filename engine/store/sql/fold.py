"""Terms made smaller before they become SQL: what reads no field is a constant, worked out by the interpreter."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from engine.dsl.expressions.interpret import Scope, evaluate
from engine.model import terms as t


def fold(term: t.Term, scope: Scope) -> t.Term:
    """The same term with each part that reads no field as a constant. ``scope`` has the instant and the time zone."""
    if isinstance(term, (t.Constant, t.Load)):
        return term
    changed: dict[str, Any] = {}
    for part in fields(term):
        value = getattr(term, part.name)
        if isinstance(value, t.Term):
            changed[part.name] = fold(value, scope)
        elif isinstance(value, tuple):
            changed[part.name] = tuple(fold(child, scope) for child in value)
    folded = replace(term, **changed)
    if folded.type.kind == "list" or not all(_is_fixed(child) for child in _children(folded)):
        return folded
    value = evaluate(folded, scope)
    assert not isinstance(value, tuple)
    return t.Constant(type=folded.type, value=value, offset=folded.offset)  # type: ignore[arg-type]  # a scalar, by its type


def _children(term: t.Term) -> list[t.Term]:
    found: list[t.Term] = []
    for part in fields(term):
        value = getattr(term, part.name)
        found += value if isinstance(value, tuple) else [value] if isinstance(value, t.Term) else []
    return found


def _is_fixed(term: t.Term) -> bool:
    return isinstance(term, t.Constant) or (isinstance(term, t.Listing) and all(_is_fixed(item) for item in term.items))

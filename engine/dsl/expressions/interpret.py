"""The reference interpreter: the plainest reading of a term. Every other back end must agree with it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from engine.dsl.expressions import meaning
from engine.dsl.expressions.functions import BINARY, FUNCTIONS
from engine.model import terms as t

Scope = Mapping[str, object]

_COMPARE: Mapping[str, Callable[[object, object], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]  # the checker lets only ordered, present values of like types come here
    "<=": operator.le,  # type: ignore[dict-item]  # likewise
    ">": operator.gt,  # type: ignore[dict-item]  # likewise
    ">=": operator.ge,  # type: ignore[dict-item]  # likewise
}


def load(scope: Scope, path: tuple[str, ...]) -> object:
    """The value at ``path``; None as soon as anything on the way is missing."""
    value: object = scope.get(path[0])
    for name in path[1:]:
        if value is None:
            return None
        assert isinstance(value, Mapping)
        value = value.get(name)
    return value


def evaluate(term: t.Term, scope: Scope) -> object:
    """The value of a checked term. ``scope`` maps each root name to its value (an object to a mapping of its fields)."""
    match term:
        case t.Constant():
            return term.value
        case t.Load():
            return load(scope, term.path)
        case t.Listing():
            return tuple(evaluate(item, scope) for item in term.items)
        case t.Not():
            return not evaluate(term.operand, scope)
        case t.And():
            return all(evaluate(operand, scope) for operand in term.operands)
        case t.Or():
            return any(evaluate(operand, scope) for operand in term.operands)
        case t.Compare():
            return _COMPARE[term.op](evaluate(term.left, scope), evaluate(term.right, scope))
        case t.Within():
            collection = evaluate(term.collection, scope)
            return evaluate(term.item, scope) in (collection or ())  # type: ignore[operator]  # a list, by its type
        case t.IsNone():
            return evaluate(term.operand, scope) is None
        case t.Arithmetic():
            return BINARY[term.op](evaluate(term.left, scope), evaluate(term.right, scope))
        case t.Negate():
            return meaning.negate(evaluate(term.operand, scope))  # type: ignore[arg-type]  # a number, by its type
        case t.Concat():
            return meaning.concat(evaluate(term.left, scope), evaluate(term.right, scope))
        case t.Default():
            value = evaluate(term.operand, scope)
            return evaluate(term.fallback, scope) if value is None else value
        case t.Call():
            function = FUNCTIONS[term.name]
            arguments = [evaluate(argument, scope) for argument in term.arguments]
            return function.call(scope, *arguments) if function.reads_scope else function.call(*arguments)
    raise AssertionError(f"no meaning for {type(term).__name__}")

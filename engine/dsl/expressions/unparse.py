"""A syntax tree as text in one canonical form: the same condition is the same text however it was typed."""

from __future__ import annotations

import json

from engine.dsl.expressions import tree as p

_POWER = {
    "or": 1,
    "and": 2,
    "not": 3,
    "chain": 4,
    "+": 5,
    "-": 5,
    "~": 6,
    "*": 7,
    "/": 7,
    "//": 7,
    "%": 7,
    "unary": 8,
    "filter": 9,
    "atom": 10,
}


def unparse(node: p.Node) -> str:
    return _text(node)[0]


def _wrap(node: p.Node, least: int) -> str:
    text, power = _text(node)
    return text if power >= least else f"({text})"


def _text(node: p.Node) -> tuple[str, int]:
    match node:
        case p.Literal(_, bool() | None as value):
            return str(value).lower(), _POWER["atom"]
        case p.Literal(_, str() as value):
            return json.dumps(value, ensure_ascii=False), _POWER["atom"]
        case p.Literal(_, value):
            return repr(value), _POWER["atom"]
        case p.Name(_, name):
            return name, _POWER["atom"]
        case p.Attribute(_, base, name, _):
            return f"{_wrap(base, _POWER['atom'])}.{name}", _POWER["atom"]
        case p.ListOf(_, items):
            return "[" + ", ".join(unparse(item) for item in items) + "]", _POWER["atom"]
        case p.Unary(_, "not", operand):
            return f"not {_wrap(operand, _POWER['not'])}", _POWER["not"]
        case p.Unary(_, op, operand):
            return f"{op}{_wrap(operand, _POWER['atom'])}", _POWER["unary"]
        case p.Binary(_, op, left, right):
            return f"{_wrap(left, _POWER[op])} {op} {_wrap(right, _POWER[op] + 1)}", _POWER[op]
        case p.Logic(_, op, operands):
            return f" {op} ".join(_wrap(operand, _POWER[op] + 1) for operand in operands), _POWER[op]
        case p.Chain(_, first, links):
            rest = "".join(f" {op} {_wrap(operand, _POWER['+'])}" for op, operand in links)
            return _wrap(first, _POWER["+"]) + rest, _POWER["chain"]
        case p.NoneTest(_, operand, negated):
            return f"{_wrap(operand, _POWER['unary'])} is {'not ' if negated else ''}none", _POWER["chain"]
        case p.Invocation(_, name, (first, *rest), True, _):
            extra = f"({', '.join(unparse(a) for a in rest)})" if rest else ""
            return f"{_wrap(first, _POWER['filter'])}|{name}{extra}", _POWER["filter"]
        case p.Invocation(_, name, arguments, _, _):
            return f"{name}({', '.join(unparse(a) for a in arguments)})", _POWER["atom"]
    raise AssertionError(f"no text for {type(node).__name__}")

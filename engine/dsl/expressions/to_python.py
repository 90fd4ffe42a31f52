"""Terms as Python source: what the decision function is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from engine.dsl.expressions import meaning
from engine.dsl.expressions.functions import FUNCTIONS
from engine.model import terms as t

_BINARY = {"+": "_add", "-": "_subtract", "*": "_multiply", "/": "_divide", "//": "_floor_divide", "%": "_modulo"}

# What generated source may name. It gets no builtins.
GLOBALS: Mapping[str, object] = {
    "__builtins__": {},
    "_nothing": meaning.NOTHING,
    "_negate": meaning.negate,
    "_concat": meaning.concat,
    **{name: getattr(meaning, name[1:]) for name in _BINARY.values()},
    **{f"_f_{name}": function.call for name, function in FUNCTIONS.items()},
}

Evaluator = Callable[[Mapping[str, object]], object]
Known = Callable[[t.Term], str | None]


class Names:
    """Objects that are not literals of Python (dates), under the names by which generated source reads them."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def of(self, value: object) -> str:
        for name, known in self.values.items():
            if known == value and type(known) is type(value):
                return name
        name = f"_k{len(self.values)}"
        self.values[name] = value
        return name


def _nothing_known(_: t.Term) -> None:
    return None


def source_of(term: t.Term, names: Names, scope: str = "s", known: Known = _nothing_known) -> str:
    """A Python expression with the term's value, reading from the mapping called ``scope``.

    ``known`` may say how the value of a term is written shorter: it has been read or computed before.
    """
    return known(term) or written_out(term, names, scope, known)


def written_out(term: t.Term, names: Names, scope: str = "s", known: Known = _nothing_known) -> str:
    """The same for a term whose own value is not known yet; its parts may be."""

    def of(inner: t.Term) -> str:
        return source_of(inner, names, scope, known)

    match term:
        case t.Constant():
            value = term.value
            return repr(value) if value is None or isinstance(value, (bool, int, float, str)) else names.of(value)
        case t.Load():
            return _load(term.path, scope)
        case t.Listing():
            return "(" + "".join(f"{of(item)}, " for item in term.items) + ")"
        case t.Not():
            return f"(not {of(term.operand)})"
        case t.And():
            return "(" + " and ".join(of(operand) for operand in term.operands) + ")"
        case t.Or():
            return "(" + " or ".join(of(operand) for operand in term.operands) + ")"
        case t.Compare():
            return f"({of(term.left)} {term.op} {of(term.right)})"
        case t.Within():
            return f"({of(term.item)} in ({of(term.collection)} or ()))"
        case t.IsNone(operand=t.Constant() | t.Listing() | t.Not() as literal):
            return repr(isinstance(literal, t.Constant) and literal.value is None)  # Python warns of `0 is None`
        case t.IsNone():
            return f"({of(term.operand)} is None)"
        case t.Arithmetic():
            return f"{_BINARY[term.op]}({of(term.left)}, {of(term.right)})"
        case t.Negate():
            return f"_negate({of(term.operand)})"
        case t.Concat():
            return f"_concat({of(term.left)}, {of(term.right)})"
        case t.Default():
            return f"({of(term.fallback)} if (v := {of(term.operand)}) is None else v)"  # `v` is read at once, so nesting is safe
        case t.Call():
            first = [scope] if FUNCTIONS[term.name].reads_scope else []
            return f"_f_{term.name}({', '.join(first + [of(argument) for argument in term.arguments])})"
    raise AssertionError(f"no source for {type(term).__name__}")


def _load(path: tuple[str, ...], scope: str) -> str:
    """Reads that never raise: anything missing on the way gives None."""
    source = f"{scope}.get({path[0]!r})"
    for name in path[1:]:
        source = f"({source} or _nothing).get({name!r})"
    return source


def to_function(term: t.Term) -> Evaluator:
    """A function from a scope to the term's value."""
    names = Names()
    source = f"def f(s):\n return {source_of(term, names)}\n"
    namespace: dict[str, object] = {**GLOBALS, **names.values}
    exec(compile(source, "<expression>", "exec"), namespace)
    function = namespace["f"]
    assert callable(function)
    return function

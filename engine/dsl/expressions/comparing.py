"""What can be compared with what, and what is said where it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from engine.dsl.expressions import tree as p
from engine.dsl.expressions.codes import wrong_literal
from engine.dsl.expressions.likeness import alike, name_of
from engine.dsl.expressions.tree import path_text, width
from engine.dsl.nearest import did_you_mean
from engine.model import terms as t
from engine.model.types import NUMBER, Type


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the checker refuses, at an offset of the expression's text."""

    code: str
    message: str
    offset: int
    length: int = 1
    hint: str | None = None


# What has no name may be a calculation, and `|` binds tighter than its operators.
_UNNAMED_GUARD = "put it in brackets and add `|default(…)`; a division by zero, for one, gives none"


class Judge:
    """Collects what is wrong with an expression."""

    __slots__ = ()
    problems: list[Problem]

    def refuse(self, code: str, message: str, offset: int, length: int = 1, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, offset, max(length, 1), hint))

    def is_there(self, term: t.Term, node: p.Node, use: str) -> bool:
        if term.type.optional:
            path = path_text(node)
            what = f"`{path}`" if path else name_of(term.type) if term.type.kind == "none" else "this value"
            guard = f"write `{path} is not none and …` before it, or `{path}|default(…)`" if path else _UNNAMED_GUARD
            self.refuse("SND305", f"{what} may be missing, so it cannot {use}", node.offset, width(node), guard)
        return not term.type.optional

    def comparable(self, a: t.Term, b: t.Term, a_node: p.Node, b_node: p.Node) -> bool:
        """Whether two terms are of like types, and a literal is a value that the other side can have."""
        return self.like(a, b, a_node, b_node) and self.literals_fit(a, b, a_node, b_node)

    def like(self, a: t.Term, b: t.Term, a_node: p.Node, b_node: p.Node) -> bool:
        if "object" in (a.type.kind, b.type.kind) or not alike(a.type, b.type):
            blamed = a_node if isinstance(a_node, p.Literal) and not isinstance(b_node, p.Literal) else b_node
            hint = None
            for term, other in ((a, b), (b, a)):
                digits = term.value.strip().lstrip("-") if isinstance(term, t.Constant) and isinstance(term.value, str) else ""
                if digits.isdigit() and other.type.is_number:
                    hint = f"write the number without quotes: `{digits}`"
            self.refuse("SND304", f"{name_of(a.type)} and {name_of(b.type)} cannot be compared", blamed.offset, width(blamed), hint)
            return False
        return True

    def literals_fit(self, a: t.Term, b: t.Term, a_node: p.Node, b_node: p.Node) -> bool:
        return self._literal_fits(a_node, b.type) and self._literal_fits(b_node, a.type)

    def _literal_fits(self, node: p.Node, kind: Type) -> bool:
        """Whether a literal, or each literal of a list, is a value that ``kind`` can have."""
        if isinstance(node, p.ListOf) and kind.item is not None:
            fits = [self._literal_fits(item, kind.item) for item in node.items]
            return all(fits)
        if not isinstance(node, p.Literal) or not isinstance(node.value, str):
            return True
        value = node.value
        wrong = wrong_literal(kind.kind, value)
        if kind.options and value not in kind.options:
            wrong = f'"{value}" is not one of {kind.required()}', frozenset(kind.options)
        if wrong is not None:
            self.refuse("SND306", wrong[0], node.offset, width(node), did_you_mean(value, wrong[1]))
        return wrong is None


def amounts(a: t.Term, b: t.Term) -> tuple[t.Term, t.Term]:
    """The amount in place of money whose currency is declared, where the other side is a number or the same currency."""
    return _amount(a, b.type), _amount(b, a.type)


def _amount(term: t.Term, other: Type) -> t.Term:
    declared = term.type.kind == "money" and term.type.currency is not None
    if not declared or not isinstance(term, t.Load) or not (other.is_number or other.required() == term.type.required()):
        return term
    return t.Load(type=NUMBER.maybe() if term.type.optional else NUMBER, path=(*term.path, "amount"), offset=term.offset)

"""The type checker: syntax tree → term, or findings. What it lets through cannot raise and has one value.

A name may be missing (`optional T`) until a guard before it, joined by `and`, rules that out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.dsl.expressions import parse as p
from engine.dsl.expressions.codes import wrong_literal
from engine.dsl.expressions.functions import CALLABLE, FILTERS, FUNCTIONS, Function
from engine.dsl.nearest import did_you_mean
from engine.model import terms as t
from engine.model.types import BOOLEAN, INTEGER, NONE, NUMBER, TEXT, Type

Path = tuple[str, ...]
Facts = frozenset[Path]  # paths known not to be missing
_NOTHING_KNOWN: Facts = frozenset()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that the checker refuses, at an offset of the expression's text."""

    code: str
    message: str
    offset: int
    length: int = 1
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class _Checked:
    """A term with what is known where it is true, and where it is false."""

    term: t.Term
    if_true: Facts = _NOTHING_KNOWN
    if_false: Facts = _NOTHING_KNOWN


@dataclass(slots=True)
class Checker:
    """Checks one expression against the names that its place may read."""

    names: Mapping[str, Type]
    known: Facts = _NOTHING_KNOWN  # what holds around the expression
    problems: list[Problem] = field(default_factory=list)
    otherwise: Facts = _NOTHING_KNOWN  # what is known wherever the condition does not hold

    def condition(self, node: p.Node) -> tuple[t.Term, Facts] | None:
        """A boolean term and what is known wherever it holds."""
        checked = self._boolean(node, self.known)
        self.otherwise = checked.if_false if checked is not None else _NOTHING_KNOWN
        return None if checked is None or self.problems else (checked.term, checked.if_true)

    def value(self, node: p.Node) -> t.Term | None:
        """A term of any type."""
        checked = self._check(node, self.known)
        return None if checked is None or self.problems else checked.term

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _refuse(self, code: str, message: str, offset: int, length: int = 1, hint: str | None = None) -> None:
        self.problems.append(Problem(code, message, offset, max(length, 1), hint))

    def _present(self, node: p.Node, known: Facts, use: str) -> t.Term | None:
        """A term that is never missing."""
        checked = self._check(node, known)
        if checked is None:
            return None
        if checked.term.type.optional:
            path = _path_text(node) or "this value"
            guard = f"write `{path} is not none and …` before it, or `{path}|default(…)`" if _path_text(node) else "add `|default(…)`"
            self._refuse("SND305", f"`{path}` may be missing, so it cannot {use}", node.offset, len(path), guard)
            return None
        return checked.term

    def _boolean(self, node: p.Node, known: Facts) -> _Checked | None:
        checked = self._check(node, known)
        if checked is None:
            return None
        kind = checked.term.type
        if kind.kind != "boolean":
            hint = f'compare it: `{_path_text(node)} == "…"`' if kind.is_text and _path_text(node) else "compare it with something"
            self._refuse("SND307", f"a condition must be true or false, but this is {_name(kind)}", node.offset, _width(node), hint)
            return None
        if kind.optional:
            self._present(node, known, "be used as true or false")
            return None
        return checked

    # -- nodes --------------------------------------------------------------------------------------------------------

    def _check(self, node: p.Node, known: Facts) -> _Checked | None:
        match node:
            case p.Literal(offset, value):
                return _Checked(t.Constant(type=_literal_type(value), value=value, offset=offset))
            case p.Name() | p.Attribute():
                return self._load(node, known)
            case p.ListOf():
                return self._listing(node, known)
            case p.Unary(offset, "not", operand):
                inner = self._boolean(operand, known)
                if inner is None:
                    return None
                return _Checked(t.Not(type=BOOLEAN, operand=inner.term, offset=offset), inner.if_false, inner.if_true)
            case p.Unary(offset, _, operand):
                number = self._number(operand, known, "be negated")
                if number is None:
                    return None
                return _Checked(t.Negate(type=number.type, operand=number, offset=offset))
            case p.Logic():
                return self._logic(node, known)
            case p.Chain():
                return self._chain(node, known)
            case p.NoneTest(offset, operand, negated):
                return self._none_test(offset, operand, negated, known)
            case p.Binary(offset, "~", left, right):
                a, b = self._present(left, known, "be joined"), self._present(right, known, "be joined")
                return _Checked(t.Concat(type=TEXT, left=a, right=b, offset=offset)) if a and b else None
            case p.Binary():
                return self._arithmetic(node, known)
            case p.Invocation():
                return self._invocation(node, known)
        raise AssertionError(f"no rule for {type(node).__name__}")

    def _load(self, node: p.Name | p.Attribute, known: Facts) -> _Checked | None:
        if isinstance(node, p.Name):
            found = self.names.get(node.name)
            if found is None:
                hint = (
                    f"`{node.name}` is a function: write `{node.name}(…)`" if node.name in CALLABLE else did_you_mean(node.name, self.names)
                )
                self._refuse("SND302", f"`{node.name}` is not known here", node.offset, len(node.name), hint)
                return None
            path: Path = (node.name,)
            kind = found
        else:
            base = self._check(node.base, known)
            if base is None:
                return None
            if not isinstance(base.term, t.Load) or base.term.type.kind != "object":
                what = _name(base.term.type)
                self._refuse("SND303", f"{what} has no attributes", node.name_offset, len(node.name))
                return None
            attribute = base.term.type.fields.get(node.name)
            if attribute is None:
                owner = ".".join(base.term.path)
                hint = did_you_mean(node.name, base.term.type.fields)
                self._refuse("SND303", f"`{owner}` has no `{node.name}`", node.name_offset, len(node.name), hint)
                return None
            path = (*base.term.path, node.name)
            kind = attribute.maybe() if base.term.type.optional else attribute
        if path in known:
            kind = kind.required()
        holds = frozenset({path}) if kind.kind == "boolean" else _NOTHING_KNOWN
        return _Checked(t.Load(type=kind, path=path, offset=node.offset), holds)

    def _listing(self, node: p.ListOf, known: Facts) -> _Checked | None:
        items = [self._check(item, known) for item in node.items]
        terms = [item.term for item in items if item is not None]
        if len(terms) < len(items):
            return None
        kind = next((term.type for term in terms if term.type.kind != "none"), TEXT)
        for position, term in enumerate(terms):
            if not _alike(kind, term.type):
                self._refuse(
                    "SND304",
                    f"a list holds one type: {_name(kind)} and {_name(term.type)} differ",
                    node.items[position].offset,
                    _width(node.items[position]),
                )
                return None
        return _Checked(t.Listing(type=Type("list", item=kind), items=tuple(terms), offset=node.offset))

    def _logic(self, node: p.Logic, known: Facts) -> _Checked | None:
        """`and` hands what holds on its left to its right; `or` hands what must hold where its left is false."""
        both = node.op == "and"
        terms: list[t.Term] = []
        gathered: Facts = _NOTHING_KNOWN
        other: list[Facts] = []
        complete = True
        for operand in node.operands:
            checked = self._boolean(operand, known | gathered)
            if checked is None:
                complete = False
                continue
            terms.append(checked.term)
            gathered |= checked.if_true if both else checked.if_false
            other.append(checked.if_false if both else checked.if_true)
        if not complete:
            return None
        shared = frozenset.intersection(*other)
        if both:
            return _Checked(t.And(type=BOOLEAN, operands=tuple(terms), offset=node.offset), gathered, shared)
        return _Checked(t.Or(type=BOOLEAN, operands=tuple(terms), offset=node.offset), shared, gathered)

    def _chain(self, node: p.Chain, known: Facts) -> _Checked | None:
        left_node, links, facts = node.first, [], _NOTHING_KNOWN
        if_false = _NOTHING_KNOWN
        for op, right_node in node.links:
            link = self._link(op, left_node, right_node, known | facts)
            if link is None:
                return None
            links.append(link.term)
            facts |= link.if_true
            if_false = link.if_false
            left_node = right_node
        if len(links) == 1:
            return _Checked(links[0], facts, if_false)
        return _Checked(t.And(type=BOOLEAN, operands=tuple(links), chain=True, offset=node.offset), facts)

    def _link(self, op: str, left_node: p.Node, right_node: p.Node, known: Facts) -> _Checked | None:
        if op in ("in", "not in"):
            return self._within(op, left_node, right_node, known)
        if op in ("==", "!="):
            left, right = self._check(left_node, known), self._check(right_node, known)
            if left is None or right is None:
                return None
            a, b = left.term, right.term
            if not self._comparable(a, b, left_node, right_node):
                return None
            term = t.Compare(type=BOOLEAN, op=op, left=a, right=b, offset=left_node.offset)
            facts = _known_by_equality(a, b)
            return _Checked(term, facts) if op == "==" else _Checked(term, _NOTHING_KNOWN, facts)
        first = self._present(left_node, known, "be compared")
        second = self._present(right_node, known, "be compared")
        if first is None or second is None or not self._comparable(first, second, left_node, right_node):
            return None
        if not (first.type.is_number or first.type.kind in ("date", "datetime")):
            self._refuse(
                "SND304",
                f"{_name(first.type)} has no order, so `{op}` means nothing",
                left_node.offset,
                _width(left_node),
                "compare with `==`, `!=` or `in`",
            )
            return None
        return _Checked(t.Compare(type=BOOLEAN, op=op, left=first, right=second, offset=left_node.offset))

    def _within(self, op: str, left_node: p.Node, right_node: p.Node, known: Facts) -> _Checked | None:
        left, right = self._check(left_node, known), self._check(right_node, known)
        if left is None or right is None:
            return None
        collection = right.term.type
        if collection.kind != "list" or collection.item is None:
            hint = 'write the values in brackets: `in ["a", "b"]`'
            self._refuse("SND309", f"`{op}` needs a list, but this is {_name(collection)}", right_node.offset, _width(right_node), hint)
            return None
        items = right_node.items if isinstance(right_node, p.ListOf) else ()
        if isinstance(right.term, t.Listing):
            for item, item_node in zip(right.term.items, items, strict=True):
                if not self._comparable(left.term, item, left_node, item_node):
                    return None
        elif not _alike(left.term.type, collection.item):
            self._refuse(
                "SND304", f"{_name(left.term.type)} is never in a list of {collection.item}", right_node.offset, _width(right_node)
            )
            return None
        term: t.Term = t.Within(type=BOOLEAN, item=left.term, collection=right.term, offset=left_node.offset)
        holds_none = not isinstance(right.term, t.Listing) or any(item.type.optional for item in right.term.items)
        facts = frozenset({left.term.path}) if isinstance(left.term, t.Load) and not holds_none else _NOTHING_KNOWN
        if op == "in":
            return _Checked(term, facts)
        return _Checked(t.Not(type=BOOLEAN, operand=term, offset=left_node.offset), _NOTHING_KNOWN, facts)

    def _comparable(self, a: t.Term, b: t.Term, a_node: p.Node, b_node: p.Node) -> bool:
        """Whether two terms are of like types, and a literal is a value that the other side can have."""
        blamed = a_node if isinstance(a_node, p.Literal) and not isinstance(b_node, p.Literal) else b_node
        if "object" in (a.type.kind, b.type.kind) or not _alike(a.type, b.type):
            hint = None
            for term, other in ((a, b), (b, a)):
                if (
                    isinstance(term, t.Constant)
                    and isinstance(term.value, str)
                    and other.type.is_number
                    and term.value.strip().lstrip("-").isdigit()
                ):
                    hint = f"write the number without quotes: `{term.value}`"
            self._refuse("SND304", f"{_name(a.type)} and {_name(b.type)} are never equal", blamed.offset, _width(blamed), hint)
            return False
        for term, node, other in ((a, a_node, b), (b, b_node, a)):
            if isinstance(term, t.Constant) and isinstance(term.value, str) and not self._literal_fits(term.value, node, other.type):
                return False
        return True

    def _literal_fits(self, value: str, node: p.Node, kind: Type) -> bool:
        if kind.kind == "one_of":
            if value in kind.options:
                return True
            self._refuse(
                "SND306", f'"{value}" is not one of {kind.required()}', node.offset, _width(node), did_you_mean(value, kind.options)
            )
            return False
        wrong = wrong_literal(kind.kind, value)
        if wrong is None:
            return True
        self._refuse("SND306", wrong[0], node.offset, _width(node), did_you_mean(value, wrong[1]))
        return False

    def _none_test(self, offset: int, operand: p.Node, negated: bool, known: Facts) -> _Checked | None:
        inner = self._check(operand, known)
        if inner is None:
            return None
        path = inner.term.path if isinstance(inner.term, t.Load) else None
        # A field that is there proves that the object before it is there too.
        there = frozenset(path[: end + 1] for end in range(len(path))) if path else _NOTHING_KNOWN
        term: t.Term = t.IsNone(type=BOOLEAN, operand=inner.term, offset=offset)
        if negated:
            return _Checked(t.Not(type=BOOLEAN, operand=term, offset=offset), there)
        return _Checked(term, _NOTHING_KNOWN, there)

    def _number(self, node: p.Node, known: Facts, use: str) -> t.Term | None:
        term = self._present(node, known, use)
        if term is not None and not term.type.is_number:
            self._refuse("SND304", f"{_name(term.type)} cannot {use}: a number is needed", node.offset, _width(node))
            return None
        return term

    def _arithmetic(self, node: p.Binary, known: Facts) -> _Checked | None:
        left, right = self._number(node.left, known, "be calculated with"), self._number(node.right, known, "be calculated with")
        if left is None or right is None:
            return None
        whole = left.type.kind == right.type.kind == "integer" and node.op != "/"
        kind = INTEGER if whole else NUMBER
        if node.op in ("/", "//", "%") and not (isinstance(right, t.Constant) and right.value):
            kind = kind.maybe()
        return _Checked(t.Arithmetic(type=kind, op=node.op, left=left, right=right, offset=node.offset))

    def _invocation(self, node: p.Invocation, known: Facts) -> _Checked | None:
        what = "filter" if node.is_filter else "function"
        if node.is_filter and node.name == "default":
            return self._default(node, known)
        function = FUNCTIONS.get(node.name)
        if function is None or function.is_filter != node.is_filter:
            known_names = FILTERS if node.is_filter else CALLABLE
            self._refuse(
                "SND308", f"there is no {what} `{node.name}`", node.name_offset, len(node.name), did_you_mean(node.name, known_names)
            )
            return None
        most = len(function.takes)
        least = most - function.optional_arguments
        if not least <= len(node.arguments) <= most:
            needs = str(most) if least == most else f"{least} to {most}"
            self._refuse(
                "SND308",
                f"`{node.name}` takes {needs} argument{'s' if needs != '1' else ''}, not {len(node.arguments)}",
                node.name_offset,
                len(node.name),
            )
            return None
        arguments = [self._argument(function, position, a, known, node.name) for position, a in enumerate(node.arguments)]
        if any(a is None for a in arguments):
            return None
        terms = tuple(a for a in arguments if a is not None)
        gives = INTEGER if node.name == "round" and len(terms) == 1 else function.gives
        return _Checked(t.Call(type=gives, name=node.name, arguments=terms, offset=node.offset))

    def _argument(self, function: Function, position: int, node: p.Node, known: Facts, name: str) -> t.Term | None:
        term = self._present(node, known, f"be given to `{name}`")
        if term is not None and term.type.kind not in function.takes[position]:
            wanted = " or ".join(sorted({"text" if k in TEXT_LIKE else k for k in function.takes[position]}))
            self._refuse("SND304", f"`{name}` wants {wanted}, but this is {_name(term.type)}", node.offset, _width(node))
            return None
        return term

    def _default(self, node: p.Invocation, known: Facts) -> _Checked | None:
        if len(node.arguments) != 2:
            self._refuse("SND308", "`default` takes one argument: the value in place of a missing one", node.name_offset, len("default"))
            return None
        operand, fallback = self._check(node.arguments[0], known), self._present(node.arguments[1], known, "stand in for another")
        if operand is None or fallback is None:
            return None
        kind = operand.term.type.required()
        if not _alike(kind, fallback.type) or kind.kind in ("object", "none"):
            blamed = node.arguments[1]
            self._refuse("SND304", f"{_name(kind)} cannot fall back to {_name(fallback.type)}", blamed.offset, _width(blamed))
            return None
        if kind.is_text and kind != fallback.type:
            kind = TEXT if not kind.personal else replace(TEXT, personal=True)
        elif kind.is_number and kind != fallback.type:
            kind = NUMBER
        return _Checked(t.Default(type=kind, operand=operand.term, fallback=fallback, offset=node.offset))


TEXT_LIKE = frozenset({"text", "email", "phone", "language", "country", "timezone", "one_of"})


def _literal_type(value: object) -> Type:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER
    return NUMBER if isinstance(value, float) else TEXT


def _alike(a: Type, b: Type) -> bool:
    if "none" in (a.kind, b.kind):
        return True
    if a.kind == b.kind == "list":
        return a.item is not None and b.item is not None and _alike(a.item, b.item)
    return a.kind == b.kind or (a.is_number and b.is_number) or (a.is_text and b.is_text)


def _known_by_equality(a: t.Term, b: t.Term) -> Facts:
    """`x == y` proves that x is there where y always is."""
    sides = ((a, b), (b, a))
    return frozenset(one.path for one, other in sides if isinstance(one, t.Load) and not other.type.optional)


def _name(kind: Type) -> str:
    return "a missing value (`none`)" if kind.kind == "none" else str(kind)


def _path_text(node: p.Node) -> str:
    match node:
        case p.Name(_, name):
            return name
        case p.Attribute(_, base, name, _):
            before = _path_text(base)
            return f"{before}.{name}" if before else ""
    return ""


def _width(node: p.Node) -> int:
    """How many characters to underline."""
    match node:
        case p.Literal(_, str() as value):
            return len(value) + 2
        case p.Literal(_, value):
            return len(str(value))
    return len(_path_text(node)) or 1

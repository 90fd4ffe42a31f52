"""The type checker: syntax tree → term, or findings. What it lets through cannot raise and has one value.

A name may be missing (`optional T`) until a guard before it, joined by `and`, rules that out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from engine.dsl.expressions import tree as p
from engine.dsl.expressions.comparing import Judge, Problem, amounts
from engine.dsl.expressions.functions import CALLABLE, FILTERS, FUNCTIONS, TEXTS, Function
from engine.dsl.expressions.likeness import EMPTY, alike, common, literal_type, name_of, printable
from engine.dsl.expressions.tree import path_text, width
from engine.dsl.nearest import did_you_mean
from engine.model import terms as t
from engine.model.types import BOOLEAN, INTEGER, NONE, NUMBER, TEXT, Type

Path = tuple[str, ...]
Facts = frozenset[Path]  # paths known not to be missing
_NOTHING_KNOWN: Facts = frozenset()
MAX_CHAINS = 6  # chained comparisons in one another: each reads its middle operands twice


@dataclass(frozen=True, slots=True)
class _Checked:
    """A term with what is known where it is true, and where it is false."""

    term: t.Term
    if_true: Facts = _NOTHING_KNOWN
    if_false: Facts = _NOTHING_KNOWN


@dataclass(slots=True)
class Checker(Judge):
    """Checks one expression against the names that its place may read."""

    names: Mapping[str, Type]
    known: Facts = _NOTHING_KNOWN  # what holds around the expression
    problems: list[Problem] = field(default_factory=list)
    _chains: int = 0
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

    def _present(self, node: p.Node, known: Facts, use: str) -> t.Term | None:
        """A term that is never missing."""
        checked = self._check(node, known)
        return None if checked is None or not self.is_there(checked.term, node, use) else checked.term

    def _boolean(self, node: p.Node, known: Facts) -> _Checked | None:
        checked = self._check(node, known)
        if checked is None:
            return None
        kind = checked.term.type
        if kind.kind != "boolean":
            hint = f'compare it: `{path_text(node)} == "…"`' if kind.is_text and path_text(node) else "compare it with something"
            self.refuse("SND307", f"a condition must be true or false, but this is {name_of(kind)}", node.offset, width(node), hint)
            return None
        return checked if self.is_there(checked.term, node, "be used as true or false") else None

    def _check(self, node: p.Node, known: Facts) -> _Checked | None:
        match node:
            case p.Literal(offset, value):
                return _Checked(t.Constant(type=literal_type(value), value=value, offset=offset))
            case p.Name() | p.Attribute():
                return self._load(node, known)
            case p.ListOf():
                return self._listing(node, known)
            case p.Unary(offset, "not", operand):
                inner = self._boolean(operand, known)
                if inner is None:
                    return None
                return _Checked(t.Not(type=BOOLEAN, operand=inner.term, offset=offset), inner.if_false, inner.if_true)
            case p.Unary(offset, sign, operand):
                number = self._number(operand, known, "have a sign")
                if number is None:
                    return None
                return _Checked(number if sign == "+" else t.Negate(type=number.type, operand=number, offset=offset))
            case p.Logic():
                return self._logic(node, known)
            case p.Chain():
                return self._chain(node, known)
            case p.NoneTest(offset, operand, negated):
                return self._none_test(offset, operand, negated, known)
            case p.Binary(offset, "~", left, right):
                a, b = self._text_of(left, known), self._text_of(right, known)
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
                self.refuse("SND302", f"`{node.name}` is not known here", node.offset, len(node.name), hint)
                return None
            path: Path = (node.name,)
            kind = found
        else:
            base = self._check(node.base, known)
            if base is None:
                return None
            if not isinstance(base.term, t.Load) or base.term.type.kind not in ("object", "money"):
                what = name_of(base.term.type)
                self.refuse("SND303", f"{what} has no attributes", node.name_offset, len(node.name))
                return None
            attribute = base.term.type.fields.get(node.name)
            if attribute is None:
                owner = ".".join(base.term.path)
                hint = did_you_mean(node.name, base.term.type.fields)
                self.refuse("SND303", f"`{owner}` has no `{node.name}`", node.name_offset, len(node.name), hint)
                return None
            path = (*base.term.path, node.name)
            kind = attribute.maybe() if base.term.type.optional else attribute
        if path in known or (kind.optional and known and self._same(path) in known):
            kind = kind.required()
        holds = frozenset({path}) if kind.kind == "boolean" else _NOTHING_KNOWN
        return _Checked(t.Load(type=kind, path=path, offset=node.offset), holds)

    def _same(self, path: Path) -> Path:
        """The other path to the same answer, by its bare id or behind `answer`; the path itself where there is none."""
        behind = path[1:] if path[0] == "answer" else path
        answer, bare = self.names.get("answer"), self.names.get(behind[0]) if behind else None
        # No name hides an answer of its own type: objects and steps are called otherwise, and the items of a loop are never missing.
        if answer is None or bare is None or answer.fields.get(behind[0]) != bare:
            return path
        return behind if behind is not path else ("answer", *path)

    def _listing(self, node: p.ListOf, known: Facts) -> _Checked | None:
        items = [self._check(item, known) for item in node.items]
        terms = [item.term for item in items if item is not None]
        if len(terms) < len(items):
            return None
        kind = next((term.type for term in terms if term.type.kind != "none"), NONE)
        for position, term in enumerate(terms):
            if not alike(kind, term.type):
                self.refuse(
                    "SND304",
                    f"a list holds one type: {name_of(kind)} and {name_of(term.type)} differ",
                    node.items[position].offset,
                    width(node.items[position]),
                )
                return None
        item = reduce(common, (term.type for term in terms), kind) if terms else EMPTY
        return _Checked(t.Listing(type=Type("list", item=item), items=tuple(terms), offset=node.offset))

    def _logic(self, node: p.Logic, known: Facts) -> _Checked | None:
        """`and` hands what holds on its left to its right; `or` hands what must hold where its left is false."""
        both = node.op == "and"
        terms: list[t.Term] = []
        gathered: Facts = _NOTHING_KNOWN
        other: list[Facts] = []
        complete = True
        guard_refused = False
        for operand in node.operands:
            before = len(self.problems)
            checked = self._boolean(operand, known | gathered)
            if guard_refused:  # what may be missing here, it may have ruled out
                self.problems[before:] = [problem for problem in self.problems[before:] if problem.code != "SND305"]
            if checked is None:
                complete = False
                guard_refused |= p.tests_for_none(operand)
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
        nodes = [node.first, *(operand for _, operand in node.links)]
        if len(nodes) > 2 and self._chains == MAX_CHAINS:
            self.refuse(
                "SND301", f"more than {MAX_CHAINS} chained comparisons in one another", node.offset, width(node), "join them with `and`"
            )
            return None
        self._chains += len(nodes) > 2
        operands = [self._check(operand, known) for operand in nodes]
        self._chains -= len(nodes) > 2
        terms = [operand.term for operand in operands if operand is not None]
        if len(terms) < len(nodes):
            return None
        links, facts, if_false = [], _NOTHING_KNOWN, _NOTHING_KNOWN
        for position, (op, _) in enumerate(node.links):
            left, right = (self._narrowed(term, facts) for term in terms[position : position + 2])
            link = self._link(op, *amounts(left, right), nodes[position], nodes[position + 1])
            if link is None:
                return None
            links.append(link.term)
            facts, if_false = facts | link.if_true, link.if_false
        if len(links) == 1:
            return _Checked(links[0], facts, if_false)
        return _Checked(t.And(type=BOOLEAN, operands=tuple(links), chain=True, offset=node.offset), facts)

    def _narrowed(self, term: t.Term, known: Facts) -> t.Term:
        if not known or not isinstance(term, t.Load) or known.isdisjoint((term.path, self._same(term.path))):
            return term
        return replace(term, type=term.type.required())

    def _link(self, op: str, a: t.Term, b: t.Term, a_node: p.Node, b_node: p.Node) -> _Checked | None:
        if op in ("in", "not in"):
            return self._within(op, a, b, a_node, b_node)
        equality = op in ("==", "!=")
        if not equality and not all([self.is_there(a, a_node, "be compared"), self.is_there(b, b_node, "be compared")]):
            return None
        if not self.comparable(a, b, a_node, b_node):
            return None
        if not equality and not (a.type.is_number or a.type.kind in ("date", "datetime")):
            hint = "compare with `==`, `!=` or `in`"
            self.refuse("SND304", f"{name_of(a.type)} has no order, so `{op}` means nothing", a_node.offset, width(a_node), hint)
            return None
        term = t.Compare(type=BOOLEAN, op=op, left=a, right=b, offset=a_node.offset)
        facts = _known_by_equality(a, b) if equality else _NOTHING_KNOWN
        unlike = _known_unless_none(a, b) if equality else _NOTHING_KNOWN
        return _Checked(term, facts, unlike) if op == "==" else _Checked(term, unlike, facts)

    def _within(self, op: str, item: t.Term, collection: t.Term, item_node: p.Node, node: p.Node) -> _Checked | None:
        kind = collection.type
        if kind.kind != "list" or kind.item is None:
            hint = 'write the values in brackets: `in ["a", "b"]`'
            self.refuse("SND309", f"`{op}` needs a list, but this is {name_of(kind)}", node.offset, width(node), hint)
            return None
        item, member = amounts(item, replace(collection, type=kind.item))
        members = [(member, node)]
        if isinstance(collection, t.Listing) and isinstance(node, p.ListOf):
            members = list(zip(collection.items, node.items, strict=True))
        # One that is of another type says it for all; of the values, each is judged.
        like = all(self.like(item, one, item_node, one_node) for one, one_node in members)
        fits = [self.literals_fit(item, one, item_node, one_node) for one, one_node in members if like]
        if not like or not all(fits):
            return None
        term: t.Term = t.Within(type=BOOLEAN, item=item, collection=collection, offset=item_node.offset)
        holds_none = not isinstance(collection, t.Listing) or any(one.type.optional for one in collection.items)
        facts = frozenset({item.path}) if isinstance(item, t.Load) and not holds_none else _NOTHING_KNOWN
        if op == "in":
            return _Checked(term, facts)
        return _Checked(t.Not(type=BOOLEAN, operand=term, offset=item_node.offset), _NOTHING_KNOWN, facts)

    def _none_test(self, offset: int, operand: p.Node, negated: bool, known: Facts) -> _Checked | None:
        inner = self._check(operand, known)
        if inner is None:
            return None
        path = inner.term.path if isinstance(inner.term, t.Load) else None
        there = _there(path) if path else _NOTHING_KNOWN
        term: t.Term = t.IsNone(type=BOOLEAN, operand=inner.term, offset=offset)
        if negated:
            return _Checked(t.Not(type=BOOLEAN, operand=term, offset=offset), there)
        return _Checked(term, _NOTHING_KNOWN, there)

    def _number(self, node: p.Node, known: Facts, use: str) -> t.Term | None:
        term = self._present(node, known, use)
        if term is not None and not term.type.is_number:
            self.refuse("SND304", f"{name_of(term.type)} cannot {use}: a number is needed", node.offset, width(node))
            return None
        return term

    def _text_of(self, node: p.Node, known: Facts) -> t.Term | None:
        term = self._present(node, known, "be joined")
        if term is not None and not printable(term.type):
            self.refuse("SND304", f"{name_of(term.type)} has no text: name the field to join", node.offset, width(node))
            return None
        return term

    def _arithmetic(self, node: p.Binary, known: Facts) -> _Checked | None:
        left, right = (self._present(side, known, "be calculated with") for side in (node.left, node.right))
        if left is None or right is None:
            return None
        if not (left.type.is_number and right.type.is_number):
            self._refuse_sum(node, left.type, right.type)
            return None
        whole = left.type.kind == right.type.kind == "integer" and node.op != "/"
        kind = INTEGER if whole else NUMBER
        divisor = right.operand if isinstance(right, t.Negate) else right
        if node.op in ("/", "//", "%") and not (isinstance(divisor, t.Constant) and divisor.value):
            kind = kind.maybe()
        return _Checked(t.Arithmetic(type=kind, op=node.op, left=left, right=right, offset=node.offset))

    def _refuse_sum(self, node: p.Binary, left: Type, right: Type) -> None:
        """The first that is no number is to blame."""
        blamed = node.right if left.is_number else node.left
        hint = "join texts with `~`" if node.op == "+" and (left.is_text or right.is_text) else None
        message = f"{name_of(left)} and {name_of(right)} cannot be calculated with `{node.op}`: that takes numbers"
        self.refuse("SND304", message, blamed.offset, width(blamed), hint)

    def _invocation(self, node: p.Invocation, known: Facts) -> _Checked | None:
        what = "filter" if node.is_filter else "function"
        if node.is_filter and node.name == "default":
            return self._default(node, known)
        function = FUNCTIONS.get(node.name)
        if function is None or function.is_filter != node.is_filter:
            known_names = FILTERS if node.is_filter else CALLABLE
            self.refuse(
                "SND308", f"there is no {what} `{node.name}`", node.name_offset, len(node.name), did_you_mean(node.name, known_names)
            )
            return None
        most = len(function.takes)
        least = most - function.optional_arguments
        if not least <= len(node.arguments) <= most:
            needs = str(most) if least == most else f"{least} to {most}"
            self.refuse(
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
        if function.literal is not None and not self._literals(node, terms, function.literal):
            return None
        gives = INTEGER if node.name == "round" and len(terms) == 1 else function.gives
        return _Checked(t.Call(type=gives, name=node.name, arguments=terms, offset=node.offset))

    def _literals(self, node: p.Invocation, terms: tuple[t.Term, ...], wrong: Callable[[str], str | None]) -> bool:
        """Words and patterns are known when the file is checked, so that a wrong one is found there."""
        for term, written in zip(terms[1:], node.arguments[1:], strict=True):
            value = term.value if isinstance(term, t.Constant) else None
            problem = wrong(value) if isinstance(value, str) else f"`{node.name}` wants its words as they stand, in quotes"
            if problem is not None:
                self.refuse("SND308", problem, written.offset, width(written))
                return False
        return True

    def _argument(self, function: Function, position: int, node: p.Node, known: Facts, name: str) -> t.Term | None:
        term = self._present(node, known, f"be given to `{name}`")
        if term is not None and term.type.kind not in function.takes[position]:
            wanted = " or ".join(sorted({"text" if k in TEXTS else k for k in function.takes[position]}))
            self.refuse("SND304", f"`{name}` wants {wanted}, but this is {name_of(term.type)}", node.offset, width(node))
            return None
        return term

    def _default(self, node: p.Invocation, known: Facts) -> _Checked | None:
        if len(node.arguments) != 2:
            self.refuse("SND308", "`default` takes one argument: the value in place of a missing one", node.name_offset, len("default"))
            return None
        operand, fallback = self._check(node.arguments[0], known), self._present(node.arguments[1], known, "stand in for another")
        if operand is None or fallback is None:
            return None
        kind = operand.term.type.required()
        if not alike(kind, fallback.type) or kind.kind in ("object", "none"):
            blamed = node.arguments[1]
            self.refuse("SND304", f"{name_of(kind)} cannot fall back to {name_of(fallback.type)}", blamed.offset, width(blamed))
            return None
        if not (isinstance(fallback, t.Constant) and fallback.value in kind.options):
            kind = common(kind, fallback.type)
        return _Checked(t.Default(type=kind, operand=operand.term, fallback=fallback, offset=node.offset))


def _known_by_equality(a: t.Term, b: t.Term) -> Facts:
    """`x == y` proves that x is there where y always is."""
    sides = ((a, b), (b, a))
    return frozenset(one.path for one, other in sides if isinstance(one, t.Load) and not other.type.optional)


def _known_unless_none(a: t.Term, b: t.Term) -> Facts:
    """`x != none` proves that x is there."""
    sides = ((a, b), (b, a))
    return _NOTHING_KNOWN.union(*(_there(one.path) for one, other in sides if isinstance(one, t.Load) and other.type.kind == "none"))


def _there(path: Path) -> Facts:
    """A field that is there proves that the object before it is there too."""
    return frozenset(path[: end + 1] for end in range(len(path)))

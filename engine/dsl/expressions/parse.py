"""Expression text → syntax tree, with the offset of every node: Jinja2's grammar without what has no total meaning.

A Pratt parser. Offsets count code points from the start of the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from engine.dsl.expressions.functions import KEYWORDS

MAX_DEPTH = 60
MAX_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Node:
    offset: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Name(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Attribute(Node):
    """``offset`` is where the whole path begins, ``name_offset`` where the attribute stands."""

    base: Node
    name: str
    name_offset: int


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    op: str  # not, -
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    op: str  # + - * / // % ~
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    op: str  # and, or
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """``a < b <= c``: each link compares neighbours; ``op`` is also ``in`` or ``not in``."""

    first: Node
    links: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class NoneTest(Node):
    operand: Node
    negated: bool


@dataclass(frozen=True, slots=True)
class Invocation(Node):
    """``name(arguments)``, or ``operand|name(arguments)`` with the operand first."""

    name: str
    arguments: tuple[Node, ...]
    is_filter: bool
    name_offset: int


class ParseError(Exception):
    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.offset, self.hint = message, offset, hint


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # name, number, string, op, end
    text: str
    offset: int


_TOKEN = re.compile(
    r"""\s+
    | (?P<number>(?:[0-9]+\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<name>[^\W\d]\w*)
    | (?P<op>==|!=|<=|>=|//|\*\*|[-+*/%~<>()\[\],.|])""",
    re.X | re.S,
)
_HINTS = {
    "&": "write `and`",
    "=": "write `==` to compare",
    "!": "write `not`",
    "?": "conditions have no `? :`; use two automations, or `{% if %}` in a template",
    "{": "the expression stands without `{{ }}` here",
    "$": "`$name` belongs to a blueprint",
}
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
# Left binding powers, as in Jinja2: `+ -` bind weaker than `~`, and `~` weaker than `* / // %`.
_INFIX = {"+": 1, "-": 1, "~": 2, "*": 3, "/": 3, "//": 3, "%": 3}


def parse(text: str) -> Node:
    """The tree of an expression. Raises ParseError at the first thing that is no expression."""
    if len(text) > MAX_LENGTH:
        raise ParseError(f"an expression has at most {MAX_LENGTH:,} characters", 0)
    return _Parser(text).whole()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    position, end, match = 0, len(text), _TOKEN.match
    while position < end:
        token = match(text, position)
        if token is None:
            symbol = text[position]
            if symbol in "'\"":
                raise ParseError("this quote is never closed", position)
            hint = "write `or`, or put a filter's name behind one `|`" if text.startswith("||", position) else _HINTS.get(symbol)
            raise ParseError(f"`{symbol}` has no meaning in an expression", position, hint)
        if token.lastgroup:
            found.append(_Token(token.lastgroup, token[0], position))
        position = token.end()
    found.append(_Token("end", "", end))
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.index = 0
        self.depth = 0
        self.open: list[_Token] = []

    @property
    def token(self) -> _Token:
        return self.tokens[self.index]

    def at(self, text: str) -> bool:
        token = self.token
        return token.text == text and token.kind in ("op", "name")

    def take(self, text: str) -> bool:
        if self.at(text):
            self.index += 1
            return True
        return False

    def unexpected(self, expected: str) -> ParseError:
        token = self.token
        if token.kind == "end" and self.open:
            return ParseError(f"this `{self.open[-1].text}` is never closed", self.open[-1].offset)
        got = "the expression ends" if token.kind == "end" else f"found `{token.text}`"
        hint = "write `==` to compare" if token.text == "=" else None
        return ParseError(f"expected {expected}, but {got}", token.offset, hint)

    def whole(self) -> Node:
        if self.token.kind == "end":
            raise ParseError("the expression is empty", 0)
        node = self.either()
        if self.token.kind != "end":
            if self.at("if"):
                raise ParseError("`a if b else c` is not part of the language", self.token.offset, "use `{% if %}` in a template")
            if self.at("("):
                raise ParseError("only the language's own functions can be called", self.token.offset)
            raise self.unexpected("an operator or the end")
        return node

    def either(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ParseError(f"nested more than {MAX_DEPTH} levels deep", self.token.offset, "split the condition")
        start, operands = self.token.offset, [self.both()]
        while self.take("or"):
            operands.append(self.both())
        self.depth -= 1
        return operands[0] if len(operands) == 1 else Logic(start, "or", tuple(operands))

    def both(self) -> Node:
        start, operands = self.token.offset, [self.negation()]
        while self.take("and"):
            operands.append(self.negation())
        return operands[0] if len(operands) == 1 else Logic(start, "and", tuple(operands))

    def negation(self) -> Node:
        offsets = []
        while self.at("not"):
            offsets.append(self.token.offset)
            self.index += 1
            if len(offsets) > MAX_DEPTH:
                raise ParseError(f"nested more than {MAX_DEPTH} levels deep", self.token.offset, "split the condition")
        node = self.comparison()
        for offset in reversed(offsets):
            node = Unary(offset, "not", node)
        return node

    def comparison(self) -> Node:
        start, first, links = self.token.offset, self.infix(0), []
        while True:
            token = self.token
            if token.kind == "op" and token.text in _COMPARISONS:
                self.index += 1
                links.append((token.text, self.infix(0)))
            elif self.take("in"):
                links.append(("in", self.infix(0)))
            elif self.at("not") and self.tokens[self.index + 1].text == "in":
                self.index += 2
                links.append(("not in", self.infix(0)))
            else:
                return Chain(start, first, tuple(links)) if links else first

    def infix(self, power: int) -> Node:
        start, left = self.token.offset, self.unary()
        while self.token.kind == "op" and _INFIX.get(self.token.text, 0) > power:
            op = self.token.text
            self.index += 1
            left = Binary(start, op, left, self.infix(_INFIX[op]))
        if self.at("**"):
            raise ParseError("`**` is not part of the language", self.token.offset)
        return left

    def unary(self) -> Node:
        token = self.token
        if token.kind == "op" and token.text in "+-":
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise ParseError(f"nested more than {MAX_DEPTH} levels deep", token.offset)
            self.index += 1
            operand = self.postfix(self.primary() if not (self.at("-") or self.at("+")) else self.unary())
            self.depth -= 1
            node = Unary(token.offset, "-", operand) if token.text == "-" else operand
            return self.filters(node)
        return self.filters(self.postfix(self.primary()))

    def primary(self) -> Node:
        token = self.token
        self.index += 1
        if token.kind == "name":
            return self.word(token)
        if token.kind == "number":
            following = self.token
            if following.kind in ("name", "number") and following.offset == token.offset + len(token.text):
                raise ParseError("a number is written with the digits 0-9, a point and an exponent", token.offset)
            if len(token.text) > 30:
                raise ParseError("a number has at most 30 characters", token.offset)
            return Literal(token.offset, float(token.text) if not token.text.isdigit() else int(token.text))
        if token.kind == "string":
            value = _unescape(token)
            while self.token.kind == "string":
                value += _unescape(self.token)
                self.index += 1
            return Literal(token.offset, unicodedata.normalize("NFC", value))
        if token.text == "(" and token.kind == "op":
            self.open.append(token)
            node = self.either()
            if not self.take(")"):
                raise self.unexpected("`)`")
            self.open.pop()
            return node
        if token.text == "[" and token.kind == "op":
            return ListOf(token.offset, self.arguments(token, "]"))
        self.index -= 1
        raise self.unexpected("a value")

    def word(self, token: _Token) -> Node:
        lowered = token.text.lower()
        if lowered in ("true", "false", "none") and token.text in KEYWORDS:
            return Literal(token.offset, {"true": True, "false": False, "none": None}[lowered])
        if token.text in KEYWORDS:
            self.index -= 1
            raise self.unexpected("a value")
        if self.at("("):
            opener = self.token
            self.index += 1
            return Invocation(token.offset, token.text, self.arguments(opener, ")"), False, token.offset)
        return Name(token.offset, token.text)

    def postfix(self, node: Node) -> Node:
        while self.at(".") or self.at("["):
            if self.at("["):
                raise ParseError("`[ ]` behind a value is not part of the language", self.token.offset, "write the attribute behind a dot")
            self.index += 1
            name = self.token
            if name.kind != "name":
                raise self.unexpected("the name of an attribute")
            self.index += 1
            if self.at("("):
                raise ParseError("methods cannot be called", self.token.offset, "use a filter: `value|lower`")
            node = Attribute(node.offset, node, name.text, name.offset)
        return node

    def filters(self, node: Node) -> Node:
        while True:
            if self.take("|"):
                name = self.token
                if name.kind != "name":
                    raise self.unexpected("the name of a filter")
                self.index += 1
                extra: tuple[Node, ...] = ()
                if self.at("("):
                    opener = self.token
                    self.index += 1
                    extra = self.arguments(opener, ")")
                node = Invocation(node.offset, name.text, (node, *extra), True, name.offset)
            elif self.take("is"):
                negated = self.take("not")
                if not (self.take("none") or self.take("None")):
                    raise self.unexpected("`none` (`is none` and `is not none` are the tests there are)")
                node = NoneTest(node.offset, node, negated)
            else:
                return node

    def arguments(self, opener: _Token, closer: str) -> tuple[Node, ...]:
        self.open.append(opener)
        found: list[Node] = []
        while not self.take(closer):
            if found and not self.take(","):
                raise self.unexpected(f"`,` or `{closer}`")
            if found and self.take(closer):
                break
            found.append(self.either())
        self.open.pop()
        return tuple(found)


_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.S)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r"}


def _unescape(token: _Token) -> str:
    def one(found: re.Match[str]) -> str:
        body = found[1]
        if len(body) > 1:
            return chr(int(body[1:], 16))
        return _SIMPLE.get(body, body)

    inner = token.text[1:-1]
    return _ESCAPE.sub(one, inner) if "\\" in inner else inner

"""Expression text → syntax tree, with the offset of every node: Jinja2's grammar without what has no total meaning.

A Pratt parser. Offsets count code points from the start of the text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

from engine.dsl.expressions.functions import KEYWORDS
from engine.dsl.expressions.tree import Attribute, Binary, Chain, Invocation, ListOf, Literal, Logic, Name, Node, NoneTest, Unary, children

MAX_DEPTH = 60
MAX_LENGTH = 20_000


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
    tree = _Parser(text).whole()
    _check_height(tree)
    return tree


def _check_height(tree: Node) -> None:
    """A long chain of operators or filters nests as deep as brackets do."""
    level, height = [tree], 1
    while level:
        if height > MAX_DEPTH:
            raise _too_deep(level[0].offset)
        level, height = [child for node in level for child in children(node)], height + 1


def _too_deep(offset: int) -> ParseError:
    return ParseError(f"nested more than {MAX_DEPTH} levels deep", offset, "split the condition")


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

    def behind(self) -> int:
        """Where the token ends that was read last."""
        last = self.tokens[self.index - 1]
        return last.offset + len(last.text)

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
            raise _too_deep(self.token.offset)
        start, operands = self.token.offset, [self.both()]
        while self.take("or"):
            operands.append(self.both())
        self.depth -= 1
        return operands[0] if len(operands) == 1 else Logic(start, "or", tuple(operands), self.behind())

    def both(self) -> Node:
        start, operands = self.token.offset, [self.negation()]
        while self.take("and"):
            operands.append(self.negation())
        return operands[0] if len(operands) == 1 else Logic(start, "and", tuple(operands), self.behind())

    def negation(self) -> Node:
        offsets = []
        while self.at("not"):
            offsets.append(self.token.offset)
            self.index += 1
            if len(offsets) > MAX_DEPTH:
                raise _too_deep(self.token.offset)
        node = self.comparison()
        for offset in reversed(offsets):
            node = Unary(offset, "not", node, self.behind())
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
                return Chain(start, first, tuple(links), self.behind()) if links else first

    def infix(self, power: int) -> Node:
        start, left = self.token.offset, self.unary()
        while self.token.kind == "op" and _INFIX.get(self.token.text, 0) > power:
            op = self.token.text
            self.index += 1
            right = self.infix(_INFIX[op])
            left = Binary(start, op, left, right, self.behind())
        if self.at("**"):
            raise ParseError("`**` is not part of the language", self.token.offset)
        return left

    def unary(self) -> Node:
        return self.filters(self.signed())

    def signed(self) -> Node:
        """Signs bind stronger than filters: ``-x|round`` rounds the negated value."""
        signs = []
        while self.at("-") or self.at("+"):
            signs.append(self.token)
            self.index += 1
            if len(signs) > MAX_DEPTH:
                raise _too_deep(self.token.offset)
        node = self.postfix(self.primary())
        for sign in reversed(signs):
            node = Unary(sign.offset, sign.text, node, self.behind())
        return node

    def primary(self) -> Node:
        token = self.token
        self.index += 1
        if token.kind == "name":
            return self.word(token)
        if token.kind == "number":
            following = self.token
            joined = following.kind in ("name", "number") and following.offset == token.offset + len(token.text)
            if joined or (token.text[0] == "0" and token.text[1:2].isdigit()):
                raise ParseError("a number is written with the digits 0-9, a point and an exponent", token.offset)
            return Literal(token.offset, _number(token), len(token.text))
        if token.kind == "string":
            value, end = _unescape(token), token.offset + len(token.text)
            while self.token.kind == "string":
                value += _unescape(self.token)
                end = self.token.offset + len(self.token.text)
                self.index += 1
            return Literal(token.offset, unicodedata.normalize("NFC", value), end - token.offset)
        if token.text == "(" and token.kind == "op":
            self.open.append(token)
            node = self.either()
            if not self.take(")"):
                raise self.unexpected("`)`")
            self.open.pop()
            return node
        if token.text == "[" and token.kind == "op":
            items = self.arguments(token, "]")
            return ListOf(token.offset, items, self.behind())
        self.index -= 1
        raise self.unexpected("a value")

    def word(self, token: _Token) -> Node:
        lowered = token.text.lower()
        if lowered in ("true", "false", "none") and token.text in KEYWORDS:
            return Literal(token.offset, {"true": True, "false": False, "none": None}[lowered], len(token.text))
        if token.text in KEYWORDS:
            self.index -= 1
            raise self.unexpected("a value")
        if self.at("("):
            opener = self.token
            self.index += 1
            arguments = self.arguments(opener, ")")
            return Invocation(token.offset, token.text, arguments, False, token.offset, self.behind())
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
                node = Invocation(node.offset, name.text, (node, *extra), True, name.offset, self.behind())
            elif self.take("is"):
                negated = self.take("not")
                if not (self.take("none") or self.take("None")):
                    raise self.unexpected("`none` (`is none` and `is not none` are the tests there are)")
                node = NoneTest(node.offset, node, negated, self.behind())
                if self.at("is") or self.at("in") or (self.at("not") and self.tokens[self.index + 1].text == "in"):
                    raise ParseError(f"`{self.token.text}` cannot follow a test", self.token.offset, "put brackets around the test")
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


_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|.)", re.S)
_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a", "\\": "\\", "'": "'", '"': '"', "\n": ""}


def _unescape(token: _Token) -> str:
    """The text of a string, with Python's escapes; a backslash before any other character stands for itself."""

    def one(found: re.Match[str]) -> str:
        body = found[1]
        if len(body) == 1:
            return _SIMPLE.get(body, found[0])
        code = int(body[1:], 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise ParseError(f"`{found[0]}` is no character", token.offset + 1 + found.start())
        return chr(code)

    inner = token.text[1:-1]
    return _ESCAPE.sub(one, inner) if "\\" in inner else inner


def _number(token: _Token) -> int | float:
    if len(token.text) > 30:
        raise ParseError("a number has at most 30 characters", token.offset)
    value = int(token.text) if token.text.isdigit() else float(token.text)
    if not math.isfinite(value) or (isinstance(value, int) and value >= 2**63):
        raise ParseError(f"`{token.text}` is too large for a number", token.offset)
    return value

"""The grammar of expressions is Jinja2's: what we read, Jinja2 reads in the same way, and the other way round for what both have."""

from __future__ import annotations

import unicodedata

import jinja2
import jinja2.nodes as jn
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from engine.dsl.expressions import tree as p
from engine.dsl.expressions.functions import KEYWORDS
from engine.dsl.expressions.parse import MAX_DEPTH, ParseError, parse
from engine.dsl.expressions.unparse import unparse

Shape = tuple[object, ...]
JINJA = jinja2.Environment(autoescape=False)  # it only parses
OPERATORS = {"eq": "==", "ne": "!=", "lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "in": "in", "notin": "not in"}
BINARY = {jn.Add: "+", jn.Sub: "-", jn.Mul: "*", jn.Div: "/", jn.FloorDiv: "//", jn.Mod: "%"}


class OnlyInJinja(Exception):
    """Jinja2 reads something that is no part of the language."""


def shape(node: p.Node) -> Shape:
    """Our tree, as nested tuples without places; joined operands lean to the left as in Jinja2."""
    match node:
        case p.Literal(_, value):
            return "literal", type(value), value
        case p.Name(_, name):
            return "name", name
        case p.Attribute(_, base, name, _):
            return "attribute", shape(base), name
        case p.ListOf(_, items):
            return "list", *map(shape, items)
        case p.Unary(_, op, operand):
            return op, shape(operand)
        case p.Binary(_, op, left, right):
            return op, shape(left), shape(right)
        case p.Logic(_, op, operands):
            return leaning(op, [shape(operand) for operand in operands])
        case p.Chain(_, first, links):
            return "compare", shape(first), *((op, shape(operand)) for op, operand in links)
        case p.NoneTest(_, operand, negated):
            return ("not", ("none?", shape(operand))) if negated else ("none?", shape(operand))
        case p.Invocation(_, name, arguments, is_filter, _):
            return "filter" if is_filter else "call", name, *map(shape, arguments)
    raise AssertionError(node)


def leaning(op: str, shapes: list[Shape]) -> Shape:
    left = shapes[0]
    for right in shapes[1:]:
        left = (op, left, right)
    return left


def jinja_shape(text: str) -> Shape:
    """Jinja2's tree in the same form. Raises OnlyInJinja, or Jinja2's own error."""
    (output,) = JINJA.parse("{{ " + text + " }}").body
    assert isinstance(output, jn.Output)
    (node,) = output.nodes
    return theirs(node)


def theirs(node: jn.Node) -> Shape:
    match node:
        case jn.Const():
            value = unicodedata.normalize("NFC", node.value) if isinstance(node.value, str) else node.value
            return "literal", type(value), value
        case jn.Name() if node.name not in KEYWORDS:  # Jinja2 reads `-not (x)` as a call of `not`
            return "name", node.name
        case jn.Getattr():
            return "attribute", theirs(node.node), node.attr
        case jn.List():
            return "list", *map(theirs, node.items)
        case jn.Not():
            return "not", theirs(node.node)
        case jn.Neg():
            return "-", theirs(node.node)
        case jn.Pos():
            return "+", theirs(node.node)
        case jn.And() | jn.Or():
            return "and" if isinstance(node, jn.And) else "or", theirs(node.left), theirs(node.right)
        case jn.Concat():
            return leaning("~", [theirs(part) for part in node.nodes])
        case jn.Compare():
            return "compare", theirs(node.expr), *((OPERATORS[operand.op], theirs(operand.expr)) for operand in node.ops)
        case jn.Test() if node.name == "none" and not node.args and not node.kwargs:
            return "none?", theirs(node.node)
        case jn.Filter() if (
            node.node is not None and "." not in node.name and not node.kwargs and node.dyn_args is None and node.dyn_kwargs is None
        ):
            return "filter", node.name, theirs(node.node), *map(theirs, node.args)
        case jn.Call() if (
            isinstance(node.node, jn.Name)
            and node.node.name not in KEYWORDS
            and not node.kwargs
            and node.dyn_args is None
            and node.dyn_kwargs is None
        ):
            return "call", node.node.name, *map(theirs, node.args)
        case jn.BinExpr() if type(node) in BINARY:
            return BINARY[type(node)], theirs(node.left), theirs(node.right)
    raise OnlyInJinja(type(node).__name__)


names = st.sampled_from(["score", "contact.tier", "contact", "a.b.c", "имя", "now()", "f(1, x)", "days_since(d)"])
literals = st.sampled_from(
    ["0", "7", "1.5", "2e3", "1.5e-2", "true", "False", "none", "None", '"vip"', "'x y'", r'"a\"b\n\u0436"', '"a" "b"']
)
space = st.sampled_from([" ", "  ", "\n"])
infix = st.sampled_from("and or == != < <= > >= in + - * / // % ~".split() + ["not in"])


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Whatever may stand around expressions: brackets are left out as often as not, so that precedence decides."""
    return st.one_of(
        st.tuples(inner, space, infix, space, inner).map("".join),
        inner.map("({})".format),
        inner.map("not {}".format),
        inner.map("-{}".format),
        inner.map("+ {}".format),
        inner.map("{} is none".format),
        inner.map("{} is not none".format),
        inner.map("{}|lower".format),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} | default({pair[1]})"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        inner.map("{}.name".format),
    )


expressions = st.recursive(st.one_of(names, literals), grow, max_leaves=10)


@settings(max_examples=200, deadline=None)
@given(expressions)
@example("- -x|default(1)")
@example("-x.y|round")
@example("a < b <= c not in d")
@example("not a in b")
@example("not not a is not none")
@example("a is none|lower")
@example("1 + 2 ~ 3 * 4 ~ 5 - 6")
@example("x is none in [true]")
@example("x is none is none")
@example("(x is none) is none")
def test_our_tree_has_the_structure_of_jinjas(text: str) -> None:
    try:
        expected = jinja_shape(text)
    except (jinja2.TemplateSyntaxError, OnlyInJinja):
        with pytest.raises(ParseError):
            parse(text)
        return
    assert shape(parse(text)) == expected


@settings(max_examples=150, deadline=None)
@given(expressions)
def test_the_canonical_text_means_the_same_and_is_its_own_canonical_text(text: str) -> None:
    try:
        node = parse(text)
    except ParseError:
        assume(False)
    canonical = unparse(node)
    assert shape(parse(canonical)) == shape(node)
    assert unparse(parse(canonical)) == canonical


@given(st.text(max_size=30))
def test_any_string_survives_the_canonical_text(value: str) -> None:
    literal = parse(unparse(p.Literal(0, value)))
    assert isinstance(literal, p.Literal)
    assert literal.value == unicodedata.normalize("NFC", value)


WORDS = "and or not in is none true ( ) [ ] , . | ~ == < + - // % 'a 'a' \"b\" 1 1.5 012 x default = ! { } $ \\ é 😀".split()


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from([*WORDS, " ", "\n"]), max_size=15).map("".join)))
def test_arbitrary_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    try:
        parse(text)
    except ParseError as error:
        assert 0 <= error.offset <= len(text)
        assert error.message


@pytest.mark.parametrize(
    ("text", "offset", "says"),
    [
        ("", 0, "empty"),
        ("   ", 0, "empty"),
        ("score <= 6 and (a or b", 15, "`(` is never closed"),
        ("x in [1, 2", 5, "`[` is never closed"),
        ("f(a, (b)", 1, "`(` is never closed"),
        ("x|default(1", 9, "`(` is never closed"),
        ('tier == "vip', 8, "quote is never closed"),
        ("tier == 'vip\" and x", 8, "quote is never closed"),
        ("a = b", 2, "`=` has no meaning"),
        ("a && b", 2, "`&` has no meaning"),
        ("a || b", 3, "name of a filter"),
        ("!a", 0, "`!` has no meaning"),
        ("a if b else c", 2, "`a if b else c` is not part"),
        ("a ** b", 2, "`**` is not part"),
        ("a[0]", 1, "`[ ]` behind a value"),
        ("contact.name.lower()", 18, "methods cannot be called"),
        ("a.b(1)", 3, "methods cannot be called"),
        ("x is defined", 5, "`none`"),
        ("x is none is none", 10, "cannot follow a test"),
        ("a b", 2, "operator or the end"),
        ("a )", 2, "operator or the end"),
        ("a.", 2, "name of an attribute"),
        ("a + ", 4, "expected a value"),
        ("and", 0, "expected a value"),
        ("{{ x }}", 0, "`{` has no meaning"),
        ("1_000", 0, "digits"),
        ("012", 0, "digits"),
        ("1e999", 0, "too large"),
        ("x < 9223372036854775808", 4, "too large"),
        ("x < " + "9" * 31, 4, "at most 30 characters"),
        (r'x == "a\ud83d"', 7, "no character"),
        (r"'\U00110000'", 1, "no character"),
    ],
)
def test_what_is_no_expression_is_refused_where_the_fault_is(text: str, offset: int, says: str) -> None:
    with pytest.raises(ParseError) as refused:
        parse(text)
    assert (refused.value.offset, says in refused.value.message) == (offset, True), refused.value.message


@pytest.mark.parametrize(
    "nested",
    [
        "(" * 61 + "x" + ")" * 61,
        "[" * 61 + "]" * 61,
        "not " * 61 + "x",
        "-" * 61 + "x",
        "f(" * 61 + ")" * 61,
        "x" + "|lower" * 61,
        "x" + ".y" * 61,
        "1" + " + 1" * 61,
        "x" + " ~ x" * 61,
        "1 + (" * 40 + "1" + " * 2)" * 40,
        "(" * 9_000,
        "x" + ".y" * 9_000,
        "x" + "|y" * 9_000,
        "1" + "+1" * 9_000,
        "-" * 19_000 + "x",
        "not " * 4_999,
    ],
)
def test_deep_nesting_is_refused(nested: str) -> None:
    with pytest.raises(ParseError, match=f"more than {MAX_DEPTH} levels"):
        parse(nested)


def test_many_operands_side_by_side_are_not_deep() -> None:
    parse(" or ".join(["score == 1"] * 500))
    parse("score in [" + ", ".join(["1"] * 2_000) + "]")


def test_too_long_a_text_is_refused() -> None:
    with pytest.raises(ParseError, match="at most 20,000 characters"):
        parse("x" * 20_001)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\n\t\r\b\f\v\a"', "\n\t\r\b\f\v\a"),
        (r'"\\ \" \' "', "\\ \" ' "),
        (r'"\d+\s"', r"\d+\s"),
        (r'"\x41\u0416\U0001F600"', "AЖ😀"),
        ('"e\u0301"', "é"),
        ('"one" "two"', "onetwo"),
        ('"a\\\nb"', "ab"),
    ],
)
def test_strings_have_the_escapes_of_python(text: str, value: str) -> None:
    literal = parse(text)
    assert isinstance(literal, p.Literal)
    assert (literal.value, literal.width) == (value, len(text))


def test_every_node_knows_where_it_stands() -> None:
    chain = parse("(contact.tier) == 'vip' and days_since(d)|round >= 2")
    assert isinstance(chain, p.Logic)
    equality, order = chain.operands
    assert isinstance(equality, p.Chain)
    assert isinstance(order, p.Chain)
    assert isinstance(equality.first, p.Attribute)
    assert (equality.offset, equality.first.offset, equality.first.name_offset) == (0, 1, 9)
    assert [operand.offset for _, operand in equality.links] == [18]
    assert isinstance(order.first, p.Invocation)
    assert (order.first.offset, order.first.name_offset) == (28, 42)

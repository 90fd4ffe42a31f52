"""The syntax tree of an expression, with the offset of every node in the text, in code points, and where it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True)
class Node:
    offset: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: bool | int | float | str | None
    width: int = field(default=1, compare=False)  # how many characters it takes


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
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unary(Node):
    op: str  # not, -, +
    operand: Node
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Binary(Node):
    op: str  # + - * / // % ~
    left: Node
    right: Node
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Logic(Node):
    op: str  # and, or
    operands: tuple[Node, ...]
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """``a < b <= c``: each link compares neighbours; ``op`` is also ``in`` or ``not in``."""

    first: Node
    links: tuple[tuple[str, Node], ...]
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class NoneTest(Node):
    operand: Node
    negated: bool
    end: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Invocation(Node):
    """``name(arguments)``, or ``operand|name(arguments)`` with the operand first."""

    name: str
    arguments: tuple[Node, ...]
    is_filter: bool
    name_offset: int
    end: int = field(default=0, compare=False)


def children(node: Node) -> Iterator[Node]:
    for part in fields(node):
        value = getattr(node, part.name)
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, tuple):  # a link of a chain: operator and operand
                child = child[1]
            if isinstance(child, Node):
                yield child


def tests_for_none(node: Node) -> bool:
    return isinstance(node, NoneTest) or any(tests_for_none(child) for child in children(node))


def path_text(node: Node) -> str:
    """``contact.tier`` where the node is a path; empty where it is not."""
    match node:
        case Name(_, name):
            return name
        case Attribute(_, base, name, _):
            before = path_text(base)
            return f"{before}.{name}" if before else ""
    return ""


def width(node: Node) -> int:
    """How many characters to underline."""
    match node:
        case Literal():
            return node.width
        case Name():
            return len(node.name)
        case Attribute():
            return node.name_offset + len(node.name) - node.offset
    return max(getattr(node, "end", 0) - node.offset, 1)

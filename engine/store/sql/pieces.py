"""Parts of an SQL text with their bound parameters, and how deeply they nest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

_TOKEN = re.compile(r"'[^']*'|\(|\)|\b(?:CASE|SELECT|END)\b")


@dataclass(frozen=True, slots=True)
class Piece:
    """``parameters`` stand in the order of their placeholders. ``depth`` bounds from above what a parser must keep open."""

    text: str
    parameters: tuple[object, ...] = ()
    depth: int = 0


def piece(template: str, *parts: Piece) -> Piece:
    """The template with a part in place of each ``{}``."""
    texts = template.split("{}")
    assert len(texts) == len(parts) + 1, template
    text = texts[0] + "".join(part.text + after for part, after in zip(parts, texts[1:], strict=True))
    parameters = tuple(value for part in parts for value in part.parameters)
    depth = max((part.depth + cost for part, cost in zip(parts, _costs(template), strict=True)), default=0)
    return Piece(text, parameters, depth)


@cache
def _costs(template: str) -> tuple[int, ...]:
    """What is open where each part stands. Measured on SQLite's parser, then rounded up: 3 for a bracket, 5 for a SELECT."""
    costs: list[int] = []
    opened: list[int] = []
    for before in template.split("{}")[:-1]:
        for token in _TOKEN.findall(before):
            if token in ("(", "CASE"):
                opened.append(3)
            elif token == "SELECT":
                opened[-1] += 5  # a SELECT always stands in brackets, and ends with them
            elif token in (")", "END"):
                opened.pop()
        costs.append(sum(opened) + 2)
    return tuple(costs)


def joined(separator: str, parts: list[Piece]) -> Piece:
    """``(a AND b AND …)`` in groups: as one long chain it would be as deep a tree as it has operands."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) > _GROUP:
        parts = [joined(separator, parts[at : at + _GROUP]) for at in range(0, len(parts), _GROUP)]
        return joined(separator, parts)
    return piece("(" + separator.join(["{}"] * len(parts)) + ")", *parts)


_GROUP = 100


def listed(parts: list[Piece]) -> Piece:
    """``a, b, …``"""
    return piece(", ".join(["{}"] * len(parts)), *parts)


def numbered(parts: list[Piece]) -> Piece:
    """``a AS i0, b AS i1, …``"""
    return listed([piece(f"{{}} AS i{number}", part) for number, part in enumerate(parts)])

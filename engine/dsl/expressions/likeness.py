"""Which types go together in a comparison, which can be printed, and how a type is called in a message."""

from __future__ import annotations

from dataclasses import replace

from engine.model.types import BOOLEAN, INTEGER, NONE, NUMBER, TEXT, Type

EMPTY = Type("none")  # of the items of `[]`: there are none that could be missing


def literal_type(value: object) -> Type:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER
    return NUMBER if isinstance(value, float) else TEXT


def alike(a: Type, b: Type) -> bool:
    """Whether values of the two types can be equal. ``none`` is like everything that is no object."""
    if "none" in (a.kind, b.kind):
        return True
    if a.kind == b.kind == "list":
        return a.item is not None and b.item is not None and alike(a.item, b.item)
    return a.kind == b.kind or (a.is_number and b.is_number) or (a.is_text and b.is_text)


def common(a: Type, b: Type) -> Type:
    """The type of what may be either of two that are alike."""
    if "none" in (a.kind, b.kind):
        nothing, something = (a, b) if a.kind == "none" else (b, a)
        return something.maybe() if nothing.optional else something
    kind = a.required()
    if kind != b.required():
        if a.kind == "list" and a.item is not None and b.item is not None:
            kind = replace(kind, item=common(a.item, b.item))
        elif a.is_number or a.is_text:
            kind = NUMBER if a.is_number else replace(TEXT, personal=a.personal or b.personal)
    return kind.maybe() if a.optional or b.optional else kind


def printable(kind: Type) -> bool:
    """Whether a value has a text; an object has none, only its fields do."""
    if kind.kind == "list":
        return kind.item is not None and printable(kind.item)
    return kind.kind not in ("object", "money")


def name_of(kind: Type) -> str:
    return "a missing value (`none`)" if kind.kind == "none" else str(kind)

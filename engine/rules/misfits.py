"""What does not fit the data contract, in words for whoever sends it: what a field takes, and what it was given instead.

The values may be personal, so none is repeated.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from engine.model.types import Type, object_type

LARGEST = 2**53  # numbers are doubles everywhere
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # no database keeps these in text

_WANTED: Mapping[str, str] = {
    "text": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "money": "an amount of money",
    "date": "a date as 2026-03-01",
    "datetime": "an instant as 2026-03-01T09:00:00Z",
    "email": "an e-mail address",
    "phone": "a phone number as +15005550006",
    "language": "a language as en",
    "country": "a country as DE",
    "timezone": "a time zone as Europe/Berlin",
    "object": "an object",
}

_OBJECT = object_type({})


@dataclass(frozen=True, slots=True)
class Misfit:
    """A value that does not fit its field. The value itself may be personal, so it is not repeated."""

    path: str  # contact.tier
    wanted: str  # a whole number from 0 to 10
    got: str  # what kind of value it was; of a number, in what it is another one
    required: bool

    def __str__(self) -> str:
        return f"{self.path} must be {self.wanted}, but is {self.got}"


def wanted_as(kind: Type) -> str:
    """What a field of this type takes: `a whole number from 0 to 10`."""
    if kind.kind == "one_of":
        return f"one of {', '.join(kind.options)}"
    if kind.kind == "list" and kind.item is not None:
        return f"a list, each of it {wanted_as(kind.item)}"
    ends = f" from {kind.range[0]} to {kind.range[1]}" if kind.range is not None else ""
    currency = f" in {kind.currency}" if kind.currency is not None else ""
    return f"{_WANTED.get(kind.kind, kind.kind)}{ends}{currency}"


def given_as(kind: Type, value: object) -> str:
    """What a value is that does not fit the type: another kind of value, or the same kind and in what it is wrong."""
    match value:
        case None:
            return "missing"
        case bool():
            return "true or false"
        case int() | float():
            return _number(kind, value) if kind.is_number else "a number"
        case str() if UNSTORABLE.search(value) is not None:
            return "text with characters that cannot be stored"
        case str():
            return "text" if kind.kind in ("boolean", "integer", "number", "money", "list", "object") else "another text"
        case Mapping():
            return "an object with other fields" if kind.kind in ("object", "money") else "an object"
        case list() | tuple():
            return "a list with something else in it" if kind.kind == "list" else "a list"
    return "something else"


def _number(kind: Type, value: float) -> str:
    if type(value) is float and not value.is_integer():
        return "a fraction" if math.isfinite(value) else "no finite number"
    low, high = kind.range or (-LARGEST, LARGEST)
    return "smaller" if value < low else "larger" if value > high else "another number"


def no_object(name: str, raw: object) -> Misfit:
    """What an event carries as an object, and is none: whom or what it is about cannot be known."""
    return Misfit(name, wanted_as(_OBJECT), given_as(_OBJECT, raw), True)


def absent_object(name: str) -> Misfit:
    """An object that the event has to carry, and does not."""
    return Misfit(name, wanted_as(_OBJECT), "missing", True)

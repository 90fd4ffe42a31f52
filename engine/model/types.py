"""The types of values: what a field of the data contract, an answer or an expression may hold.

At run time a value is a plain Python object: ``int``, ``float``, ``bool``, ``str``, ``datetime.date``, an aware
``datetime.datetime``, a tuple for a list, a mapping for an object, and ``None`` for a missing optional value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TEXT_KINDS = frozenset({"text", "email", "phone", "language", "country", "timezone"})
NUMBER_KINDS = frozenset({"integer", "number"})
SCALAR_KINDS = TEXT_KINDS | NUMBER_KINDS | {"boolean", "date", "datetime"}


@dataclass(frozen=True, slots=True)
class Type:
    """One type. ``kind`` is a scalar kind, or ``one_of``, ``list``, ``object``, ``none``, or ``money``."""

    kind: str
    optional: bool = False  # the value may be missing
    options: tuple[str, ...] = ()  # of `one_of`, in the order of declaration
    item: Type | None = None  # of `list`
    fields: Mapping[str, Type] = field(default_factory=dict, hash=False)  # of `object`
    currency: str | None = None  # of `money RUB`
    personal: bool = False  # may not leave the house unasked
    range: tuple[int, int] | None = None  # of an integer that has ends: a score

    def required(self) -> Type:
        """The same type without "may be missing"."""
        return self._made(optional=False) if self.optional else self

    def maybe(self) -> Type:
        """The same type with "may be missing"."""
        return self if self.optional else self._made(optional=True)

    def _made(self, *, optional: bool) -> Type:
        # Not `replace`, which takes five times as long: a large project has hundreds of thousands of types.
        return Type(self.kind, optional, self.options, self.item, self.fields, self.currency, self.personal, self.range)

    def __reduce__(self) -> tuple[type[Type], tuple[object, ...]]:
        # Types go between processes by the thousand, and what a dataclass does of itself takes ten times as long.
        return Type, (self.kind, self.optional, self.options, self.item, self.fields, self.currency, self.personal, self.range)

    @property
    def is_text(self) -> bool:
        return self.kind in TEXT_KINDS or self.kind == "one_of"

    @property
    def is_number(self) -> bool:
        return self.kind in NUMBER_KINDS

    def __str__(self) -> str:
        if self.kind == "one_of":
            name = "[" + ", ".join(self.options) + "]"
        elif self.kind == "list":
            name = f"list of {self.item}"
        elif self.kind == "money" and self.currency:
            name = f"money {self.currency}"
        else:
            name = self.kind
        return f"optional {name}" if self.optional else name


INTEGER = Type("integer")
NUMBER = Type("number")
BOOLEAN = Type("boolean")
TEXT = Type("text")
DATE = Type("date")
DATETIME = Type("datetime")
NONE = Type("none", optional=True)


def object_type(fields: Mapping[str, Type], *, optional: bool = False) -> Type:
    """An object with these fields. Where the object may be absent, a reader treats its fields as optional too."""
    return Type("object", optional=optional, fields=dict(fields))

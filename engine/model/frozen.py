"""`frozen`: dataclasses that cannot be changed, at the price of those that can.

A large project makes hundreds of thousands of small records, and `dataclass(frozen=True)` takes twice as long to make one as a record
that may be changed: it writes each field by a call. Here each class has a twin of the same layout that may be written to: a record
begins as one of those and ends as one of its own class. It also is pickled at once, without a search for its fields.

A field for a `Span` may be given something that has a ``span`` instead: that is worked out whenever the field is read. Of most places
nobody ever asks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, partial
from typing import Any, TypeVar, dataclass_transform

from engine.model.span import Span

C = TypeVar("C")
_PLACES = ("Span", "Span | None")  # as they are written


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[C]) -> type[C]:
    """A frozen dataclass with slots, made by keywords, that is in all other things what `dataclass` makes of it."""
    made: Any = dataclass(frozen=True, slots=True, kw_only=True)(cls)
    twin = type(made.__name__, made.__bases__, {"__slots__": made.__slots__, "__setattr__": object.__setattr__, "__doc__": made.__doc__})
    made.__new__ = _maker(made, twin)
    for one in fields(made):
        if one.type in _PLACES and one.name in made.__slots__:
            setattr(made, one.name, property(partial(_place, getattr(made, one.name).__get__)))
    made.__init__ = object.__init__  # all is done; that of a dataclass it may extend would do it again
    made.__reduce__ = _reduced
    found: type[C] = made
    return found


def _place(read: Callable[[object], Any], record: object) -> Span | None:
    given = read(record)
    found: Span | None = given if given is None or type(given) is Span else given.span
    return found


def _maker(cls: Any, twin: type) -> Callable[..., object]:
    """`__new__`, written out as `dataclass` writes out `__init__`: no other form is as quick."""
    known: dict[str, object] = {"_new": object.__new__, "_twin": twin, "_missing": MISSING}
    parameters: list[str] = []
    lines: list[str] = []
    for one in fields(cls):
        value = name = one.name
        if one.default is not MISSING:
            known[f"_{name}"] = one.default
            parameters.append(f"{name}=_{name}")
        elif one.default_factory is not MISSING:
            known[f"_{name}"] = one.default_factory
            parameters.append(f"{name}=_missing")
            value = f"{name} if {name} is not _missing else _{name}()"
        else:
            parameters.append(name)
        lines.append(f"    _self.{name} = {value}\n")
    body = "".join(lines)
    exec(
        f"def __new__(_cls, *, {', '.join(parameters)}):\n    _self = _new(_twin)\n{body}    _self.__class__ = _cls\n    return _self\n",
        known,
    )
    maker: Any = known["__new__"]
    maker.__qualname__ = f"{cls.__qualname__}.__new__"
    return staticmethod(maker)


def _reduced(record: Any) -> tuple[Callable[..., object], tuple[object, ...]]:
    cls: Any = type(record)
    return _remade, (cls, *[getattr(record, name) for name in _names(cls)])


def _remade(cls: Any, *values: object) -> object:
    return cls(**dict(zip(_names(cls), values, strict=True)))


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(one.name for one in fields(cls))

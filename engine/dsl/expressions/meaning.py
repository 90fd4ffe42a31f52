"""What the operators and functions of the language mean, once, for the interpreter and for generated Python alike.

Every function is total on the types that the checker lets through. Arithmetic is that of IEEE doubles.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

# What a scope holds beside names; no name of the language can collide with these keys.
NOW = "now()"  # aware datetime: the recorded instant of the decision
ZONE = "zone()"  # ZoneInfo of the project

Number = int | float
NOTHING: Mapping[str, object] = {}


def tidy(value: float) -> Number:
    """An integral double as ``int``, so that 7.0 is printed as 7 everywhere."""
    return int(value) if value.is_integer() and abs(value) <= 2**53 else value


def add(a: Number, b: Number) -> Number:
    return tidy(float(a) + float(b))


def subtract(a: Number, b: Number) -> Number:
    return tidy(float(a) - float(b))


def multiply(a: Number, b: Number) -> Number:
    return tidy(float(a) * float(b))


def divide(a: Number, b: Number) -> Number | None:
    return tidy(float(a) / float(b)) if b else None


def floor_divide(a: Number, b: Number) -> Number | None:
    quotient = float(a) / float(b) if b else math.nan
    return tidy(float(math.floor(quotient))) if math.isfinite(quotient) else None


def modulo(a: Number, b: Number) -> Number | None:
    """The remainder that goes with `//`: it has the divisor's sign."""
    return tidy(float(a) % float(b)) if b and math.isfinite(float(a)) else None


def negate(a: Number) -> Number:
    return -a


def round_half_away(value: Number, digits: Number = 0) -> Number:
    """Round half away from zero, to so many digits behind the point."""
    factor = 10.0 ** int(digits)
    scaled = float(value) * factor
    if not math.isfinite(scaled):
        return value
    return tidy(math.copysign(math.floor(abs(scaled) + 0.5), scaled) / factor)


def lower(value: str) -> str:
    return value.lower()


def length(value: Sequence[object]) -> int:
    return len(value)


def text_of(value: object) -> str:
    """A value as `{{ }}` and `~` print it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(tidy(value)) if math.isfinite(value) else str(value)
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return ", ".join(text_of(item) for item in value)
    return str(value)


def concat(a: object, b: object) -> str:
    return text_of(a) + text_of(b)


def now(scope: Mapping[str, object]) -> dt.datetime:
    instant = scope[NOW]
    assert isinstance(instant, dt.datetime)
    return instant


def today(scope: Mapping[str, object]) -> dt.date:
    return now(scope).astimezone(_zone(scope)).date()


def days_since(scope: Mapping[str, object], day: dt.date) -> int:
    """Whole calendar days from ``day`` to today, in the project's time zone; negative for a day to come."""
    return (today(scope) - _local_day(scope, day)).days


def days_until(scope: Mapping[str, object], day: dt.date) -> int:
    return -days_since(scope, day)


def _local_day(scope: Mapping[str, object], day: dt.date) -> dt.date:
    return day.astimezone(_zone(scope)).date() if isinstance(day, dt.datetime) else day


def _zone(scope: Mapping[str, object]) -> ZoneInfo:
    zone = scope[ZONE]
    assert isinstance(zone, ZoneInfo)
    return zone

"""What every formula asks of its inputs. Bad input is refused, never clamped or guessed: a wrong figure looks like any other."""

from __future__ import annotations

import math


class InvalidInputError(ValueError):
    """An input that no data can give: a negative count, more answers than invitations, a confidence of 100 %."""


def check_count(name: str, value: int) -> int:
    """``value``, if it is a whole number ≥ 0; else InvalidInputError. True is no count, and neither is 3.0."""
    if type(value) is not int or value < 0:
        raise InvalidInputError(f"{name} must be a whole number, 0 or more; got {value!r}")
    return value


def check_fraction(name: str, value: float) -> float:
    """``value``, if it lies strictly between 0 and 1 (a confidence, a power); else InvalidInputError."""
    if isinstance(value, bool) or not 0 < value < 1:  # NaN compares false with everything, so it is refused too
        raise InvalidInputError(f"{name} must lie between 0 and 1, both excluded; got {value!r}")
    return value


def check_share(name: str, value: float) -> float:
    """``value``, if it is a share from 0 to 1, both included; else InvalidInputError."""
    if isinstance(value, bool) or not 0 <= value <= 1:
        raise InvalidInputError(f"{name} must be a share from 0 to 1; got {value!r}")
    return value


def check_positive(name: str, value: float) -> float:
    """``value``, if it is finite and above 0; else InvalidInputError."""
    if isinstance(value, bool) or not (math.isfinite(value) and value > 0):
        raise InvalidInputError(f"{name} must be a finite number above 0; got {value!r}")
    return value


def check_finite(name: str, value: float) -> float:
    """``value``, if it is a finite number; else InvalidInputError."""
    if isinstance(value, bool) or not math.isfinite(value):
        raise InvalidInputError(f"{name} must be a finite number; got {value!r}")
    return value

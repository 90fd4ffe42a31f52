"""Raw JSON against the data contract, and stored values as the scope of an expression.

``conform`` judges what comes in; ``hydrate`` turns what was judged into the values that expressions read. A misfit in an
optional field becomes a missing value and is reported; in a required one it refuses the whole object.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from engine.dsl.expressions.codes import wrong_literal
from engine.model.types import NUMBER, Type
from engine.rules.misfits import LARGEST, UNSTORABLE, Misfit, given_as, wanted_as

_SEPARATORS = re.compile(r"[\s().-]+")
_CURRENCY = re.compile("[A-Z]{3}")
_MISFIT = object()


def conform(name: str, kind: Type, raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Misfit]]:
    """The fields of ``raw`` that the object type declares, in canonical form; and what did not fit.

    Fields that the contract does not declare are left out. A field that is absent is no misfit here: it may be stored already.
    """
    found: dict[str, Any] = {}
    misfits: list[Misfit] = []
    for field, wanted in kind.fields.items():
        if field not in raw:
            continue
        value = raw[field]
        if value is None and wanted.optional:
            found[field] = None
            continue
        fitted = _fit(wanted, str(value) if field == "id" and type(value) is int else value)
        if fitted is _MISFIT:
            misfits.append(Misfit(f"{name}.{field}", wanted_as(wanted), given_as(wanted, value), not wanted.optional))
            if wanted.optional:
                found[field] = None
        else:
            found[field] = fitted
    return found, misfits


def missing(name: str, kind: Type, data: Mapping[str, Any]) -> list[Misfit]:
    """The required fields that ``data`` lacks. What validates reads them unguarded, so nothing is decided without them."""
    return [
        Misfit(f"{name}.{field}", wanted_as(wanted), "missing", True)
        for field, wanted in kind.fields.items()
        if not wanted.optional and field != "id" and data.get(field) is None
    ]


def _fit(kind: Type, value: Any) -> Any:
    match kind.kind:
        case "boolean":
            return value if isinstance(value, bool) else _MISFIT
        case "integer" | "number":
            return _fit_number(kind, value)
        case "one_of":
            option = unicodedata.normalize("NFC", value) if isinstance(value, str) else None
            return option if option in kind.options else _MISFIT
        case "money":
            return _fit_money(kind, value)
        case "list":
            if not isinstance(value, (list, tuple)) or kind.item is None:
                return _MISFIT
            items = [_fit(kind.item, item) for item in value]
            return _MISFIT if any(item is _MISFIT for item in items) else items
        case "object":
            if not isinstance(value, Mapping):
                return _MISFIT
            fitted, misfits = conform("", kind, value)
            return _MISFIT if misfits or missing("", kind, fitted) else fitted
    return _fit_text(kind.kind, value)


def _fit_number(kind: Type, value: Any) -> Any:
    """Numbers are doubles everywhere, so a whole one beyond 2⁵³ would be another one in a database."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _MISFIT
    if isinstance(value, float) and (kind.kind == "number" or not value.is_integer()):
        return value if kind.kind == "number" and math.isfinite(value) else _MISFIT
    whole = int(value)
    low, high = kind.range or (-LARGEST, LARGEST)
    return whole if low <= whole <= high else _MISFIT


def _fit_money(kind: Type, value: Any) -> Any:
    """An amount and its currency; a plain number where the contract names the currency."""
    if not isinstance(value, Mapping):
        value = {"amount": value, "currency": kind.currency}
    amount, currency = _fit_number(NUMBER, value.get("amount")), value.get("currency", kind.currency)
    fits = isinstance(currency, str) and _CURRENCY.fullmatch(currency) and kind.currency in (None, currency)
    return {"amount": amount, "currency": currency} if fits and amount is not _MISFIT else _MISFIT


def _fit_text(kind: str, value: Any) -> Any:
    if not isinstance(value, str) or UNSTORABLE.search(value):
        return _MISFIT
    text = value if value.isascii() else unicodedata.normalize("NFC", value)
    match kind:
        case "text":
            return text
        case "date":
            day = _parsed(dt.date, text) if len(text) == 10 else None
            return day.isoformat() if day is not None else _MISFIT
        case "datetime":
            instant = _parsed(dt.datetime, text)
            return instant.isoformat() if isinstance(instant, dt.datetime) else _MISFIT
        case "phone":
            text = _SEPARATORS.sub("", text)
        case "email":
            text = text.strip()
    return text if wrong_literal(kind, text) is None else _MISFIT


def _parsed(cls: type[dt.date], text: str) -> dt.date | None:
    """The day, or the instant in UTC; None for what is none, an instant without a zone too."""
    try:
        found = cls.fromisoformat(text)
        if not isinstance(found, dt.datetime):
            return found
        return found.astimezone(dt.UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def hydrate(kind: Type, data: Mapping[str, Any]) -> Mapping[str, object]:
    """Stored values as expressions read them: dates and instants as such. Fields that are absent read as missing."""
    special = [name for name, field in kind.fields.items() if field.kind in ("date", "datetime", "list", "object")]
    if not any(data.get(name) is not None for name in special):
        return data
    found = dict(data)
    for name in special:
        if found.get(name) is not None:
            found[name] = _hydrated(kind.fields[name], found[name])
    return found


def _hydrated(kind: Type, value: Any) -> object:
    match kind.kind:
        case "date":
            return dt.date.fromisoformat(value)
        case "datetime":
            return dt.datetime.fromisoformat(value)
        case "list" if kind.item is not None:
            return tuple(_hydrated(kind.item, item) for item in value)
        case "object":
            return hydrate(kind, value)
    return value

"""From an item of Bitrix24 (``crm.item.get``) to an object of the data contract."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from engine.model.types import Type

Item = Mapping[str, Any]  # as crm.item.get gives it

_LIKE_DEAL = {"title": "title", "amount": "opportunity", "stage": "stageId", "manager": "assignedById"}
_BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "deal": _LIKE_DEAL,
    "lead": _LIKE_DEAL,
    "contact": {},
    "company": {"name": "title", "industry": "industry"},
}
_BOOLEANS = {"Y": True, "N": False, "1": True, "0": False, "TRUE": True, "FALSE": False}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EMPTY: tuple[object, ...] = (None, "", [], {})


class FieldMap:
    """Which field of which object comes from where.

    ``objects`` is the data contract: what it does not declare is never passed on. ``fields`` names the source of single
    fields, ``{"contact.tier": "UF_CRM_TIER"}``, and goes before the built-in sources.
    """

    def __init__(self, objects: Mapping[str, Type], fields: Mapping[str, str]) -> None:
        self._objects = objects
        self._fields = fields

    def declares(self, kind: str) -> bool:
        return kind in self._objects

    def object(self, kind: str, id: str, item: Item) -> dict[str, Any]:
        """The object with its declared fields in JSON values. A field that Bitrix24 holds nothing for is left out.

        A value that does not fit its type is passed on as it is: what becomes of a misfit is decided at ingest.
        """
        found: dict[str, Any] = {"id": id}
        declared = self._objects[kind].fields if kind in self._objects else {}
        for name, type_ in declared.items():
            value = _fitted(self._source(kind, name, item), type_, item)
            if name != "id" and value not in _EMPTY:
                found[name] = value
        return found

    def _source(self, kind: str, name: str, item: Item) -> Any:
        if (chosen := self._fields.get(f"{kind}.{name}")) is not None:
            return _named(item, chosen)
        if name in ("email", "phone"):
            return _reachable(item, name)
        if name == "name" and kind in ("contact", "lead"):
            return " ".join(str(item[part]) for part in ("name", "lastName") if item.get(part) not in _EMPTY)
        source = _BUILT_IN.get(kind, {}).get(name)
        return item.get(source) if source is not None else None


def _named(item: Item, name: str) -> Any:
    """A field by its name in the database (``UF_CRM_TIER``) or in the answer, which writes it ``ufCrmTier`` or ``ufCrm_TIER``."""
    if name in item:
        return item[name]
    plain = _plain(name)
    return next((value for key, value in item.items() if _plain(key) == plain), None)


def _plain(name: str) -> str:
    return name.replace("_", "").casefold()


def _reachable(item: Item, name: str) -> Any:
    """An e-mail address or phone: of the item's multifields the first one for work, else the first."""
    multifields = item.get("fm")
    known = [one for one in multifields if isinstance(one, Mapping)] if isinstance(multifields, Sequence) else []
    fitting = [one for one in known if one.get("typeId") == name.upper() and one.get("value") not in _EMPTY]
    chosen = next((one for one in fitting if one.get("valueType") == "WORK"), fitting[0] if fitting else None)
    return chosen["value"] if chosen is not None else item.get(name)


def _fitted(value: Any, type_: Type, item: Item) -> Any:
    """The value as JSON of the declared type, where it can be read so."""
    if isinstance(value, list):
        values = [one for one in value if one not in _EMPTY]
        if type_.kind == "list" and type_.item is not None:
            return [_fitted(one, type_.item, item) for one in values]
        value = values[0] if values else None  # several values where the contract has room for one
    if value in _EMPTY:
        return None
    if type_.kind == "boolean":
        return _BOOLEANS.get(str(value).upper(), value)
    if type_.is_number:
        return _number(value)
    if type_.kind == "money":
        currency = value.partition("|")[2] if isinstance(value, str) and "|" in value else item.get("currencyId")
        return {"amount": _number(value), "currency": currency}
    if type_.kind == "date":
        return value[:10] if isinstance(value, str) and _DATE.match(value) else value
    return str(value) if type_.is_text else value


def _number(value: Any) -> Any:
    """A number, also of text and of the amount in ``100|RUB``; anything else unchanged."""
    if isinstance(value, str):
        try:
            parsed = float(value.partition("|")[0])
        except ValueError:
            return value
        if not math.isfinite(parsed):
            return value
    elif isinstance(value, float):
        parsed = value
    else:
        return value
    return int(parsed) if parsed.is_integer() else parsed

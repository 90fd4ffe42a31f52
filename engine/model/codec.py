"""Definitions as JSON and back: how a deployed version is stored, compared and shipped.

A dataclass becomes an object with its class's name under ``_``. Places (`at`, `offset`) can be left out: what remains is
the meaning, and its hash is the fingerprint.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from engine.model import definitions, policies, terms, texts
from engine.model.span import Span
from engine.model.types import Type
from engine.schedule.durations import Duration
from engine.schedule.windows import TimeRange

LANGUAGE = 1  # the language that stored versions are written in; raised when a stored meaning changes


@cache
def _classes() -> Mapping[str, type]:
    modules = (definitions, policies, terms, texts)
    found = {
        name: cls for module in modules for name, cls in vars(module).items() if isinstance(cls, type) and dataclasses.is_dataclass(cls)
    }
    return {**found, "Span": Span, "Type": Type, "Duration": Duration, "TimeRange": TimeRange}


@cache
def _fields(cls: Any) -> tuple[tuple[str, bool, Any], ...]:
    """Name, whether it is a mere place, and its default."""
    return tuple((f.name, not f.compare, _default(f)) for f in dataclasses.fields(cls) if not f.metadata.get("transient"))


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else dataclasses.MISSING


def encode(value: Any, *, places: bool = True) -> Any:
    """JSON for a definition. Fields that hold their default are left out."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {key: encode(item, places=places) for key, item in value.items()}
    if isinstance(value, Span):
        return {"_": "Span", **value._asdict()}
    if isinstance(value, (tuple, list)):
        return [encode(item, places=places) for item in value]
    if isinstance(value, (dt.datetime, dt.date)):
        return {"_": type(value).__name__, "iso": value.isoformat()}
    cls: Any = type(value)
    found: dict[str, Any] = {"_": cls.__name__}
    for name, is_place, default in _fields(cls):
        item = getattr(value, name)
        if (is_place and not places) or (default is not dataclasses.MISSING and item == default and type(item) is type(default)):
            continue
        found[name] = encode(item, places=places)
    return found


def decode(value: Any) -> Any:
    """What `encode` was given, with places."""
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    name = value.get("_")
    if name is None:
        return {key: decode(item) for key, item in value.items()}
    if name in ("date", "datetime"):
        return (dt.date if name == "date" else dt.datetime).fromisoformat(value["iso"])
    return _classes()[name](**{key: decode(item) for key, item in value.items() if key != "_"})


def fingerprint(value: Any) -> str:
    """A hash of the meaning: the same wherever the definition stands and however it is laid out."""
    text = json.dumps(encode(value, places=False), separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def joint_fingerprint(fingerprints: Mapping[str, str]) -> str:
    """One hash for many definitions: ``fingerprints`` has that of each, by its address. Their order does not count."""
    return hashlib.sha256("\n".join(f"{name} {fingerprints[name]}" for name in sorted(fingerprints)).encode()).hexdigest()[:32]

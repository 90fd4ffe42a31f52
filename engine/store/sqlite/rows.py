"""Between Python and columns: instants as microseconds, mappings as JSON."""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

import orjson

T = TypeVar("T")

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LONG_NUMBER = re.compile(r"\d{19}")
_MICROSECOND = dt.timedelta(microseconds=1)


def micros(instant: dt.datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def instant(value: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=value)


def maybe_micros(value: dt.datetime | None) -> int | None:
    return None if value is None else micros(value)


def maybe_instant(value: int | None) -> dt.datetime | None:
    return None if value is None else instant(value)


def dumps(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a whole number beyond 64 bits, which JSON may hold
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def loads_foreign(text: str) -> Any:
    """What others sent. The quick reader takes a whole number beyond 64 bits for a double, which is another value."""
    return json.loads(text) if _LONG_NUMBER.search(text) else orjson.loads(text)


def chunks(items: Iterable[T], size: int = 500) -> Iterator[list[T]]:
    """SQLite takes a bounded number of parameters a statement."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def marks(items: Sequence[object]) -> str:
    return ",".join("?" * len(items))


class Rows:
    """Statements over one connection. What they are about is in the classes that extend it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.db = connection

"""CloudEvents 1.0 in JSON: structured, binary and batch, over HTTP.

Written here because the published library loses batches and makes up ids that were left out.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from engine.errors import SoundingError
from engine.model.events import Event

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_NAME = 512  # characters of id, source and type

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_CONTROL = re.compile("[\x00-\x1f]")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")


class MalformedEventError(SoundingError):
    """The request carries no event that can be accepted; the message says why, for the sender."""


class UnsupportedMediaError(SoundingError):
    """The body is in a format that is not understood."""


def decode(body: bytes, content_type: str, headers: Mapping[str, str], now: dt.datetime) -> list[Event]:
    """The events of an HTTP request. ``headers`` has lower-case names; ``now`` stands for a time that the sender left out.

    Raises MalformedEventError, or UnsupportedMediaError for a content type that carries no events.
    """
    media = content_type.split(";", 1)[0].strip().lower()
    if media == BATCH:
        batch = read_json(body)
        if not isinstance(batch, list):
            raise MalformedEventError("a batch is a JSON array of events")
        return [from_json(item, now, f"event {number}: ") for number, item in enumerate(batch, 1)]
    if media == STRUCTURED:
        return [from_json(read_json(body), now)]
    if "ce-specversion" in headers or "ce-id" in headers or "ce-type" in headers:
        if media not in ("application/json", "") and not media.endswith("+json"):
            raise UnsupportedMediaError(f"the data of an event are JSON; {media} is not understood")
        attributes: dict[str, Any] = {name[3:]: _header(value) for name, value in headers.items() if name.startswith("ce-")}
        attributes["data"] = read_json(body) if body else None
        return [from_json(attributes, now)]
    raise UnsupportedMediaError(f"send {STRUCTURED}, {BATCH}, or application/json with ce- headers; got {media or 'no content type'}")


def read_json(body: bytes, what: str = "the body") -> Any:
    """The value behind the bytes, which are ``what`` in an error. Raises MalformedEventError, also for what no store can keep."""
    try:
        # Decoded here: left to itself, `json` lets half a surrogate pair through, which no store can keep.
        text = body.decode("utf-8-sig")
        found = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise MalformedEventError(f"{what} is no JSON in UTF-8: {error.reason}") from error
    except RecursionError as error:
        raise MalformedEventError(f"{what} is nested too deeply") from error
    except json.JSONDecodeError as error:
        raise MalformedEventError(f"{what} is no JSON: {error}") from error
    except ValueError as error:
        reason = "a number in it has too many digits" if "digits" in str(error) else str(error)
        raise MalformedEventError(f"{what} is no JSON: {reason}") from error
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number in it is beyond what a double holds")
    return number


def _header(value: str) -> str:
    """Percent-decoded, as the HTTP binding says (3.1.3.2); surrounding quotes are dropped."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return unquote(value)


def from_json(item: Any, now: dt.datetime, where: str = "") -> Event:
    """One event from its JSON form. Raises MalformedEventError."""
    if not isinstance(item, dict):
        raise MalformedEventError(f"{where}an event is a JSON object")
    if item.get("specversion") != "1.0":
        raise MalformedEventError(f'{where}`specversion` must be "1.0"')
    for name in ("id", "source", "type"):
        value = item.get(name)
        if not isinstance(value, str) or not value:
            raise MalformedEventError(f"{where}`{name}` is missing: it must be text that is not empty")
        if len(value) > MAX_NAME or _CONTROL.search(value):
            raise MalformedEventError(f"{where}`{name}` has at most {MAX_NAME} characters, none of them a control character")
    if "data_base64" in item:
        raise MalformedEventError(f"{where}`data_base64` is not understood: send JSON in `data`")
    data = item.get("data")
    if data is not None and not isinstance(data, dict):
        raise MalformedEventError(f"{where}`data` must be a JSON object: the objects by name, and the event's own fields")
    outcome = item.get("outcome")
    return Event(
        id=item["id"],
        source=item["source"],
        type=item["type"],
        time=_time(item.get("time"), now, where),
        data=data or {},
        outcome=outcome if outcome in ("won", "lost") else None,
    )


def _time(value: Any, now: dt.datetime, where: str) -> dt.datetime:
    if value is None:
        return now
    if isinstance(value, str) and (found := _TIME.fullmatch(value)):
        if value[17:19] == "60":  # a leap second: RFC 3339 knows it, Python's clock does not
            value = f"{value[:17]}59.999999{found[2]}"
        try:
            return dt.datetime.fromisoformat(value.upper()).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            pass
    raise MalformedEventError(f"{where}`time` must be an instant as 2026-03-02T09:00:00Z")

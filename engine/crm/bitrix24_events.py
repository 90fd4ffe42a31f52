"""Bitrix24's hooks: a form of PHP-bracketed keys that names an object and says nothing else about it."""

from __future__ import annotations

import datetime as dt
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

ENTITY_TYPES: Mapping[str, int] = {"lead": 1, "deal": 2, "contact": 3, "company": 4}  # by our name of the object
_VERBS = {"ADD": "created", "UPDATE": "updated", "DELETE": "deleted"}

_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_INDEX = re.compile(r"\[([^\[\]]*)\]")
_EVENT = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
_OF_OBJECT = re.compile(r"ONCRM(LEAD|DEAL|CONTACT|COMPANY)(ADD|UPDATE|DELETE)")
_NUMBER = re.compile(r"[0-9]{1,18}")
_SECONDS = re.compile(r"[0-9]{1,11}")
_MOST_PAIRS = 200  # a real hook has about fifteen
_DEEPEST = 5


class MalformedHookError(ValueError):
    """This is no hook of Bitrix24. The message says why and repeats nothing of what was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What a hook says: something happened to an object at a time. The token that proves its sender is no part of it."""

    event: str  # in capitals: ONCRMDEALUPDATE
    entity_type: int | None  # of a dynamic item its type's number; none where the event is about no CRM object
    id: str  # the object's number
    time: dt.datetime  # to the second
    handler: str | None  # the subscription that sent it

    @property
    def kind(self) -> str | None:
        """Our name of the object: lead, deal, contact, company; none where we have no use for the event."""
        found = _OF_OBJECT.fullmatch(self.event)
        return found[1].lower() if found else None

    @property
    def verb(self) -> str | None:
        """created, updated or deleted; none where we have no use for the event."""
        found = _OF_OBJECT.fullmatch(self.event)
        return _VERBS[found[2]] if found else None

    @property
    def key(self) -> str:
        """The same for every delivery of this hook; Bitrix24 gives its hooks no id of their own."""
        parts = (self.event, self.entity_type, self.id, int(self.time.timestamp()), self.handler)
        return "/".join("-" if part is None else str(part) for part in parts)

    def as_json(self) -> dict[str, Any]:
        """What is kept until the object is fetched."""
        return {
            "event": self.event,
            "entity_type": self.entity_type,
            "id": self.id,
            "ts": int(self.time.timestamp()),
            "handler": self.handler,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """The inverse of ``as_json``. Raises MalformedHookError."""
        entity_type, handler = kept.get("entity_type"), kept.get("handler")
        if not (entity_type is None or isinstance(entity_type, int)) or not (handler is None or isinstance(handler, str)):
            raise MalformedHookError("`entity_type` must be a number and `handler` text")
        return cls(
            event=_event(kept.get("event")),
            entity_type=entity_type,
            id=_id(kept.get("id")),
            time=_time(str(kept.get("ts"))),
            handler=handler,
        )


def parse_hook(form: Sequence[tuple[str, str]]) -> Hook:
    """The hook in a decoded form. Raises MalformedHookError.

    An object's number stands in ``data[FIELDS][ID]`` or, for some events, in ``data[ID]``.
    """
    tree = _nested(form)
    data = _branch(tree, "data")
    fields = _branch(data, "FIELDS") or data
    event = _event(tree.get("event"))
    found = _OF_OBJECT.fullmatch(event)
    type_number = _number(fields.get("ENTITY_TYPE_ID"))
    return Hook(
        event=event,
        entity_type=ENTITY_TYPES[found[1].lower()] if found else int(type_number) if type_number else None,
        id=_id(fields.get("ID")),
        time=_time(tree.get("ts")),
        handler=_number(tree.get("event_handler_id")),
    )


def has_token(form: Sequence[tuple[str, str]], expected: str) -> bool:
    """Whether a form carries this application token; the time it takes does not tell how much of it was right.

    It is asked before anything else in the form is looked at: a stranger learns nothing of what a hook must be like.
    """
    given = next((value for name, value in reversed(form) if name == "auth[application_token]"), "")
    return bool(expected) and hmac.compare_digest(given.encode(errors="surrogatepass"), expected.encode(errors="surrogatepass"))


Tree = dict[str, Any]  # leaves are text, the rest are trees


def _nested(form: Sequence[tuple[str, str]]) -> Tree:
    """PHP's reading of ``a[b][c]=d``; a key that comes twice has its last value, as there."""
    if len(form) > _MOST_PAIRS:
        raise MalformedHookError(f"more than {_MOST_PAIRS} fields")
    root: Tree = {}
    for name, value in form:
        shape = _KEY.fullmatch(name)
        if shape is None:
            raise MalformedHookError("a field's brackets do not close")
        path = [shape[1], *_INDEX.findall(shape[2])]
        if len(path) > _DEEPEST:
            raise MalformedHookError(f"brackets nested deeper than {_DEEPEST}")
        node = root
        for step in path[:-1]:
            node = node.setdefault(step or str(len(node)), {})
            if not isinstance(node, dict):
                raise MalformedHookError("a field is both a value and a group")
        last = path[-1] or str(len(node))
        if isinstance(node.get(last), dict):
            raise MalformedHookError("a field is both a value and a group")
        node[last] = value
    return root


def _branch(tree: Tree, name: str) -> Tree:
    found = tree.get(name)
    return found if isinstance(found, dict) else {}


def _number(value: object) -> str | None:
    return value if isinstance(value, str) and _NUMBER.fullmatch(value) else None


def _event(value: object) -> str:
    if not isinstance(value, str) or not _EVENT.fullmatch(value.upper()):
        raise MalformedHookError("`event` is missing or no name of an event")
    return value.upper()


def _id(value: object) -> str:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value) or int(value) == 0:
        raise MalformedHookError("neither `data[FIELDS][ID]` nor `data[ID]` is the number of an object")
    return str(int(value))


def _time(value: object) -> dt.datetime:
    if not isinstance(value, str) or not _SECONDS.fullmatch(value):
        raise MalformedHookError("`ts` is missing or no time in seconds")
    return dt.datetime.fromtimestamp(int(value), dt.UTC)

"""Bitrix24: fetching what a hook only named, through an incoming webhook of the portal (``crm.item.get``)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from engine.crm.bitrix24_events import ENTITY_TYPES, Hook, MalformedHookError
from engine.crm.bitrix24_fields import FieldMap, Item
from engine.model.delivery import FetchRequest, Outcome, Rejected, Repeat, Request, Sent, Unclear
from engine.model.events import Event
from engine.model.types import Type
from engine.net.client import HttpClient, NotSentError, Response, UnclearError
from engine.net.outcome import no_answer, refusal

_PASSING = frozenset({"QUERY_LIMIT_EXCEEDED", "OVERLOAD_LIMIT", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR"})
_CODE = re.compile(r"[A-Za-z0-9_]{1,64}")
_SEMANTICS = {"S": "won", "F": "lost"}
_STAGES = {"WON": "won", "LOSE": "lost", "APOLOGY": "lost"}
_RECENT = dt.timedelta(days=1)


class Bitrix24Adapter:
    """Turns hooks into events by fetching their objects.

    ``url`` is the base of an incoming webhook, secret in its path: ``https://NAME.bitrix24.com/rest/1/SECRET``. ``source``
    becomes the source of the events. ``objects`` is the data contract and ``fields`` says where single fields come from
    (``{"contact.tier": "UF_CRM_TIER"}``). Fetching is reading, so it may be repeated. ``http`` stays the caller's.
    """

    def __init__(self, http: HttpClient, *, url: str, source: str, objects: Mapping[str, Type], fields: Mapping[str, str]) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._source = source
        self._map = FieldMap(objects, fields)

    @property
    def repeat(self) -> Repeat:
        return Repeat.KEYED

    async def deliver(self, request: Request) -> Outcome:
        """See Adapter. Sent carries one event, or none where there is nothing to tell.

        None for hooks that are about no lead, deal, contact or company; and where the object is not found: it was deleted
        between the hook and the fetch, its own deletion hook is on the way, and repeating would find nothing for ever.
        """
        if not isinstance(request, FetchRequest):
            return Rejected(reason=f"Bitrix24 cannot carry a {type(request).__name__}", permanent=True)
        try:
            hook = Hook.from_json(request.hook)
        except MalformedHookError as error:
            return Rejected(reason=f"not a hook of Bitrix24: {error}", permanent=True)
        if hook.kind is None:
            return Sent()
        if hook.verb == "deleted":
            return Sent(events=[self._event(hook, {hook.kind: {"id": hook.id}})])
        item = await self._fetch(hook.kind, hook.id)
        if item is None:
            return Sent()
        if isinstance(item, (Rejected, Unclear)):
            return item
        data = {hook.kind: self._map.object(hook.kind, hook.id, item)}
        for kind, number in _linked(item) if hook.kind == "deal" else ():
            if not self._map.declares(kind):
                continue
            linked = await self._fetch(kind, number)
            if isinstance(linked, (Rejected, Unclear)):
                return linked
            if linked is not None:
                data[kind] = self._map.object(kind, number, linked)
        return Sent(events=[self._event(hook, data, outcome(item) if hook.kind == "deal" else None)])

    async def close(self) -> None:
        """Nothing to close: the client is shared."""

    def _event(self, hook: Hook, data: Mapping[str, Any], outcome: str | None = None) -> Event:
        return Event(id=hook.key, source=self._source, type=f"{hook.kind}.{hook.verb}", time=hook.time, data=data, outcome=outcome)

    async def _fetch(self, kind: str, number: str) -> Item | Rejected | Unclear | None:
        """The item; none where there is no such one."""
        # Portals older than CRM 25.0 ignore `useOriginalUfNames`; the field map reads both spellings.
        body = {"entityTypeId": ENTITY_TYPES[kind], "id": int(number), "useOriginalUfNames": "Y"}
        try:
            response = await self._http.request("POST", f"{self._url}/crm.item.get", json=body)
        except (NotSentError, UnclearError) as error:
            return no_answer(error)
        answer = response.object()
        code = answer.get("error")
        if code == "NOT_FOUND":
            return None
        result = answer.get("result")
        item = result.get("item") if isinstance(result, dict) else None
        if response.status == 200 and code is None and isinstance(item, dict):
            return item
        return self._refused(response, code)

    def _refused(self, response: Response, code: object) -> Rejected:
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            # A page of a proxy or of a portal under repair: 200 without an item says nothing about the call.
            return refusal(self._url, response, "no answer of the REST API", permanent=False if response.status == 200 else None)
        return refusal(self._url, response, code, permanent=False if code in _PASSING else None)


def outcome(deal: Item) -> str | None:
    """``won`` or ``lost`` where the deal has just reached such a stage, else none.

    Just: it moved there within a day of its last change, so that an edit of a deal won last year wins nothing again.
    """
    semantic, stage = deal.get("stageSemanticId"), deal.get("stageId")
    reached = _SEMANTICS.get(semantic) if isinstance(semantic, str) else None
    if reached is None and isinstance(stage, str):
        reached = _STAGES.get(stage.rpartition(":")[2])  # stages of further pipelines are written C5:WON
    moved, updated = _instant(deal.get("movedTime")), _instant(deal.get("updatedTime"))
    if reached is None or moved is None or updated is None:
        return None
    return reached if abs(updated - moved) <= _RECENT else None


def _linked(deal: Item) -> Iterator[tuple[str, str]]:
    """The deal's contact and company, where it has them: 0 stands for none."""
    for kind in ("contact", "company"):
        number = str(deal.get(f"{kind}Id") or "")
        if number.isdecimal() and int(number) > 0:
            yield kind, number


def _instant(value: object) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None

"""Bitrix24: the events that are made of what its hooks name, fetched over real sockets."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from engine.crm.bitrix24 import Bitrix24Adapter, outcome
from engine.crm.bitrix24_events import parse_hook
from engine.lab.receivers.bitrix24 import ERRORS, PortalReceiver
from engine.model.delivery import FetchRequest, Outcome, Rejected, Sent
from engine.model.events import Event
from engine.model.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type, object_type
from engine.net.client import HttpClient

FIXTURES = Path(__file__).parent.parent / "fixtures" / "bitrix24"

OBJECTS: Mapping[str, Type] = {
    "contact": object_type(
        {
            "name": TEXT,
            "email": Type("email", optional=True),
            "phone": Type("phone", optional=True),
            "language": Type("language", optional=True),
            "tier": Type("one_of", options=("standard", "vip")),
            "last_nps": INTEGER.maybe(),
            "employee": BOOLEAN,
            "birthday": DATE.maybe(),
            "nickname": TEXT.maybe(),
        }
    ),
    "company": object_type({"name": TEXT, "size": INTEGER.maybe(), "industry": TEXT.maybe(), "phone": TEXT.maybe()}),
    "deal": object_type(
        {
            "title": TEXT,
            "amount": NUMBER.maybe(),
            "stage": TEXT,
            "manager": TEXT.maybe(),
            "product": TEXT.maybe(),
            "warehouse": TEXT.maybe(),
            "returning": BOOLEAN,
        }
    ),
    "lead": object_type({"title": TEXT, "name": TEXT, "phone": TEXT.maybe(), "amount": NUMBER.maybe()}),
}
FIELDS: Mapping[str, str] = {
    "contact.tier": "UF_CRM_TIER",
    "contact.last_nps": "UF_CRM_NPS2",
    "contact.employee": "UF_CRM_EMPLOYEE",
    "contact.language": "ufCrmLanguage",
    "contact.birthday": "BIRTHDATE",
    "contact.nickname": "UF_CRM_NOT_THERE",
    "company.size": "UF_CRM_SIZE",
    "deal.warehouse": "UF_CRM_WAREHOUSE",
    "deal.returning": "isReturnCustomer",
}
CONTACT = {
    "id": "82",
    "name": "Ада Лавлейс",
    "email": "ada@lavka.test",
    "phone": "+79160000082",
    "language": "ru",
    "tier": "vip",
    "last_nps": 9,
    "employee": False,
    "birthday": "1985-12-10",
}
COMPANY = {"id": "15", "name": "ООО «Лавка»", "size": 120, "industry": "IT"}
DEAL = {
    "id": "7405",
    "title": "Пальто, 2 шт.",
    "amount": 12990.5,
    "stage": "C5:WON",
    "manager": "9",
    "warehouse": "east",
    "returning": True,
}


def form(name: str) -> list[tuple[str, str]]:
    return parse_qsl((FIXTURES / "hooks" / f"{name}.form").read_text().strip(), keep_blank_values=True)


def item(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FIXTURES / "items" / f"{name}.json").read_text())
    return found


class Portal:
    """A portal and an adapter for it."""

    def __init__(self, receiver: PortalReceiver, client: HttpClient) -> None:
        self.receiver = receiver
        self.client = client

    async def fetch(self, hook: str, objects: Mapping[str, Type] = OBJECTS) -> Outcome:
        adapter = Bitrix24Adapter(self.client, url=self.receiver.url + "/", source="crm", objects=objects, fields=FIELDS)
        kept = json.loads(json.dumps(parse_hook(form(hook)).as_json()))  # as the outbox keeps it
        return await adapter.deliver(FetchRequest(key="k", hook=kept))

    async def event(self, hook: str, objects: Mapping[str, Type] = OBJECTS) -> Event:
        found = await self.fetch(hook, objects)
        assert isinstance(found, Sent), found
        [event] = found.events
        return event

    @property
    def asked(self) -> list[tuple[int, int]]:
        return [(request.json()["entityTypeId"], request.json()["id"]) for request in self.receiver.requests]


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    items = {(2, 7405): item("deal_won"), (3, 82): item("contact"), (4, 15): item("company"), (1, 250): item("lead")}
    async with PortalReceiver(items) as receiver, HttpClient(allow_private=True, timeout=5.0) as client:
        yield Portal(receiver, client)


async def test_a_deal_comes_with_its_contact_and_company(portal: Portal) -> None:
    event = await portal.event("deal_update")
    assert event == Event(
        id="ONCRMDEALUPDATE/2/7405/1772532000/32",
        source="crm",
        type="deal.updated",
        time=dt.datetime.fromtimestamp(1772532000, dt.UTC),
        data={"deal": DEAL, "contact": CONTACT, "company": COMPANY},
        outcome="won",
    )
    json.dumps(event.data)
    assert portal.asked == [(2, 7405), (3, 82), (4, 15)]


@pytest.mark.parametrize(
    ("hook", "type", "data"),
    [
        ("deal_add", "deal.created", {"deal": DEAL, "contact": CONTACT, "company": COMPANY}),
        ("contact_add", "contact.created", {"contact": CONTACT}),
        ("contact_update", "contact.updated", {"contact": CONTACT}),
        ("company_update", "company.updated", {"company": COMPANY}),
        (
            "lead_add",
            "lead.created",
            {"lead": {"id": "250", "title": "Заявка с сайта", "name": "Пётр", "phone": "+79160000250", "amount": 0}},
        ),
    ],
)
async def test_each_hook_becomes_its_event(portal: Portal, hook: str, type: str, data: Mapping[str, Any]) -> None:
    event = await portal.event(hook)
    assert (event.type, event.data) == (type, data)


async def test_a_deletion_needs_no_fetch(portal: Portal) -> None:
    event = await portal.event("deal_delete")
    assert (event.type, event.data, event.outcome) == ("deal.deleted", {"deal": {"id": "7405"}}, None)
    assert portal.asked == []


@pytest.mark.parametrize("hook", ["timeline_comment_add", "dynamic_item_update"])
async def test_a_hook_about_something_else_gives_no_event(portal: Portal, hook: str) -> None:
    assert await portal.fetch(hook) == Sent()
    assert portal.asked == []


async def test_an_object_deleted_meanwhile_gives_no_event(portal: Portal) -> None:
    del portal.receiver.items[2, 7405]
    assert await portal.fetch("deal_update") == Sent()


async def test_a_linked_object_deleted_meanwhile_is_left_out(portal: Portal) -> None:
    del portal.receiver.items[3, 82]
    assert set((await portal.event("deal_update")).data) == {"deal", "company"}


@pytest.mark.parametrize("none", [0, None, ""])
async def test_a_deal_without_links_comes_alone(portal: Portal, none: object) -> None:
    portal.receiver.items[2, 7405] = {**item("deal_won"), "contactId": none, "companyId": none}
    assert set((await portal.event("deal_update")).data) == {"deal"}


async def test_what_the_contract_does_not_declare_is_neither_fetched_nor_passed_on(portal: Portal) -> None:
    event = await portal.event("deal_update", {"deal": object_type({"title": TEXT}), "contact": object_type({"name": TEXT})})
    assert event.data == {"deal": {"id": "7405", "title": "Пальто, 2 шт."}, "contact": {"id": "82", "name": "Ада Лавлейс"}}
    assert portal.asked == [(2, 7405), (3, 82)]


@pytest.mark.parametrize("code", [code for code in ERRORS if code != "NOT_FOUND"])
@pytest.mark.parametrize("at", [0, 1], ids=["the deal", "its contact"])
async def test_a_documented_error_is_passing_or_for_good(portal: Portal, code: str, at: int) -> None:
    passing = {"QUERY_LIMIT_EXCEEDED", "OVERLOAD_LIMIT", "OPERATION_TIME_LIMIT", "INTERNAL_SERVER_ERROR"}
    if at:
        portal.receiver.fail_next(200, body={"result": {"item": item("deal_won")}})
    portal.receiver.refuse_next(code)
    found = await portal.fetch("deal_update")
    assert isinstance(found, Rejected)
    assert found.permanent is (code not in passing)
    assert found.reason.endswith(f": {code}")
    assert len(portal.receiver.requests) == at + 1


async def test_a_limit_reported_under_another_status_still_passes(portal: Portal) -> None:
    portal.receiver.fail_next(400, body={"error": "QUERY_LIMIT_EXCEEDED"})
    found = await portal.fetch("deal_update")
    assert isinstance(found, Rejected)
    assert not found.permanent


@pytest.mark.parametrize("body", [None, {}, {"result": []}, {"result": {"item": None}}, {"error": {"code": 1}}])
async def test_an_answer_that_is_none_passes(portal: Portal, body: object) -> None:
    portal.receiver.fail_next(200, body=body)
    found = await portal.fetch("deal_update")
    assert isinstance(found, Rejected)
    assert not found.permanent


async def test_a_wrong_webhook_is_refused_for_good(portal: Portal) -> None:
    url = portal.receiver.url.replace("portal-secret", "other-secret")
    adapter = Bitrix24Adapter(portal.client, url=url, source="crm", objects=OBJECTS, fields={})
    found = await adapter.deliver(FetchRequest(key="k", hook=parse_hook(form("deal_add")).as_json()))
    assert found == Rejected(reason=f"{portal.receiver.url.partition('/rest')[0]} answered 401 Unauthorized: NO_AUTH_FOUND", permanent=True)


@pytest.mark.parametrize("hook", [{}, {"event": "ONCRMDEALADD"}, {"event": "ONCRMDEALADD", "id": "1", "ts": 1, "handler": 5}])
async def test_a_broken_kept_hook_is_refused_for_good(portal: Portal, hook: Mapping[str, Any]) -> None:
    adapter = Bitrix24Adapter(portal.client, url=portal.receiver.url, source="crm", objects=OBJECTS, fields={})
    found = await adapter.deliver(FetchRequest(key="k", hook=hook))
    assert isinstance(found, Rejected)
    assert found.permanent


THEN = "2026-03-03T13:00:00+03:00"


@pytest.mark.parametrize(
    ("deal", "expected"),
    [
        ({"stageId": "WON"}, "won"),
        ({"stageId": "C5:WON"}, "won"),
        ({"stageId": "C5:UC_1", "stageSemanticId": "S"}, "won"),
        ({"stageId": "LOSE"}, "lost"),
        ({"stageId": "C5:LOSE"}, "lost"),
        ({"stageId": "APOLOGY"}, "lost"),
        ({"stageId": "C5:APOLOGY"}, "lost"),
        ({"stageId": "C5:UC_2", "stageSemanticId": "F"}, "lost"),
        ({"stageId": "NEW", "stageSemanticId": "P"}, None),
        ({"stageId": "C5:WONDER"}, None),
        ({"stageId": None}, None),
        ({}, None),
        ({"stageId": "WON", "movedTime": "2026-03-02T10:00:00+00:00"}, "won"),  # a day, in another zone
        ({"stageId": "WON", "movedTime": "2026-03-02T09:59:59+00:00"}, None),
        ({"stageId": "WON", "movedTime": "2025-03-03T13:00:00+03:00"}, None),
        ({"stageId": "WON", "movedTime": None}, None),
        ({"stageId": "WON", "movedTime": "yesterday"}, None),
        ({"stageId": "WON", "movedTime": "2026-03-03T13:00:00"}, None),
    ],
)
def test_a_deal_is_won_or_lost_when_it_has_just_got_there(deal: Mapping[str, Any], expected: str | None) -> None:
    assert outcome({"movedTime": THEN, "updatedTime": THEN, **deal}) == expected


async def test_only_a_deal_is_won(portal: Portal) -> None:
    portal.receiver.items[1, 250] = {**item("lead"), "stageSemanticId": "S", "movedTime": THEN, "updatedTime": THEN}
    assert (await portal.event("lead_add")).outcome is None

"""What an event brings is judged, merged with what is stored, and known again."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import small_project
from bench import NOON, Bench, bench, event

from engine.dsl.contract import survey_event
from engine.rules.needs import carried
from engine.store.protocol import EventState

HOUR = dt.timedelta(hours=1)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def test_newer_data_are_merged_field_by_field(engine: Bench) -> None:
    await engine.turn(
        event("contact.updated", {"contact": {"id": "1", "name": "Ada", "tier": "vip"}}),
        event("contact.updated", {"contact": {"id": "1", "name": "Ada King"}}, time=NOON + HOUR),
    )
    assert engine.objects("contact") == [{"id": "1", "name": "Ada King", "tier": "vip"}]


async def test_older_data_never_overwrite_newer_ones_though_they_come_later(engine: Bench) -> None:
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "name": "new", "opted_out": True}}))
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "name": "old", "tier": "vip"}}, time=NOON - HOUR))
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "opted_out": None}}, time=NOON - HOUR))
    assert engine.objects("contact") == [{"id": "1", "name": "new", "opted_out": True, "tier": "vip"}]


async def test_a_field_that_is_sent_as_nothing_is_gone(engine: Bench) -> None:
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "name": "Ada", "tier": "vip"}}))
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "tier": None}}))
    assert engine.objects("contact") == [{"id": "1", "name": "Ada"}]


async def test_what_the_contract_does_not_declare_is_not_kept(engine: Bench) -> None:
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "passport": "4510"}, "pet": {"id": "p", "name": "Rex"}}))
    assert engine.objects("contact") == [{"id": "1"}]
    assert engine.objects("pet") == []


async def test_a_contact_is_one_person_across_sources_by_email_whatever_its_case(engine: Bench) -> None:
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "email": "Ada@Example.test", "name": "Ada"}}, source="shop"))
    await engine.turn(event("contact.updated", {"contact": {"id": "77", "email": "ada@example.test", "tier": "vip"}}, source="crm"))
    await engine.turn(event("contact.updated", {"contact": {"id": "77", "buyer": True}}, source="crm"))
    (ada,) = engine.objects("contact")
    assert (ada["name"], ada["tier"], ada["buyer"]) == ("Ada", "vip", True)


async def test_a_contact_is_one_person_across_sources_by_phone_however_it_is_written(engine: Bench) -> None:
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "phone": "+7 (916) 123-45-67"}}, source="shop"))
    await engine.turn(event("contact.updated", {"contact": {"phone": "+79161234567", "name": "Ada"}}, source="calls"))
    assert [ada["name"] for ada in engine.objects("contact")] == ["Ada"]


async def test_two_sources_mean_two_people_by_the_same_id(engine: Bench) -> None:
    await engine.turn(
        event("contact.updated", {"contact": {"id": "1", "name": "Ada"}}, source="shop"),
        event("contact.updated", {"contact": {"id": "1", "name": "Grace"}}, source="crm"),
    )
    assert sorted(contact["name"] for contact in engine.objects("contact")) == ["Ada", "Grace"]


async def test_the_sources_id_says_who_it_is_before_the_email_does(engine: Bench) -> None:
    await engine.turn(
        event("contact.updated", {"contact": {"id": "1", "email": "ada@example.test", "name": "Ada"}}),
        event("contact.updated", {"contact": {"id": "2", "email": "grace@example.test", "name": "Grace"}}),
        event("contact.updated", {"contact": {"id": "2", "email": "ada@example.test", "tier": "vip"}}),
    )
    assert [contact["name"] for contact in engine.objects("contact") if contact.get("tier") == "vip"] == ["Grace"]


async def test_one_person_in_one_batch_is_one_person(engine: Bench) -> None:
    same = [event("contact.updated", {"contact": {"email": "ada@example.test", "name": f"Ada {n}"}}, source=f"s{n}") for n in range(20)]
    await engine.turn(*same)
    assert [contact["name"] for contact in engine.objects("contact")] == ["Ada 19"]


async def test_a_misfit_in_an_optional_field_becomes_none_and_is_recorded(engine: Bench) -> None:
    odd = event(
        "order.delivered", {"contact": {"id": "1", "name": "Ada", "tier": "gold", "email": 7}, "deal": {"id": "d", "title": "Coat"}}
    )
    await engine.turn(odd)
    assert engine.objects("contact") == [{"id": "1", "name": "Ada"}]
    assert engine.outcome(odd).state is EventState.DECIDED
    assert engine.outcome(odd).trace["misfits"] == [
        "contact.email must be an e-mail address, but is a number",
        "contact.tier must be one of standard, vip, but is another text",
    ]


async def test_a_misfit_in_a_required_field_quarantines_the_event_and_nothing_of_it_is_merged(engine: Bench) -> None:
    odd = event("order.delivered", {"contact": {"id": "1", "email": "ada@example.test"}, "deal": {"id": "d", "title": 7}})
    await engine.turn(odd)
    assert engine.outcome(odd).state is EventState.QUARANTINED
    assert engine.outcome(odd).note == "deal.title must be text, but is a number"
    assert (engine.objects("contact"), engine.objects("deal"), await engine.deliveries()) == ([], [], [])


async def test_a_missing_required_field_quarantines_the_event_and_nothing_of_it_is_merged(engine: Bench) -> None:
    odd = event("help.wanted", {"contact": {"id": "1", "email": "ada@example.test"}})
    await engine.turn(odd)
    assert engine.outcome(odd).state is EventState.QUARANTINED
    assert engine.outcome(odd).note == "event.topic must be text, but is missing"
    assert (engine.objects("contact"), await engine.deliveries()) == ([], [])


async def test_a_quarantined_event_changes_nothing_that_is_stored_and_derives_nothing(engine: Bench) -> None:
    await engine.turn(event("deal.created", {"contact": {"id": "1", "name": "Ada"}, "deal": {"id": "d", "title": "Coat", "stage": "new"}}))
    odd = event("deal.updated", {"deal": {"id": "d", "title": None, "stage": "won"}}, outcome="won")
    await engine.turn(odd)
    assert engine.outcome(odd).state is EventState.QUARANTINED
    assert engine.objects("deal") == [{"id": "d", "title": "Coat", "stage": "new"}]
    assert await engine.events_of("deal.won") == []


async def test_an_object_without_an_id_quarantines_the_event(engine: Bench) -> None:
    odd = event("order.delivered", {"contact": {"id": "1"}, "deal": {"title": "Coat"}})
    await engine.turn(odd)
    assert engine.outcome(odd).note == "deal.id must be text, but is missing"


@pytest.mark.parametrize("raw", ["c1", [1], 7, False, ""])
@pytest.mark.parametrize("type_", ["order.delivered", "pigeon.arrived"])
async def test_what_is_given_as_an_object_and_is_none_quarantines_the_event(engine: Bench, type_: str, raw: object) -> None:
    odd = event(type_, {"contact": raw, "deal": {"id": "d", "title": "Coat"}})
    await engine.turn(odd)
    assert engine.outcome(odd).state is EventState.QUARANTINED
    assert (engine.outcome(odd).note or "").startswith("contact must be an object, but is ")
    assert engine.objects("deal") == []


@pytest.mark.parametrize("answers", ["score", [3]])
async def test_answers_that_are_no_object_quarantine_the_event(engine: Bench, answers: object) -> None:
    odd = event(
        "survey.nps_delivery.answered", {"contact": {"id": "1", "name": "Ada"}, "deal": {"id": "d", "title": "Coat"}, "answers": answers}
    )
    await engine.turn(odd)
    assert engine.outcome(odd).state is EventState.QUARANTINED
    assert "answers must be an object" in (engine.outcome(odd).note or "")


COAT, ADA = {"id": "d", "title": "Coat"}, {"id": "1", "name": "Ada"}


@pytest.mark.parametrize(
    ("type_", "data", "lacks"),
    [
        ("order.delivered", {"contact": ADA}, "deal"),
        ("order.delivered", {"contact": ADA, "deal": None}, "deal"),
        ("visit.ended", {}, "contact"),
        ("deal.won", {"contact": ADA}, "deal"),
        ("survey.nps_delivery.answered", {"deal": COAT, "answers": {"score": 3}}, "contact"),
    ],
)
async def test_an_event_without_an_object_that_it_has_to_carry_is_quarantined(
    engine: Bench, type_: str, data: dict[str, object], lacks: str
) -> None:
    odd = event(type_, data)
    await engine.turn(odd)
    assert engine.outcome(odd).state is EventState.QUARANTINED
    assert engine.outcome(odd).note == f"{lacks} must be an object, but is missing"
    assert (await engine.deliveries(), engine.objects("contact")) == ([], [])


def test_an_answer_needs_nobody_where_the_survey_may_know_nobody() -> None:
    project, answered = small_project.definitions(), survey_event("nps_delivery", "answered", "deal")
    plain = project.surveys["nps_delivery"]
    kinds = (plain, replace(plain, open=True), replace(plain, anonymous=True))
    needed = [carried(replace(project, surveys={**project.surveys, plain.name: survey}), answered) for survey in kinds]
    assert needed == [{"contact"}, set(), set()]


async def test_the_contact_to_which_an_object_is_linked_need_not_be_there(engine: Bench) -> None:
    unlinked = event("order.delivered", {"deal": COAT})
    await engine.turn(unlinked)
    assert engine.outcome(unlinked).trace["skipped"] == {"cadence.after_delivery": "no contact"}


async def test_an_object_that_is_sent_as_nothing_is_not_carried(engine: Bench) -> None:
    plain = event("order.delivered", {"contact": None, "deal": {"id": "d", "title": "Coat"}})
    await engine.turn(plain)
    assert engine.outcome(plain).state is EventState.DECIDED


async def test_an_event_of_an_unknown_type_is_harmless_and_its_objects_are_learned(engine: Bench) -> None:
    unknown = event("pigeon.arrived", {"contact": {"id": "1", "name": "Ada"}})
    await engine.turn(unknown)
    assert engine.outcome(unknown).state is EventState.DECIDED
    assert engine.outcome(unknown).trace == {"unknown": "pigeon.arrived"}
    assert (engine.objects("contact"), await engine.deliveries()) == ([{"id": "1", "name": "Ada"}], [])


async def test_an_event_about_nobody_is_decided_with_the_reason_why_nothing_followed(engine: Bench) -> None:
    nobody = event("order.delivered", {"deal": {"id": "d", "title": "Coat"}})
    await engine.turn(nobody)
    assert engine.outcome(nobody).trace["skipped"] == {"cadence.after_delivery": "no contact"}
    assert await engine.deliveries() == []


async def test_a_deal_leads_to_the_contact_that_it_came_with_before(engine: Bench) -> None:
    await engine.turn(event("deal.created", {"contact": {"id": "1", "email": "ada@example.test"}, "deal": {"id": "d", "title": "Coat"}}))
    await engine.turn(event("order.delivered", {"deal": {"id": "d"}}))
    (row,) = await engine.deliveries()
    assert row.action == "invite"
    assert set(row.subjects) == {"contact", "deal"}

"""What follows from an event: once, in order, under the version of the day, and nothing that nobody asked for."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import small_project
import stored
from bench import NOON, Bench, bench, event

from engine.model.delivery import DeliveryState
from engine.model.events import Event
from engine.model.feedback import InvitationState
from engine.model.texts import Text
from engine.store.protocol import EventState

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
ADA = {"id": "1", "name": "Ada", "email": "ada@example.test"}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


def delivered(number: int = 1, **contact: Any) -> Event:
    return event("order.delivered", {"contact": {**ADA, **contact}, "deal": {"id": f"d{number}", "title": "Coat"}})


def deal(type_: str, stage: str, outcome: str | None = None, *, at: dt.datetime = NOON, title: str = "Coat") -> Event:
    data: Mapping[str, Any] = {"contact": ADA, "deal": {"id": "d", "title": title, "stage": stage}}
    return event(type_, data, outcome=outcome, time=at)


async def derived(engine: Bench) -> Counter[str]:
    found: Counter[str] = Counter()
    for type_ in ("deal.stage_changed", "deal.won", "deal.lost"):
        found[type_] = len(await engine.events_of(type_))
    return +found


async def origins(engine: Bench) -> list[str]:
    return [row.origin for row in await engine.deliveries()]


# -- deals ----------------------------------------------------------------------------------------------------------------


async def test_a_deal_that_moves_to_won_is_a_change_of_stage_and_a_win_once(engine: Bench) -> None:
    await engine.turn(deal("deal.created", "new"))
    await engine.turn(deal("deal.updated", "C1:WON", "won"))
    await engine.turn(deal("deal.updated", "C1:WON", "won", title="Long coat"))  # another edit of a deal that is won
    assert await derived(engine) == {"deal.stage_changed": 2, "deal.won": 1}
    assert await origins(engine) == ["automation.moved/0", "automation.moved/0", "automation.won/0"]


async def test_a_deal_that_moves_to_lost_is_lost_once(engine: Bench) -> None:
    await engine.turn(deal("deal.created", "new"), deal("deal.updated", "LOSE", "lost"), deal("deal.updated", "LOSE", "lost"))
    assert await derived(engine) == {"deal.stage_changed": 2, "deal.lost": 1}


async def test_an_older_stage_that_comes_late_changes_nothing(engine: Bench) -> None:
    await engine.turn(deal("deal.created", "won", "won", at=NOON))
    await engine.turn(deal("deal.updated", "lost", "lost", at=NOON - HOUR))
    assert await derived(engine) == {"deal.stage_changed": 1, "deal.won": 1}


async def test_an_event_derived_from_a_deal_knows_the_deal_and_its_contact(engine: Bench) -> None:
    await engine.turn(deal("deal.created", "won", "won"))
    (won,) = await engine.events_of("deal.won")
    (row,) = [row for row in await engine.deliveries() if row.origin == "automation.won/0"]
    assert won.subjects == {kind: row.subjects[kind] for kind in ("contact", "deal")}


async def test_what_changed_is_known_to_the_rules_and_still_when_it_is_sent(engine: Bench) -> None:
    await engine.turn(event("deal.created", {"deal": {"id": "d", "title": "Coat", "amount": 10}}))
    await engine.turn(event("deal.updated", {"deal": {"id": "d", "title": "Long coat"}}))
    assert await origins(engine) == []
    await engine.turn(event("deal.updated", {"deal": {"id": "d", "title": "Long coat", "amount": 12}}))
    assert [item.delivery.origin for item in await engine.claim("hook")] == ["automation.repriced/0"]


async def test_a_field_that_went_away_has_changed(engine: Bench) -> None:
    await engine.turn(event("deal.created", {"deal": {"id": "d", "title": "Coat", "amount": 10}}))
    await engine.turn(event("deal.updated", {"deal": {"id": "d", "amount": None}}))
    assert await origins(engine) == ["automation.repriced/0"]


# -- once, and in order ---------------------------------------------------------------------------------------------------


async def test_the_same_event_twice_acts_once(engine: Bench) -> None:
    once = delivered()
    assert await engine.accept(once, once) == [True, False]
    await engine.turn()
    assert await engine.accept(once) == [False]
    await engine.turn()
    assert await origins(engine) == ["cadence.after_delivery"]


async def test_a_turn_without_events_does_nothing(engine: Bench) -> None:
    await engine.turn(delivered())
    before = await engine.outbox()
    assert await engine.turn() == 0
    assert await engine.outbox() == before


async def test_events_are_decided_in_the_order_of_acceptance(engine: Bench) -> None:
    in_and_out = [delivered(n, buyer=n % 2 == 0) for n in range(1, 8)]
    await engine.turn(*in_and_out)
    decided = [engine.outcome(one).trace for one in in_and_out]
    assert ["fired" in trace for trace in decided] == [n % 2 == 0 for n in range(1, 8)]
    assert {reason for trace in decided for reason in trace.get("skipped", {}).values()} == {"audience.buyers: contact.buyer|default(true)"}


async def test_more_events_than_a_turn_takes_are_decided_in_turns(engine: Bench) -> None:
    await engine.turn(*(event("help.wanted", {"contact": {"id": str(n)}, "topic": f"t{n}"}) for n in range(1_234)))
    assert stored.value(engine.store.path, "SELECT count(*) FROM event WHERE state = 0") == 0
    assert len(await engine.outbox()) == 1_000  # as many as were asked for
    assert stored.value(engine.store.path, "SELECT count(*) FROM outbox") == 1_234


async def test_an_event_says_which_version_decided_and_which_rules_fired(engine: Bench) -> None:
    wanted = event("help.wanted", {"contact": ADA, "topic": "size"})
    await engine.turn(wanted)
    assert engine.outcome(wanted).trace == {"deployment": 1, "fired": ["automation.help"]}


# -- what is not linked ---------------------------------------------------------------------------------------------------

WEBHOOK = "- webhook: {via: hook, data: {what: won}}"


@pytest.mark.parametrize(
    "step",
    [
        f"{WEBHOOK}\n    if: contact.tier is not none and days_since(contact.since) > 3",
        '- webhook: {via: hook, data: {who: "{{ contact.since }}"}}',
        '- ticket: {via: desk, title: "{{ contact.city|lower }}"}',
        "- update: {contact: {tier: vip}}",
        '- email: {via: mail, subject: Won, body: "{{ contact.city }}"}',
        "- email: {via: mail, template: of_the_city}",
    ],
)
async def test_a_step_that_reads_or_changes_what_is_not_linked_is_passed_over_with_the_reason(tmp_path: Path, step: str) -> None:
    """Its type promises a contact, and a deal of the CRM may have none."""
    changes = {
        "    name: optional text\n    email": "    name: optional text\n    city: text\n    since: date\n    email",
        WEBHOOK: f"{step}\n  {WEBHOOK}",
        "template: thank_you\n": 'template: of_the_city\nsubject: Won\ntext: "{{ contact.city|lower }}"\n---\ntemplate: thank_you\n',
    }
    async with bench(tmp_path, small_project.definitions(changes)) as engine:
        await engine.turn(event("deal.created", {"deal": {"id": "d", "title": "Coat", "stage": "new"}}))
        assert await engine.turn(event("deal.updated", {"deal": {"id": "d", "stage": "won"}}, outcome="won")) == 0
        trace = stored.value(engine.store.path, "SELECT trace FROM event WHERE type = 'deal.won'")
        assert json.loads(trace)["skipped"] == {"automation.won/0": "no contact"}
        assert [row.origin for row in await engine.deliveries() if "won" in row.origin] == ["automation.won/1"]


async def test_a_text_that_copes_with_what_is_missing_is_said_of_what_is_not_linked(tmp_path: Path) -> None:
    unlinked = {"help.wanted: {object: contact, topic: text}": "help.wanted: {topic: text}"}
    async with bench(tmp_path, small_project.definitions(unlinked)) as engine:
        await engine.turn(event("help.wanted", {"topic": "size"}))
        assert [item.delivery.origin for item in await engine.claim("desk")] == ["automation.help/0"]


async def test_a_step_whose_guard_does_not_hold_says_so(tmp_path: Path) -> None:
    guarded = {WEBHOOK: f"{WEBHOOK}\n    if: deal.amount is not none and deal.amount > 5"}
    async with bench(tmp_path, small_project.definitions(guarded)) as engine:
        await engine.turn(deal("deal.created", "won", "won"))
        trace = json.loads(stored.value(engine.store.path, "SELECT trace FROM event WHERE type = 'deal.won'"))
        assert (trace["fired"], trace["skipped"]) == (["automation.won"], {"automation.won/0": "if"})


BRANCH = "- {if: deal.amount is not none and deal.amount > 5, then: [{webhook: {via: hook, data: {what: large}}}], else: [{stop: small}]}"


@pytest.mark.parametrize(
    ("amount", "origins_there"), [(9, ["automation.won/0/then/0", "automation.won/1"]), (1, [])], ids=["then", "else stops"]
)
async def test_a_branch_is_taken_and_a_stop_ends_the_steps(tmp_path: Path, amount: int, origins_there: list[str]) -> None:
    async with bench(tmp_path, small_project.definitions({WEBHOOK: f"{BRANCH}\n  {WEBHOOK}"})) as engine:
        won = {"contact": ADA, "deal": {"id": "d", "title": "Coat", "stage": "won", "amount": amount}}
        await engine.turn(event("deal.created", won, outcome="won"))
        assert [origin for origin in await origins(engine) if "won" in origin] == origins_there
        assert {item.delivery.origin for item in await engine.claim("hook")} >= set(origins_there)


async def test_a_step_behind_an_update_looks_at_what_was_updated(tmp_path: Path) -> None:
    update = '- update: {deal: {amount: "{{ 9 }}"}}\n  '
    guarded = {WEBHOOK: f"{update}{WEBHOOK}\n    if: deal.amount is not none and deal.amount > 5"}
    async with bench(tmp_path, small_project.definitions(guarded)) as engine:
        await engine.turn(deal("deal.created", "won", "won"))
        assert [origin for origin in await origins(engine) if "won" in origin] == ["automation.won/1"]
        assert engine.objects("deal")[0]["amount"] == 9


@pytest.mark.parametrize("then", ["", "after: 2d\n", "invite: about_the_deal\n"])
async def test_a_cadence_that_reads_what_is_not_linked_asks_nobody(tmp_path: Path, then: str) -> None:
    condition = 'if: event.warehouse|default("") != "test"\n'
    changes = {condition: then if "invite" in then else f'if: deal.title != "Coat"\n{then}'}
    changes["audience: buyers\nwhen: order.delivered\n"] = "audience: buyers\nwhen: survey.nps_delivery.expired\n"
    if "invite" in then:
        about = 'template: about_the_deal\nsubject: Hello\ntext: "{{ deal.title|lower }} {{ link }}"\n---\n'
        changes["template: thank_you\n"] = about + "template: thank_you\n"
    async with bench(tmp_path, small_project.definitions(changes)) as engine:
        bare = event("survey.nps_delivery.expired", {"contact": ADA})
        assert await engine.turn(bare) == 0
        assert engine.outcome(bare).trace["skipped"] == {"cadence.after_delivery": "no deal"}


# -- updates --------------------------------------------------------------------------------------------------------------


def answered(score: int, number: int = 1) -> Event:
    data = {"contact": ADA, "deal": {"id": f"d{number}", "title": "Coat"}, "answers": {"score": score}, "invitation": {"channel": "email"}}
    return event("survey.nps_delivery.answered", data)


async def test_an_update_changes_our_copy_at_once_and_emits_nothing(engine: Bench) -> None:
    engine.clock.advance(HOUR)
    await engine.turn(answered(8))
    (ada,) = engine.objects("contact")
    assert ada["last_score"] == 8
    assert stored.value(engine.store.path, "SELECT count(*) FROM event") == 1
    assert await origins(engine) == []


async def test_an_update_is_seen_by_the_next_event_of_the_same_turn(engine: Bench) -> None:
    engine.clock.advance(HOUR)
    later = event("contact.updated", {"contact": {"id": "1", "last_score": 3}}, time=NOON)  # older than the update
    await engine.turn(answered(8), later)
    assert engine.objects("contact")[0]["last_score"] == 8


# -- invitations ----------------------------------------------------------------------------------------------------------


async def test_an_invitation_is_planned_behind_the_event(engine: Bench) -> None:
    await engine.turn(event("visit.ended", {"contact": ADA}))
    (line,) = await engine.outbox()
    (invitation,) = await engine.invitations()
    assert line.due == invitation.due == NOON + 2 * DAY
    assert (invitation.state, invitation.survey, invitation.lifetime) == (InvitationState.PLANNED, "csat_visit", 7 * 86_400)
    assert await engine.claim() == []


async def test_a_contact_without_an_address_is_not_asked_now_and_the_reason_is_kept(engine: Bench) -> None:
    hidden = event("order.delivered", {"contact": {"id": "1"}, "deal": {"id": "d", "title": "Coat"}})
    await engine.turn(hidden)
    assert engine.outcome(hidden).trace["skipped"] == {"cadence.after_delivery": "no address for mail"}
    assert await engine.deliveries() == []


async def test_an_address_that_becomes_known_before_the_sending_is_used(engine: Bench) -> None:
    await engine.turn(event("visit.ended", {"contact": {"id": "1"}}))
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "email": "ada@example.test"}}))
    engine.clock.advance(2 * DAY)
    assert [item.delivery.origin for item in await engine.claim()] == ["cadence.after_visit"]


async def test_an_invitation_that_nobody_answers_expires_once_with_an_event(engine: Bench) -> None:
    await engine.invite(delivered())
    engine.clock.advance(14 * DAY - dt.timedelta(seconds=1))
    await engine.turn()
    assert [row.state for row in await engine.invitations()] == [InvitationState.SENT]
    engine.clock.advance(dt.timedelta(seconds=1))
    await engine.turn()
    await engine.turn()
    assert [row.state for row in await engine.invitations()] == [InvitationState.EXPIRED]
    assert len(await engine.events_of("survey.nps_delivery.expired")) == 1
    assert [row.origin for row in await engine.deliveries() if row.action == "webhook"] == ["automation.unanswered/0"]


async def test_an_expiry_that_nobody_waits_for_makes_no_event(engine: Bench) -> None:
    await engine.turn(event("visit.ended", {"contact": ADA}))
    engine.clock.advance(2 * DAY)
    await engine.invite()
    engine.clock.advance(8 * DAY)
    await engine.turn()
    assert [row.state for row in await engine.invitations()] == [InvitationState.EXPIRED]
    assert await engine.events_of("survey.csat_visit.expired") == []


# -- versions -------------------------------------------------------------------------------------------------------------


async def test_an_event_is_decided_under_the_deployment_that_is_current_then(engine: Bench) -> None:
    await engine.accept(event("help.wanted", {"contact": ADA, "topic": "size"}))
    await engine.deploy(
        small_project.definitions({'- ticket: {via: desk, title: "{{ event.topic }}"': '- ticket: {via: desk, title: "new"'})
    )
    await engine.turn()
    assert [row.deployment for row in await engine.deliveries()] == [2]


async def test_a_queued_step_keeps_the_version_that_decided(engine: Bench) -> None:
    await engine.turn(event("help.wanted", {"contact": ADA, "topic": "size"}))
    await engine.deploy(
        small_project.definitions({'- ticket: {via: desk, title: "{{ event.topic }}"': '- ticket: {via: desk, title: "new"'})
    )
    await engine.turn(event("help.wanted", {"contact": ADA, "topic": "colour"}))
    claimed = await engine.claim("desk")
    assert [item.version.number for item in claimed if item.version is not None] == [1, 2]
    titles = [item.step.content["title"] for item in claimed if item.step is not None]
    assert [title.by_language[""].text for title in titles if isinstance(title, Text)] == ["{{ event.topic }}", "new"]


async def test_a_queued_step_is_sent_though_its_automation_is_not_deployed_any_more(engine: Bench) -> None:
    await engine.turn(event("help.wanted", {"contact": ADA, "topic": "size"}))
    await engine.deploy(small_project.definitions({"automation: help\n": "automation: aid\n"}))
    assert [item.delivery.origin for item in await engine.claim("desk")] == ["automation.help/0"]


async def test_an_invitation_follows_the_newest_version_until_it_is_sent(engine: Bench) -> None:
    other_survey = {"cadence: after_delivery\nsurvey: nps_delivery": "cadence: after_delivery\nsurvey: csat_visit"}
    await engine.turn(delivered(1))
    await engine.deploy(small_project.definitions(other_survey))
    await engine.invite()
    await engine.deploy(small_project.definitions())
    await engine.turn()
    (invitation,) = await engine.invitations()
    assert (invitation.survey, invitation.deployment) == ("csat_visit", 2), "sending fixes it"


async def test_nothing_is_decided_before_anything_is_applied(tmp_path: Path) -> None:
    async with bench(tmp_path) as engine:
        engine.store._writer.execute("DELETE FROM deployment")
        waiting = delivered()
        await engine.turn(waiting)
        assert engine.outcome(waiting).state is EventState.WAITING
        await engine.deploy(small_project.definitions())
        await engine.turn()
        assert engine.outcome(waiting).state is EventState.DECIDED
        assert [line.delivery.state for line in await engine.outbox()] == [DeliveryState.PENDING]


# -- what an event takes back -----------------------------------------------------------------------------------------------

TAKEN_BACK = {"when: visit.ended\nafter: 2d\n": "when: [visit.ended, order.delivered]\nafter: 2d\ncancel_on: [deal.lost, help.wanted]\n"}


def lost(number: int) -> Event:
    return event("deal.lost", {"contact": ADA, "deal": {"id": f"d{number}", "title": "Coat"}})


async def taken_back(engine: Bench) -> list[str | None]:
    engine.clock.advance(2 * DAY)
    sent = [item.delivery.origin for item in await engine.claim() if item.cadence is not None]
    dropped = [line.reason for line in await engine.outbox(DeliveryState.DROPPED)]
    return [*(origin for origin in sent if origin == "cadence.after_visit"), *dropped]


async def test_an_event_takes_back_what_was_not_sent_about_the_same_object(tmp_path: Path) -> None:
    async with bench(tmp_path, small_project.definitions(TAKEN_BACK)) as engine:
        await engine.turn(delivered(1), delivered(2))
        await engine.turn(lost(1))
        assert await taken_back(engine) == ["cadence.after_visit", "cancelled by deal.lost"]


async def test_an_event_about_the_contact_alone_takes_back_all_and_one_of_another_contact_nothing(tmp_path: Path) -> None:
    bob = {"id": "2", "email": "bob@example.test"}
    async with bench(tmp_path, small_project.definitions(TAKEN_BACK)) as engine:
        await engine.turn(delivered(1), event("visit.ended", {"contact": ADA}), event("visit.ended", {"contact": bob}))
        await engine.turn(event("help.wanted", {"contact": ADA, "topic": "size"}))
        assert await taken_back(engine) == ["cadence.after_visit", "cancelled by help.wanted", "cancelled by help.wanted"]


async def test_what_is_planned_in_the_same_turn_is_taken_back_where_it_came_before(tmp_path: Path) -> None:
    async with bench(tmp_path, small_project.definitions(TAKEN_BACK)) as engine:
        await engine.turn(delivered(1), lost(1), delivered(1))
        assert await taken_back(engine) == ["cadence.after_visit", "cancelled by deal.lost"]


async def test_what_is_on_its_way_is_not_taken_back(tmp_path: Path) -> None:
    async with bench(tmp_path, small_project.definitions(TAKEN_BACK)) as engine:
        await engine.turn(delivered(1))
        engine.clock.advance(2 * DAY)
        (_, item) = await engine.claim()
        await engine.turn(lost(1))
        assert item.invitation is not None
        assert item.invitation.state is InvitationState.PLANNED
        assert {row.state for row in await engine.invitations()} == {InvitationState.PLANNED}

"""Suppressed addresses: who may not be written to is told by a keyed hash, at the decision and at the claim."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import small_project
import stored
from bench import NOON, Bench, bench, event
from hypothesis import given
from hypothesis import strategies as st

from engine.model.delivery import DeliveryState
from engine.model.events import Event
from engine.model.feedback import InvitationState
from engine.runtime.suppression import Suppressing, is_suppressed, normalised, suppress
from engine.store.sqlite.files import problems

RULES = """
automation: leave_alone
when: help.wanted
if: event.topic == "stop"
then:
  - suppress: {reason: asked to be left alone}
---
automation: rest
when: help.wanted
if: event.topic == "rest"
then:
  - suppress: {channel: email, for: 30d}
---
automation: thank
when: help.wanted
if: event.topic == "thanks"
then:
  - email: {via: mail, template: thank_you}
---
automation: tell_us
when: help.wanted
if: event.topic == "tell"
then:
  - email: {via: mail, to: cx@shop.test, subject: Look, body: "{{ contact.name|default('-') }}"}
---
automation: by_name
when: help.wanted
if: event.topic == "named"
then:
  - email: {via: mail, to: "{{ contact.email|default('cx@shop.test') }}", subject: Look, body: Thank you}
---
automation: ask_again
when: help.wanted
if: event.topic == "ask"
then:
  - ask: {survey: csat_visit, via: [mail]}
"""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, small_project.with_rules(RULES)) as made:
        yield made


def contact(number: int = 1, **given: object) -> dict[str, object]:
    return {"id": f"c{number}", "email": f"c{number}@example.test"} | given


def asked(topic: str, number: int = 1, **given: object) -> Event:
    return event("help.wanted", {"contact": contact(number, **given), "topic": topic})


def order(number: int = 1, **given: object) -> Event:
    return event("order.delivered", {"contact": contact(number, **given), "deal": {"id": "d1", "title": "Coat"}})


async def mail(engine: Bench) -> list[str]:
    """The contacts to whom something may go out now, by their e-mail address."""
    found = [item.scope["contact"] for item in await engine.claim("mail") if item.scope is not None]
    return [str(one["email"]) for one in found if isinstance(one, dict)]


async def test_nothing_is_decided_for_an_address_that_is_suppressed_and_others_are_asked(engine: Bench) -> None:
    await engine.turn(asked("stop"))
    before, other = order(), order(2)
    await engine.turn(before, other)
    assert engine.outcome(before).trace["skipped"]["cadence.after_delivery"] == "suppressed"
    assert await mail(engine) == ["c2@example.test"]


async def test_what_was_decided_before_is_dropped_at_the_claim(engine: Bench) -> None:
    await engine.turn(order(), asked("thanks"), asked("ask"))
    await engine.turn(asked("stop"))
    assert await mail(engine) == []
    mails = [line for line in await engine.outbox() if line.delivery.connection == "mail"]
    assert [(line.delivery.state, line.reason) for line in mails] == [(DeliveryState.DROPPED, "suppressed")] * 3
    assert {(one.state, one.reason) for one in await engine.invitations()} == {(InvitationState.DROPPED, "suppressed")}
    assert list(problems(engine.store.path)) == []


async def test_mail_that_a_step_sends_to_somebody_else_still_goes(engine: Bench) -> None:
    await engine.turn(asked("stop"), asked("tell"))
    assert [item.delivery.origin for item in await engine.claim("mail")] == ["automation.tell_us/0"]


async def test_an_address_that_a_step_works_out_is_as_suppressed_as_the_contacts_own(engine: Bench) -> None:
    await engine.turn(asked("stop"), asked("named"), asked("named", 2))
    assert await mail(engine) == ["c2@example.test"]
    await engine.turn(asked("named", 1, email=None))
    assert [item.delivery.origin for item in await engine.claim("mail")] == ["automation.by_name/0"]


async def test_mail_to_an_address_of_the_house_is_no_mail_to_a_customer(engine: Bench) -> None:
    """It may be repeated where nobody knows whether it arrived, goes out in quiet hours, and whatever the contact has said."""
    await engine.turn(asked("tell", opted_out=True), asked("thanks", 2))
    assert [(item.delivery.origin, item.delivery.respondent) for item in await engine.claim("mail")] == [
        ("automation.tell_us/0", False),
        ("automation.thank/0", True),
    ]


async def test_it_ends_with_its_time_and_another_address_was_never_meant(engine: Bench) -> None:
    await engine.turn(asked("rest"), order())
    assert await mail(engine) == []
    await engine.turn(order(email="new@example.test"))
    assert await mail(engine) == ["new@example.test"]
    engine.clock.advance(dt.timedelta(days=31))
    await engine.turn(asked("ask", email="c1@example.test"))
    late = event("order.delivered", {"contact": contact(), "deal": {"id": "d2", "title": "Hat"}}, time=engine.clock.now())
    await engine.turn(late)
    assert await mail(engine) == ["c1@example.test"] * 2


async def test_for_good_is_not_shortened_by_a_suppression_for_a_time(engine: Bench) -> None:
    await engine.turn(asked("stop"), asked("rest"))
    engine.clock.advance(dt.timedelta(days=31))
    await engine.turn(order())
    assert await mail(engine) == []


async def test_it_outlives_the_contact_and_cannot_be_read_out_of_the_store(engine: Bench) -> None:
    await engine.turn(asked("stop"))
    row = stored.rows(engine.store.path, "SELECT digest, channel, until, reason FROM suppression")
    assert [(one["channel"], one["until"], one["reason"]) for one in row] == [("email", None, "asked to be left alone")]
    assert len(row[0]["digest"]) == 32
    assert b"c1@" not in row[0]["digest"]
    engine.store._writer.executescript("DELETE FROM object; DELETE FROM alias")
    again = order(email="C1@Example.TEST", id="under-another-id")
    await engine.turn(again)
    assert engine.outcome(again).trace["skipped"]["cadence.after_delivery"] == "suppressed"


async def test_a_contact_without_an_address_is_passed_over(engine: Bench) -> None:
    one = event("help.wanted", {"contact": {"id": "c9"}, "topic": "stop"})
    await engine.turn(one)
    assert stored.value(engine.store.path, "SELECT count(*) FROM suppression") == 0


async def test_suppressions_whose_time_is_over_are_forgotten(engine: Bench) -> None:
    await engine.turn(asked("rest"), asked("rest", 2))
    engine.clock.advance(dt.timedelta(days=31))
    await engine.turn(asked("rest", 3))
    assert stored.value(engine.store.path, "SELECT count(*) FROM suppression") == 1


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        ("email", "Ada@Example.Test", " ada@example.test "),
        ("email", "a@ПРИМЕР.рф", "A@xn--e1afmkfd.xn--p1ai"),
        ("email", "zoe\u0308@example.test", "zo\u00eb@example.test"),
        ("sms", "+7 (916) 123-45-67", "0079161234567"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(channel: str, one: str, other: str) -> None:
    assert normalised(channel, one) == normalised(channel, other)


def test_addresses_that_reach_different_people_stay_different() -> None:
    assert (
        len({normalised("email", one) for one in ("ada@example.test", "ad.a@example.test", "ada+x@example.test", "ada@example.com")}) == 4
    )


@given(st.text(max_size=30), st.sampled_from(["email", "sms", "telegram"]))
def test_any_text_has_one_normal_form(text: str, channel: str) -> None:
    assert normalised(channel, normalised(channel, text)) == normalised(channel, text)


async def test_each_store_hashes_with_a_key_of_its_own(tmp_path: Path) -> None:
    digests = set()
    for name in ("one", "other"):
        async with bench(tmp_path / name) as made:
            row = Suppressing(channel="email", address="ada@example.test", until=None, reason="r")
            await made.store.write(lambda tx, row=row: suppress(tx, [row], NOON))  # type: ignore[misc]
            assert await made.store.write(lambda tx: is_suppressed(tx, "email", {"email": "ADA@example.test"}, NOON))
            digests.add(stored.value(made.store.path, "SELECT digest FROM suppression"))
    assert len(digests) == 2

"""What came to nothing is counted by what and why, so that a mistyped type or a contact without an address is seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bench import Bench, bench, event

from engine.runtime.effects import MAX_NOTED
from engine.runtime.turn import UNDECLARED, run_turn

ADA = {"id": "1", "name": "Ada", "email": "ada@example.test"}
COAT = {"id": "d1", "title": "Coat"}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def noted(engine: Bench) -> dict[tuple[str, str], int]:
    return {(line.what, line.why): line.many for line in await engine.store.read(lambda tx: tx.noted(MAX_NOTED))}


async def test_events_of_a_type_that_nobody_declared_are_counted_by_type(engine: Bench) -> None:
    await engine.turn(*(event("order.deliverd", {"contact": ADA}) for _ in range(3)), event("survey.nope.answered"))
    await engine.turn(event("order.deliverd"))
    assert await noted(engine) == {("order.deliverd", UNDECLARED): 4, ("survey.nope.answered", UNDECLARED): 1}


async def test_a_turn_says_which_types_were_not_declared(engine: Bench) -> None:
    await engine.accept(event("order.deliverd"), event("order.deliverd"), event("visit.ended", {"contact": ADA}))
    report = await engine.store.write(lambda tx: run_turn(tx, engine.versions, engine.clock.now()))
    assert report.undeclared == {"order.deliverd": 2}


async def test_a_turn_says_which_events_were_quarantined_and_why(engine: Bench) -> None:
    await engine.accept(event("help.wanted", {"contact": ADA, "topic": 7}, id="h1"), event("help.wanted", {"contact": ADA, "topic": "x"}))
    report = await engine.store.write(lambda tx: run_turn(tx, engine.versions, engine.clock.now()))
    assert [(one.type, one.source, one.id, one.why) for one in report.quarantined] == [
        ("help.wanted", "shop", "h1", "event.topic must be text, but is a number")
    ]


@pytest.mark.parametrize("contact", [None, {"id": "1", "email": None}])
async def test_an_invitation_for_nobody_is_counted_with_its_cadence_and_the_reason(engine: Bench, contact: object) -> None:
    await engine.turn(event("order.delivered", {"contact": contact, "deal": COAT}))
    assert await noted(engine) == {("cadence.after_delivery", "no contact" if contact is None else "no address for mail"): 1}


async def test_data_that_are_read_as_missing_are_counted_with_the_field(engine: Bench) -> None:
    await engine.turn(event("order.delivered", {"contact": {**ADA, "email": "a@x, b@x"}, "deal": {**COAT, "amount": "much"}}))
    assert await noted(engine) == {
        ("order.delivered", "read as missing: contact.email must be an e-mail address, but is another text"): 1,
        ("order.delivered", "read as missing: deal.amount must be a number, but is text"): 1,
        ("cadence.after_delivery", "no address for mail"): 1,
    }


async def test_an_answer_to_a_question_that_is_not_asked_is_counted(engine: Bench) -> None:
    await engine.turn(event("survey.nps_delivery.answered", {"contact": ADA, "deal": COAT, "answers": {"score": 9, "scoer": 3}}))
    assert ("survey.nps_delivery.answered", "read as missing: answer.scoer must be a question of nps_delivery, but is none") in await noted(
        engine
    )


async def test_what_does_all_that_it_should_is_not_counted(engine: Bench) -> None:
    await engine.turn(
        event("order.delivered", {"contact": ADA, "deal": COAT}),
        event("order.delivered", {"contact": ADA, "deal": COAT, "warehouse": "test"}),  # for which the cadence is not meant
        event("help.wanted", {"contact": ADA, "topic": "x"}),
    )
    assert await noted(engine) == {}


async def test_however_many_types_a_sender_makes_up_the_newest_are_kept_and_no_more(engine: Bench) -> None:
    await engine.turn(*(event(f"made.up{number}") for number in range(MAX_NOTED + 50)))
    engine.clock.advance(dt.timedelta(seconds=1))
    await engine.turn(event("made.up_last"))
    found = await noted(engine)
    assert len(found) == MAX_NOTED
    assert ("made.up_last", UNDECLARED) in found

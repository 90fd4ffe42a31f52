"""What is kept for a while only: however long a store runs, there is no more of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import small_project
import stored
from bench import Bench, bench, event

from engine.model.delivery import Rejected, Sent

DAY = dt.timedelta(days=1)
RESCUE = """
automation: rescue
when: visit.ended
then:
  - ticket: {via: desk, title: "{{ contact.name|default('-') }}"}
    as: case
  - webhook: {via: hook, data: {what: over}}
"""
CAP = {"may_ask:": "frequency: [{max: 1, per: 3y, of: company}]\nmay_ask:"}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, small_project.with_rules(RESCUE)) as made:
        yield made


async def solved(engine: Bench, *tickets: str) -> None:
    said = [event("ticket.updated", {"ticket": {"id": ticket, "status": "solved"}}, source="desk") for ticket in tickets]
    await engine.turn(*said)


async def a_ticket_that_never_comes_back(engine: Bench) -> None:
    """As long as it is being tried, whatever a desk says may be about it."""
    await engine.turn(event("visit.ended", {"contact": {"id": "1", "buyer": False}}))
    await engine.deliver("desk", Rejected(reason="busy", permanent=False))


def kept(engine: Bench, table: str) -> int:
    return int(stored.value(engine.store.path, f"SELECT count(*) FROM {table}"))


async def test_what_a_desk_says_of_tickets_that_are_not_ours_goes_after_two_days(engine: Bench) -> None:
    await a_ticket_that_never_comes_back(engine)
    most = 0
    for day in range(12):
        await solved(engine, *(f"theirs-{day}-{number}" for number in range(20)))
        most = max(most, kept(engine, "early_reply"))
        engine.clock.advance(DAY)
    assert most == 2 * 20


async def test_a_reply_to_a_ticket_that_no_run_waits_for_goes_when_its_number_is_known(engine: Bench) -> None:
    await a_ticket_that_never_comes_back(engine)
    await engine.turn(event("help.wanted", {"contact": {"id": "2"}, "topic": "sizes"}))
    (item,) = await engine.claim("desk")
    await solved(engine, "7")
    assert kept(engine, "early_reply") == 1
    await engine.answer(item, Sent(external_id="7"))
    assert kept(engine, "early_reply") == 0


@pytest.mark.parametrize(("changes", "most"), [({}, 14), (CAP, 38)])
async def test_the_ledger_keeps_a_year_and_as_long_as_a_cap_looks_back(changes: dict[str, str], most: int, tmp_path: Path) -> None:
    """Somebody who is asked every month for ten years."""
    async with bench(tmp_path, small_project.definitions(changes)) as engine:
        counts = []
        for month in range(120):
            deal = {"id": f"d{month}", "title": "Coat"}
            contact = {"id": "1", "email": "ada@example.test"}
            await engine.invite(event("order.delivered", {"contact": contact, "deal": deal}, time=engine.clock.now()))
            counts.append(kept(engine, "ask"))
            engine.clock.advance(30 * DAY)
        assert (counts[11], max(counts)) == (12, most)

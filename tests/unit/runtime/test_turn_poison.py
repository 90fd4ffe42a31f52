"""An event in which the engine itself fails is parked alone, wherever in the turn it happens."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import stored
from bench import Bench, bench, event

from engine.errors import StoreError
from engine.model.events import Event
from engine.runtime.turn import run_turn
from engine.store.protocol import EventState, Incoming

# The last moment of the calendar: two days behind it there is none, so deciding fails in the engine.
TOO_LATE = dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


def good(number: int, contact: str = "2") -> Event:
    return event("help.wanted", {"contact": {"id": contact, "name": f"Ada {number}"}, "topic": f"t{number}"})


def fails_when_decided(contact: str = "1") -> Event:
    return event("visit.ended", {"contact": {"id": contact, "name": "nobody", "email": f"ada{contact}@example.test"}}, time=TOO_LATE)


async def test_a_poison_event_is_parked_alone_with_its_traceback(engine: Bench) -> None:
    bad = fails_when_decided()
    before, behind = [good(n) for n in range(5)], [good(n) for n in range(5, 12)]
    assert await engine.turn(*before, bad, *behind) == 1
    assert engine.outcome(bad).state is EventState.PARKED
    note = engine.outcome(bad).note
    assert note is not None
    assert 'File "' in note
    assert "OverflowError" in note
    assert {engine.outcome(one).state for one in before + behind} == {EventState.DECIDED}
    assert len(await engine.deliveries()) == 12
    assert engine.objects("contact") == [{"id": "2", "name": "Ada 11"}], "nothing of the poison is merged"


@pytest.mark.parametrize("where", [0, 3, 9])
async def test_it_does_not_matter_where_in_a_batch_a_poison_event_stands(engine: Bench, where: int) -> None:
    batch = [good(n) for n in range(9)]
    batch.insert(where, fails_when_decided())
    assert await engine.turn(*batch) == 1
    assert [engine.outcome(one).state for one in batch].count(EventState.DECIDED) == 9


async def test_many_poison_events_are_all_parked_and_the_rest_decided_in_order(engine: Bench) -> None:
    batch = [fails_when_decided(f"bad{n}") if n % 3 == 0 else good(n) for n in range(90)]
    assert await engine.turn(*batch) == 30
    rows = stored.rows(engine.store.path, "SELECT e.seq FROM outbox o JOIN event e ON e.seq = o.event ORDER BY o.id")
    assert len(rows) == 60
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)


async def test_an_event_that_fails_when_the_turn_is_written_is_parked_alone(engine: Bench) -> None:
    bad = good(5, "1")
    batch = [good(4), bad, good(6)]
    await engine.accept(*batch)
    engine.store._writer.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN NEW.event = 2 BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    )
    assert await engine.turn() == 1
    assert engine.outcome(bad).state is EventState.PARKED
    assert "not this one" in (engine.outcome(bad).note or "")
    assert [row.event for row in await engine.deliveries()] == [1, 3]


async def test_a_parked_event_does_not_come_back(engine: Bench) -> None:
    assert await engine.turn(fails_when_decided()) == 1
    assert await engine.turn() == 0


async def test_a_full_disk_parks_nothing(engine: Bench) -> None:
    batch = [good(n) for n in range(400)]
    await engine.accept(*batch)
    db = engine.store._writer
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")
    with pytest.raises(StoreError, match="full"):
        await engine.store.write(lambda tx: run_turn(tx, engine.versions, engine.clock.now()))
    db.execute("PRAGMA max_page_count = 1000000")
    assert await engine.turn() == 0
    assert {engine.outcome(one).state for one in batch} == {EventState.DECIDED}


async def test_what_cannot_be_stored_is_refused_by_the_store_and_not_kept_half(engine: Bench) -> None:
    half = Incoming(event=event("help.wanted", {"contact": {"id": "1"}, "topic": "\ud800"}), part=1)
    whole = Incoming(event=good(1), part=1)
    with pytest.raises(UnicodeEncodeError):
        await engine.store.write(lambda tx: tx.accept([whole, half], engine.clock.now()))
    assert stored.value(engine.store.path, "SELECT count(*) FROM event") == 0

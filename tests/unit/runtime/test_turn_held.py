"""Later events of a contact wait visibly behind one that was parked, until an operator replays or drops it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, bench, event
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.events import Event
from engine.runtime.operate import OPERATIONS
from engine.store.protocol import EventState, Incoming
from engine.store.sqlite.files import problems

_topics = count()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


def asks(**contact: Any) -> Event:
    return event("help.wanted", {"contact": contact, "topic": f"t{next(_topics)}"})


def broken(engine: Bench, seq: int) -> None:
    """Make the engine fail at an event until it is mended."""
    engine.store._writer.execute(
        f"CREATE TRIGGER broken{seq} BEFORE INSERT ON outbox WHEN NEW.event = {seq} BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )


def mended(engine: Bench, seq: int) -> None:
    engine.store._writer.execute(f"DROP TRIGGER broken{seq}")


async def operate(engine: Bench, name: str, *seqs: int) -> dict[str, Any]:
    said = {"events": seqs, "unread": [], "by": "ada"}
    done = await engine.store.write(lambda tx: OPERATIONS[name](tx, said, engine.clock.now()))
    await engine.turn()
    return done


def states(engine: Bench, *events: Event) -> list[EventState]:
    return [engine.outcome(one).state for one in events]


async def decided(engine: Bench) -> list[int | None]:
    """The events that led to a ticket, in the order in which they did."""
    return [row.event for row in await engine.deliveries()]


async def test_later_events_of_its_contact_wait_and_those_of_others_go_on(engine: Bench) -> None:
    broken(engine, 2)
    batch = [asks(id="a"), asks(id="a"), asks(id="b"), asks(id="a", name="Ada"), asks(id="b"), asks(id="a")]
    assert await engine.turn(*batch) == 1
    held, parked, fine = EventState.HELD, EventState.PARKED, EventState.DECIDED
    assert states(engine, *batch) == [fine, parked, fine, held, fine, held]
    assert await engine.turn(late := asks(id="a")) == 0
    assert states(engine, late) == [held]
    assert [(row.seq, behind) for row, behind in await engine.store.read(lambda tx: tx.held(10))] == [(4, 2), (6, 2), (7, 2)]
    assert await engine.store.read(lambda tx: tx.held_behind()) == {2: 3}
    assert (await engine.store.read(lambda tx: tx.counts()))["events_held"] == 3
    assert {"id": "a"} in engine.objects("contact"), "nothing of what waits is merged"
    assert list(problems(engine.store.path)) == []


async def test_what_waited_is_decided_in_order_behind_the_replayed_event(engine: Bench) -> None:
    broken(engine, 1)
    batch = [asks(id="a") for _ in range(4)]
    await engine.turn(*batch)
    mended(engine, 1)
    await engine.accept(asks(id="a"))
    assert (await operate(engine, "replay", 1))["done"] == [1]
    assert await decided(engine) == [1, 2, 3, 4, 5]
    assert await engine.store.read(lambda tx: (tx.blocks(), tx.held_behind())) == (False, {})


async def test_what_fails_again_is_parked_again_and_all_of_it_waits_as_before(engine: Bench) -> None:
    broken(engine, 1)
    batch = [asks(id="a"), asks(id="a")]
    await engine.turn(*batch)
    await operate(engine, "replay", 1)
    assert states(engine, *batch) == [EventState.PARKED, EventState.HELD]


async def test_a_dropped_event_is_kept_with_who_dropped_it_and_why_and_what_waited_is_decided(engine: Bench) -> None:
    broken(engine, 1)
    batch = [asks(id="a"), asks(id="a")]
    await engine.turn(*batch)
    assert await operate(engine, "forget", 1) == {"done": [1], "refused": {}}
    assert states(engine, *batch) == [EventState.DROPPED, EventState.DECIDED]
    note = engine.outcome(batch[0]).note
    assert note is not None
    assert note.startswith("dropped by ada: Traceback")
    assert await decided(engine) == [2]
    assert (await operate(engine, "replay", 1))["refused"] == {"1": "there is no such event, or it is not set aside"}


async def test_one_that_waits_is_not_replayed_or_dropped_by_itself(engine: Bench) -> None:
    broken(engine, 1)
    await engine.turn(asks(id="a"), asks(id="a"))
    for name in ("replay", "forget"):
        assert (await operate(engine, name, 2))["refused"] == {"2": "it waits behind event 1: replay or drop that one"}


async def test_whoever_is_known_by_another_name_waits_too_and_so_does_whoever_that_name_leads_to(engine: Bench) -> None:
    broken(engine, 1)
    batch = [
        asks(id="a", email="ada@example.test"),
        asks(id="other", email="Ada@Example.test"),  # another number, the same person
        asks(id="other"),  # known to be that person by the event that waits alone
        asks(id="third"),
    ]
    await engine.turn(*batch)
    assert states(engine, *batch) == [EventState.PARKED, EventState.HELD, EventState.HELD, EventState.DECIDED]
    mended(engine, 1)
    await operate(engine, "replay", 1)
    assert await decided(engine) == [4, 1, 2, 3]
    assert len(engine.objects("contact")) == 2


async def test_our_own_event_about_a_contact_waits_too(engine: Bench) -> None:
    await engine.turn(first := asks(id="a"))
    broken(engine, 2)
    await engine.turn(asks(id="a"))
    contact = engine.outcome(first).contact
    assert contact is not None
    ours = event("help.wanted", {"topic": "ours"})
    incoming = Incoming(event=ours, part=1, subjects={"contact": contact})
    await engine.store.write(lambda tx: tx.accept([incoming], engine.clock.now()))
    await engine.turn()
    assert states(engine, ours) == [EventState.HELD]


async def test_a_quarantined_event_holds_up_nobody_and_one_accepted_earlier_is_not_held_up_by_what_came_later(engine: Bench) -> None:
    odd = event("help.wanted", {"contact": {"id": "a"}, "topic": 7})
    broken(engine, 3)
    batch = [odd, asks(id="a"), asks(id="a")]
    await engine.turn(*batch)
    assert states(engine, *batch) == [EventState.QUARANTINED, EventState.DECIDED, EventState.PARKED]
    await operate(engine, "replay", 1)
    assert states(engine, odd) == [EventState.QUARANTINED], "judged again at once, not put behind the later one"


@settings(max_examples=25, deadline=None)
@given(people=st.lists(st.integers(0, 3), min_size=1, max_size=20), bad=st.sets(st.integers(1, 20), max_size=5), data=st.data())
async def test_whatever_is_parked_and_taken_up_again_each_contact_is_decided_in_order(
    tmp_path_factory: pytest.TempPathFactory, people: list[int], bad: set[int], data: st.DataObject
) -> None:
    async with bench(tmp_path_factory.mktemp("held")) as engine:
        for seq in bad:
            broken(engine, seq)
        batch = [asks(id=str(one)) for one in people]
        cut = data.draw(st.integers(0, len(batch)))
        await engine.turn(*batch[:cut])
        await engine.turn(*batch[cut:])
        while aside := await engine.store.read(lambda tx: tx.set_aside(100)):
            seq = data.draw(st.sampled_from([waiting.seq for waiting, _ in aside]))
            mended(engine, seq)
            await operate(engine, "replay", seq)
            assert list(problems(engine.store.path)) == []
        done = [seq for seq in await decided(engine) if seq is not None]
        assert sorted(done) == list(range(1, len(batch) + 1))
        for one in set(people):
            own = [seq for seq in done if people[seq - 1] == one]
            assert own == sorted(own)

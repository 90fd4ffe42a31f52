"""Rows that a pause holds back: out of the way of all others, in their old order when it ends, and looked at once in between."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.delivery import Delivery, DeliveryState
from engine.store.protocol import EVERYTHING, NewDelivery
from engine.store.sqlite.files import problems
from engine.store.sqlite.store import SqliteStore

NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)
CALM, PAUSED = "automation.calm", "automation.paused"
MANY = 5_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    yield opened
    await opened.close()


def row(number: int, address: str, action: str = "ticket") -> NewDelivery:
    delivery = Delivery(
        id=0,
        part=1,
        key=f"k{number}",
        action=action,
        connection="desk",
        origin=f"{address}/0",
        deployment=1,
        event=None,
        contact=None,
        invitation=None,
        answer=None,
    )
    return NewDelivery(delivery=delivery, due=NOON + number * SECOND)


async def claim(store: SqliteStore, held: Collection[str] = (), limit: int = 10, at: int = MANY * 2) -> list[str]:
    now = NOON + at * SECOND
    return [one.key for one in await store.write(lambda tx: tx.claim("desk", now, now + 60 * SECOND, limit, held))]


async def next_due(store: SqliteStore, held: Collection[str]) -> dt.datetime | None:
    return await store.write(lambda tx: tx.next_due("desk", held))


async def test_what_is_held_lets_others_pass_and_comes_in_its_old_order_afterwards(store: SqliteStore) -> None:
    await store.write(lambda tx: tx.enqueue(row(number, PAUSED if number % 2 else CALM) for number in range(8)))
    assert await claim(store, {PAUSED}) == ["k0", "k2", "k4", "k6"]
    assert await claim(store, {PAUSED}) == []
    assert await next_due(store, {PAUSED}) is None
    assert await claim(store, limit=3) == ["k1", "k3", "k5"]
    assert await claim(store) == ["k7"]


async def test_a_fetch_goes_on_while_everything_is_paused(store: SqliteStore) -> None:
    await store.write(lambda tx: tx.enqueue([row(1, CALM), row(2, "connection.desk", "fetch"), row(3, CALM)]))
    assert await claim(store, {EVERYTHING, PAUSED}) == ["k2"]
    assert await next_due(store, {EVERYTHING}) is None
    assert await claim(store, {PAUSED}) == ["k1", "k3"]


async def test_what_was_dropped_while_it_was_held_is_not_sent_when_the_pause_ends(store: SqliteStore) -> None:
    await store.write(lambda tx: tx.enqueue([row(1, PAUSED), row(2, PAUSED)]))
    assert await claim(store, {PAUSED}) == []
    (first, _) = (line.delivery for line in (await store.read(lambda tx: tx.outbox([DeliveryState.PENDING], 10)))[::-1])
    assert await store.write(lambda tx: tx.withdraw(first, "not wanted"))
    assert list(problems(store.path)) == [f"a delivery has no version: {first.id}, {first.id + 1}"], "since none is deployed here"
    assert await claim(store) == ["k2"]
    assert await store.write(lambda tx: tx.reopen(tx.deliveries([first.id])[0], NOON))
    assert await claim(store) == ["k1"]


async def steps(store: SqliteStore, held: Collection[str]) -> int:
    """Of SQLite's machine, in hundreds, that a claim and the look for the next one take."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    store._writer.set_progress_handler(count, 100)
    try:
        await claim(store, held)
        await next_due(store, held)
    finally:
        store._writer.set_progress_handler(None, 0)
    return counted


@pytest.mark.parametrize("held", [{PAUSED}, {EVERYTHING}])
async def test_thousands_of_held_rows_cost_the_others_nothing_once_they_were_met(store: SqliteStore, held: set[str]) -> None:
    await store.write(lambda tx: tx.enqueue(row(number, PAUSED) for number in range(MANY)))
    while await next_due(store, held) is not None:
        assert await claim(store, held) == []
    assert await steps(store, held) < 5
    await store.write(lambda tx: tx.enqueue(row(MANY + number, CALM) for number in range(3)))
    found: list[str] = []
    while await next_due(store, {PAUSED}) is not None:
        found += await claim(store, {PAUSED})
    assert found == [f"k{MANY}", f"k{MANY + 1}", f"k{MANY + 2}"]


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.sampled_from([CALM, PAUSED, "automation.other"])),
            st.tuples(st.just("claim"), st.sets(st.sampled_from([CALM, PAUSED, "automation.other"]))),
        ),
        max_size=30,
    )
)
async def test_no_row_is_lost_or_claimed_while_it_is_held_or_claimed_twice(
    tmp_path_factory: pytest.TempPathFactory, what: list[tuple[str, object]]
) -> None:
    store = SqliteStore(tmp_path_factory.mktemp("held") / "store.db")
    try:
        waiting: dict[str, str] = {}
        for number, (verb, said) in enumerate(what):
            if verb == "add":
                assert isinstance(said, str)
                waiting[f"k{number}"] = said
                await store.write(lambda tx, number=number, said=said: tx.enqueue([row(number, said)]))  # type: ignore[misc]
                continue
            assert isinstance(said, set)
            expected = [key for key, address in waiting.items() if address not in said][:4]
            assert await claim(store, said, limit=4) == expected
            waiting = {key: address for key, address in waiting.items() if key not in expected}
        assert await claim(store, limit=100) == list(waiting)
    finally:
        await store.close()

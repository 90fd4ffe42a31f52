"""A disk that refuses: everyone who waits is told, nothing half is kept, and it goes on when there is room again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import stored

from engine.errors import StoreError
from engine.store.protocol import Transaction, Work
from engine.store.sqlite.store import SqliteStore, read_only

BIG = "x" * 200_000


def put(key: str, value: str = BIG) -> Work[None]:
    return lambda tx: tx.put_setting(key, value)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    yield opened
    await opened.close()


async def fill(store: SqliteStore) -> None:
    """No page more than there is."""
    await store.write(put("before", "v"))
    pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
    store._writer.execute(f"PRAGMA max_page_count = {pages}")


def make_room(store: SqliteStore) -> None:
    store._writer.execute("PRAGMA max_page_count = 1000000")


async def test_a_full_disk_is_told_to_everyone_who_waits_and_nothing_half_is_kept(store: SqliteStore) -> None:
    await fill(store)
    results = await asyncio.gather(*(store.write(put(f"k{n}"), urgent=True) for n in range(20)), return_exceptions=True)
    assert [type(result) for result in results] == [StoreError] * 20
    assert "cannot be written: database or disk is full" in str(results[0])
    assert [row["key"] for row in stored.rows(store.path, "SELECT key FROM setting")] == ["before"]


async def test_what_was_there_can_be_read_while_the_disk_is_full(store: SqliteStore) -> None:
    await fill(store)
    with pytest.raises(StoreError):
        await store.write(put("k"))
    assert await store.read(lambda tx: tx.setting("before")) == "v"


async def test_it_goes_on_when_there_is_room_again(store: SqliteStore) -> None:
    await fill(store)
    with pytest.raises(StoreError):
        await store.write(put("k"))
    make_room(store)
    await store.write(put("k"))
    assert await store.read(lambda tx: tx.setting("k")) == BIG


async def test_an_attempt_within_the_work_does_not_take_a_full_disk_for_its_own_failure(store: SqliteStore) -> None:
    await fill(store)
    seen: list[type[Exception]] = []

    def work(tx: Transaction) -> None:
        try:
            with tx.attempt():
                tx.put_setting("k", BIG)
        except Exception as error:
            seen.append(type(error))
            raise

    with pytest.raises(StoreError):
        await store.write(work)
    assert seen == [StoreError]


async def test_a_damaged_file_is_an_error_that_says_so(store: SqliteStore) -> None:
    await asyncio.gather(*(store.write(put(f"k{n}")) for n in range(10)))
    store._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with store.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 30)
    with pytest.raises(StoreError, match="cannot be read"):
        read_only(store.path, lambda tx: (tx.counts(), [tx.setting(f"k{n}") for n in range(10)]))

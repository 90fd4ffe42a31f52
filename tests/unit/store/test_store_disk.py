"""A disk that refuses: everyone who waits is told, nothing half is kept, and it goes on when there is room again."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
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
    folder = store.path.parent
    said = str(results[0])
    assert said.startswith(f"the store {store.path} cannot be written: database or disk is full. The disk of {folder} is full (")
    assert "make room there" in said
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


# -- readiness ------------------------------------------------------------------------------------------------------------


async def test_asking_a_thousand_times_whether_the_disk_takes_writes_costs_one_write(store: SqliteStore) -> None:
    before = store._writer.total_changes
    await asyncio.gather(*(store.prove_writable() for _ in range(1_000)))
    assert store._writer.total_changes == before + 1


async def test_a_commit_that_somebody_needed_is_proof_enough(store: SqliteStore) -> None:
    await store.write(put("k", "v"))
    before = store._writer.total_changes
    await store.prove_writable()
    assert store._writer.total_changes == before


async def test_a_commit_of_nothing_proves_nothing(store: SqliteStore) -> None:
    await store.write(lambda tx: tx.setting("k"))
    before = store._writer.total_changes
    await store.prove_writable()
    assert store._writer.total_changes == before + 1


async def test_a_write_that_was_refused_makes_it_unready_at_once_and_one_that_was_not_ready_again(store: SqliteStore) -> None:
    await store.prove_writable()
    await fill(store)
    with pytest.raises(StoreError):
        await store.write(put("k"))
    with pytest.raises(StoreError, match="database or disk is full"):
        await store.prove_writable()
    make_room(store)
    await store.write(put("k"))
    await store.prove_writable()


async def test_an_idle_store_finds_out_by_itself_that_the_disk_is_full_and_that_it_no_longer_is(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.prove_writable()
    store._writer.execute("PRAGMA query_only = ON")  # every write is refused from now on
    await store.prove_writable()  # the last proof still holds
    monkeypatch.setattr("engine.store.sqlite.store.PROVEN", 0.0)
    with pytest.raises(StoreError, match="cannot be written"):
        await store.prove_writable()
    store._writer.execute("PRAGMA query_only = OFF")
    await store.prove_writable()


async def test_a_try_that_is_smaller_than_what_was_refused_does_not_make_it_ready_again(store: SqliteStore) -> None:
    await store.write(put("ready", "as long as any"))
    await fill(store)
    with pytest.raises(StoreError):
        await store.write(put("k"))
    for _ in range(3):
        with pytest.raises(StoreError, match="database or disk is full"):
            await store.prove_writable()
        await asyncio.sleep(0.4)


async def test_a_store_that_another_process_holds_is_not_ready_long_before_writes_are_refused(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.store.sqlite.store.STALLED", 0.1)
    await store.prove_writable()
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(store.write(put("k")))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        with pytest.raises(StoreError, match="another process may hold it"):
            await store.prove_writable()
        other.execute("ROLLBACK")
    await waiting
    await store.prove_writable()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_was_deleted_or_replaced_takes_nothing_more(store: SqliteStore, replaced: bool) -> None:
    await store.write(put("k", "v"))
    watching = asyncio.create_task(store.watch())
    store.path.unlink()
    if replaced:
        store.path.touch()
    for work in (store.write(put("lost", "v"), urgent=True), store.prove_writable(), watching):
        with pytest.raises(StoreError, match=f"^the store {store.path} was moved, deleted or replaced while it was in use"):
            await work


async def test_a_disk_with_next_to_no_room_is_no_ready_one(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.sqlite.store.LEAST_FREE", 1 << 62)
    with pytest.raises(StoreError, match=rf"the disk of {store.path.parent} is nearly full: [\d,]+ bytes are free, [\d,]+ are needed"):
        await store.prove_writable()


async def test_a_damaged_file_is_an_error_that_says_so(store: SqliteStore) -> None:
    await asyncio.gather(*(store.write(put(f"k{n}")) for n in range(10)))
    store._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with store.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 30)
    with pytest.raises(StoreError, match=r"cannot be (read|opened)"):
        read_only(store.path, lambda tx: (tx.counts(), [tx.setting(f"k{n}") for n in range(10)]))

"""The one writer: group commit, what a failure takes with it, and what readers see."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import stored

from engine.errors import StoreBusyError, StoreError
from engine.store.protocol import Transaction, Work
from engine.store.sqlite import store as module
from engine.store.sqlite.store import SqliteStore


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    yield opened
    await opened.close()


def put(key: str, value: str = "x") -> Work[None]:
    return lambda tx: tx.put_setting(key, value)


class Gate:
    """A piece of work that keeps the writer busy until it is let go, so that what is queued meanwhile becomes one group."""

    def __init__(self, store: SqliteStore) -> None:
        self._reached, self._open = threading.Event(), threading.Event()
        self._task = asyncio.create_task(store.write(self._hold))

    def _hold(self, tx: Transaction) -> None:
        self._reached.set()
        assert self._open.wait(10)

    async def reached(self) -> None:
        await asyncio.to_thread(self._reached.wait, 10)

    async def release(self) -> None:
        self._open.set()
        await self._task


def count_commits(store: SqliteStore) -> list[str]:
    statements: list[str] = []
    store._writer.set_trace_callback(lambda sql: statements.append(sql) if sql == "COMMIT" else None)
    return statements


async def test_many_concurrent_writes_share_few_commits(store: SqliteStore) -> None:
    commits = count_commits(store)
    await asyncio.gather(*(store.write(put(f"k{n}"), urgent=True) for n in range(1_000)))
    assert stored.value(store.path, "SELECT count(*) FROM setting") == 1_000
    assert len(commits) <= 50


async def test_a_failing_piece_of_work_leaves_the_others_of_its_group_untouched(store: SqliteStore) -> None:
    commits = count_commits(store)
    gate = Gate(store)
    await gate.reached()

    def fail(tx: Transaction) -> None:
        tx.put_setting("b", "half done")
        raise ValueError("no")

    def misspell(tx: Transaction) -> None:
        tx.put_setting("d", "half done")
        store._writer.execute("SELECT * FROM nowhere")

    async def together() -> list[object]:
        works = [put("a"), fail, put("c"), misspell, put("e")]
        return [*await asyncio.gather(*(store.write(work, urgent=True) for work in works), return_exceptions=True)]

    group = asyncio.create_task(together())
    await asyncio.sleep(0)
    await gate.release()
    results = await group
    assert [type(result) for result in results] == [type(None), ValueError, type(None), sqlite3.OperationalError, type(None)]
    assert [row["key"] for row in stored.rows(store.path, "SELECT key FROM setting ORDER BY key")] == ["a", "c", "e"]
    assert len(commits) == 2  # the gate's and the group's


async def test_what_is_tried_and_fails_within_a_piece_of_work_leaves_the_rest_of_it(store: SqliteStore) -> None:
    def fail(tx: Transaction) -> None:
        with tx.attempt():
            tx.put_setting("within", "x")
            raise ValueError("no")

    def work(tx: Transaction) -> None:
        tx.put_setting("before", "x")
        with pytest.raises(ValueError, match="no"):
            fail(tx)
        tx.put_setting("behind", "x")

    await store.write(work)
    assert [row["key"] for row in stored.rows(store.path, "SELECT key FROM setting ORDER BY key")] == ["before", "behind"]


async def test_the_writer_outlives_work_that_raises_whatever_there_is_to_raise(store: SqliteStore) -> None:
    def leave(tx: Transaction) -> None:
        raise SystemExit(1)

    with pytest.raises(RuntimeError, match="SystemExit"):
        await store.write(leave)
    await store.write(put("after"))
    assert stored.value(store.path, "SELECT count(*) FROM setting") == 1


async def test_urgent_work_goes_first_and_patient_work_does_not_starve(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_GROUP", 2)
    monkeypatch.setattr(module, "MAX_PATIENT", 1)
    order: list[str] = []
    gate = Gate(store)
    await gate.reached()

    def note(name: str) -> Work[None]:
        return lambda tx: order.append(name)

    patient = [asyncio.create_task(store.write(note(f"p{n}"))) for n in range(3)]
    urgent = [asyncio.create_task(store.write(note(f"u{n}"), urgent=True)) for n in range(4)]
    await asyncio.sleep(0)
    await gate.release()
    await asyncio.gather(*patient, *urgent)
    assert order == ["u0", "u1", "p0", "u2", "u3", "p1", "p2"]


async def test_a_caller_is_sent_away_when_the_queue_is_full_but_the_engines_own_work_is_taken(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED", 3)
    gate = Gate(store)
    await gate.reached()
    queued = [asyncio.create_task(store.write(put(f"k{n}"), urgent=True)) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreBusyError, match="try again"):
        await store.write(put("too many"), urgent=True)
    own = asyncio.create_task(store.write(put("own")))
    await asyncio.sleep(0)
    await gate.release()
    await asyncio.gather(own, *queued)
    assert stored.value(store.path, "SELECT count(*) FROM setting") == 4


async def test_a_write_whose_caller_has_gone_is_done_all_the_same(store: SqliteStore) -> None:
    gate = Gate(store)
    await gate.reached()
    caller = asyncio.create_task(store.write(put("k"), urgent=True))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await gate.release()
    await store.write(put("next"))
    assert stored.value(store.path, "SELECT count(*) FROM setting") == 2


async def test_a_reader_sees_only_what_is_committed(store: SqliteStore) -> None:
    await store.write(put("k", "old"))
    written, checked = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        tx.put_setting("k", "new")
        written.set()
        assert checked.wait(10)

    writing = asyncio.create_task(store.write(slow))
    await asyncio.to_thread(written.wait, 10)
    assert await store.read(lambda tx: tx.setting("k")) == "old"
    checked.set()
    await writing
    assert await store.read(lambda tx: tx.setting("k")) == "new"


async def test_a_reader_keeps_its_view_while_others_write(store: SqliteStore) -> None:
    await store.write(put("k", "old"))
    first_look, second_look = threading.Event(), threading.Event()

    def twice(tx: Transaction) -> tuple[str | None, str | None]:
        before = tx.setting("k")
        first_look.set()
        assert second_look.wait(10)
        return before, tx.setting("k")

    reading = asyncio.create_task(store.read(twice))
    await asyncio.to_thread(first_look.wait, 10)
    await store.write(put("k", "new"))
    second_look.set()
    assert await reading == ("old", "old")


async def test_a_reader_cannot_write(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await store.read(put("k"))


async def test_closing_writes_what_is_queued_and_then_refuses(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    tasks = [asyncio.create_task(store.write(put(f"k{n}"))) for n in range(300)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)
    assert stored.value(store.path, "SELECT count(*) FROM setting") == 300
    with pytest.raises(StoreError, match="closed"):
        await store.write(put("late"))

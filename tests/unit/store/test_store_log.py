"""The log beside the store stays small, whatever was written and whoever read meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from engine.errors import StoreError
from engine.store.protocol import Transaction, Work
from engine.store.sqlite.opening import MAX_LOG
from engine.store.sqlite.store import SqliteStore


async def test_the_log_is_cut_back_after_a_large_write(tmp_path: Path) -> None:
    def much(number: int) -> Work[None]:
        def work(tx: Transaction) -> None:
            for part in range(100):
                tx.put_setting(f"{number}/{part}", "x" * 1_000_000)

        return work

    store = SqliteStore(tmp_path / "store.db")
    try:
        await asyncio.gather(store.write(much(1)), store.read(lambda tx: tx.counts()))
        for number in range(5):
            await store.write(lambda tx, n=number: tx.put_setting("k", str(n)))  # type: ignore[misc]
        assert (tmp_path / "store.db-wal").stat().st_size <= MAX_LOG
    finally:
        await store.close()


ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


async def test_a_reader_that_takes_too_long_is_ended_and_the_log_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.store.sqlite.store.LONGEST_READ", 0.3)
    store = SqliteStore(tmp_path / "store.db")

    def look(tx: Transaction) -> None:
        tx.setting("k")
        tx.db.execute(ENDLESS).fetchone()  # type: ignore[attr-defined]

    try:
        await store.write(lambda tx: tx.put_setting("k", "before"))
        looking = asyncio.create_task(store.read(look))
        await store.write(lambda tx: tx.put_setting("k", "after"))
        with pytest.raises(StoreError, match=r"was read for more than 0\.3 s at a time, and the look was ended"):
            await asyncio.wait_for(looking, 30)
        busy, frames, moved = store._writer.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        assert (busy, frames) == (0, moved), "nobody looks at what was before"
        assert await store.read(lambda tx: tx.setting("k")) == "after", "the same reader goes on"
    finally:
        await store.close()

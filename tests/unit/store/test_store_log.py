"""The log beside the store stays small, whatever was written and whoever read meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

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

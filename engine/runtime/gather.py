"""Writes are gathered in memory and made together, so that what fails leaves nothing behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.deploy.versions import Versions
from engine.model.definitions import Definitions
from engine.runtime.effects import Batch
from engine.runtime.people import People
from engine.runtime.runs import RunFailedError, Runs
from engine.store.protocol import Transaction, Waiting


@dataclass(slots=True)
class Work:
    """What is gathered."""

    tx: Transaction
    batch: Batch
    runs: Runs
    broken: dict[str, Exception] = field(default_factory=dict)  # runs at which the engine failed: they were parked


def gather(
    tx: Transaction, versions: Versions, current: Definitions, rows: Sequence[Waiting], now: dt.datetime, do: Callable[[Work], None]
) -> Work:
    """Let ``do`` gather, and write. A run at which the engine fails is parked, and everything else is gathered again without it.

    Raises what ``do`` raises; then nothing is written.
    """
    broken: dict[str, Exception] = {}
    while True:
        try:
            with tx.attempt():
                batch = Batch(People(tx, current, rows))
                work = Work(tx, batch, Runs(tx, versions, batch, now, broken), broken)
                do(work)
                work.runs.flush()
                batch.flush(tx, now)
                return work
        except RunFailedError as failed:
            broken[failed.run] = failed.error

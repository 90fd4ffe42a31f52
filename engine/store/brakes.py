"""What a store knows of that holds sending back: pauses, how much went out, and addresses to which nothing is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Protocol

from engine.store.lines import Pause, Suppression


class Brakes(Protocol):
    """A part of `Transaction`."""

    def pauses(self) -> list[Pause]: ...
    def pause(self, row: Pause) -> bool:
        """False where that is paused already."""
        ...

    def resume(self, what: str) -> bool:
        """False where that was not paused."""
        ...

    def sends(self, since: dt.datetime, now: dt.datetime) -> int:
        """How many deliveries were claimed since, to the minute, as far as they were counted. Those counted under a later time than
        ``now`` are taken for claimed now."""
        ...

    def count_sends(self, many: int, now: dt.datetime) -> None: ...
    def suppress(self, rows: Iterable[Suppression]) -> None:
        """Keep them. Where an address is suppressed already, the longer time counts."""
        ...

    def suppresses(self) -> bool:
        """Whether any address is suppressed."""
        ...

    def suppressed(self, digest: bytes, now: dt.datetime) -> bool: ...

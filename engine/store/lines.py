"""Rows of the store as people read them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from engine.model.delivery import Delivery
from engine.model.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """A run for people to read."""

    run: Run
    began: dt.datetime
    changed: dt.datetime
    steps: Sequence[tuple[dt.datetime, str, str]]  # when, position, what became of it
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLine:
    """A row of the outbox for people to read."""

    delivery: Delivery
    due: dt.datetime
    reason: str | None
    external_id: str | None

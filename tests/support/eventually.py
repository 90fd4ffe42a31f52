"""Waiting for something that happens elsewhere, as long as it takes and no longer."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], T | Awaitable[T]], *, within: float = 15.0, every: float = 0.02) -> T:
    """What ``look`` gives once it is true. Raises AssertionError with the last sight of it after ``within`` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        seen: T = await found if inspect.isawaitable(found) else found
        if seen:
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s; last seen: {seen!r}")
        await asyncio.sleep(every)

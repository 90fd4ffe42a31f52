"""The circuit breaker of a connection: a receiver that is down is left alone for a while, then asked with one delivery."""

from __future__ import annotations

import random

from engine.model.delivery import Outcome, Rejected, Sent, Unclear

TRIPS = 5  # failures in a row that open it
FIRST_REST = 1.0  # seconds; doubled each time that the one delivery fails too
LAST_REST = 30.0  # so that nobody waits much longer than the receiver was down
MAX_HOLD = 900.0  # seconds that a Retry-After may hold up everybody: what it is for one delivery alone, that delivery waits for


class Breaker:
    """Closed: everything goes. Open: nothing does. Half open: one delivery is tried. Times are of one monotonic clock, in seconds."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._failures = 0  # in a row
        self._rest = FIRST_REST  # the next one
        self._until: float | None = None  # none: closed

    def state(self, now: float) -> str:
        """closed, open or half-open."""
        return "closed" if self._until is None else "open" if now < self._until else "half-open"

    def allows(self, under_way: int, now: float) -> int | None:
        """How many more may begin; None for any number."""
        match self.state(now):
            case "closed":
                return None
            case "open":
                return 0
        return 0 if under_way else 1

    def wait(self, now: float) -> float:
        """Seconds until one may be tried."""
        return 0.0 if self._until is None else max(self._until - now, 0.0)

    def note(self, outcome: Outcome, now: float) -> None:
        """What became of a delivery. A receiver that has answered is there, whatever it said of this one message."""
        match outcome:
            case Rejected(down=True, retry_after=float() as asked) if asked > 0:
                self._open(max(min(asked, MAX_HOLD), self.wait(now)), now)
            case Rejected(down=True) | Unclear(down=True):
                self._failures += 1
                if self.state(now) == "half-open" or (self._until is None and self._failures >= TRIPS):
                    self._open(self._chance.uniform(self._rest / 2, self._rest), now)
                    self._rest = min(self._rest * 2, LAST_REST)
            case Sent() | Rejected() | Unclear():
                self._failures, self._rest, self._until = 0, FIRST_REST, None

    def _open(self, seconds: float, now: float) -> None:
        self._until = now + seconds

"""How fast a connection may be used: `rate: 50/s`."""

from __future__ import annotations

from collections import deque

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


class Rate:
    """At most ``count`` in any stretch of ``seconds``, exactly: the times of the last ones are kept. Times are of one monotonic clock."""

    def __init__(self, count: int, seconds: float) -> None:
        self.count, self.seconds = count, seconds
        self._taken: deque[float] = deque()

    def free(self, now: float) -> int:
        """How many may begin now."""
        while self._taken and self._taken[0] <= now - self.seconds:
            self._taken.popleft()
        return self.count - len(self._taken)

    def take(self, many: int, now: float) -> None:
        """Note that so many begin."""
        self._taken.extend([now] * many)

    def wait(self, now: float) -> float:
        """Seconds until one more may begin."""
        return 0.0 if self.free(now) > 0 else max(self._taken[0] + self.seconds - now, 0.0)


def parse_rate(text: str) -> Rate:
    """``50/s``, ``600/m``, ``10000/h`` or ``1000/d``, as the language has checked it."""
    count, _, unit = text.partition("/")
    return Rate(int(count), _SECONDS[unit])

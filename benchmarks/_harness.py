"""What the benchmarks share: processes beside each other, a light client, and the numbers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import statistics
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

HERE = Path(__file__).parent
START_TIMEOUT = 30.0
STALL_TIMEOUT = 20.0  # seconds without progress after which a run is given up
_LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATIENCE = 0.25  # seconds before a request that was refused for now (429) is sent again
_TICK = 0.002  # seconds between releases at a rate: to wake for each request alone takes half a processor at 2,000 a second


class BenchmarkError(Exception):
    """The run says nothing, and why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load, in a process of its own."""

    pid: int
    port: int

    def peak_rss_mb(self) -> float | None:
        """The most memory it ever had, where the system tells."""
        return _peak_rss_mb(self.pid)

    def cpu_seconds(self) -> float | None:
        """Processor time it used so far, where the system tells."""
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return None

    def loop(self) -> str:
        """The event loop it runs on, told by what it has loaded."""
        with contextlib.suppress(OSError):
            return "uvloop" if "uvloop" in Path(f"/proc/{self.pid}/maps").read_text(encoding="utf-8") else "asyncio"
        return "asyncio"


def _peak_rss_mb(pid: int) -> float | None:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return None


@contextlib.asynccontextmanager
async def serving(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> AsyncIterator[Server]:
    """A Python process that says on stderr where it is ``listening on``; afterwards it has been told to end, and has."""
    with log.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env={**os.environ, **environment}, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        yield Server(process.pid, await _port(process, log))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(STALL_TIMEOUT):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _port(process: asyncio.subprocess.Process, log: Path) -> int:
    until = time.monotonic() + START_TIMEOUT
    while process.returncode is None and time.monotonic() < until:
        found = _LISTENING.search(_text(log))
        if found is not None:
            return int(found[1])
        await asyncio.sleep(0.02)
    raise BenchmarkError(f"a server did not start:\n{_text(log)[-2000:]}")


def _text(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Arrived:
    at: dict[str, float]  # ref → monotonic clock
    repeated: int  # effects that came in once more


class Sinks:
    """The receivers of `_sinks.py`."""

    def __init__(self, process: asyncio.subprocess.Process, desk: int, mail: int) -> None:
        self._process, self.desk, self.mail = process, desk, mail

    async def _ask(self, question: str) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question.encode() + b"\n")
        return await self._process.stdout.readline()

    async def take(self, wanted: int) -> Arrived:
        """Everything, once ``wanted`` effects have come in. Raises BenchmarkError where they stop coming."""
        seen, moved = -1, time.monotonic()
        while (count := int(await self._ask("count"))) < wanted:
            if count != seen:
                seen, moved = count, time.monotonic()
            elif time.monotonic() - moved > STALL_TIMEOUT:
                raise BenchmarkError(f"{wanted - count} of {wanted} effects never reached the receivers")
            await asyncio.sleep(0.02)
        found = json.loads(await self._ask("take"))
        return Arrived(found["at"], found["repeated"])


@contextlib.asynccontextmanager
async def sinks() -> AsyncIterator[Sinks]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(HERE / "_sinks.py"), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 26
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        ports = json.loads(await process.stdout.readline())
        yield Sinks(process, ports["desk"], ports["mail"])
    finally:
        process.stdin.close()
        await process.wait()


@dataclass(frozen=True, slots=True)
class Post:
    """One request, ready to be written, and the events in it."""

    refs: tuple[str, ...]
    wire: bytes


class _Line(asyncio.Protocol):
    """A connection that stays open and carries one request at a time."""

    def __init__(self, done: Callable[[_Line, int], None], lost: Callable[[_Line], None]) -> None:
        self._done, self._lost = done, lost
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head = self._got.find(b"\r\n\r\n")
        if head < 0:
            return
        length = _LENGTH.search(self._got, 0, head)
        if len(self._got) >= head + 4 + (int(length[1]) if length is not None else 0):
            status, self._got = int(self._got[9:12]), b""
            self._done(self, status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self)


class Client:
    """Posts over raw connections, each of which waits for its answer before it carries the next request."""

    def __init__(self, port: int, connections: int) -> None:
        self._port, self._connections = port, connections
        self._lines: set[_Line] = set()
        self._free: deque[_Line] = deque()  # used in turn, so that none rests longer than the others
        self._released: deque[Post] = deque()
        self._carried: dict[_Line, Post] = {}
        self._began: dict[str, float] = {}
        self.answered: dict[str, float] = {}  # event → when its request was accepted
        self._left = 0
        self._all_answered: asyncio.Future[None] | None = None
        self.refused = 0  # requests that were told to come back

    async def _connect(self) -> None:
        """Open what is missing: a server hangs up on a connection that rested for some seconds."""
        loop = asyncio.get_running_loop()
        while len(self._lines) < self._connections:
            _, line = await loop.create_connection(lambda: _Line(self._answered, self._lost), "127.0.0.1", self._port)
            self._lines.add(line)
            self._free.append(line)

    def close(self) -> None:
        self._all_answered = None
        for line in self._lines:
            line.transport.close()

    async def post(self, posts: Sequence[Post], per_second: float | None = None) -> dict[str, float]:
        """Send everything and return, by event, when its clock began; every request has then been answered.

        Without a rate a request begins as soon as a connection is free, and its clock with it. With one, requests are released
        evenly, whatever became of those before, and the clock begins when one is due: time that a request waits for its
        release, and for a free connection, counts. Raises BenchmarkError for an answer that is no acceptance.
        """
        await self._connect()
        self._began, self._left = {}, len(posts)
        self._all_answered = asyncio.get_running_loop().create_future()
        if per_second is None:
            self._release(posts)
        else:
            start, sent = time.monotonic(), 0
            while sent < len(posts) and not self._all_answered.done():
                due = min(int((time.monotonic() - start) * per_second) + 1, len(posts))
                for number in range(sent, due):
                    self._began.update(dict.fromkeys(posts[number].refs, start + number / per_second))
                self._release(posts[sent:due])
                sent = due
                await asyncio.sleep(max(start + sent / per_second - time.monotonic(), _TICK))
        await self._all_answered
        return self._began

    def _release(self, posts: Sequence[Post]) -> None:
        self._released.extend(posts)
        while self._released and self._free:
            self._send(self._free.popleft())

    def _send(self, line: _Line) -> None:
        post = self._carried[line] = self._released.popleft()
        now = time.monotonic()
        for ref in post.refs:
            self._began.setdefault(ref, now)
        line.transport.write(post.wire)

    def _answered(self, line: _Line, status: int) -> None:
        if self._all_answered is None or self._all_answered.done():
            return
        if status not in (200, 202, 429):
            self._all_answered.set_exception(BenchmarkError(f"the server answered {status}"))
            return
        post = self._carried.pop(line)
        self._free.append(line)
        if status == 429:
            self.refused += 1
            asyncio.get_running_loop().call_later(_PATIENCE, self._release, [post])
        else:
            self.answered.update(dict.fromkeys(post.refs, time.monotonic()))
            self._left -= 1
            if not self._left:
                self._all_answered.set_result(None)
                return
        if self._released:
            self._send(self._free.popleft())

    def _lost(self, line: _Line) -> None:
        self._lines.discard(line)
        if line in self._free:
            self._free.remove(line)
        elif self._all_answered is not None and not self._all_answered.done():
            self._all_answered.set_exception(BenchmarkError("the server hung up on a request"))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def sync_ms(folder: Path) -> float:
    """How long the disk takes to make one small write last: without that, durable and not durable cannot be compared."""
    taken = []
    with (folder / "probe").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            start = time.perf_counter()
            file.flush()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - start)
    (folder / "probe").unlink()
    return statistics.median(taken) * 1000

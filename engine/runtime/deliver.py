"""Couriers: one a connection, each takes due rows from the outbox, sends them, and writes what became of them.

A courier writes once a round: the results that came in since the last one, and the claims of as many rows as hands are free.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from engine.clock import Clock
from engine.connections.breaker import Breaker
from engine.connections.rates import Rate
from engine.deploy.versions import Versions
from engine.errors import RefusedError
from engine.messages.compose import NoAddressError, invitation_email, step_request
from engine.model.delivery import Adapter, DeliveryState, FetchRequest, Outcome, Repeat, Request, Unclear
from engine.runtime.claim import Claimed, claim, recover
from engine.runtime.operate import CONNECTION
from engine.runtime.results import Result, Unsendable, backoff, state_after, write_results
from engine.store.protocol import EVERYTHING, Store, Transaction

SEND_DEADLINE = dt.timedelta(seconds=120)  # a claim older than this, and in nobody's hands, was lost
IDLE = 30.0  # seconds between looks when nothing is due
STORE_RETRY = 1.0  # seconds to wait where the store refuses
LAST_TRIES = 5  # to write a result, once the daemon is to stop
_log = structlog.get_logger("deliver")


@dataclass(slots=True)
class Tally:
    """What a courier did since it started."""

    sent: int = 0
    retried: int = 0
    dead: int = 0
    unknown: int = 0

    def count(self, state: DeliveryState) -> None:
        match state:
            case DeliveryState.DONE:
                self.sent += 1
            case DeliveryState.PENDING:
                self.retried += 1
            case DeliveryState.DEAD:
                self.dead += 1
            case DeliveryState.UNKNOWN:
                self.unknown += 1


@dataclass(frozen=True, slots=True)
class _Round:
    """What one write of a courier came to."""

    claimed: list[Claimed]
    taken: int  # rows, of which some may have been dropped at the recheck
    due: dt.datetime | None  # the next row, where fewer were due than hands are free
    events: bool  # or news for runs came of it
    held: str | None  # what holds everything back


class Courier:
    """Delivers for one connection, several at a time, never the same row twice at once."""

    def __init__(
        self,
        name: str,
        adapter: Adapter,
        store: Store,
        versions: Versions,
        clock: Clock,
        *,
        link: Callable[[str], str],
        wake_turn: Callable[[], None],
        concurrency: int,
        rate: Rate | None,
        seed: int,
    ) -> None:
        self.name, self.adapter, self.tally = name, adapter, Tally()
        self._store, self._versions, self._clock = store, versions, clock
        self._link, self._wake_turn = link, wake_turn
        self._concurrency, self._rate = concurrency, rate
        self._random = random.Random(f"{seed}/{name}")
        self.breaker = Breaker(self._random)
        self._wake = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._held: set[int] = set()  # rows claimed whose result is not on disk yet
        self._results: list[Result] = []  # on their way there
        self._stopping = False
        self.held: str | None = None  # what holds everything back: a pause, the brake

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Until told to stop; then there are no new claims, and what is on its way is finished and written."""
        tries_left = LAST_TRIES
        while not self._stopping or self._sending or (self._results and tries_left > 0):
            self._wake.clear()
            try:
                delay = await self._round()
            except RefusedError as error:
                _log.error("the outbox cannot be written", connection=self.name, error=str(error), results=len(self._results))
                delay = STORE_RETRY
                tries_left -= self._stopping
            except Exception as error:  # noqa: BLE001  # a defect of ours in one round must not end all deliveries
                _log.error("the courier failed in the engine", connection=self.name, exc_info=error)
                delay = STORE_RETRY
                tries_left -= self._stopping
            if delay > 0 and not (self._stopping and not self._sending and not self._results):
                await self._sleep(delay)
        await self.adapter.close()

    async def _sleep(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass

    def stop(self) -> None:
        """`run` ends soon."""
        self._stopping = True
        self._wake.set()

    def break_off(self) -> None:
        """Wait no longer for what is on its way. Where nothing is known of it now, `recover` judges it at the next start."""
        for task in self._sending:
            task.cancel()

    async def _round(self) -> float:
        """Write the results, claim what is due and free hands can take. Returns how long to wait, in seconds."""
        results, self._results = self._results, []
        free, wait = self._free()
        if not results and free <= 0:
            return wait
        now = self._clock.now()
        try:
            done = await self._store.write(lambda tx: self._write(tx, results, free, now))
        except BaseException:
            self._results = results + self._results  # a result that is lost is a message in doubt
            raise
        self._note(done.held)
        self._held.difference_update(result.item.delivery.id for result in results)
        if done.events:
            self._wake_turn()
        for item in done.claimed:
            self._held.add(item.delivery.id)
            task = asyncio.create_task(self._send(item))
            self._sending.add(task)
            task.add_done_callback(self._sent)
        if self._rate is not None:
            self._rate.take(len(done.claimed), asyncio.get_running_loop().time())
        if done.taken >= free:
            # As many as might begin, or none could: unless some were dropped at the recheck, what holds them up says for how long.
            return self._free()[1] if len(done.claimed) == done.taken else 0.0
        return IDLE if done.due is None else min(max((done.due - now).total_seconds(), 0.0), IDLE)

    def _note(self, held: str | None) -> None:
        if held != self.held:
            _log.warning("sending is held back" if held else "sending goes on", connection=self.name, why=held or self.held)
        self.held = held

    def _free(self) -> tuple[int, float]:
        """How many deliveries may begin now, and how long to wait, in seconds, where none may: a result wakes us sooner."""
        now = asyncio.get_running_loop().time()
        free, wait = self._concurrency - len(self._sending), IDLE
        allowed = self.breaker.allows(len(self._sending), now)
        if allowed is not None and allowed < free:
            free, wait = allowed, min(self.breaker.wait(now) or IDLE, IDLE)
        if self._rate is not None and self._rate.free(now) < free:
            free, wait = self._rate.free(now), min(self._rate.wait(now), IDLE)
        return (0 if self._stopping else max(free, 0)), wait

    def _write(self, tx: Transaction, results: list[Result], free: int, now: dt.datetime) -> _Round:
        events = write_results(tx, results) if results else False
        lost = [row for row in tx.overdue(now) if row.connection == self.name and row.id not in self._held]
        if lost:
            recover(tx, lost, () if self.adapter.repeat is Repeat.NEITHER else (self.name,), "its sender was lost", now)
        free, held, why = self._held_back(tx, free, now)
        if free <= 0:
            return _Round([], 0, None, events, why)
        claimed, taken = claim(tx, self._versions, self.name, now, now + SEND_DEADLINE, free, held)
        if self._limit:
            tx.count_sends(sum(item.delivery.action != "fetch" for item in claimed), now)
        return _Round(claimed, taken, tx.next_due(self.name, held) if taken < free else None, events, why)

    @property
    def _limit(self) -> int | None:
        """The most that the project sends in an hour."""
        current = self._versions.current
        return current.definitions.project.limits.get("sends_per_hour") if current is not None else None

    def _held_back(self, tx: Transaction, free: int, now: dt.datetime) -> tuple[int, frozenset[str], str | None]:
        """How many may be claimed, the addresses that may not, and what holds everything of this connection back."""
        held = frozenset(row.what for row in tx.pauses())
        if f"{CONNECTION}{self.name}" in held:
            return 0, held, "paused"
        if EVERYTHING in held:
            return free, held, "paused"
        if (limit := self._limit) is not None:
            left = limit - tx.sends(now - dt.timedelta(hours=1), now)
            if left <= 0:
                return free, held | {EVERYTHING}, f"limits.sends_per_hour: {limit:,}"
            free = min(free, left)
        return free, held, None

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("a delivery failed in the engine", connection=self.name, exc_info=task.exception())

    async def _send(self, item: Claimed) -> None:
        outcome = await self._attempt(item)
        delivery = item.delivery
        state = state_after(delivery, outcome, self.adapter.repeat)
        result = Result(item=item, outcome=outcome, state=state, at=self._clock.now(), wait=backoff(delivery, outcome, self._random))
        if not isinstance(outcome, Unsendable):
            self._heard(outcome)
        self._results.append(result)
        self.tally.count(state)
        if state is DeliveryState.PENDING and delivery.attempt.bit_count() == 1:
            # Attempts 1, 2, 4, 8, …: a receiver that is down is said, and does not fill the log.
            _log.warning(
                "not delivered yet, will be tried again",
                connection=self.name,
                origin=delivery.origin,
                attempt=delivery.attempt,
                reason=result.reason,
            )
        if state is DeliveryState.DEAD:
            _log.warning("given up", connection=self.name, origin=delivery.origin, key=delivery.key, reason=result.reason)

    def _heard(self, outcome: Outcome) -> None:
        now = asyncio.get_running_loop().time()
        before = self.breaker.state(now)
        self.breaker.note(outcome, now)
        after = self.breaker.state(now)
        if before == "closed" and after == "open":
            _log.warning("the receiver is left alone for a while", connection=self.name, seconds=round(self.breaker.wait(now), 1))
        elif before != "closed" and after == "closed":
            _log.info("the receiver takes deliveries again", connection=self.name)

    async def _attempt(self, item: Claimed) -> Outcome | Unsendable:
        try:
            request = self._request(item)
        except NoAddressError as error:
            return Unsendable(DeliveryState.DROPPED, str(error))
        except Exception as error:  # noqa: BLE001  # nothing went out, and nothing will from the same words
            _log.error("a message failed in the engine", connection=self.name, origin=item.delivery.origin, exc_info=error)
            return Unsendable(DeliveryState.DEAD, f"the engine failed to compose it: {type(error).__name__}")
        try:
            first = item.delivery.tried
            age = self._clock.now() - first if first is not None and item.delivery.attempt > 1 else request.age
            # An attempt that lies ahead was made before the clock went back: nobody knows how long ago, so long ago.
            return await self.adapter.deliver(replace(request, age=age if age >= dt.timedelta() else dt.timedelta.max))
        except Exception as error:  # noqa: BLE001  # an adapter raises nothing; where it does all the same, nobody knows what it did
            _log.error("an adapter failed in the engine", connection=self.name, origin=item.delivery.origin, exc_info=error)
            return Unclear(reason=f"the engine failed while sending: {type(error).__name__}")

    def _request(self, item: Claimed) -> Request:
        delivery = item.delivery
        if delivery.action == "fetch":
            return FetchRequest(key=delivery.key, hook=delivery.payload)
        assert item.version is not None
        assert item.scope is not None
        asks = item.cadence or item.step
        if item.invitation is not None and asks is not None:
            assert item.token is not None
            words, link = item.version.definitions, self._link(item.token)
            return invitation_email(words, asks, item.scope, link, delivery.key, reminder=delivery.message > 0)
        assert item.step is not None
        return step_request(item.version.definitions, item.step, item.scope, delivery.key)

"""Couriers: one a connection, each takes due rows from the outbox, sends them, and writes what became of them."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from engine.clock import Clock
from engine.deploy.versions import Versions
from engine.errors import StoreError
from engine.messages.compose import NoAddressError, invitation_email, language_of, step_request
from engine.model.delivery import Adapter, Delivery, DeliveryState, FetchRequest, Outcome, Rejected, Repeat, Request, Sent, Unclear
from engine.runtime.claim import Claimed, claim, doubt, mark_sent
from engine.runtime.people import event_part
from engine.runtime.turn import own_event
from engine.store.protocol import Incoming, Store, Transaction

FIRST_RETRY = 1.0  # seconds
LAST_RETRY = 900.0
MAX_ATTEMPTS = 100  # with the waits above, about a day
SEND_DEADLINE = dt.timedelta(seconds=120)  # a claim older than this is nobody's
IDLE = 30.0  # seconds between looks when nothing is due
_log = structlog.get_logger("deliver")


@dataclass(slots=True)
class Tally:
    """What a courier did since it started."""

    sent: int = 0
    retried: int = 0
    dead: int = 0
    unknown: int = 0


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
        seed: int,
    ) -> None:
        self.name, self.adapter, self.tally = name, adapter, Tally()
        self._store, self._versions, self._clock = store, versions, clock
        self._link, self._wake_turn = link, wake_turn
        self._concurrency = concurrency
        self._random = random.Random(f"{seed}/{name}")
        self._wake = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._stopping = False

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Until stopped."""
        while not self._stopping:
            self._wake.clear()
            try:
                delay = await self._take()
            except StoreError as error:
                _log.error("the outbox cannot be read", connection=self.name, error=str(error))
                delay = 1.0
            if delay > 0 and not self._stopping:
                await self._sleep(delay)

    async def _sleep(self, delay: float) -> None:
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def stop(self) -> None:
        """No new claims; what is on its way is finished."""
        self._stopping = True
        self._wake.set()
        while self._sending:
            await asyncio.wait(self._sending)
        await self.adapter.close()

    async def _take(self) -> float:
        """Claim what is due and free hands can take. Returns how long to wait, in seconds."""
        free = self._concurrency - len(self._sending)
        if free <= 0:
            return IDLE
        now = self._clock.now()
        due = await self._store.read(lambda tx: tx.next_due(self.name))
        if due is None:
            return IDLE
        if due > now:
            return min((due - now).total_seconds(), IDLE)
        claimed, taken = await self._store.write(lambda tx: claim(tx, self._versions, self.name, now, now + SEND_DEADLINE, free))
        for item in claimed:
            task = asyncio.create_task(self._send(item))
            self._sending.add(task)
            task.add_done_callback(self._sent)
        return 0.0 if taken else IDLE

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("a delivery failed in the engine", connection=self.name, exc_info=task.exception())

    async def _send(self, item: Claimed) -> None:
        try:
            request = self._request(item)
        except NoAddressError as error:
            reason = str(error)
            await self._store.write(lambda tx: tx.finish(item.delivery, DeliveryState.DROPPED, reason=reason, external_id=None, url=None))
            return
        outcome = await self.adapter.deliver(request)
        now = self._clock.now()
        events = await self._store.write(lambda tx: self._record(tx, item, outcome, now))
        if events:
            self._wake_turn()

    def _request(self, item: Claimed) -> Request:
        delivery = item.delivery
        if delivery.action == "fetch":
            return FetchRequest(key=delivery.key, hook=delivery.payload)
        assert item.version is not None
        assert item.scope is not None
        if item.cadence is not None:
            assert item.token is not None
            return invitation_email(item.version.definitions, item.cadence, item.scope, self._link(item.token), delivery.key)
        assert item.step is not None
        return step_request(item.version.definitions, item.step, item.scope, delivery.key)

    def _record(self, tx: Transaction, item: Claimed, outcome: Outcome, now: dt.datetime) -> bool:
        """Write the outcome where this attempt is still the one that counts. True where events came of it."""
        delivery = item.delivery
        match outcome:
            case Sent():
                return self._done(tx, item, outcome, now)
            case Rejected(permanent=False) if delivery.attempt < MAX_ATTEMPTS:
                self.tally.retried += 1
                tx.postpone(delivery, now + self._backoff(delivery, outcome.retry_after), outcome.reason)
            case Rejected():
                self.tally.dead += 1
                tx.finish(delivery, DeliveryState.DEAD, reason=outcome.reason, external_id=None, url=None)
                _log.warning("given up", connection=self.name, origin=delivery.origin, key=delivery.key, reason=outcome.reason)
            case Unclear() if self.adapter.repeat is not Repeat.NEITHER or not delivery.respondent:
                self.tally.retried += 1
                tx.postpone(delivery, now + self._backoff(delivery, None), outcome.reason)
            case Unclear():
                self.tally.unknown += 1
                doubt(tx, delivery, outcome.reason, now)
        return False

    def _done(self, tx: Transaction, item: Claimed, outcome: Sent, now: dt.datetime) -> bool:
        delivery = item.delivery
        if not tx.finish(delivery, DeliveryState.DONE, reason=None, external_id=outcome.external_id, url=outcome.url):
            return False
        self.tally.sent += 1
        incoming = [Incoming(event=event, part=event_part(event.source, event.id, event.data)) for event in outcome.events]
        if item.invitation is not None and item.version is not None and item.scope is not None:
            stored = tx.invitations([item.invitation.id]).get(item.invitation.id)
            if stored is not None:
                language = language_of(item.scope, item.version.definitions)
                mark_sent(tx, replace(stored, channel="email", language=language), now)
            type_ = f"survey.{item.invitation.survey}.sent"
            if item.version.rules.candidates(type_):
                incoming.append(own_event(type_, item.invitation.id, now, {}, delivery.subjects, delivery.part))
        if incoming:
            tx.accept(incoming, now)
        return bool(incoming)

    def _backoff(self, delivery: Delivery, retry_after: float | None) -> dt.timedelta:
        """Exponential with full jitter, never sooner than the receiver asked for."""
        ceiling = min(LAST_RETRY, FIRST_RETRY * 2 ** min(delivery.attempt - 1, 20))
        return dt.timedelta(seconds=max(self._random.uniform(ceiling / 2, ceiling), retry_after or 0.0))

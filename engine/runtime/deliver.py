"""Couriers: one a connection, each takes due rows from the outbox, sends them, and writes what became of them."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from engine.clock import Clock
from engine.deploy.versions import Versions
from engine.errors import RefusedError
from engine.messages.compose import NoAddressError, invitation_email, step_request
from engine.model.delivery import Adapter, Delivery, DeliveryState, FetchRequest, Outcome, Rejected, Repeat, Request, Sent, Unclear
from engine.runtime.claim import Claimed, claim, doubt, give_up, mark_sent, recover
from engine.runtime.people import event_part
from engine.runtime.turn import own_event
from engine.store.protocol import Incoming, Store, Transaction

FIRST_RETRY = 1.0  # seconds
LAST_RETRY = 900.0
MAX_ATTEMPTS = 100  # with the waits above, about a day
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
class _Unsendable:
    """There was nothing to send: the contact has no address any more, or the engine failed to say it."""

    state: DeliveryState
    reason: str


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
        self._hands: dict[int, asyncio.Task[None]] = {}  # row → its sending
        self._stopping = False

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Until told to stop; then there are no new claims, and what is on its way is finished."""
        while not self._stopping:
            self._wake.clear()
            try:
                delay = await self._take()
            except RefusedError as error:
                _log.error("the outbox cannot be read", connection=self.name, error=str(error))
                delay = STORE_RETRY
            except Exception as error:  # noqa: BLE001  # a defect of ours in one look must not end all deliveries
                _log.error("the courier failed in the engine", connection=self.name, exc_info=error)
                delay = STORE_RETRY
            if delay > 0 and not self._stopping:
                await self._sleep(delay)
        while self._hands:
            await asyncio.wait(self._hands.values())
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

    async def _take(self) -> float:
        """Claim what is due and free hands can take. Returns how long to wait, in seconds."""
        free = self._concurrency - len(self._hands)
        if free <= 0:
            return IDLE
        now = self._clock.now()
        due, lost = await self._store.read(lambda tx: (tx.next_due(self.name), self._lost(tx, now)))
        if lost:
            await self._store.write(lambda tx: recover(tx, self._lost(tx, now), self._repeatable, "its sender was lost", now))
            return 0.0
        if due is None:
            return IDLE
        if due > now:
            return min((due - now).total_seconds(), IDLE)
        claimed, taken = await self._store.write(lambda tx: claim(tx, self._versions, self.name, now, now + SEND_DEADLINE, free))
        for item in claimed:
            task = asyncio.create_task(self._send(item))
            self._hands[item.delivery.id] = task
            task.add_done_callback(partial(self._sent, item.delivery.id))
        return 0.0 if taken else IDLE

    def _lost(self, tx: Transaction, now: dt.datetime) -> list[Delivery]:
        """Rows behind their deadline that are in nobody's hands."""
        return [row for row in tx.overdue(now) if row.connection == self.name and row.id not in self._hands]

    @property
    def _repeatable(self) -> tuple[str, ...]:
        return () if self.adapter.repeat is Repeat.NEITHER else (self.name,)

    def _sent(self, row: int, task: asyncio.Task[None]) -> None:
        del self._hands[row]
        self._wake.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("a delivery failed in the engine", connection=self.name, exc_info=task.exception())

    async def _send(self, item: Claimed) -> None:
        outcome = await self._attempt(item)
        state, now = self._state_after(item.delivery, outcome), self._clock.now()
        wait = self._backoff(item.delivery, outcome)
        if await self._kept(item, lambda tx: self._record(tx, item, outcome, state, now, wait)):
            self._wake_turn()
        self.tally.count(state)
        if state is DeliveryState.PENDING and item.delivery.attempt.bit_count() == 1 and not isinstance(outcome, Sent):
            # Attempts 1, 2, 4, 8, …: a receiver that is down is said, and does not fill the log.
            _log.warning(
                "not delivered yet, will be tried again",
                connection=self.name,
                origin=item.delivery.origin,
                attempt=item.delivery.attempt,
                reason=_without_token(outcome.reason, item),
            )
        if state is DeliveryState.DEAD and not isinstance(outcome, Sent):
            _log.warning(
                "given up",
                connection=self.name,
                origin=item.delivery.origin,
                key=item.delivery.key,
                reason=_without_token(outcome.reason, item),
            )

    async def _attempt(self, item: Claimed) -> Outcome | _Unsendable:
        try:
            request = self._request(item)
        except NoAddressError as error:
            return _Unsendable(DeliveryState.DROPPED, str(error))
        except Exception as error:  # noqa: BLE001  # nothing went out, and nothing will from the same words
            _log.error("a message failed in the engine", connection=self.name, origin=item.delivery.origin, exc_info=error)
            return _Unsendable(DeliveryState.DEAD, f"the engine failed to compose it: {type(error).__name__}")
        try:
            return await self.adapter.deliver(request)
        except Exception as error:  # noqa: BLE001  # an adapter raises nothing; where it does all the same, nobody knows what it did
            _log.error("an adapter failed in the engine", connection=self.name, origin=item.delivery.origin, exc_info=error)
            return Unclear(reason=f"the engine failed while sending: {type(error).__name__}")

    async def _kept(self, item: Claimed, work: Callable[[Transaction], bool]) -> bool:
        """Write a result, however long the store refuses: a result that is lost is a message in doubt."""
        tries_left = LAST_TRIES
        while True:
            try:
                return await self._store.write(work)
            except RefusedError as error:
                if self._stopping:
                    tries_left -= 1
                _log.error("a result cannot be written", connection=self.name, key=item.delivery.key, error=str(error))
                if not tries_left:
                    return False
            await asyncio.sleep(STORE_RETRY)

    def _state_after(self, delivery: Delivery, outcome: Outcome | _Unsendable) -> DeliveryState:
        """What the outcome of an attempt makes of its row: whether it may be repeated is decided here alone."""
        again = delivery.attempt < MAX_ATTEMPTS
        match outcome:
            case Sent():
                return DeliveryState.DONE
            case _Unsendable():
                return outcome.state
            case Rejected():
                return DeliveryState.PENDING if again and not outcome.permanent else DeliveryState.DEAD
            case Unclear():
                harmless = self.adapter.repeat is not Repeat.NEITHER or not delivery.respondent
                return DeliveryState.PENDING if again and harmless else DeliveryState.UNKNOWN

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

    def _record(
        self, tx: Transaction, item: Claimed, outcome: Outcome | _Unsendable, state: DeliveryState, now: dt.datetime, wait: dt.timedelta
    ) -> bool:
        """Write the outcome where this attempt is still the one that counts. True where events came of it."""
        if isinstance(outcome, Sent):
            return self._done(tx, item, outcome, now)
        reason = _without_token(outcome.reason, item)
        match state:
            case DeliveryState.PENDING:
                tx.postpone(item.delivery, now + wait, reason)
            case DeliveryState.UNKNOWN:
                doubt(tx, item.delivery, reason, now)
            case _:
                give_up(tx, item.delivery, state, reason)
        return False

    def _done(self, tx: Transaction, item: Claimed, outcome: Sent, now: dt.datetime) -> bool:
        delivery = item.delivery
        if not tx.finish(delivery, DeliveryState.DONE, reason=None, external_id=outcome.external_id, url=outcome.url):
            return False
        incoming = [Incoming(event=event, part=event_part(event.source, event.id, event.data)) for event in outcome.events]
        if item.invitation is not None and item.version is not None:
            stored = tx.invitations([item.invitation.id]).get(item.invitation.id)
            if stored is not None:
                mark_sent(tx, stored, now)
            type_ = f"survey.{item.invitation.survey}.sent"
            if item.version.rules.candidates(type_):
                incoming.append(own_event(type_, item.invitation.id, now, {}, delivery.subjects, delivery.part))
        if incoming:
            tx.accept(incoming, now)
        return bool(incoming)

    def _backoff(self, delivery: Delivery, outcome: Outcome | _Unsendable) -> dt.timedelta:
        """Exponential with jitter over its upper half, never sooner than the receiver asked for."""
        ceiling = min(LAST_RETRY, FIRST_RETRY * 2 ** min(delivery.attempt - 1, 20))
        asked = outcome.retry_after if isinstance(outcome, Rejected) and outcome.retry_after is not None else 0.0
        return dt.timedelta(seconds=max(self._random.uniform(ceiling / 2, ceiling), asked))


def _without_token(reason: str, item: Claimed) -> str:
    """A filter that refuses a message may quote the link in it, and a token is never stored."""
    return reason.replace(item.token, "…") if item.token is not None else reason

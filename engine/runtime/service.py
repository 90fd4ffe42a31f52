"""The engine while it runs: turns over the inbox, a courier for each connection, and the doors through which things come in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from engine.clock import Clock
from engine.connections.rates import Rate
from engine.deploy.versions import Version, Versions, apply
from engine.dsl.nearest import nearest
from engine.errors import RefusedError, StoreBusyError
from engine.model.delivery import Adapter, Delivery, Repeat
from engine.model.events import Event
from engine.model.runs import Run
from engine.runtime.claim import recover
from engine.runtime.deliver import Courier
from engine.runtime.operate import OPERATIONS
from engine.runtime.people import event_part, part_of
from engine.runtime.steering import cancel_run, retry_run
from engine.runtime.turn import Quarantined, TurnReport, run_turn
from engine.store.lines import Unread
from engine.store.protocol import Deployment, Incoming, NewDelivery, Store, Transaction

AT_ONCE = 32  # deliveries of a connection under way, where it has no limit of its own
MAX_ENTERING = 10_000  # events on their way to the disk; beyond that senders are told to come back, before memory grows
MAX_UNREAD = 16 << 20  # bytes of requests that were not understood; beyond it the oldest go
MAX_SAID = 10  # quarantined events of a turn that the log names
MAX_TYPES_SAID = 100  # undeclared event types that it names; senders choose them
GRACE = 4.0  # seconds that messages on their way get at the end: a container is killed ten seconds after it was told to stop
_IDLE = 60.0  # seconds between looks at the timers when none is due sooner
_RETRY = 1.0  # seconds to wait where a turn failed
_log = structlog.get_logger("runtime")


@dataclass(slots=True)
class Meter:
    """What passed through since the start, for metrics."""

    accepted: int = 0
    repeated: int = 0
    decided: int = 0
    parked: int = 0
    quarantined: int = 0
    undeclared: int = 0  # decided with nothing, since no event of that type is declared
    turns: int = 0
    couriers: dict[str, Courier] = field(default_factory=dict)


class Service:
    """Runs a project on a store. Adapters are made elsewhere and handed in by connection."""

    def __init__(self, store: Store, clock: Clock, *, public_url: str, seed: int = 0) -> None:
        self.store, self.clock, self.versions, self.meter = store, clock, Versions(), Meter()
        self.public_url = public_url
        self._seed = seed
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._entering = 0  # events that are not on disk yet
        self._stopping = False
        self._said: set[str] = set()  # event types that nobody declared and the log names already

    @property
    def version(self) -> Version | None:
        return self.versions.current

    async def deploy(self, deployment: Deployment) -> tuple[int, bool]:
        """Apply a deployment; the next turn decides by it."""
        number, changed = await self.store.write(lambda tx: apply(tx, deployment))
        await self.store.write(self.versions.refresh)
        return number, changed

    async def load(self) -> Version | None:
        """The version to run: the newest that was applied."""
        return await self.store.write(self.versions.refresh)

    async def start(self, adapters: Mapping[str, Adapter], at_once: Mapping[str, int], rates: Mapping[str, Rate] | None = None) -> None:
        """Put what an earlier process left unfinished in order, then begin.

        ``at_once`` has the connections with a limit of their own. More must not be claimed: what waits behind that limit is not on
        its way, yet would be in doubt after a crash. ``rates`` has those that may not be used faster than that.
        """
        repeatable = [name for name, adapter in adapters.items() if adapter.repeat is not Repeat.NEITHER]
        now = self.clock.now()
        reason = "the daemon ended while this was being sent"
        again, unknown = await self.store.write(lambda tx: recover(tx, tx.overdue(None), repeatable, reason, now))
        if again or unknown:
            _log.warning("an earlier process ended while it was sending", repeated=again, unknown=unknown)
        for name, adapter in adapters.items():
            self.meter.couriers[name] = Courier(
                name,
                adapter,
                self.store,
                self.versions,
                self.clock,
                link=self.link,
                wake_turn=self.wake,
                concurrency=at_once.get(name, AT_ONCE),
                rate=(rates or {}).get(name),
                seed=self._seed,
            )
        self._tasks = [asyncio.create_task(courier.run(), name=f"courier-{name}") for name, courier in self.meter.couriers.items()]
        self._tasks.append(asyncio.create_task(self._turns(), name="turns"))
        self.wake()

    async def stop(self) -> None:
        """Finish what is at hand: the turn that runs, the messages on their way. The rest is on disk.

        Receivers that are silent hold it up for a few seconds and no longer.
        """
        self._stopping = True
        self._wake.set()
        for courier in self.meter.couriers.values():
            courier.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)
        for courier in self.meter.couriers.values():
            courier.break_off()
        # One that fails must not keep the others from finishing.
        for task, ended in zip(self._tasks, await asyncio.gather(*self._tasks, return_exceptions=True), strict=True):
            if isinstance(ended, BaseException):
                _log.error("a part of the engine failed", part=task.get_name(), exc_info=ended)

    async def watch(self) -> None:
        """Waits for ever. Raises RuntimeError where a part of the engine ends before it is told to."""
        ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        task = next(iter(ended))
        raise RuntimeError(f"{task.get_name()} ended by itself") from (None if task.cancelled() else task.exception())

    def wake(self) -> None:
        """Events may be waiting."""
        self._wake.set()

    def link(self, token: str) -> str:
        """Where a respondent opens a survey."""
        return self.public_url.rstrip("/") + f"/s/{token}"

    async def accept(self, events: Sequence[Event]) -> list[bool]:
        """Returns once the events are on disk; False for each that was accepted before.

        Raises StoreBusyError where too many are under way.
        """
        if self._entering and self._entering + len(events) > MAX_ENTERING:
            raise StoreBusyError(f"{self._entering:,} events are on their way to the disk; try again in a moment")
        self._entering += len(events)
        try:
            return await self._accept(events)
        finally:
            self._entering -= len(events)

    async def _accept(self, events: Sequence[Event]) -> list[bool]:
        incoming = [Incoming(event=event, part=event_part(event.source, event.id, event.data)) for event in events]
        received = self.clock.now()
        fresh = await self.store.write(lambda tx: tx.accept(incoming, received), urgent=True)
        new = sum(fresh)
        self.meter.accepted += new
        self.meter.repeated += len(fresh) - new
        if new:
            self.wake()
        return fresh

    async def keep_unread(self, door: str, headers: Mapping[str, str], body: bytes, reason: str) -> None:
        """Keep what could not be understood, within a quota. Returns once it is on disk."""
        row = Unread(at=self.clock.now(), door=door, headers=headers, body=body, reason=reason)
        await self.store.write(lambda tx: tx.keep_unread(row, most=MAX_UNREAD), urgent=True)

    async def operate(self, name: str, said: Mapping[str, object]) -> dict[str, object]:
        """Carry out one of OPERATIONS. Raises what it raises."""
        now = self.clock.now()
        done = await self.store.write(lambda tx: OPERATIONS[name](tx, said, now))
        self.wake()
        self._wake_couriers(list(self.meter.couriers))
        return done

    async def accept_hook(self, connection: str, key: str, hook: Mapping[str, object]) -> bool:
        """Returns once it is on disk that a hook's object is to be fetched; False for a repeated hook."""
        now = self.clock.now()
        delivery = Delivery(
            id=0,
            part=part_of(key),
            key=f"{connection}/{key}",
            action="fetch",
            connection=connection,
            origin=f"connection.{connection}",
            deployment=self.version.number if self.version else 0,
            event=None,
            contact=None,
            invitation=None,
            answer=None,
            payload=hook,
        )
        new = await self.store.write(lambda tx: tx.enqueue([NewDelivery(delivery=delivery, due=now)]), urgent=True)
        if new:
            self._wake_couriers([connection])
        return bool(new)

    async def cancel_run(self, id_: str, by: str) -> Run:
        """Raises RefusedError where that run cannot be cancelled."""
        return await self._steer(lambda tx: cancel_run(tx, self.versions, id_, by, self.clock.now()))

    async def retry_run(self, id_: str) -> Run:
        """Raises RefusedError where that run cannot be retried."""
        return await self._steer(lambda tx: retry_run(tx, self.versions, id_, self.clock.now()))

    async def _steer(self, work: Callable[[Transaction], Run]) -> Run:
        run = await self.store.write(work, urgent=True)
        self.wake()
        self._wake_couriers(list(self.meter.couriers))
        return run

    def _wake_couriers(self, names: Sequence[str]) -> None:
        for name in names:
            courier = self.meter.couriers.get(name)
            if courier is not None:
                courier.wake()

    def _say_quarantined(self, events: Sequence[Quarantined]) -> None:
        for one in events[:MAX_SAID]:
            _log.warning(
                "an event was quarantined: its data do not fit the contract",
                number=one.seq,
                type=one.type,
                source=one.source,
                id=one.id,
                reason=one.why,
            )
        if len(events) > MAX_SAID:
            _log.warning("more events were quarantined; `sounding inbox list` has them", count=len(events) - MAX_SAID)

    def _say_undeclared(self, types: Mapping[str, int]) -> None:
        """Once a type: a mistyped one comes with every event of its sender."""
        for type_ in types:
            if type_ in self._said or len(self._said) >= MAX_TYPES_SAID:
                continue
            self._said.add(type_)
            known = self.version.rules.events if self.version is not None else ()
            near = nearest(type_, known)
            hint = {"did_you_mean": near} if near is not None else {}
            _log.warning("events of a type that is not declared come in: they are kept and lead to nothing", type=type_, **hint)

    async def _turns(self) -> None:
        while not self._stopping:
            self._wake.clear()
            now = self.clock.now()
            try:
                report: TurnReport = await self.store.write(lambda tx: run_turn(tx, self.versions, self.clock.now()))
            except RefusedError as error:
                _log.error("no turn could be written", error=str(error))
                await asyncio.sleep(_RETRY)
                continue
            except Exception as error:  # noqa: BLE001  # a defect of ours in one turn must not end all deciding
                _log.error("a turn failed in the engine", exc_info=error)
                await asyncio.sleep(_RETRY)
                continue
            self.meter.turns += 1
            self.meter.decided += report.decided
            self.meter.parked += report.parked
            self.meter.quarantined += len(report.quarantined)
            self.meter.undeclared += report.undeclared.total()
            if report.parked:
                _log.error("events were parked: they make the engine fail", count=report.parked)
            if report.quarantined:
                self._say_quarantined(report.quarantined)
            if report.undeclared:
                self._say_undeclared(report.undeclared)
            self._wake_couriers(list(report.connections))
            if report.more:
                continue
            delay = _IDLE if report.next_timer is None else (report.next_timer - now).total_seconds()
            try:
                async with asyncio.timeout(min(max(delay, 0.0), _IDLE)):
                    await self._wake.wait()
            except TimeoutError:
                pass

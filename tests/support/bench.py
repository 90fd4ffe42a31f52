"""A store with the small project deployed, and a clock that the test moves: the runtime without sockets."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import small_project
import stored

from engine.clock import VirtualClock
from engine.deploy.versions import Versions, apply, pack
from engine.model.definitions import Definitions
from engine.model.delivery import Delivery, DeliveryState, Rejected, Repeat, Sent, Unclear
from engine.model.events import Event
from engine.model.feedback import Invitation
from engine.model.runs import Run, RunState
from engine.runtime.claim import Claimed, claim, mark_sent
from engine.runtime.people import event_part
from engine.runtime.results import Result, state_after, write_results
from engine.runtime.turn import run_turn
from engine.store.lines import OutboxLine, RunLine
from engine.store.protocol import EventState, Incoming, Transaction, Waiting
from engine.store.sqlite.store import SqliteStore

T = TypeVar("T")

NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
_numbers = count(1)


def event(type_: str, data: Mapping[str, Any] | None = None, **given: Any) -> Event:
    """An event with an id of its own, at noon from `shop`, unless ``given`` says otherwise."""
    fields: dict[str, Any] = {"id": f"e{next(_numbers)}", "source": "shop", "type": type_, "time": NOON, "data": data or {}} | given
    return Event(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an event."""

    state: EventState
    contact: str | None
    note: str | None
    trace: dict[str, Any]


@dataclass(slots=True)
class Bench:
    store: SqliteStore
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOON))
    versions: Versions = field(default_factory=Versions)

    async def deploy(self, definitions: Definitions) -> int:
        number, _ = await self.store.write(lambda tx: apply(tx, pack(definitions, at=self.clock.now(), by="test", commit=None)))
        return number

    async def accept(self, *events: Event) -> list[bool]:
        incoming = [Incoming(event=event, part=event_part(event.source, event.id, event.data)) for event in events]
        return await self.store.write(lambda tx: tx.accept(incoming, self.clock.now()))

    async def turn(self, *events: Event) -> int:
        """Accept, and decide until nothing waits; how many were parked."""
        if events:
            await self.accept(*events)
        parked = 0
        while True:
            report = await self.store.write(lambda tx: run_turn(tx, self.versions, self.clock.now()))
            parked += report.parked
            if not report.more:
                return parked

    async def claim(self, connection: str = "mail", limit: int = 100) -> list[Claimed]:
        now = self.clock.now()
        found, _ = await self.store.write(lambda tx: claim(tx, self.versions, connection, now, now + dt.timedelta(minutes=2), limit))
        return found

    async def invite(self, *events: Event) -> list[Claimed]:
        """Decide, claim what is due by mail, and note it as sent."""
        await self.turn(*events)
        found = await self.claim()
        for item in found:
            await self.store.write(self._send(item))
        return found

    async def deliver(self, connection: str, outcome: Sent | Rejected | Unclear | None = None) -> list[Claimed]:
        """Claim what is due, and write that each came to ``outcome``; without one, that it arrived under a number of its own."""
        found = await self.claim(connection)
        for item in found:
            await self.answer(
                item, outcome or Sent(external_id=f"{connection}-{item.delivery.id}", url=f"https://{connection}.test/{item.delivery.id}")
            )
        return found

    async def answer(self, item: Claimed, outcome: Sent | Rejected | Unclear) -> None:
        """What became of a delivery, and what follows from that."""
        state = state_after(item.delivery, outcome, Repeat.KEYED)
        result = Result(item=item, outcome=outcome, state=state, at=self.clock.now(), wait=dt.timedelta(seconds=1))
        await self.store.write(lambda tx: write_results(tx, [result]))
        await self.turn()

    async def pass_by(self, by: dt.timedelta) -> None:
        """Time goes on, and what is due then is done."""
        self.clock.advance(by)
        await self.turn()

    def _send(self, item: Claimed) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            assert tx.finish(item.delivery, DeliveryState.DONE, reason=None, external_id=None, url=None)
            if item.invitation is not None:
                mark_sent(tx, tx.invitations([item.invitation.id])[item.invitation.id], self.clock.now())

        return work

    # -- looking ------------------------------------------------------------------------------------------------------

    async def outbox(self, *states: DeliveryState) -> list[OutboxLine]:
        """Oldest first; all of them where no state is given."""
        lines = await self.store.read(lambda tx: tx.outbox(states or tuple(DeliveryState), 1_000))
        return lines[::-1]

    async def deliveries(self) -> list[Delivery]:
        return [line.delivery for line in await self.outbox()]

    async def runs(self, *states: RunState) -> list[Run]:
        """Oldest first; all of them where no state is given."""
        return [line.run for line in await self.run_lines(*states)]

    async def run_lines(self, *states: RunState) -> list[RunLine]:
        lines = await self.store.read(lambda tx: tx.run_lines(states or tuple(RunState), None, 1_000))
        return lines[::-1]

    async def invitations(self) -> list[Invitation]:
        ids = [row.invitation for row in await self.deliveries() if row.invitation is not None]
        return list((await self.store.read(lambda tx: tx.invitations(ids))).values())

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """The data of every stored object of a kind."""
        return [json.loads(row["data"]) for row in stored.rows(self.store.path, "SELECT data FROM object WHERE kind = ?", kind)]

    def outcome(self, of: Event) -> Outcome:
        (row,) = stored.rows(self.store.path, "SELECT state, contact, note, trace FROM event WHERE source = ? AND id = ?", of.source, of.id)
        trace = json.loads(row["trace"]) if row["trace"] is not None else {}
        return Outcome(state=EventState(row["state"]), contact=row["contact"], note=row["note"], trace=trace)

    async def events_of(self, type_: str) -> list[Waiting]:
        found = await self.store.read(lambda tx: tx.events(range(1, 10_000)))
        return [row for row in found.values() if row.event.type == type_]


@asynccontextmanager
async def bench(folder: Path, definitions: Definitions | None = None) -> AsyncIterator[Bench]:
    store = SqliteStore(folder / "store.db")
    try:
        made = Bench(store)
        await made.deploy(definitions or small_project.definitions())
        yield made
    finally:
        await store.close()

"""The machine's clock jumps, forward and back, beneath a running service: no wait is lost, over early, or over twice."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import small_project
import stored
from bench import Bench, bench, event
from eventually import eventually

from engine.channels.webhook import WebhookAdapter
from engine.clock import SystemClock
from engine.desks.zendesk import ZendeskAdapter
from engine.lab.receivers.desk import DeskReceiver
from engine.lab.receivers.hooks import HookSink
from engine.model.events import Event
from engine.model.runs import RunState
from engine.net.client import HttpClient
from engine.runtime.service import Service
from engine.store.sqlite.files import problems

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
JUMPS = 25
RULES = """
automation: later
when: visit.ended
then:
  - wait: 1h
  - webhook: {via: hook, data: {what: later, who: "{{ contact.name|default('-') }}"}}
---
automation: rescue
when: visit.ended
then:
  - ticket: {via: desk, title: "{{ contact.name|default('-') }}"}
    as: case
  - wait_for: case.closed
    at_most: 3h
    on_timeout:
      - webhook: {via: hook, data: {what: stalled, who: "{{ contact.name|default('-') }}"}}
"""


class JumpingClock:
    """The system's clock, off by as much as it has jumped."""

    def __init__(self) -> None:
        self._off = dt.timedelta()

    def now(self) -> dt.datetime:
        return SystemClock().now() + self._off

    def jump(self, by: dt.timedelta) -> None:
        self._off += by


@dataclass(slots=True)
class Running:
    bench: Bench
    service: Service
    clock: JumpingClock
    desk: DeskReceiver
    sink: HookSink

    async def jump(self, by: dt.timedelta) -> None:
        """Who sleeps looks at the clock again: by itself within a minute, here at once."""
        self.clock.jump(by)
        self.service.wake()
        for courier in self.service.meter.couriers.values():
            courier.wake()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(folder: Path, changes: dict[str, str] | None = None) -> AsyncIterator[Running]:
    async with bench(folder, small_project.with_rules(RULES, changes)) as made, DeskReceiver() as desk, HookSink() as sink:
        clock = JumpingClock()
        service = Service(made.store, clock, public_url="http://survey.test")
        async with HttpClient(allow_private=True, timeout=5.0) as http:
            await service.load()
            await service.start(
                {
                    "desk": ZendeskAdapter(http, url=desk.url, user="agent@desk.test", token="desk-token"),
                    "hook": WebhookAdapter(http, url=sink.url, clock=clock),
                },
                {},
            )
            try:
                yield Running(made, service, clock, desk, sink)
            finally:
                await service.stop()


def visit(number: int, at: dt.datetime) -> Event:
    contact = {"id": f"c{number}", "name": f"Person {number}", "buyer": False}
    return event("visit.ended", {"contact": contact}, id=f"visit-{number}", time=at)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_each_wait_is_over_once_and_not_early_however_the_clock_jumps(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    async with running(tmp_path) as made:
        for number in range(JUMPS):
            await made.service.accept([visit(number, made.clock.now())])
            await made.jump(chance.choice([-2 * DAY, -HOUR, -0.1 * HOUR, 0.3 * HOUR, HOUR, 2 * HOUR, 2 * DAY]))
        # In the end it goes forward: so far that whatever began in the farthest future is over.
        while any(run.state is not RunState.DONE for run in await made.bench.runs()):
            await made.jump(5 * DAY)
        await eventually(lambda: len(made.sink.requests) == 2 * JUMPS)
        lines = await made.bench.run_lines()
        assert Counter(line.run.automation for line in lines) == {"later": JUMPS, "rescue": JUMPS}
        for line in lines:
            assert len({at for _, at, _ in line.steps}) == len(line.steps), "a step was taken twice"
            wait, behind = ("0", "1") if line.run.automation == "later" else ("1", "1/on_timeout/0")
            taken = {at: when for when, at, _ in line.steps}
            assert taken[behind] - taken[wait] >= (HOUR if wait == "0" else 3 * HOUR)
        said = Counter(str(request.json()) for request in made.sink.requests)
        assert len(said) == 2 * JUMPS
        assert len(made.desk.requests) == len(made.desk.tickets) == JUMPS
        assert list(problems(made.bench.store.path)) == []


async def test_what_is_on_its_way_is_not_taken_for_lost_when_the_clock_jumps_behind_its_deadline(tmp_path: Path) -> None:
    async with running(tmp_path) as made:
        made.desk.delay = 0.5
        await made.service.accept([visit(1, made.clock.now())])
        await eventually(lambda: made.desk.tickets)
        for by in (DAY, -3 * DAY, 2 * DAY):
            await made.jump(by)
            assert stored.value(made.bench.store.path, "SELECT state || attempt FROM outbox WHERE connection = 'desk'") == "sending1"
        await eventually(lambda: stored.value(made.bench.store.path, "SELECT state FROM outbox WHERE connection = 'desk'") == "done")
        assert len(made.desk.requests) == 1


async def test_a_clock_that_went_back_does_not_make_a_key_look_young(tmp_path: Path) -> None:
    """The first attempt seems to lie ahead: nobody knows how long ago it was, so the desk is asked before a ticket is made again."""
    async with running(tmp_path) as made:
        made.desk.delay = 0.3
        made.desk.stall_after_accept()
        await made.service.accept([visit(1, made.clock.now())])
        await eventually(lambda: made.desk.tickets)
        await made.jump(-3 * HOUR)
        made.desk._by_key.clear()  # it has forgotten all keys meanwhile
        await eventually(lambda: stored.value(made.bench.store.path, "SELECT state = 'done' FROM outbox WHERE connection = 'desk'"))
        assert len(made.desk.tickets) == 1


async def test_the_brake_counts_the_hour_that_was_whatever_the_clock_says_later(tmp_path: Path) -> None:
    """Sends that a clock ahead has counted hold up the next hour, and not the day until it is that late again."""
    async with running(tmp_path, {"may_ask:": "limits: {sends_per_hour: 2}\nmay_ask:"}) as made:
        await made.jump(DAY)
        await made.service.accept([event("help.wanted", {"contact": {"id": f"c{n}"}, "topic": "t"}) for n in range(2)])
        await eventually(lambda: len(made.desk.tickets) == 2)
        await made.jump(-DAY)
        await made.service.accept([event("help.wanted", {"contact": {"id": f"c{n}"}, "topic": "t"}) for n in range(2)])
        await eventually(lambda: made.service.meter.couriers["desk"].held is not None)
        await made.jump(1.1 * HOUR)
        await eventually(lambda: len(made.desk.tickets) == 4)

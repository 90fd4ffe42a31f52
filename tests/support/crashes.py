"""The daemon is killed again and again in the middle of a feed, while runs wait, deliveries wait for another attempt, desks close
tickets before they answer, and receivers time out after they accepted. `crash_checks` looks at what is left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import stored
from daemon_process import CRM_TOKEN, DESK_TOKEN, World, delivered, event, token_in, wanted
from eventually import eventually

SENDER = "Shop <cx@shop.test>"
PAUSE = 0.005  # seconds between two events of one sender
ANSWERING = 0.6  # share of the invited
CALLED = 0.5  # share of those who asked for help that are called
DEALS = 20
PATIENCE = 1_200.0  # seconds until nothing is on its way: who was cut off by many kills waits a quarter of an hour for another attempt
DESK_TAKES = 0.15  # seconds between a new ticket and the answer that says so

_HELP = """automation: help
when: help.wanted
then:
  - ticket: {via: desk, title: "{{ event.topic }}", body: "From {{ contact.name|default('someone') }}"}
"""
CHANGES = {
    "timeout: 5}": "timeout: 1}",
    "  help.wanted: {object: contact, topic: text}": "  help.wanted: {object: contact, topic: text}\n  call.made: {object: contact}",
    _HELP: f"""{_HELP}    as: case
  - wait_for: case.closed
    at_most: 1h
    on_timeout:
      - webhook: {{via: hook, data: {{what: stalled, of: "{{{{ event.topic }}}}"}}}}
  - webhook: {{via: hook, data: {{what: over, of: "{{{{ event.topic }}}}", status: "{{{{ case.status }}}}"}}}}
---
automation: patience
when: help.wanted
then:
  - wait_for: call.made
    at_most: 3s
    on_timeout:
      - webhook: {{via: hook, data: {{what: nobody called, of: "{{{{ event.topic }}}}"}}}}
      - stop: nobody called
  - webhook: {{via: hook, data: {{what: called, of: "{{{{ event.topic }}}}"}}}}
---
automation: look_back
when: order.delivered
then:
  - wait: 2s
  - webhook: {{via: hook, data: {{what: looked back, of: "{{{{ deal.title }}}}"}}}}
""",
}


@dataclass(slots=True)
class Seen:
    """What the outside knows: what was acknowledged to it, and what was under way at each kill."""

    events: dict[str, str] = field(default_factory=dict)  # id → type
    hooks: set[str] = field(default_factory=set)  # keys
    answers: dict[str, int] = field(default_factory=dict)  # address → score
    called: set[str] = field(default_factory=set)  # topics whose contact was called, perhaps too late
    closed: set[int] = field(default_factory=set)  # numbers of tickets
    early: int = 0  # of these, closed before our own call had returned
    sending: set[str] = field(default_factory=set)  # keys of deliveries that were under way at a kill
    in_flight: dict[str, int] = field(default_factory=lambda: {"desk": 0, "hook": 0})  # requests, over all kills
    answers_lost: dict[str, int] = field(default_factory=lambda: {"desk": 0, "hook": 0})  # after the receiver had accepted
    refused: dict[str, int] = field(default_factory=lambda: {"desk": 0, "hook": 0})  # for now
    kills: int = 0
    kills_with_waits: int = 0
    kills_with_retries: int = 0


class CrashRun:
    def __init__(self, made: World, *, seed: int, folder: Path) -> None:
        self.made, self.seen = made, Seen()
        self._folder = folder
        self._random = random.Random(seed)
        self._numbers = count(1)
        self._feeding = True
        self._at_once = asyncio.Semaphore(8)  # people
        made.portal.items.update({(2, n): {"title": f"Deal {n}", "stageId": "NEW"} for n in range(1, DEALS + 1)})
        made.desk.delay = DESK_TAKES

    async def play(self, kills: int) -> dict[str, int]:
        """The outbox after the last restart, when nothing is on its way and nothing waits any more."""
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(self._people()), group.create_task(self._trigger())]
            senders = [self._order, self._order, self._order, self._call, self._call, self._hook]
            feeders = [group.create_task(self._feed(one)) for one in senders]
            for _ in range(kills):
                await self._kill()
            await self.made.daemon.listening()  # at its new address, where the senders have to try again
            self._feeding = False
            await asyncio.wait(feeders)
            await self._settled()
            await asyncio.sleep(0.2)  # the last mail reaches its reader
            for task in beside:
                task.cancel()
        return await self._settled()

    async def _settled(self) -> dict[str, int]:
        daemon = self.made.daemon
        waits = "SELECT count(*) FROM run WHERE state IN ('queued', 'ready', 'waiting')"
        told = "SELECT count(*) FROM told"
        await eventually(lambda: not stored.value(daemon.store, waits) + stored.value(daemon.store, told), within=PATIENCE)
        return await daemon.quiet(PATIENCE)

    async def _kill(self) -> None:
        daemon = self.made.daemon
        self._trouble()
        if self._random.random() < 0.2:  # while it starts and puts the last crash in order
            await asyncio.sleep(self._random.uniform(0.3, 1.0))
        else:
            await daemon.listening()
            await asyncio.sleep(self._random.uniform(0.02, 0.5))
        await daemon.kill()
        self.seen.kills += 1
        self._look_at(stored.copy(daemon.store, self._folder / f"kill-{self.seen.kills}"))
        await daemon.spawn(apply=False)
        if self.seen.kills == 1 or self._random.random() < 0.8:
            await daemon.listening()

    def _trouble(self) -> None:
        """What receivers do now and then."""
        chance, mail = self._random.random, self.made.mail
        for name, receiver in (("desk", self.made.desk), ("hook", self.made.sink)):
            if chance() < 0.5:
                receiver.stall_after_accept()
                self.seen.answers_lost[name] += 1
            if chance() < 0.5:
                receiver.fail_next(503, times=3)
                self.seen.refused[name] += 3
        if chance() < 0.3:
            mail.hang_after_data()
        elif chance() < 0.3:
            mail.close_after_data()

    def _look_at(self, left: Path) -> None:
        """What was under way when the daemon was killed."""
        for row in stored.rows(left, "SELECT key, connection FROM outbox WHERE state = 'sending'"):
            self.seen.sending.add(row["key"])
            if row["connection"] in self.seen.in_flight:
                self.seen.in_flight[row["connection"]] += 1
        self.seen.kills_with_waits += stored.value(left, "SELECT EXISTS (SELECT 1 FROM run WHERE until IS NOT NULL)")
        self.seen.kills_with_retries += stored.value(left, "SELECT EXISTS (SELECT 1 FROM outbox WHERE state = 'pending' AND attempt > 0)")

    # -- the outside --------------------------------------------------------------------------------------------------

    async def _until_acknowledged(self, post: Callable[[], Awaitable[int]]) -> None:
        """As a sender does that must not lose anything: the same again until it is taken."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, asyncio.TimeoutError):
                status = await post()
                if status in (200, 202):
                    return
                assert status >= 500, f"refused with {status}"
            await asyncio.sleep(0.05)

    async def _feed(self, one: Callable[[], Awaitable[None]]) -> None:
        while self._feeding:
            await one()
            await asyncio.sleep(PAUSE)

    async def _order(self) -> None:
        await self._event(delivered(next(self._numbers)))

    async def _call(self) -> None:
        one = wanted(next(self._numbers))
        await self._event(one)
        if self._random.random() < CALLED:
            topic, who = one["data"]["topic"], one["data"]["contact"]
            self.seen.called.add(topic)
            await self._event(event("call.made", f"called-{topic}", contact=who))

    async def _event(self, one: dict[str, Any]) -> None:
        async def post() -> int:
            return (await self.made.daemon.send(one))[0]

        await self._until_acknowledged(post)
        self.seen.events[one["id"]] = one["type"]

    async def _hook(self) -> None:
        number, ts = next(self._numbers) % DEALS + 1, 1_772_500_000 + next(self._numbers)
        form = {"event": "ONCRMDEALUPDATE", "event_handler_id": "1", "data[FIELDS][ID]": str(number), "ts": str(ts)}
        body = urlencode({**form, "auth[application_token]": CRM_TOKEN})

        async def post() -> int:
            return (await self.made.daemon.post("/hooks/crm", body))[0]

        await self._until_acknowledged(post)
        self.seen.hooks.add(f"crm/ONCRMDEALUPDATE/2/{number}/{ts}/1")

    async def _trigger(self) -> None:
        """The desk's own people: each ticket is solved at once, mostly before the desk has said that it made it."""
        tickets = self.made.desk.tickets
        async with asyncio.TaskGroup() as group:
            for at in count():
                while at >= len(tickets):  # noqa: ASYNC110  # a receiver in the same loop; nothing tells of a new ticket
                    await asyncio.sleep(0.005)
                group.create_task(self._close(tickets[at]["id"], tickets[at]["external_id"]))

    async def _close(self, number: int, key: str) -> None:
        headers = {"Authorization": f"Bearer {DESK_TOKEN}", "x-zendesk-webhook-invocation-id": f"closed-{number}"}
        body = json.dumps({"ticket": {"id": number, "status": "solved"}})

        async def post() -> int:
            return (await self.made.daemon.post("/hooks/desk", body, headers))[0]

        await self._until_acknowledged(post)
        known = stored.rows(self.made.daemon.store, "SELECT external_id FROM outbox WHERE key = ?", key)
        self.seen.early += known[0]["external_id"] is None
        self.seen.closed.add(number)

    async def _people(self) -> None:
        async with asyncio.TaskGroup() as group:
            async for caught in self.made.mail:
                token = token_in(caught)
                if token is not None and self._random.random() < ANSWERING:
                    group.create_task(self._answer(token, caught.recipients[0], self._random.randint(0, 10)))

    async def _answer(self, token: str, who: str, score: int) -> None:
        async with self._at_once:
            await self._until_acknowledged(lambda: self.made.daemon.answer(token, score))
            self.seen.answers[who] = score

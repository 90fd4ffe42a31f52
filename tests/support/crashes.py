"""The daemon is killed again and again in the middle of a feed; afterwards everything that it acknowledged is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import stored
from daemon_process import CRM_TOKEN, World, delivered, token_in, wanted

from engine.channels.mime import message_id
from engine.store.sqlite.files import problems

SENDER = "Shop <cx@shop.test>"
PAUSE = 0.005  # seconds between two events of one sender
ANSWERING = 0.6  # share of the invited
DEALS = 20


@dataclass(slots=True)
class Seen:
    """What the outside knows: what was acknowledged to it, and what was under way at each kill."""

    events: dict[str, str] = field(default_factory=dict)  # id → type
    hooks: set[str] = field(default_factory=set)  # keys
    answers: dict[str, int] = field(default_factory=dict)  # address → score
    sending: set[str] = field(default_factory=set)  # keys of deliveries that were under way at a kill
    requests_in_flight: int = 0  # to the desk, over all kills
    answers_lost: int = 0  # of the desk, after it had accepted
    kills: int = 0


class CrashRun:
    def __init__(self, made: World, *, seed: int, folder: Path) -> None:
        self.made, self.seen = made, Seen()
        self._folder = folder
        self._random = random.Random(seed)
        self._numbers = count(1)
        self._feeding = True
        self._at_once = asyncio.Semaphore(8)  # people
        made.portal.items.update({(2, n): {"title": f"Deal {n}", "stageId": "NEW"} for n in range(1, DEALS + 1)})

    async def play(self, kills: int) -> dict[str, int]:
        """The outbox after the last restart, when nothing is on its way any more."""
        async with asyncio.TaskGroup() as group:
            people = group.create_task(self._people())
            senders = [self._order, self._order, self._order, self._call, self._call, self._hook]
            feeders = [group.create_task(self._feed(one)) for one in senders]
            for _ in range(kills):
                await self._kill()
            await self.made.daemon.listening()  # at its new address, where the senders have to try again
            self._feeding = False
            await asyncio.wait(feeders)
            await self.made.daemon.quiet(60)
            await asyncio.sleep(0.2)  # the last mail reaches its reader
            people.cancel()
        return await self.made.daemon.quiet(60)

    async def _kill(self) -> None:
        daemon = self.made.daemon
        if self._random.random() < 0.5:
            self.made.desk.stall_after_accept()
            self.seen.answers_lost += 1
        if self._random.random() < 0.2:  # while it starts and puts the last crash in order
            await asyncio.sleep(self._random.uniform(0.3, 1.0))
        else:
            await daemon.listening()
            await asyncio.sleep(self._random.uniform(0.02, 0.5))
        await daemon.kill()
        self.seen.kills += 1
        left = stored.copy(daemon.store, self._folder / f"kill-{self.seen.kills}")
        for row in stored.rows(left, "SELECT key, connection FROM outbox WHERE state = 'sending'"):
            self.seen.sending.add(row["key"])
            self.seen.requests_in_flight += row["connection"] == "desk"
        await daemon.spawn(apply=False)
        if self.seen.kills == 1 or self._random.random() < 0.8:
            await daemon.listening()

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
        await self._event(wanted(next(self._numbers)))

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

    # -- afterwards ---------------------------------------------------------------------------------------------------

    def check(self) -> Counter[str]:
        """Raises AssertionError where something is lost or doubled; else how much there was of everything."""
        store = self.made.daemon.store
        assert list(problems(store)) == []
        kept = {row["id"]: row for row in stored.rows(store, "SELECT id, seq, state FROM event")}
        effects = stored.rows(store, "SELECT key, action, origin, event, state FROM outbox")
        behind = {(row["event"], row["origin"]) for row in effects}
        unknown = self._check_effects(effects)
        self._check_mail([row for row in effects if row["action"] in ("invite", "email")])
        self._check_events(kept, behind)
        self._check_answers(store, kept, behind)
        repeated = self._check_tickets([row for row in effects if row["action"] == "ticket"])
        return Counter(
            events=len(self.seen.events),
            hooks=len(self.seen.hooks),
            answers=len(self.seen.answers),
            effects=len(effects),
            in_flight=len(self.seen.sending),
            unknown=unknown,
            repeated=repeated,
        )

    def _check_events(self, kept: dict[str, dict[str, Any]], behind: set[tuple[int, str]]) -> None:
        origin = {"order.delivered": "cadence.after_delivery", "help.wanted": "automation.help/0"}
        for id_, type_ in self.seen.events.items():
            assert id_ in kept, f"{id_} was acknowledged and is lost"
            assert kept[id_]["state"] == 1, f"{id_} is not decided"
            assert (kept[id_]["seq"], origin[type_]) in behind, f"{id_} has no effect"
        for key in self.seen.hooks:
            assert kept[key.removeprefix("crm/")]["state"] == 1, f"{key} was acknowledged and its object was not fetched"

    def _check_answers(self, store: Path, kept: dict[str, dict[str, Any]], behind: set[tuple[int, str]]) -> None:
        sql = (
            "SELECT c.data ->> 'email' AS who, c.data ->> 'last_score' AS remembered, a.score, a.invitation"
            " FROM answer a JOIN object c ON c.kind = 'contact' AND c.key = a.contact"
        )
        answers = {row["who"]: row for row in stored.rows(store, sql)}
        for who, score in self.seen.answers.items():
            assert answers[who]["score"] == answers[who]["remembered"] == score, f"the answer of {who} was acknowledged and is lost"
            event = kept[f"survey.nps_delivery.answered/{answers[who]['invitation']}"]
            assert event["state"] == 1
            if score <= 6:
                assert (event["seq"], "automation.unhappy/0") in behind
            if score >= 9:
                assert (event["seq"], "automation.happy/0") in behind

    def _check_effects(self, effects: list[dict[str, Any]]) -> int:
        assert len({row["key"] for row in effects}) == len(effects)
        unknown = {row["key"]: row["action"] for row in effects if row["state"] == "unknown"}
        assert {row["state"] for row in effects} <= {"done", "unknown"}
        assert set(unknown.values()) <= {"invite", "email"}, "only what goes to a respondent by mail may be in doubt"
        assert unknown.keys() <= self.seen.sending, "in doubt though nobody was sending it"
        return len(unknown)

    def _check_mail(self, effects: list[dict[str, Any]]) -> None:
        caught = Counter(str(one.message["Message-ID"]) for one in self.made.mail.messages)
        assert not [id_ for id_, times in caught.items() if times > 1], "a respondent was written to twice"
        expected = {message_id(row["key"], SENDER): row["state"] for row in effects}
        assert caught.keys() <= expected.keys()
        assert not [id_ for id_, state in expected.items() if state == "done" and id_ not in caught], "sent, and never arrived"

    def _check_tickets(self, effects: list[dict[str, Any]]) -> int:
        tickets = Counter(ticket["external_id"] for ticket in self.made.desk.tickets)
        assert set(tickets) == {row["key"] for row in effects}
        assert set(tickets.values()) <= {1}
        repeated = len(self.made.desk.requests) - len(self.made.desk.tickets)
        assert 0 <= repeated <= self.seen.requests_in_flight + self.seen.answers_lost
        return repeated

"""Couriers at work with a real mail server and a real desk on loopback, through trouble with the disk and with themselves."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import small_project
import stored
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope
from bench import Bench, bench, event
from eventually import eventually

from engine.channels.email import SmtpAdapter
from engine.clock import SystemClock
from engine.connections.rates import Rate
from engine.desks.zendesk import ZendeskAdapter
from engine.lab.receivers.desk import DeskReceiver
from engine.lab.receivers.smtp import MailCatcher
from engine.model.delivery import Adapter, DeliveryState
from engine.model.events import Event
from engine.net.client import HttpClient
from engine.runtime import deliver
from engine.runtime.service import AT_ONCE, Service
from engine.runtime.turn import run_turn
from engine.store.protocol import Transaction
from engine.store.sqlite.store import SqliteStore

TIMEOUT = 1.0  # seconds until a line to a receiver is given up


@dataclass(slots=True)
class Running:
    bench: Bench
    service: Service
    mail: MailCatcher
    desk: DeskReceiver

    def states(self) -> Counter[str]:
        found = stored.rows(self.bench.store.path, "SELECT state, count(*) AS n FROM outbox GROUP BY state")
        return Counter({row["state"]: row["n"] for row in found})


@asynccontextmanager
async def surroundings(folder: Path) -> AsyncIterator[tuple[Bench, MailCatcher, DeskReceiver]]:
    async with bench(folder) as made, MailCatcher() as mail, DeskReceiver() as desk:
        yield made, mail, desk


@asynccontextmanager
async def service(made: Bench, mail: MailCatcher, desk: DeskReceiver, *, lines: int = 4) -> AsyncIterator[Running]:
    clock = SystemClock()
    started = Service(made.store, clock, public_url="http://survey.test")
    async with HttpClient(allow_private=True, timeout=TIMEOUT) as http:
        smtp = SmtpAdapter(
            host=mail.host,
            port=mail.port,
            tls="none",
            user=None,
            password=None,
            sender="cx@shop.test",
            timeout=TIMEOUT,
            clock=clock,
            connections=lines,
        )
        adapters: dict[str, Adapter] = {
            "mail": smtp,
            "desk": ZendeskAdapter(http, url=desk.url, user="agent@desk.test", token="desk-token"),
        }
        await started.load()
        await started.start(adapters, {"mail": lines})
        try:
            yield Running(made, started, mail, desk)
        finally:
            await started.stop()


@asynccontextmanager
async def running(folder: Path, *, lines: int = 4) -> AsyncIterator[Running]:
    async with surroundings(folder) as (made, mail, desk), service(made, mail, desk, lines=lines) as started:
        yield started


def delivered(number: int) -> Event:
    contact = {"id": f"c{number}", "email": f"c{number}@example.test"}
    return event("order.delivered", {"contact": contact, "deal": {"id": f"d{number}", "title": "Coat"}})


def wanted(number: int) -> Event:
    return event("help.wanted", {"contact": {"id": f"c{number}"}, "topic": f"t{number}"})


@asynccontextmanager
async def refusing_disk(store: SqliteStore) -> AsyncIterator[None]:
    """The store refuses every write meanwhile."""
    await store.write(lambda tx: store._writer.execute("PRAGMA query_only = ON"))
    try:
        yield
    finally:
        store._writer.execute("PRAGMA query_only = OFF")


async def test_a_result_that_the_disk_refuses_is_kept_until_it_can_be_written(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        it.mail.hang_after_data()  # so that the outcome is known only when the line is given up
        await it.service.accept([delivered(1)])
        await eventually(lambda: it.mail.messages)
        async with refusing_disk(it.bench.store):
            await asyncio.sleep(TIMEOUT + 0.5)
            assert it.states() == {"sending": 1}
        await eventually(lambda: it.states() == {"unknown": 1})
        assert len(it.mail.messages) == 1


async def test_a_result_that_the_disk_refuses_to_the_end_is_in_doubt_after_the_restart_and_not_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "STORE_RETRY", 0.1)
    async with surroundings(tmp_path) as (made, mail, desk):
        async with service(made, mail, desk) as it:
            it.mail.hang_after_data()
            await it.service.accept([delivered(1)])
            await eventually(lambda: it.mail.messages)
            async with refusing_disk(made.store):
                await asyncio.wait_for(it.service.stop(), 20)
        async with service(made, mail, desk) as it:
            await eventually(lambda: it.states() == {"unknown": 1})
            await it.service.accept([delivered(2)])
            await eventually(lambda: it.states() == {"unknown": 1, "done": 1})
            assert len(mail.messages) == 2


async def test_deciding_and_sending_go_on_after_the_disk_refused_for_a_while(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        await it.bench.accept(*(wanted(n) for n in range(50)))
        async with refusing_disk(it.bench.store):
            it.service.wake()
            await asyncio.sleep(0.2)
            assert it.states()["done"] == 0
        await eventually(lambda: it.states() == {"done": 50})
        assert len(it.desk.tickets) == 50


async def test_a_row_whose_sender_was_lost_is_recovered_while_the_daemon_runs(tmp_path: Path) -> None:
    def decide_and_lose(tx: Transaction) -> None:
        now = it.service.clock.now()
        run_turn(tx, it.service.versions, now)
        for connection in ("mail", "desk"):
            assert tx.claim(connection, now, now - dt.timedelta(seconds=1), 10)

    async with running(tmp_path) as it:
        await it.bench.accept(delivered(1), wanted(1))
        await it.bench.store.write(decide_and_lose)
        for courier in it.service.meter.couriers.values():
            courier.wake()
        await eventually(lambda: it.states() == {"done": 1, "unknown": 1})
        assert (len(it.mail.messages), len(it.desk.tickets)) == (0, 1)
        (line,) = await it.bench.outbox(DeliveryState.UNKNOWN)
        assert line.reason == "its sender was lost"


async def test_a_slow_send_behind_its_deadline_is_not_taken_for_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "SEND_DEADLINE", dt.timedelta(0))
    async with running(tmp_path) as it:
        it.mail.hang_after_data()
        await it.service.accept([delivered(1)])
        await eventually(lambda: it.mail.messages)
        it.service.meter.couriers["mail"].wake()
        await it.service.accept([delivered(2), delivered(3)])  # others make the courier look at the outbox
        await eventually(lambda: it.states() == {"sending": 1, "done": 2})
        await eventually(lambda: it.states() == {"unknown": 1, "done": 2})
        (line,) = await it.bench.outbox(DeliveryState.UNKNOWN)
        assert line.reason == "the message went out, but no final reply came: no answer in time"


async def test_one_line_that_hangs_holds_up_neither_the_other_lines_nor_other_connections(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        it.mail.hang_after_data()
        await it.service.accept([delivered(n) for n in range(20)] + [wanted(n) for n in range(20)])
        await eventually(lambda: it.states() == {"sending": 1, "done": 39}, within=TIMEOUT)


async def test_no_more_is_claimed_than_there_are_lines_to_the_mail_server(tmp_path: Path) -> None:
    async with running(tmp_path, lines=1) as it:
        it.mail.hang_after_data()
        await it.service.accept([delivered(n) for n in range(5)])
        await eventually(lambda: it.mail.messages)
        assert it.states() == {"sending": 1, "pending": 4}


async def test_stopping_at_any_moment_leaves_nothing_in_doubt_and_sends_nothing_twice(tmp_path: Path) -> None:
    moments = random.Random(5)
    async with surroundings(tmp_path) as (made, mail, desk):
        await made.accept(*(delivered(n) for n in range(150)), *(wanted(n) for n in range(150)))
        for _ in range(25):
            async with service(made, mail, desk):
                await asyncio.sleep(moments.uniform(0, 0.04))
            assert stored.value(made.store.path, "SELECT count(*) FROM outbox WHERE state IN ('sending', 'unknown')") == 0
        async with service(made, mail, desk) as it:
            await eventually(lambda: it.states() == {"done": 300})
        sent = Counter(str(caught.message["Message-ID"]) for caught in mail.messages)
        assert (len(sent), max(sent.values())) == (150, 1)
        assert (len(desk.tickets), len(desk.requests)) == (150, 150)


class SlowDesk(DeskReceiver):
    """Opens the ticket at once, but answers its first request only when nobody waits any more."""

    async def _create(self, request: web.Request) -> web.Response:
        response = await super()._create(request)
        if len(self.requests) == 1:
            await asyncio.sleep(TIMEOUT + 0.5)
        return response


async def test_a_desk_that_accepts_and_answers_too_late_has_one_ticket(tmp_path: Path) -> None:
    async with bench(tmp_path) as made, MailCatcher() as mail, SlowDesk() as desk, service(made, mail, desk) as it:
        await it.service.accept([wanted(1)])
        await eventually(lambda: it.states() == {"done": 1})
        assert (len(desk.tickets), len(desk.requests)) == (1, 2)
        (line,) = await made.outbox(DeliveryState.DONE)
        assert (line.delivery.attempt, line.external_id) == (2, "1")


class Filter:
    """A mail server that refuses a message and quotes the link in it, as filters against bad links do."""

    async def handle_DATA(self, server: SMTP, session: object, envelope: Envelope) -> str:  # noqa: N802
        assert envelope.original_content is not None
        link = re.search(rb"http://survey\.test/s/[A-Za-z0-9_-]{22}", envelope.original_content)
        assert link is not None
        return f"550 this link is on a list: {link[0].decode()}"


async def test_a_refusal_that_quotes_the_link_is_kept_without_its_token(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with bench(tmp_path) as made, DeskReceiver() as desk:
        refusing = await loop.create_server(lambda: SMTP(Filter(), loop=loop), "127.0.0.1", 0)
        mail = MailCatcher(port=refusing.sockets[0].getsockname()[1])
        async with service(made, mail, desk) as it:
            await it.service.accept([delivered(1)])
            await eventually(lambda: it.states() == {"dead": 1})
        refusing.close()
        (line,) = await made.outbox(DeliveryState.DEAD)
        assert line.reason == "the server refused the message (550): this link is on a list: http://survey.test/s/…"


@pytest.mark.parametrize("part", ["turns", "courier-mail"])
async def test_a_part_of_the_engine_that_ends_by_itself_is_noticed(tmp_path: Path, part: str) -> None:
    async with running(tmp_path) as made:
        watching = asyncio.create_task(made.service.watch())
        await asyncio.sleep(0)
        next(task for task in made.service._tasks if task.get_name() == part).cancel()
        with pytest.raises(RuntimeError, match=f"{part} ended by itself"):
            await watching


async def test_a_desk_that_is_down_is_not_asked_for_every_ticket_and_gets_each_once_when_it_is_back(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        it.desk.fail_next(503, times=AT_ONCE)
        await it.service.accept([wanted(n) for n in range(400)])
        courier = it.service.meter.couriers["desk"]
        await eventually(lambda: courier.breaker.state(asyncio.get_running_loop().time()) == "open")
        assert len(it.desk.requests) <= AT_ONCE, "what was under way, and no more"
        await eventually(lambda: it.states() == {"done": 400}, within=30)
        lines = await it.bench.outbox(DeliveryState.DONE)
        assert sum(line.delivery.attempt - 1 for line in lines) == AT_ONCE
        assert len(it.desk.tickets) == 400


async def test_a_ticket_whose_key_the_desk_has_forgotten_is_looked_for_before_it_is_made_again(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        it.desk.stall_after_accept()
        await it.service.accept([wanted(1)])
        await eventually(lambda: it.desk.tickets and it.states() == {"pending": 1})
        it.bench.store._writer.execute("UPDATE outbox SET tried = tried - ?", (3 * 3600 * 1_000_000,))
        it.desk._by_key.clear()
        await eventually(lambda: it.states() == {"done": 1})
        assert [request.method for request in it.desk.requests] == ["POST", "GET"]
        assert len(it.desk.tickets) == 1


async def test_a_rate_is_kept_over_all_that_is_due(tmp_path: Path) -> None:
    async with running(tmp_path) as it:
        rate = Rate(7, 3_600.0)
        it.service.meter.couriers["desk"]._rate = rate
        await it.service.accept([wanted(n) for n in range(50)])
        await eventually(lambda: it.states() == {"done": 7, "pending": 43})
        it.service.meter.couriers["desk"].wake()
        await asyncio.sleep(0.2)
        assert (len(it.desk.tickets), rate.free(asyncio.get_running_loop().time())) == (7, 0)


async def test_beyond_the_brake_sending_stops_and_says_so_and_goes_on_when_the_hour_is_over(tmp_path: Path) -> None:
    limited = small_project.definitions({"may_ask:": "limits: {sends_per_hour: 5}\nmay_ask:"})
    async with bench(tmp_path, limited) as made, MailCatcher() as mail, DeskReceiver() as desk, service(made, mail, desk) as it:
        await it.service.accept([wanted(n) for n in range(8)] + [delivered(n) for n in range(4)])
        couriers = it.service.meter.couriers.values()
        await eventually(lambda: any(courier.held == "limits.sends_per_hour: 5" for courier in couriers))
        await eventually(lambda: it.states() == {"done": 5, "pending": 7})
        assert len(it.mail.messages) + len(it.desk.tickets) == 5
        await made.store.write(lambda tx: made.store._writer.execute("UPDATE sends SET minute = minute - 61"))
        for courier in it.service.meter.couriers.values():
            courier.wake()
        await eventually(lambda: it.states() == {"done": 10, "pending": 2})

"""SIGTERM: what is at hand is finished, the rest is on disk, and the daemon leaves with 0."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections import Counter
from pathlib import Path

import aiohttp
import pytest
import stored
from daemon_process import command, delivered, token_in, wanted, world
from eventually import eventually


async def test_deliveries_in_flight_are_finished_and_the_rest_waits_on_disk(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        daemon = made.daemon
        await daemon.send(*(delivered(n) for n in range(200)), *(wanted(n) for n in range(200)))
        await eventually(lambda: len(made.mail.messages) >= 5)
        assert await daemon.stop() == 0
        assert sorted(path.name for path in daemon.store.parent.iterdir()) == ["daemon.log", "store.db", "store.db.lock"]
        left = daemon.outbox()
        assert {state.rpartition("_")[2] for state in left} <= {"done", "pending"}, left
        assert left["invite_done"] == len(made.mail.messages)
        assert left.get("ticket_done", 0) == len(made.desk.tickets) == len(made.desk.requests)
        await daemon.start(apply=False)
        assert await daemon.quiet() == {"invite_done": 200, "ticket_done": 200}
        sent = Counter(caught.recipients[0] for caught in made.mail.messages)
        assert (len(sent), max(sent.values())) == (200, 1)
        assert (len(made.desk.tickets), len(made.desk.requests)) == (200, 200)


async def test_a_request_that_is_being_answered_gets_its_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        sending = asyncio.create_task(_senders(made.daemon.public, made.daemon.http))
        await eventually(lambda: stored.value(made.daemon.store, "SELECT count(*) FROM event") > 50)
        assert await made.daemon.stop() == 0
        acknowledged = await sending
        kept = {row["id"] for row in stored.rows(made.daemon.store, "SELECT id FROM event")}
        assert acknowledged <= kept
        assert len(acknowledged) > 50


async def _senders(public: str, http: aiohttp.ClientSession) -> set[str]:
    """Eight senders, until the daemon is gone; the ids that were acknowledged."""
    acknowledged: set[str] = set()

    async def sender(name: int) -> None:
        for number in range(10_000):
            one = {"specversion": "1.0", "id": f"{name}-{number}", "source": "shop", "type": "order.delivered"}
            headers = {"Authorization": "Bearer feed-token-4f1c9e", "Content-Type": "application/cloudevents+json"}
            try:
                async with http.post(f"{public}/events", json=one, headers=headers) as response:
                    await response.read()
                    assert response.status == 202
                    acknowledged.add(one["id"])
            except aiohttp.ClientError:
                return

    await asyncio.gather(*(sender(name) for name in range(8)))
    return acknowledged


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_daemon_without_work_leaves_at_once(tmp_path: Path, number: int) -> None:
    async with world(tmp_path) as made:
        assert await asyncio.wait_for(made.daemon.stop(number), 5) == 0
        assert "stopping: finishing what is at hand" in made.daemon.log


LEAVES = 15.0  # seconds; on an idle machine it needs half of that


async def test_a_mail_server_that_says_nothing_holds_up_the_end_for_a_moment_only_and_loses_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.mail.stop()
        silent = socket.create_server((made.mail.host, made.mail.port))
        await made.daemon.send(delivered(1))
        await eventually(lambda: made.daemon.outbox().get("invite_sending"))
        assert await asyncio.wait_for(made.daemon.stop(), LEAVES) == 0
        assert made.daemon.outbox() == {"invite_pending": 1}  # it certainly was not sent
        silent.close()
        await made.mail.start()
        await made.daemon.start(apply=False)
        assert await made.daemon.quiet() == {"invite_done": 1}


async def test_a_mail_server_that_took_a_message_and_says_nothing_leaves_it_in_doubt(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        made.mail.hang_after_data()
        await made.daemon.send(delivered(1))
        await eventually(lambda: made.mail.messages)
        assert await asyncio.wait_for(made.daemon.stop(), LEAVES) == 0
        assert made.daemon.outbox() == {"invite_unknown": 1}
        reasons = stored.rows(made.daemon.store, "SELECT reason FROM outbox")
        assert reasons == [{"reason": "the message went out, but no final reply came: it was broken off"}]


async def test_a_desk_that_says_nothing_gets_the_same_ticket_again_after_the_next_start(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        made.desk.delay = 60.0  # it makes the ticket, and does not answer
        await made.daemon.send(wanted(1))
        await eventually(lambda: made.desk.tickets)
        assert await asyncio.wait_for(made.daemon.stop(), LEAVES) == 0
        made.desk.delay = 0.0
        await made.daemon.start(apply=False)
        assert await made.daemon.quiet() == {"ticket_done": 1}
        assert (len(made.desk.tickets), len(made.desk.requests)) == (1, 2)


HALVES = {
    "a head": b"POST /events HTTP/1.1\r\nHost: a\r\n",
    "a body": b"POST /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer feed-token-4f1c9e\r\nContent-Length: 99\r\n\r\n{",
    "a form": b"POST /s/%s HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\n\r\nscore",
}


@pytest.mark.parametrize("half", HALVES)
async def test_a_sender_of_half_a_request_is_told_to_send_it_again_and_not_waited_for(tmp_path: Path, half: str) -> None:
    async with world(tmp_path) as made:
        await made.daemon.send(delivered(1))
        await eventually(lambda: made.mail.messages)
        token = token_in(made.mail.messages[0])
        assert token is not None
        address = made.daemon.public.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(address[0], int(address[2]))
        writer.write(HALVES[half].replace(b"%s", token.encode()))
        await asyncio.sleep(0.3)  # it is read
        assert await asyncio.wait_for(made.daemon.stop(), LEAVES) == 0
        assert (await reader.read()).startswith(b"HTTP/1.1 503")
        writer.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_a_daemon_that_waits_for_a_slow_receiver_and_nothing_is_sent_twice(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with world(tmp_path) as made:
        made.mail.hang_after_data()
        await made.daemon.send(delivered(1))
        await eventually(lambda: made.mail.messages)
        assert made.daemon.process is not None
        made.daemon.process.send_signal(number)
        await eventually(lambda: "stopping" in made.daemon.log)
        assert await asyncio.wait_for(made.daemon.stop(number), 2) in (-number, 130)
        await made.daemon.start(apply=False)
        assert await made.daemon.quiet() == {"invite_unknown": 1}
        assert len(made.mail.messages) == 1


async def test_a_daemon_whose_log_nobody_reads_any_more_goes_on_and_leaves_cleanly(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.daemon.stop()
        reader, writer = os.pipe()
        where = ["-C", str(tmp_path), "--store", f"sqlite:///{made.daemon.store}", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        process = await asyncio.create_subprocess_exec(*command("run", *where), env=made.daemon.environment, stderr=writer)
        os.close(writer)
        said = await asyncio.to_thread(os.read, reader, 1_000)
        os.close(reader)
        made.daemon.process, made.daemon.public = process, said.decode().split()[2].rstrip(",")
        made.mail.refuse_next(451, "Try again later")  # is logged
        odd = {**wanted(1), "data": {"contact": {"id": "c"}, "topic": 7}}  # so is that it is quarantined
        assert (await made.daemon.send(odd))[0] == 202
        await eventually(lambda: stored.value(made.daemon.store, "SELECT count(*) FROM event WHERE state = 2"))
        assert (await made.daemon.send(delivered(1), wanted(2)))[0] == 202
        assert await made.daemon.quiet() == {"invite_done": 1, "ticket_done": 1}
        assert await made.daemon.stop() == 0


async def test_a_daemon_whose_store_is_deleted_acknowledges_nothing_more_and_ends(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.daemon.send(delivered(1))
        await made.daemon.quiet()
        assert made.daemon.process is not None
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            (made.daemon.store.parent / name).unlink()
        with contextlib.suppress(aiohttp.ClientError):  # it has ended already
            assert (await made.daemon.send(delivered(2)))[0] == 503
        assert await asyncio.wait_for(made.daemon.process.wait(), 15) == 4
        assert f"sounding: the store {made.daemon.store} was moved, deleted or replaced while it was in use" in made.daemon.log
        assert len(made.mail.messages) == 1

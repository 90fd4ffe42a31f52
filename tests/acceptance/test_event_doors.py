"""`POST /events` of a running daemon: what it takes, what it refuses, and that it stays up through all of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
import stored
from daemon_process import BATCH, FEED_TOKEN, STRUCTURED, Daemon, delivered, event, wanted, world

pytestmark = pytest.mark.asyncio(loop_scope="module")
MIB = 1 << 20
AUTHORIZED = {"Authorization": f"Bearer {FEED_TOKEN}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def daemon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Daemon]:
    async with world(tmp_path_factory.mktemp("doors")) as made:
        yield made.daemon


async def post(daemon: Daemon, body: bytes | str, media: str = STRUCTURED, **headers: str) -> tuple[int, dict[str, Any]]:
    sent = {**AUTHORIZED, "Content-Type": media, **{name.replace("_", "-"): value for name, value in headers.items()}}
    status, text = await daemon.post("/events", body, sent)
    return status, json.loads(text)


async def raw(daemon: Daemon, *pieces: bytes) -> bytes:
    """What comes back for bytes on a line of our own, until the daemon closes it or has answered."""
    where = urlsplit(daemon.public)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    except ConnectionError:
        return await reader.read()
    finally:
        writer.close()


def accepted(daemon: Daemon, id_: str) -> bool:
    return bool(stored.value(daemon.store, "SELECT count(*) FROM event WHERE id = ?", id_))


async def still_works(daemon: Daemon, mark: str) -> None:
    status, _ = await daemon.send(event("order.delivered", mark))
    assert status == 202
    assert accepted(daemon, mark)


# -- taken ----------------------------------------------------------------------------------------------------------------


async def test_a_structured_event_is_accepted_and_a_repeated_one_known(daemon: Daemon) -> None:
    one = event("order.delivered", "structured")
    assert await daemon.send(one) == (202, {"accepted": 1, "repeated": 0})
    assert accepted(daemon, "structured"), "on disk before it was acknowledged"
    assert await daemon.send(one) == (200, {"accepted": 0, "repeated": 1})


async def test_a_binary_event_is_accepted_and_is_the_same_as_its_structured_form(daemon: Daemon) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "binary", "ce-source": "shop", "ce-type": "order.delivered"}
    assert await post(daemon, b'{"warehouse": "east"}', "application/json", **headers) == (202, {"accepted": 1, "repeated": 0})
    assert await daemon.send(event("order.delivered", "binary")) == (200, {"accepted": 0, "repeated": 1})


async def test_a_batch_is_accepted_whole_and_says_what_was_new(daemon: Daemon) -> None:
    batch = [event("order.delivered", f"batch-{n}") for n in range(3)]
    assert await daemon.send(*batch) == (202, {"accepted": 3, "repeated": 0})
    assert await daemon.send(*batch, event("order.delivered", "batch-3")) == (202, {"accepted": 1, "repeated": 3})
    assert await daemon.send(*batch) == (200, {"accepted": 0, "repeated": 3})


async def test_an_empty_batch_is_accepted(daemon: Daemon) -> None:
    assert await post(daemon, "[]", BATCH) == (202, {"accepted": 0, "repeated": 0})


async def test_fifty_senders_of_one_event_have_it_accepted_once(daemon: Daemon) -> None:
    answers = await asyncio.gather(*(daemon.send(event("order.delivered", "fifty")) for _ in range(50)))
    assert sorted(status for status, _ in answers) == [200] * 49 + [202]


async def test_data_that_do_not_fit_are_acknowledged_and_kept_aside(daemon: Daemon) -> None:
    odd = event("order.delivered", "odd", contact={"id": "odd", "email": "odd@example.test"}, deal={"id": "d", "title": 7})
    assert (await daemon.send(odd))[0] == 202
    await daemon.quiet()
    (row,) = stored.rows(daemon.store, "SELECT state, note FROM event WHERE id = 'odd'")
    assert (row["state"], row["note"]) == (2, "deal.title must be text, but is a number")


# -- refused --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("{", "the body is no JSON"),
        ("[]", "an event is a JSON object"),
        ('{"id": "x"}', '`specversion` must be "1.0"'),
        ('{"specversion": "1.0", "id": "x", "source": "s", "type": "t", "time": "noon"}', "`time` must be an instant"),
        (b"\xff", "no JSON in UTF-8"),
        ('{"specversion": "1.0", "id": "x", "source": "s", "type": "t", "data": {"note": "\\ud800"}}', "no JSON in UTF-8"),
        ("[" * 200_000, "the body is nested too deeply"),
    ],
)
async def test_a_malformed_event_is_refused_with_the_reason(daemon: Daemon, body: str | bytes, reason: str) -> None:
    status, said = await post(daemon, body)
    assert (status, reason in said["error"]) == (400, True), said


async def test_one_bad_event_refuses_its_whole_batch_and_is_named(daemon: Daemon) -> None:
    batch = [event("order.delivered", "good one"), {"specversion": "1.0"}]
    status, said = await post(daemon, json.dumps(batch), BATCH)
    assert (status, said["error"]) == (400, "event 2: `id` is missing: it must be text that is not empty")
    assert not accepted(daemon, "good one")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", f"Basic {FEED_TOKEN}", f"Bearer {FEED_TOKEN}x", f"bearer{FEED_TOKEN}", "Bearer \u00e9"]
)
async def test_a_wrong_token_is_refused_before_anything_is_read(daemon: Daemon, header: str) -> None:
    status, text = await daemon.post("/events", json.dumps(event("order.delivered", "stranger")), {"Authorization": header})
    assert (status, "with the token of an `events` connection" in text) == (401, True)
    assert not accepted(daemon, "stranger")


async def test_a_token_is_taken_whatever_the_case_of_its_scheme(daemon: Daemon) -> None:
    headers = {"Authorization": f"bearer {FEED_TOKEN}", "Content-Type": STRUCTURED}
    assert (await daemon.post("/events", json.dumps(event("order.delivered", "lower")), headers))[0] == 202


@pytest.mark.parametrize("media", ["application/json", "text/plain", "application/cloudevents+xml", "multipart/form-data; boundary=x"])
async def test_another_media_type_is_refused_with_those_that_are_taken(daemon: Daemon, media: str) -> None:
    status, said = await post(daemon, json.dumps(event("order.delivered", "media")), media)
    assert (status, STRUCTURED in said["error"]) == (415, True)


async def test_a_body_of_more_than_a_mebibyte_is_refused(daemon: Daemon) -> None:
    large = json.dumps(event("order.delivered", "large", note="x" * MIB))
    status, said = await post(daemon, large)
    assert (status, "at most 1,048,576 bytes; send smaller batches" in said["error"]) == (413, True)
    assert not accepted(daemon, "large")


async def test_a_body_of_just_a_mebibyte_is_taken(daemon: Daemon) -> None:
    body = json.dumps(event("order.delivered", "just", note=""))
    assert (await post(daemon, body.replace('"note": ""', f'"note": "{"x" * (MIB - len(body))}"')))[0] == 202


async def test_a_body_without_a_declared_length_is_refused_once_it_grows_too_large(daemon: Daemon) -> None:
    head = f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {FEED_TOKEN}\r\nContent-Type: {STRUCTURED}\r\n"
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = await raw(daemon, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n", *([chunk] * 17))
    assert answer.startswith(b"HTTP/1.1 413 ")
    await still_works(daemon, "behind the chunks")


async def test_a_declared_length_of_too_much_is_refused_without_waiting_for_it(daemon: Daemon) -> None:
    head = f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {FEED_TOKEN}\r\nContent-Length: {MIB + 1}\r\n\r\n"
    assert (await raw(daemon, head.encode())).startswith(b"HTTP/1.1 413 ")


async def test_a_batch_of_too_many_events_is_refused(daemon: Daemon) -> None:
    batch = [{"specversion": "1.0", "id": f"many-{n}", "source": "s", "type": "t"} for n in range(1_001)]
    status, said = await post(daemon, json.dumps(batch), BATCH)
    assert (status, "at most 1,000 events" in said["error"]) == (413, True)


async def test_a_sender_who_hangs_up_in_the_middle_leaves_nothing_behind(daemon: Daemon) -> None:
    where = urlsplit(daemon.public)
    for cut in (10, 120, 400):
        _, writer = await asyncio.open_connection(where.hostname, where.port)
        body = json.dumps(event("order.delivered", "hung up", note="x" * 1_000))
        head = f"POST /events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {FEED_TOKEN}\r\nContent-Type: {STRUCTURED}\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()[:cut])
        await writer.drain()
        writer.transport.abort()
    assert not accepted(daemon, "hung up")
    await still_works(daemon, "after the hang-up")


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"POST /events HTTP/1.1\r\nContent-Length: -1\r\n\r\n"])
async def test_what_is_no_http_is_refused(daemon: Daemon, noise: bytes) -> None:
    answer = await raw(daemon, noise, b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/events", 405), ("PUT", "/events", 405), ("POST", "/nowhere", 404)])
async def test_other_methods_and_paths_are_refused(daemon: Daemon, method: str, path: str, status: int) -> None:
    async with daemon.http.request(method, daemon.public + path, headers=AUTHORIZED) as response:
        assert response.status == status


async def test_the_overview_is_not_on_the_public_listener(daemon: Daemon) -> None:
    for path in ("/", "/metrics", "/readyz", "/healthz", "/apply"):
        async with daemon.http.get(daemon.public + path) as response:
            assert response.status == 404


async def test_after_all_of_it_every_event_that_was_taken_is_decided(daemon: Daemon) -> None:
    assert (await daemon.send(delivered(900), wanted(900)))[0] == 202
    found = await daemon.quiet()
    assert (found["invite_done"], found["ticket_done"]) == (1, 1)
    async with daemon.http.get(daemon.admin + "/metrics") as response:
        text = await response.text()
    assert 'sounding_events_total{what="parked"} 0.0' in text


@pytest.mark.asyncio(loop_scope="function")
async def test_without_an_events_connection_the_door_is_closed(tmp_path: Path) -> None:
    feed = "  feed: {use: events, token: {env: FEED_TOKEN}}\n"
    async with world(tmp_path, {feed: ""}) as made:
        for headers in ({}, AUTHORIZED, {"Authorization": "Bearer "}):
            assert (await made.daemon.post("/events", json.dumps(delivered(1)), _media(headers)))[0] == 401
        assert stored.value(made.daemon.store, "SELECT count(*) FROM event") == 0


def _media(headers: Mapping[str, str]) -> dict[str, str]:
    return {**headers, "Content-Type": STRUCTURED}


@pytest.mark.asyncio(loop_scope="function")
async def test_a_token_beyond_ascii_opens_the_door_to_the_same_bytes(tmp_path: Path) -> None:
    async with world(tmp_path, started=False) as made:
        made.daemon.environment["FEED_TOKEN"] = token = "тест€Р"
        await made.daemon.start()
        body = json.dumps(delivered(1)).encode()
        head = f"POST /events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nContent-Type: {STRUCTURED}\r\n"
        answer = await raw(made.daemon, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        assert answer.startswith(b"HTTP/1.1 202 ")


async def test_the_overview_answers_only_to_names_of_loopback(daemon: Daemon) -> None:
    port = urlsplit(daemon.admin).port
    asked = {f"localhost:{port}": 200, f"127.0.0.1:{port}": 200, "[::1]": 200, "localhost": 200}
    asked |= {f"evil.example:{port}": 421, "127.evil.example": 421, "10.0.0.1": 421}
    for host, status in asked.items():
        for path in ("/", "/metrics"):
            async with daemon.http.get(daemon.admin + path, headers={"Host": host}) as response:
                assert response.status == status, host

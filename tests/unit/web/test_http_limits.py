"""What one connection may send, and how long it may take: bytes on real sockets, to a server of ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from daemon_process import world
from eventually import eventually
from starlette.types import Receive, Scope, Send

from engine.web.protocol import HEAD_LIMIT, Patience
from engine.web.server import HttpServer, bind

HEAD = b"POST /events HTTP/1.1\r\nHost: a\r\n"
SHORT = Patience(request=0.5, idle=1.5)


class Echo:
    """Says how long the body was; knows what it was asked, and whether a sender went."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.gone = 0
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.gone += 1
                return
            body, more = body + message["body"], message["more_body"]
        self.bodies.append(body)
        await self.hold.wait()
        answer = b"x" * (4 << 20) if scope["path"] == "/much" else b"%d" % len(body)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]})
        await send({"type": "http.response.body", "body": answer})


class Lines:
    """A server with little patience, and lines to it."""

    def __init__(self, echo: Echo, port: int) -> None:
        self.echo, self._port = echo, port

    async def open(self, first: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(first)
        await writer.drain()
        return reader, writer

    async def said(self, request: bytes) -> bytes:
        """All that comes back until the server hangs up."""
        reader, writer = await self.open(request)
        try:
            return await asyncio.wait_for(reader.read(), 15)
        finally:
            writer.close()


@pytest_asyncio.fixture
async def lines() -> AsyncIterator[Lines]:
    echo, sock = Echo(), bind("127.0.0.1:0", "--listen")
    server = HttpServer(echo, sock, SHORT)
    await server.start()
    yield Lines(echo, sock.getsockname()[1])
    await server.stop()


async def flood(writer: asyncio.StreamWriter, piece: bytes, most: int) -> int:
    """Send the same again and again until the other end hangs up; how many bytes went out."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
    writer.close()
    return sent


ENDLESS = {
    "headers": (HEAD, b"X-a: " + b"y" * 60_000 + b"\r\n"),
    "empty headers": (HEAD, b"X:\r\n" * 1_000),
    "one header": (HEAD + b"X-a: ", b"y" * 60_000),
    "a header's name": (HEAD, b"y" * 60_000),
    "an address": (b"GET /", b"y" * 60_000),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X-a: " + b"y" * 60_000 + b"\r\n"),
    "a chunk's extension": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;", b"y" * 60_000),
    "empty lines": (b"", b"\r\n" * 30_000),
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_does_not_end_is_refused_before_it_fills_the_memory(lines: Lines, what: str) -> None:
    first, piece = ENDLESS[what]
    _, writer = await lines.open(first)
    assert await flood(writer, piece, 64 << 20) < 16 << 20, "more is in the buffers of the sockets than was read"
    assert not lines.echo.bodies


async def test_a_head_that_is_too_large_is_told_so(lines: Lines) -> None:
    said = await lines.said(HEAD + b"X-a: " + b"y" * HEAD_LIMIT + b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert said.endswith(b"\r\n\r\naddress and headers have at most 65,536 bytes")


async def test_a_head_within_the_limit_is_taken_whatever_the_body_that_follows(lines: Lines) -> None:
    large = HEAD + b"X-a: " + b"y" * (HEAD_LIMIT - 1_000) + b"\r\nContent-Length: 900000\r\n\r\n" + b"z" * 900_000
    last = HEAD + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nz\r\n" * 50_000 + b"0\r\n\r\n"
    said = await lines.said(large + large + last)
    assert [len(body) for body in lines.echo.bodies] == [900_000, 900_000, 50_000]
    assert said.count(b"HTTP/1.1 200 OK") == 3


async def test_what_is_no_http_is_told_so(lines: Lines) -> None:
    said = await lines.said(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert said.endswith(b"this is no HTTP request")


async def test_an_offer_of_another_protocol_is_answered_in_this_one(lines: Lines) -> None:
    _, writer = await lines.open(HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n")
    await eventually(lambda: lines.echo.bodies == [b""])
    writer.close()


HALVES = {
    "half an address": b"GET /s",
    "half a header": HEAD + b"X-a: y",
    "half a body": HEAD + b"Content-Length: 10\r\n\r\nabc",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\na\r\nabc",
}


async def test_a_request_that_does_not_end_is_ended(lines: Lines) -> None:
    said = await asyncio.gather(*(lines.said(half) for half in HALVES.values()))
    assert [answer.partition(b"\r\n")[0] for answer in said] == [b"HTTP/1.1 408 Request Timeout"] * len(HALVES)
    assert (lines.echo.gone, lines.echo.bodies) == (2, [])


async def test_a_trickle_is_ended_and_so_is_one_behind_a_whole_request(lines: Lines) -> None:
    async def trickle(first: bytes, piece: bytes) -> None:
        reader, writer = await lines.open(first)
        ended = asyncio.create_task(reader.read())
        while not ended.done():
            writer.write(piece)
            await asyncio.wait({ended}, timeout=0.1)
        ended.cancel()
        writer.close()

    whole = HEAD + b"Content-Length: 0\r\n\r\n"
    starts = {HEAD: b"x", b"": b"\r\n", HEAD + b"Content-Length: 9999\r\n\r\n": b"x", whole + HEAD: b"x"}
    await asyncio.wait_for(asyncio.gather(*(trickle(*start) for start in starts.items())), 15)
    assert lines.echo.bodies == [b""]


async def test_a_line_without_requests_is_closed_without_a_word(lines: Lines) -> None:
    whole = HEAD + b"Content-Length: 0\r\n\r\n"
    silent, after_one = await asyncio.gather(lines.said(b""), lines.said(whole))
    assert silent == b""
    assert after_one.endswith(b"\r\n\r\n0")


async def test_a_request_that_takes_long_to_answer_gets_its_answer_and_those_behind_it_too(lines: Lines) -> None:
    lines.echo.hold.clear()
    whole = HEAD + b"Content-Length: 3\r\n\r\nabc"
    _, early = await lines.open(whole)
    reader, writer = await lines.open(whole + HEAD + b"Content-Length: 3\r\n\r\na")
    await asyncio.sleep(4 * SHORT.request)  # past all patience for what comes in
    lines.echo.hold.set()
    assert (await reader.readuntil(b"\r\n\r\n3")).startswith(b"HTTP/1.1 200 OK")
    writer.write(b"bc")
    assert (await reader.readuntil(b"\r\n\r\n3")).startswith(b"HTTP/1.1 200 OK")
    writer.close()
    early.close()


async def test_an_answer_that_nobody_reads_is_let_go_of(lines: Lines) -> None:
    _, writer = await lines.open(b"GET /much HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await eventually(lambda: len(lines.echo.bodies) == 2)
    assert await asyncio.wait_for(flood(writer, b"x" * 60_000, 64 << 20), 15) < 16 << 20


async def test_both_listeners_of_a_daemon_refuse_a_head_that_does_not_end(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        for address in (made.daemon.public, made.daemon.admin):
            _, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
            writer.write(HEAD)
            assert await flood(writer, b"X-a: " + b"y" * 60_000 + b"\r\n", 64 << 20) < 16 << 20
        async with made.daemon.http.get(made.daemon.admin + "/healthz") as response:
            assert response.status == 200

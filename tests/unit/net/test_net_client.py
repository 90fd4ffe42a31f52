"""The client over real sockets: what is known after each way to fail."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from engine.lab.receivers.hooks import HookSink
from engine.net.client import HttpClient, NotSentError, Response, UnclearError

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Named(AbstractResolver):
    """Resolves every name to loopback, none at all, or never."""

    def __init__(self, behaviour: str) -> None:
        self.behaviour = behaviour

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        if self.behaviour == "unknown":
            raise OSError("no such name")
        if self.behaviour == "silent":
            await asyncio.Event().wait()
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing is open."""


def _shown(url: str) -> str:
    """What may be shown of a URL of `serving`."""
    return f"http://127.0.0.1:{url.rpartition(':')[2].partition('/')[0]}"


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[str]:
    """A server that answers every connection by ``script``; gives its URL, with secrets in every place."""

    finished: list[asyncio.Future[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done = asyncio.get_running_loop().create_future()
        finished.append(done)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await script(reader, writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        finally:
            done.set_result(None)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://secret:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}/secret?key=secret"
    await asyncio.gather(*finished)  # a server of asyncio does not wait for its connections


def answering(raw: bytes) -> Script:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return script


async def closing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()  # until the other side gives up


def private(timeout: float = 5.0) -> HttpClient:
    return HttpClient(allow_private=True, timeout=timeout)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def test_an_answer_comes_back_whole() -> None:
    async with private() as client, HookSink() as sink:
        sink.fail_next(418, headers={"X-Tea": "green"}, body={"a": [1]})
        answer = await client.request("POST", sink.url + "/x", json={"text": "да"}, auth=("me", "pässword"))
        assert (answer.status, answer.headers["x-tea"], answer.json(), answer.cut) == (418, "green", {"a": [1]}, False)
        received = sink.requests[0]
        assert received.json() == {"text": "да"}
        assert received.basic_auth == ("me", "pässword")
        assert received.headers["Content-Type"] == "application/json"


async def test_explicit_credentials_go_before_those_in_the_url() -> None:
    async with private() as client, HookSink() as sink:
        url = sink.url.replace("http://", "http://in:url@")
        await client.request("POST", url, json={})
        await client.request("POST", url, json={}, auth=("by", "hand"))
        await client.request("POST", url, json={}, headers={"authorization": "Bearer t"})
        assert [request.basic_auth for request in sink.requests] == [("in", "url"), ("by", "hand"), None]
        assert sink.requests[2].headers["Authorization"] == "Bearer t"


async def test_half_a_surrogate_pair_does_not_stop_a_request() -> None:
    async with private() as client, HookSink() as sink:
        assert (await client.request("POST", sink.url, json={"text": "\ud83d"})).status == 204
        assert sink.deliveries == [{"text": "\ud83d"}]


async def test_a_form_is_encoded() -> None:
    async with private() as client, HookSink() as sink:
        await client.request("POST", sink.url, form=[("a b", "1&2"), ("a b", "ж")])
        assert sink.requests[0].body == b"a+b=1%262&a+b=%D0%B6"
        assert sink.requests[0].headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_redirects_are_not_followed_and_cookies_not_kept() -> None:
    async with private() as client, HookSink() as sink:
        sink.fail_next(302, headers={"Location": sink.url + "/elsewhere", "Set-Cookie": "a=b"})
        assert (await client.request("POST", sink.url + "/here", json={})).status == 302
        await client.request("POST", sink.url + "/there", json={})
        assert [request.path for request in sink.requests] == ["/here", "/there"]
        assert "Cookie" not in sink.requests[1].headers


async def test_a_long_answer_is_cut() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"1" * 5000
    async with serving(answering(raw)) as url, HttpClient(allow_private=True, max_body=100) as client:
        answer = await client.request("GET", url)
        assert (answer.status, answer.cut, len(answer.body)) == (200, True, 100)
        with pytest.raises(ValueError, match="too long"):
            answer.json()
        assert answer.object() == {}


@pytest.mark.parametrize(
    "script",
    [
        closing,
        answering(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"),
        answering(b"not HTTP at all\r\n\r\n"),
    ],
    ids=["closed", "broken off", "garbled"],
)
async def test_a_line_that_breaks_after_the_request_is_unclear(script: Script) -> None:
    async with serving(script) as url, private() as client:
        with pytest.raises(UnclearError) as caught:
            await client.request("POST", url, json={})
        assert str(caught.value) == f"{_shown(url)}: the line broke"


async def test_no_answer_in_time_is_unclear() -> None:
    async with serving(silent) as url, private(timeout=0.1) as client:
        with pytest.raises(UnclearError) as caught:
            await client.request("POST", url, json={})
        assert str(caught.value) == f"{_shown(url)}: timed out"


async def test_a_refused_connection_is_not_sent() -> None:
    async with private() as client:
        port = free_port()
        with pytest.raises(NotSentError, match=rf"^http://127.0.0.1:{port}: no connection .Connection refused.$"):
            await client.request("POST", f"http://127.0.0.1:{port}/secret", json={})


async def test_a_failed_tls_handshake_is_not_sent() -> None:
    async with HookSink() as sink, private() as client:
        with pytest.raises(NotSentError, match=r"no TLS connection$"):
            await client.request("POST", sink.url.replace("http:", "https:"), json={})


async def test_an_unknown_name_is_not_sent() -> None:
    async with HttpClient(resolver=Named("unknown")) as client:
        with pytest.raises(NotSentError, match=r"^https://desk.test: the name cannot be resolved$"):
            await client.request("POST", "https://desk.test/secret", json={})


async def test_no_connection_in_time_is_not_sent() -> None:
    async with HttpClient(resolver=Named("silent"), connect_timeout=0.05) as client:
        with pytest.raises(NotSentError, match=r"timed out$"):
            await client.request("POST", "http://desk.test/", json={})


async def test_no_connection_in_the_time_for_all_is_not_sent() -> None:
    async with HttpClient(resolver=Named("silent"), timeout=0.05) as client:
        with pytest.raises(NotSentError, match=r"timed out$"):
            await client.request("POST", "http://desk.test/", json={})


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "①②⑦.0.0.1", "localhost", "desk.test"])
async def test_the_guard_refuses_before_anything_is_sent(host: str) -> None:
    resolver = Named("loopback") if host.endswith("test") else None
    async with HookSink() as sink, HttpClient(resolver=resolver) as client:
        with pytest.raises(NotSentError):
            await client.request("POST", sink.url.replace("127.0.0.1", host), json={})
        assert sink.requests == []


async def test_a_name_that_turns_inside_is_refused_when_it_is_used() -> None:
    async with HookSink() as sink:
        url = sink.url.replace("127.0.0.1", "desk.test")
        async with HttpClient(resolver=Named("loopback"), allow_private=True) as client:
            assert (await client.request("POST", url, json={})).status == 204
        async with HttpClient(resolver=Named("loopback")) as client:
            with pytest.raises(NotSentError, match="private or loopback"):
                await client.request("POST", url, json={})
        assert len(sink.requests) == 1


@pytest.mark.parametrize("url", ["ftp://desk.test/secret", "file:///etc/secret", "//desk.test/secret", "secret", "http://[secret", ""])
async def test_what_is_no_web_url_is_not_sent(url: str) -> None:
    async with private() as client:
        with pytest.raises(NotSentError) as caught:
            await client.request("GET", url)
        assert "secret" not in str(caught.value)


async def test_a_closed_client_sends_nothing() -> None:
    client = private()
    await client.close()
    with pytest.raises(NotSentError):
        await client.request("GET", "http://127.0.0.1/")


async def test_cancelling_is_passed_on() -> None:
    async with serving(silent) as url, private() as client:
        task = asyncio.create_task(client.request("POST", url, json={}))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_user_and_password_in_a_url_reach_the_server_and_no_message() -> None:
    seen: list[str] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append("called")
        await closing(reader, writer)

    async with serving(script) as url, private() as client:
        with pytest.raises(UnclearError) as caught:
            await client.request("POST", url, json={})
    assert seen == ["called"]
    assert "secret" not in f"{caught.value!r}{caught.value.__cause__!r}"
    assert base64.b64encode(b"secret:secret").decode() not in repr(caught.value)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "93"}, 93.0),
        ({"Retry-After": " 1.5 "}, 1.5),
        ({"Retry-After": "999999999"}, 86_400.0),
        ({"Retry-After": "Mon, 02 Mar 2026 09:00:30 GMT", "Date": "Mon, 02 Mar 2026 09:00:00 GMT"}, 30.0),
        ({"Retry-After": "Mon, 02 Mar 2026 08:00:00 GMT", "Date": "Mon, 02 Mar 2026 09:00:00 GMT"}, 0.0),
        ({"Retry-After": "Mon, 02 Mar 2026 09:00:30 GMT"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert Response(429, headers, b"").retry_after == seconds


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_an_answer_that_is_no_json_object_reads_as_an_empty_one(body: bytes) -> None:
    assert Response(200, {}, body).object() == {}

"""The only HTTP client of the product: one request, one answer, and a plain word on what is known where none came."""

from __future__ import annotations

import base64
import datetime as dt
import json as jsonlib
import os
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from engine.errors import SoundingError
from engine.net.guard import GuardedResolver, RefusedAddressError, check_host
from engine.net.redact import MALFORMED, redact_url

# Below the idle time-out of common servers (5 s): a line that the server closes while idle would look like a lost answer.
_KEEPALIVE = 4.0
_DAY = 86_400.0
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class NotSentError(SoundingError):
    """The request certainly did not go out: no address, no connection, refused by the guard. Safe to repeat."""


class UnclearError(SoundingError):
    """The request went out and no whole answer came back: it may have been accepted."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of any status; a redirect is an answer too, since none is followed."""

    status: int
    headers: Mapping[str, str]  # names in any case
    body: bytes
    cut: bool = False  # the body was longer than the client takes; its end is missing

    def json(self) -> Any:
        """The body as JSON; raises ValueError where it is none, or was cut."""
        if self.cut:
            raise ValueError("the answer is too long to read")
        try:
            return jsonlib.loads(self.body)
        except RecursionError:
            raise ValueError("the answer is nested too deeply") from None

    def object(self) -> Mapping[str, Any]:
        """The body as a JSON object, empty where it is anything else: an error page need not be JSON."""
        try:
            found = self.json()
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, where the receiver said so (Retry-After); at most a day.

        A date is measured against the answer's own Date, so that a difference between two clocks does no harm.
        """
        value = self.headers.get("Retry-After", "").strip()
        if _SECONDS.fullmatch(value):
            return min(float(value), _DAY)
        until, now = _http_date(value), _http_date(self.headers.get("Date", ""))
        return min(max((until - now).total_seconds(), 0.0), _DAY) if until and now else None


class HttpClient:
    """Sends requests over pooled connections; repeats none, follows no redirect, keeps no cookie, uses no proxy.

    ``timeout`` is for the whole exchange and ``connect_timeout`` for getting a connection, in seconds; ``max_body`` is in
    bytes. ``allow_private`` opens private and loopback addresses, for a connection whose system stands in the same network.
    Safe for concurrent use from one event loop. Whoever makes the client closes it.
    """

    def __init__(
        self,
        *,
        timeout: float = 30.0,
        connect_timeout: float = 10.0,
        max_body: int = 1_048_576,
        allow_private: bool = False,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=connect_timeout)
        self._max_body = max_body
        self._allow_private = allow_private
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every connection; a request after that is a NotSentError."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: bytes | None = None,
        form: Sequence[tuple[str, str]] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Response:
        """One exchange with at most one of the bodies ``json``, ``data`` and ``form``; ``auth`` is user and password.

        Raises NotSentError or UnclearError; their messages name scheme, host and port, never the rest of the URL.
        """
        body, content_type = _body(json, data, form)
        sent = {"User-Agent": "Sounding", "Accept": "application/json"}
        if content_type is not None:
            sent["Content-Type"] = content_type
        if auth is not None:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        sent.update(headers or {})
        progress = _Progress()
        try:
            target = self._target(url)
            if any(name.lower() == "authorization" for name in sent):
                target = target.with_user(None)  # aiohttp raises ValueError where both are given
            async with self._open().request(
                method, target, headers=sent, data=body, allow_redirects=False, trace_request_ctx=progress
            ) as answer:
                content, cut = await self._read(answer)
                return Response(answer.status, answer.headers, content, cut)
        except (RefusedAddressError, aiohttp.ClientError, OSError) as error:
            # The cause is not chained: its text and arguments hold the whole URL.
            message = f"{redact_url(url)}: {_describe(error)}"
            if progress.out:
                raise UnclearError(message) from None
            raise NotSentError(message) from None

    def _target(self, url: str) -> URL:
        try:
            target = URL(url)
        except ValueError:
            raise RefusedAddressError(MALFORMED) from None
        if target.scheme not in ("http", "https") or not target.raw_host:
            raise RefusedAddressError("not an http or https URL")
        # Judged on the very object that is requested, so that two parsers cannot disagree about the host.
        check_host(target.raw_host, allow_private=self._allow_private)
        return target

    def _open(self) -> aiohttp.ClientSession:
        # Made at the first request: a session belongs to the event loop that runs then.
        if self._closed:
            raise NotSentError("the HTTP client is closed")
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_mark_out)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=GuardedResolver(allow_private=self._allow_private, inner=self._resolver),
                    keepalive_timeout=_KEEPALIVE,
                ),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trace_configs=[trace],
            )
        return self._session

    async def _read(self, answer: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        content = bytearray()
        async for chunk in answer.content.iter_any():
            content += chunk
            if len(content) > self._max_body:
                answer.close()  # the rest of it would hold up the next request on this line
                return bytes(content[: self._max_body]), True
        return bytes(content), False


@dataclass(slots=True)
class _Progress:
    """Whether any of a request may have left: asked of the line itself, not guessed from the kind of error."""

    out: bool = False


async def _mark_out(_session: aiohttp.ClientSession, context: SimpleNamespace, _: aiohttp.TraceRequestHeadersSentParams) -> None:
    # Called just before the first byte, so an error in between counts as unclear: the safe side.
    context.trace_request_ctx.out = True


def _body(json: Any, data: bytes | None, form: Sequence[tuple[str, str]] | None) -> tuple[bytes | None, str | None]:
    if json is not None:
        return encode_json(json), "application/json"
    if form is not None:
        return urlencode(form).encode(), "application/x-www-form-urlencoded"
    return data, None


def encode_json(value: Any) -> bytes:
    """Compact JSON, in ASCII: half a surrogate pair in a customer's text would not survive UTF-8."""
    return jsonlib.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _describe(error: Exception) -> str:
    if isinstance(error, RefusedAddressError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "the name cannot be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "the certificate is not trusted"
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return "no TLS connection"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"no connection ({os.strerror(error.errno) if error.errno else 'unknown reason'})"
    return "the line broke"


def _http_date(text: str) -> dt.datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=dt.UTC)

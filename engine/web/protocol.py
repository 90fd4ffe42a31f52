"""HTTP on one connection, within limits of size and time that uvicorn leaves to a proxy in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

HEAD_LIMIT = 64 * 1024  # bytes of a request's address and headers
_FIELD_COST = 32  # bytes that a header costs beside its text, as HTTP/2 counts (RFC 9113, 6.5.2): 20,000 empty ones are not small


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a connection may take."""

    request: float = 30  # seconds from a request's first byte to its last
    idle: float = 75  # seconds between requests: longer than a proxy keeps it, so that ours is never the end that hangs up


class LimitedProtocol(HttpToolsProtocol):
    """Refuses what is too large as it comes in; its server asks it every second whether something takes too long.

    The sender is told, the log is not: whoever may connect could fill it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since = self.loop.time()  # when what is waited for began
        self._receiving = False  # between the first byte of a request and its last
        self._head = 0  # bytes of address and headers of this request
        self._unreported = 0  # bytes that the parser keeps to itself: a header that does not end
        self._too_large = False

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if not self._receiving:
            self._begin()
        self._unreported += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # it is answered as HTTP/1.1, which RFC 9110, 7.8 allows
        except httptools.HttpParserError:
            if self._too_large:
                self._refuse_head()
            else:
                self._refuse(HTTPStatus.BAD_REQUEST, "this is no HTTP request")
        else:
            if self._unreported > HEAD_LIMIT:
                self._refuse_head()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begin()
        self._head = 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + _FIELD_COST)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._unreported = 0

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._receiving = False
        self._since = self.loop.time()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._since = self.loop.time()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._since = self.loop.time()

    def shutdown(self) -> None:
        """The server ends: what came in whole is answered first, and what would still have to come in is not waited for."""
        if self._receiving and not self._answering():
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "the server is ending; send the request again")
        else:
            super().shutdown()

    def expire(self, now: float, patience: Patience) -> None:
        """End the connection where its peer has taken too long: to send, to send again, or to read."""
        waited = now - self._since
        if self.transport.is_closing():
            if waited > patience.idle + patience.request:
                self.transport.abort()  # what was written is not read
        elif self.flow.write_paused:
            if waited > patience.request:
                self.transport.abort()
        elif self._answering():
            return
        elif self._receiving:
            if waited > patience.request:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the request took too long to come in")
        elif waited > patience.idle:
            self.transport.close()

    def _begin(self) -> None:
        self._receiving = True
        self._since = self.loop.time()

    def _count(self, size: int) -> None:
        self._unreported = 0
        self._head += size
        if self._head > HEAD_LIMIT:
            self._too_large = True
            raise ValueError("too large")  # ends the parsing

    def _answering(self) -> bool:
        """Whether a request that came in whole waits for its answer: the next one's time begins after it."""
        cycle = self._latest()
        return bool(self.pipeline) or (cycle is not None and not cycle.response_complete and not cycle.more_body)

    def _latest(self) -> RequestResponseCycle | None:
        """The newest request; None before the first, which uvicorn's own annotation leaves out."""
        return self.cycle

    def _refuse_head(self) -> None:
        self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"address and headers have at most {HEAD_LIMIT:,} bytes")

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        """Answer instead of the application, where no answer has begun, and close."""
        self._since = self.loop.time()
        if self.transport.is_closing():
            return
        cycle = self._latest()
        if cycle is None or cycle.response_complete or not (cycle.response_started or self._answering()):
            head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(reason)
            defaults = b"".join(name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers)
            self.transport.write(STATUS_LINE[status] + defaults + head + reason.encode())
        self.transport.close()

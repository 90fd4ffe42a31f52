"""The receivers of the benchmarks, a process of their own: a help desk by HTTP and a mail server, both as light as they can be.

They speak just enough of each protocol on raw sockets, note when an effect had come in whole (the moment just before they
acknowledge it), and do nothing else, so that whoever sends to them is measured and not they. An effect is known by the `ref-`
number somewhere in its payload.

On stdout: one line of JSON with the two ports, then an answer for each line on stdin. `count` gives how many effects came in;
`take` gives them all as JSON, `{"at": {ref: seconds of the monotonic clock}, "repeated": n}`, and forgets them.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

_REF = re.compile(rb"ref-\d+")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Arrivals:
    """What came in, and when."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.repeated = 0
        self.tickets = 0

    def note(self, payload: bytes) -> None:
        found = _REF.search(payload)
        if found is None:
            return
        ref = found[0].decode()
        if ref in self.at:
            self.repeated += 1
        else:
            self.at[ref] = time.monotonic()

    def answer(self, question: str) -> str:
        if question == "count":
            return str(len(self.at))
        taken = json.dumps({"at": self.at, "repeated": self.repeated})
        self.at, self.repeated = {}, 0
        return taken


class Desk(asyncio.Protocol):
    """Takes POST with a body of known length, and gives each ticket a number, as Zendesk does."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._got += data
        while (head := self._got.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._got, 0, head)
            end = head + 4 + (int(length[1]) if length is not None else 0)
            if len(self._got) < end:
                return
            self._arrivals.note(self._got[head:end])
            self._got = self._got[end:]
            self._arrivals.tickets += 1
            body = b'{"ticket":{"id":%d}}' % self._arrivals.tickets
            self._transport.write(
                b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )


class Mailbox(asyncio.Protocol):
    """A mail server that takes everything."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._got = b""
        self._in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._got += data
        while True:
            end = self._got.find(b"\r\n.\r\n" if self._in_message else b"\r\n")
            if end < 0:
                return
            if self._in_message:
                self._arrivals.note(self._got[:end])
                self._got = self._got[end + 5 :]
                self._in_message = False
                self._transport.write(b"250 OK\r\n")
            else:
                line, self._got = self._got[:end], self._got[end + 2 :]
                self._command(line[:4].upper())

    def _command(self, verb: bytes) -> None:
        if verb == b"DATA":
            self._in_message = True
            self._transport.write(b"354 Go ahead\r\n")
        elif verb == b"EHLO":
            self._transport.write(b"250-sink\r\n250-SIZE 10000000\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
        elif verb == b"QUIT":
            self._transport.write(b"221 Bye\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 OK\r\n")


async def serve() -> None:
    """Until stdin ends."""
    loop, arrivals = asyncio.get_running_loop(), Arrivals()
    desk = await loop.create_server(lambda: Desk(arrivals), "127.0.0.1", 0, backlog=1024)
    mail = await loop.create_server(lambda: Mailbox(arrivals), "127.0.0.1", 0, backlog=1024)
    print(json.dumps({"desk": desk.sockets[0].getsockname()[1], "mail": mail.sockets[0].getsockname()[1]}), flush=True)
    questions = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(questions), sys.stdin)
    while question := await questions.readline():
        print(arrivals.answer(question.decode().strip()), flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())

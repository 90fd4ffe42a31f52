"""One open line to a mail server, and the conversation that carries a message over it.

`aiosmtplib` connects, negotiates TLS and logs in. From then on the replies are read here: where the server offers PIPELINING
(RFC 2920), the three commands before a message go out together, and what they are answered comes back together too.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from dataclasses import dataclass
from typing import cast

import aiosmtplib

from engine.channels import mime
from engine.model.delivery import Outcome, Rejected, Sent, Unclear

_STALE_AFTER = 60.0  # seconds of rest; a firewall may have dropped an older line without a word, and MAIL would just hang
_GOODBYE = 2.0  # seconds that a server has to answer QUIT
_MAX_REPLY = 64 * 1024  # bytes of what was not read yet
_CLOSING = 421  # "closing the channel": says nothing about the message
_AUTH_CODES = frozenset({530, 534, 535, 538})  # a login is missing, too weak, wrong, or refused without TLS
_REFUSED = {"MAIL": "the sender", "RCPT": "the recipient", "DATA": "the message"}

LINE_BROKEN = (aiosmtplib.SMTPException, OSError)
# Whoever breaks a delivery off wants to know what became of it, as with any other line that breaks.
BROKEN_OFF = (*LINE_BROKEN, asyncio.CancelledError)
_ADDRESS = re.compile(r"<?[^\s<>\"'(),;:\[\]]+(?:@|%40)[^\s<>\"'(),;:\[\]]+>?", re.IGNORECASE)
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


class NotBegunError(Exception):
    """The line failed before the server took the first command of a message: nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    id: str
    sender: str
    recipient: str
    message: bytes

    def commands(self, smtp: aiosmtplib.SMTP) -> tuple[tuple[str, bytes, int], ...]:
        """Stage, command and hundreds of the reply that lets us go on. Raises UnusableAddressError."""
        sender, recipient = self.sender, self.recipient
        options = f" SIZE={len(self.message)}" if smtp.supports_extension("SIZE") else ""
        if not ((sender + recipient).isascii() and self.message.isascii()):
            if smtp.supports_extension("SMTPUTF8"):
                options += " BODY=8BITMIME SMTPUTF8"  # whoever offers the second must offer the first (RFC 6531)
            else:
                sender, recipient = mime.ascii_address(sender), mime.ascii_address(recipient)
        return (
            ("MAIL", f"MAIL FROM:<{sender}>{options}\r\n".encode(), 2),
            ("RCPT", f"RCPT TO:<{recipient}>\r\n".encode(), 2),
            ("DATA", b"DATA\r\n", 3),
        )


class _Replies(asyncio.Protocol):
    """What the server says, reply by reply, in order."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._lines: list[str] = []  # of a reply that is not whole yet
        self._ready: deque[aiosmtplib.SMTPResponse] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._broken: Exception | None = None

    @property
    def is_quiet(self) -> bool:
        """Nothing was said that nobody asked for, and the line stands."""
        return not (self._ready or self._got or self._lines or self._broken)

    async def next(self, timeout: float) -> aiosmtplib.SMTPResponse:  # noqa: ASYNC109 - each wait has its own
        """Raises one of LINE_BROKEN, also for what is no reply."""
        while not self._ready:
            if self._broken is not None:
                raise self._broken
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._waiter
            finally:
                self._waiter = None
        return self._ready.popleft()

    def data_received(self, data: bytes) -> None:
        self._got += data
        *lines, rest = self._got.split(b"\n")
        self._got = rest
        for line in lines:
            self._take(bytes(line))
        if len(rest) > _MAX_REPLY or len(self._lines) > 1000:
            self._break(aiosmtplib.SMTPResponseException(0, "a reply without an end"))
        self._tell()

    def _take(self, line: bytes) -> None:
        if not line[:3].isdigit():
            self._break(aiosmtplib.SMTPResponseException(0, "no SMTP reply"))
            return
        self._lines.append(line[4:].decode("utf-8", "surrogateescape").strip(" \t\r"))
        if line[3:4] != b"-":
            self._ready.append(aiosmtplib.SMTPResponse(int(line[:3]), "\n".join(self._lines)))
            self._lines.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(aiosmtplib.SMTPServerDisconnected("the connection was lost"))

    def eof_received(self) -> bool:
        self._break(aiosmtplib.SMTPServerDisconnected("the connection was lost"))
        return False

    def _break(self, error: Exception) -> None:
        self._broken = self._broken or error
        self._tell()

    def _tell(self) -> None:
        if self._waiter is not None and not self._waiter.done() and (self._ready or self._broken):
            self._waiter.set_result(None)


class Line:
    """One open connection, which carries one message at a time."""

    def __init__(self, smtp: aiosmtplib.SMTP, timeout: float) -> None:
        self._smtp, self._timeout = smtp, timeout
        self._transport = cast(asyncio.Transport, smtp.transport)
        self._replies = _Replies()
        self._transport.set_protocol(self._replies)
        self._pipelining = smtp.supports_extension("PIPELINING")
        self._rest()

    @property
    def is_alive(self) -> bool:
        """Whether it may carry another message."""
        rest = asyncio.get_running_loop().time() - self._rested_at
        return self._rested and not self._transport.is_closing() and self._replies.is_quiet and rest < _STALE_AFTER

    async def send(self, letter: Letter) -> Outcome:
        """Raises NotBegunError where the line turns out dead before the server took MAIL."""
        try:
            commands = letter.commands(self._smtp)
        except mime.UnusableAddressError as error:
            return Rejected(reason=f"the address cannot be used: {error}", permanent=True)
        self._rested = False
        if self._pipelining:
            self._transport.write(b"".join(command for _, command, _ in commands))
        for number, (stage, command, expected) in enumerate(commands):
            if not self._pipelining:
                self._transport.write(command)
            try:
                reply = await self._replies.next(self._timeout)
            except BROKEN_OFF as error:
                reason = f"the line broke at {stage}, before the message was sent: {_what_broke(error)}"
                if stage == "MAIL" and not isinstance(error, asyncio.CancelledError):
                    raise NotBegunError(reason) from error
                return Rejected(reason=reason, permanent=False, down=True)
            if stage == "MAIL" and reply.code == _CLOSING:
                raise NotBegunError(_refused(stage, reply, letter.recipient).reason)
            if reply.code // 100 != expected:
                if reply.code != _CLOSING:
                    await self._take_back(len(commands) - number - 1 if self._pipelining else 0)
                return _refused(stage, reply, letter.recipient)
        return await self._send_message(letter)

    async def _send_message(self, letter: Letter) -> Outcome:
        if self._transport.is_closing():
            return Rejected(reason="the line broke after DATA, before the message was sent", permanent=False, down=True)
        self._transport.write(_LEADING_DOT.sub(b"..", letter.message) + b".\r\n")
        try:
            reply = await self._replies.next(self._timeout)
        except BROKEN_OFF as error:
            return Unclear(reason=f"the message went out, but no final reply came: {_what_broke(error)}")
        match reply.code // 100:
            case 2:
                self._rest()
                return Sent(external_id=letter.id)
            case 4 | 5:
                # The line does not rest: after an early refusal the server may read what follows as commands.
                return _refused("DATA", reply, letter.recipient)
            case _:
                return Unclear(reason=f"the message went out, but the final reply says neither yes nor no ({reply.code})", down=False)

    async def _take_back(self, unread: int) -> None:
        """Make the server forget a refused message. A line on which that fails does not rest, and so is not used again.

        A server that says "go ahead" to the pipelined DATA of a refused message is not given one: the line is left in its middle.
        """
        with contextlib.suppress(*LINE_BROKEN):
            for _ in range(unread):
                if (await self._replies.next(self._timeout)).code // 100 == 3:
                    return
            self._transport.write(b"RSET\r\n")
            if (await self._replies.next(self._timeout)).code // 100 == 2:
                self._rest()

    def _rest(self) -> None:
        self._rested = True  # between two messages; a line left in the middle of one, whatever the cause, never rests again
        self._rested_at = asyncio.get_running_loop().time()

    async def quit(self) -> None:
        """Close with a farewell. Whether it is answered changes nothing: all messages have their outcome."""
        if self._transport.is_closing():  # the server was quicker: there is nobody to take leave of
            self.drop()
            return
        try:
            self._transport.write(b"QUIT\r\n")
            with contextlib.suppress(*LINE_BROKEN):
                await self._replies.next(_GOODBYE)
        finally:
            self.drop()

    def drop(self) -> None:
        self._transport.abort()  # closing alone would wait to write what is left: for ever if nobody reads


def _refused(stage: str, reply: aiosmtplib.SMTPResponse, recipient: str) -> Rejected:
    reason = f"the server refused {_REFUSED[stage]} ({reply.code}): {_without_addresses(reply.message, recipient)}"
    # A login is the operator's to mend, and the message can go out then; any other 5xx is about this message.
    # Any 4xx but 421 is about it, too: a greylisted one, or a full mailbox, says nothing of the next.
    login = reply.code in _AUTH_CODES
    return Rejected(reason=reason, permanent=reply.code // 100 == 5 and not login, down=login or reply.code == _CLOSING)


def _without_addresses(text: str, recipient: str) -> str:
    """A server's words, fit to be stored: one line, not too long, no address, and not the part before its @ alone."""
    local = re.escape(recipient.rpartition("@")[0])
    text = _ADDRESS.sub("<address>", mime.one_line(text[:1000]))
    return re.sub(rf"(?<!\w){local}(?!\w)", "<address>", text, flags=re.IGNORECASE)[:200]


def _what_broke(error: BaseException) -> str:
    match error:
        case asyncio.CancelledError():
            return "it was broken off"
        case TimeoutError():
            return "no answer in time"
        case aiosmtplib.SMTPResponseException():
            return "the answer is not SMTP"
        case _:
            return "the connection was lost"

"""E-mail by SMTP.

The conversation is driven stage by stage, because the truth about a failure depends on the stage: until the message's
body has gone out nothing was sent; from then on only the server's final reply tells, and without it nobody knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass
from typing import Literal, cast

import aiosmtplib

from engine.channels import mime
from engine.clock import Clock
from engine.errors import InvalidProjectError
from engine.model.delivery import EmailRequest, Outcome, Rejected, Repeat, Request, Sent, Unclear

Tls = Literal["starttls", "tls", "none"]

_STALE_AFTER = 60.0  # seconds of rest; a firewall may have dropped an older line without a word, and MAIL would just hang
_GOODBYE = 2.0  # seconds that a server has to answer QUIT
_CLOSING = 421  # "closing the channel": says nothing about the message
_AUTH_CODES = frozenset({530, 534, 535, 538})  # a login is missing, too weak, wrong, or refused without TLS
_REFUSED = {"MAIL": "the sender", "RCPT": "the recipient", "DATA": "the message"}

_LINE_BROKEN = (aiosmtplib.SMTPException, OSError)
_ADDRESS = re.compile(r"<?[^\s<>\"'(),;:\[\]]+(?:@|%40)[^\s<>\"'(),;:\[\]]+>?", re.IGNORECASE)
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)


class SmtpAdapter:
    """One mail server, over a few connections that are kept open. Safe for concurrent calls from one event loop.

    ``tls`` is ``starttls`` (required, not merely tried), ``tls`` from the first byte, or ``none``. Certificates are
    verified against the system's authorities unless ``tls_context`` says otherwise. ``timeout`` is in seconds and
    bounds each wait for the server, not the delivery as a whole. At most ``connections`` messages are under way at a
    time; others wait their turn.

    Raises InvalidProjectError where ``sender`` (``Name <address>`` or an address) cannot be one.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        tls: Tls,
        user: str | None,
        password: str | None,
        sender: str,
        timeout: float,
        clock: Clock,
        connections: int = 4,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        try:
            _, self._address = mime.split_sender(sender)
            mime.ascii_domain(self._address.rpartition("@")[2])
        except mime.UnusableAddressError as error:
            raise InvalidProjectError(f"'from' of a mail connection is not 'Name <address>' or an address: {error}") from error
        self._host, self._port, self._tls = host, port, tls
        self._user, self._password = user, password
        self._sender, self._timeout, self._clock = sender, timeout, clock
        # Made once: reading the system's authorities takes longer than a whole conversation.
        self._context = tls_context if tls == "none" or tls_context is not None else ssl.create_default_context()
        self._turns = asyncio.Semaphore(connections)
        self._idle: list[_Line] = []
        self._closed = False
        self._own_name: str | None = None  # for EHLO; asked of the system once, since a broken DNS is slow to answer

    @property
    def repeat(self) -> Repeat:
        return Repeat.NEITHER

    async def deliver(self, request: Request) -> Outcome:
        """Send one message; ``external_id`` of Sent is its Message-ID. Raises TypeError for anything but an EmailRequest."""
        if not isinstance(request, EmailRequest):
            raise TypeError(f"a mail connection sends e-mail, not {type(request).__name__}")
        try:
            letter = _Letter(
                id=mime.message_id(request.key, self._sender),
                sender=self._address,
                recipient=mime.check_address(request.to),
                message=mime.compose(request, self._sender, self._clock.now()),
            )
        except mime.UnusableAddressError as error:
            return Rejected(reason=f"the address cannot be used: {error}", permanent=True)
        async with self._turns:
            if (line := self._kept()) is not None:
                # A server may hang up on an idle line at any moment. It shows at MAIL, before anything was sent.
                with contextlib.suppress(_NotBegunError):
                    return await self._converse(line, letter)
            try:
                return await self._converse(await self._open(), letter)
            except _NotBegunError as error:
                return Rejected(reason=str(error), permanent=False)

    async def close(self) -> None:
        """Take leave of the server. Messages under way are finished, and their connections closed behind them."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(line.quit() for line in idle))

    def _kept(self) -> _Line | None:
        while self._idle:
            # The latest used first, so that lines which a low load does not need grow old and go.
            line = self._idle.pop()
            if line.is_alive:
                return line
            line.drop()
        return None

    async def _converse(self, line: _Line, letter: _Letter) -> Outcome:
        try:
            return await line.send(letter)
        finally:
            if line.is_alive and not self._closed:
                self._idle.append(line)
            else:
                line.drop()

    async def _open(self) -> _Line:
        smtp = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            username=self._user,
            password=self._password,
            timeout=self._timeout,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            tls_context=self._context,
            local_hostname=self._own_name,
        )
        greeted = False
        try:
            await smtp.connect()
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
            greeted = True
        except (*_LINE_BROKEN, ValueError) as error:  # ValueError: a host name that cannot be one
            raise _NotBegunError(f"no connection to {self._host}:{self._port}: {_why_not_open(error)}") from error
        finally:
            if not greeted:
                smtp.close()
        self._own_name = smtp.local_hostname
        return _Line(smtp, self._timeout)


class _NotBegunError(Exception):
    """The line failed before the server took the first command of a message: nothing was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Letter:
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
            ("MAIL", f"MAIL FROM:<{sender}>{options}".encode(), 2),
            ("RCPT", f"RCPT TO:<{recipient}>".encode(), 2),
            ("DATA", b"DATA", 3),
        )


class _Line:
    """One open connection, which carries one message at a time."""

    def __init__(self, smtp: aiosmtplib.SMTP, timeout: float) -> None:
        self._smtp, self._timeout = smtp, timeout
        self._transport = cast(asyncio.WriteTransport, smtp.transport)
        self._rest()

    @property
    def is_alive(self) -> bool:
        """Whether it may carry another message."""
        rest = asyncio.get_running_loop().time() - self._rested_at
        return self._rested and self._smtp.is_connected and rest < _STALE_AFTER

    async def send(self, letter: _Letter) -> Outcome:
        """Raises _NotBegunError where the line turns out dead before the server took MAIL."""
        try:
            commands = letter.commands(self._smtp)
        except mime.UnusableAddressError as error:
            return Rejected(reason=f"the address cannot be used: {error}", permanent=True)
        self._rested = False
        for stage, command, expected in commands:
            try:
                reply = await self._smtp.execute_command(command)
            except _LINE_BROKEN as error:
                reason = f"the line broke at {stage}, before the message was sent: {_what_broke(error)}"
                if stage == "MAIL":
                    raise _NotBegunError(reason) from error
                return Rejected(reason=reason, permanent=False)
            if stage == "MAIL" and reply.code == _CLOSING:
                raise _NotBegunError(_refused(stage, reply, letter.recipient).reason)
            if reply.code // 100 != expected:
                await self._reset()
                return _refused(stage, reply, letter.recipient)
        return await self._send_message(letter)

    async def _send_message(self, letter: _Letter) -> Outcome:
        if (protocol := self._smtp.protocol) is None or not protocol.is_connected:
            return Rejected(reason="the line broke after DATA, before the message was sent", permanent=False)
        # Not `smtp.data()`: it would not tell a line that broke before the message went out from one that broke after.
        protocol.write(_LEADING_DOT.sub(b"..", letter.message) + b".\r\n")
        try:
            reply = await protocol.read_response(timeout=self._timeout)
        except _LINE_BROKEN as error:
            return Unclear(reason=f"the message went out, but no final reply came: {_what_broke(error)}")
        match reply.code // 100:
            case 2:
                self._rest()
                return Sent(external_id=letter.id)
            case 4 | 5:
                # The line does not rest: after an early refusal the server may read what follows as commands.
                return _refused("DATA", reply, letter.recipient)
            case _:
                return Unclear(reason=f"the message went out, but the final reply says neither yes nor no ({reply.code})")

    async def _reset(self) -> None:
        """Make the server forget a refused message. A line on which that fails does not rest, and so is not used again."""
        with contextlib.suppress(*_LINE_BROKEN):
            await self._smtp.rset()
            self._rest()

    def _rest(self) -> None:
        self._rested = True  # between two messages; a line left in the middle of one, whatever the cause, never rests again
        self._rested_at = asyncio.get_running_loop().time()

    async def quit(self) -> None:
        """Close with a farewell. Whether it is answered changes nothing: all messages have their outcome."""
        try:
            with contextlib.suppress(*_LINE_BROKEN):
                await self._smtp.quit(timeout=_GOODBYE)
        finally:
            self.drop()

    def drop(self) -> None:
        self._smtp.close()
        self._transport.abort()  # closing alone would wait to write what is left: for ever if nobody reads


def _refused(stage: str, reply: aiosmtplib.SMTPResponse, recipient: str) -> Rejected:
    reason = f"the server refused {_REFUSED[stage]} ({reply.code}): {_without_addresses(reply.message, recipient)}"
    # A login is the operator's to mend, and the message can go out then; any other 5xx is about this message.
    return Rejected(reason=reason, permanent=reply.code // 100 == 5 and reply.code not in _AUTH_CODES)


def _without_addresses(text: str, recipient: str) -> str:
    """A server's words, fit to be stored: one line, not too long, no address, and not the part before its @ alone."""
    local = re.escape(recipient.rpartition("@")[0])
    text = _ADDRESS.sub("<address>", mime.one_line(text[:1000]))
    return re.sub(rf"(?<!\w){local}(?!\w)", "<address>", text, flags=re.IGNORECASE)[:200]


def _why_not_open(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, aiosmtplib.SMTPConnectError) and error.__cause__ is not None else error
    match cause:
        case aiosmtplib.SMTPAuthenticationError(code=code):
            # Not the server's words: some repeat the command, and with it the password.
            return f"the server refused the login ({code}); mend user and password, then it can be sent"
        case aiosmtplib.SMTPResponseException(code=code, message=message):
            return f"the server refused the connection ({code}): {mime.one_line(message)[:200]}"
        case ssl.SSLCertVerificationError():
            return f"the server's certificate is not trusted: {cause.verify_message}"
        case TimeoutError():
            return "no answer in time"
        case _:
            return mime.one_line(str(cause))


def _what_broke(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case aiosmtplib.SMTPResponseException():
            return "the answer is not SMTP"
        case _:
            return "the connection was lost"

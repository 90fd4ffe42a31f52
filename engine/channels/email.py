"""E-mail by SMTP.

The conversation is driven stage by stage, because the truth about a failure depends on the stage: until the message's
body has gone out nothing was sent; from then on only the server's final reply tells, and without it nobody knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Literal

import aiosmtplib

from engine.channels import mime
from engine.channels.smtp_line import BROKEN_OFF, Letter, Line, NotBegunError
from engine.clock import Clock
from engine.errors import InvalidProjectError
from engine.model.delivery import EmailRequest, Outcome, Rejected, Repeat, Request

Tls = Literal["starttls", "tls", "none"]


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
        self._idle: list[Line] = []
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
            letter = Letter(
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
                with contextlib.suppress(NotBegunError):
                    return await self._converse(line, letter)
            try:
                return await self._converse(await self._open(), letter)
            except NotBegunError as error:
                return Rejected(reason=str(error), permanent=False, down=True)

    async def close(self) -> None:
        """Take leave of the server. Messages under way are finished, and their connections closed behind them."""
        self._closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*(line.quit() for line in idle))

    def _kept(self) -> Line | None:
        while self._idle:
            # The latest used first, so that lines which a low load does not need grow old and go.
            line = self._idle.pop()
            if line.is_alive:
                return line
            line.drop()
        return None

    async def _converse(self, line: Line, letter: Letter) -> Outcome:
        try:
            return await line.send(letter)
        finally:
            if line.is_alive and not self._closed:
                self._idle.append(line)
            else:
                line.drop()

    async def _open(self) -> Line:
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
        except (*BROKEN_OFF, ValueError) as error:  # ValueError: a host name that cannot be one
            raise NotBegunError(f"no connection to {self._host}:{self._port}: {_why_not_open(error)}") from error
        finally:
            if not greeted:
                smtp.close()
        self._own_name = smtp.local_hostname
        return Line(smtp, self._timeout)


def _why_not_open(error: BaseException) -> str:
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
        case asyncio.CancelledError():
            return "it was broken off"
        case _:
            return mime.one_line(str(cause))

"""A mail server that keeps what it gets: for tests, the lab and the demo."""

from __future__ import annotations

import asyncio
import email
import logging
import ssl
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, cast

from aiosmtpd.smtp import SMTP, AuthenticatorType, AuthResult, Envelope, Session

Stage = Literal["mail", "rcpt", "data"]

# aiosmtpd logs through this logger; without a handler of the program's own, Python would print its warnings.
logging.getLogger("mail.log").addHandler(logging.NullHandler())


@dataclass(frozen=True, kw_only=True)
class CaughtMessage:
    """One message as it came over the wire."""

    sender: str  # of the envelope
    recipients: tuple[str, ...]  # of the envelope
    raw: bytes  # with CRLF line ends, without SMTP's dot-stuffing

    @cached_property
    def message(self) -> EmailMessage:
        """The message, parsed."""
        return email.message_from_bytes(self.raw, policy=policy.default)


class MailCatcher:
    """A mail server on 127.0.0.1, in the event loop of whoever opens it with ``async with``.

    ``port`` 0 takes a free one, kept over ``stop`` and ``start``. ``folder`` gets every message as a numbered ``.eml``
    file before it is acknowledged. ``tls`` is a server's context and offers STARTTLS. Any login is accepted and none
    needed, unless ``login`` (user, password) is given. ``smtputf8`` offers addresses beyond ASCII.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        folder: Path | None = None,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        smtputf8: bool = True,
    ) -> None:
        self.host = "127.0.0.1"
        self.port = port
        self.messages: list[CaughtMessage] = []
        self.errors: list[Exception] = []  # what went wrong in a conversation, a failed TLS handshake for one
        self.connections = 0  # opened by clients so far
        self.unanswered: list[CaughtMessage] = []  # accepted, but their clients were never told
        self._folder = folder
        self._tls = tls
        self._login = login
        self._smtputf8 = smtputf8
        self._server: asyncio.Server | None = None
        self._open: dict[_Connection, asyncio.Task[None]] = {}  # with their conversations
        self._unseen: asyncio.Queue[CaughtMessage] = asyncio.Queue()
        self._refusals: dict[Stage, deque[str]] = {"mail": deque(), "rcpt": deque(), "data": deque()}
        self._to_close = 0
        self._to_hang = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, at the same port as before. Raises OSError where it is taken."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self, loop), self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go down as in a crash: open connections break, new ones are refused. What was caught is kept."""
        if self._server is None:
            return
        self._server.close()
        conversations = list(self._open.values())
        for connection, conversation in self._open.items():
            connection.abort()
            conversation.cancel()  # the lost line does so too, but not in the middle of a TLS handshake
        await asyncio.gather(*conversations, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def next_message(self, timeout: float = 5.0) -> CaughtMessage:  # noqa: ASYNC109 - reads better at the call
        """The first message not yet handed out, waited for. Raises TimeoutError after ``timeout`` seconds."""
        async with asyncio.timeout(timeout):
            return await self._unseen.get()

    async def __aiter__(self) -> AsyncIterator[CaughtMessage]:
        while True:
            yield await self._unseen.get()

    def refuse_next(self, code: int, text: str, times: int = 1, stage: Stage = "rcpt") -> None:
        """Answer the next ``times`` MAIL or RCPT commands, or messages, with this refusal."""
        self._refusals[stage].extend([f"{code} {text}"] * times)

    def close_after_data(self, times: int = 1) -> None:
        """Accept the next ``times`` messages, but drop the connection in place of the final reply."""
        self._to_close += times

    def hang_after_data(self, times: int = 1) -> None:
        """Accept the next ``times`` messages, but never give the final reply."""
        self._to_hang += times

    def _next_refusal(self, stage: Stage) -> str | None:
        refusals = self._refusals[stage]
        return refusals.popleft() if refusals else None

    def _catch(self, caught: CaughtMessage) -> None:
        if self._folder is not None:
            _write(self._folder, len(self.messages) + 1, caught.raw)
        self.messages.append(caught)
        self._unseen.put_nowait(caught)

    def _may_enter(self, user: bytes, password: bytes) -> bool:
        return self._login is None or (user.decode(), password.decode()) == self._login


def _write(folder: Path, number: int, raw: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    while True:  # the numbers of an earlier run are taken
        try:
            with (folder / f"{number:06}.eml").open("xb") as file:
                file.write(raw)
        except FileExistsError:
            number += 1
        else:
            return


class _Connection(SMTP):
    """One client's connection."""

    def __init__(self, catcher: MailCatcher, loop: asyncio.AbstractEventLoop) -> None:
        self._catcher = catcher
        super().__init__(
            _Hooks(catcher),
            enable_SMTPUTF8=catcher._smtputf8,
            hostname="localhost",
            ident="mail catcher",
            tls_context=catcher._tls,
            authenticator=_authenticate(catcher),
            auth_require_tls=False,
            loop=loop,
        )

    def abort(self) -> None:
        """Drop the line; losing it cancels the conversation."""
        cast(asyncio.WriteTransport, self.transport).abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        conversation = self._handler_coroutine
        if conversation is not None and self not in self._catcher._open:  # STARTTLS makes the connection a second time
            self._catcher.connections += 1
            self._catcher._open[self] = conversation
            conversation.add_done_callback(lambda _: self._catcher._open.pop(self))


def _authenticate(catcher: MailCatcher) -> AuthenticatorType:
    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=catcher._may_enter(data.login, data.password), handled=False)

    return authenticate


class _Hooks:
    """What aiosmtpd asks at each stage; the methods' names are its protocol."""

    def __init__(self, catcher: MailCatcher) -> None:
        self._catcher = catcher

    async def handle_MAIL(self, server: _Connection, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if self._catcher._login is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if (refusal := self._catcher._next_refusal("mail")) is not None:
            return refusal
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: _Connection, session: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        if (refusal := self._catcher._next_refusal("rcpt")) is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: _Connection, session: Session, envelope: Envelope) -> str:  # noqa: N802
        catcher = self._catcher
        if (refusal := catcher._next_refusal("data")) is not None:
            return refusal
        assert envelope.mail_from is not None  # aiosmtpd asks only when it has both
        assert envelope.original_content is not None
        caught = CaughtMessage(sender=envelope.mail_from, recipients=tuple(envelope.rcpt_tos), raw=envelope.original_content)
        catcher._catch(caught)
        if catcher._to_close or catcher._to_hang:
            catcher.unanswered.append(caught)
        if catcher._to_close:
            catcher._to_close -= 1
            server.abort()
            await asyncio.Event().wait()  # until the lost line cancels the conversation
        if catcher._to_hang:
            catcher._to_hang -= 1
            await asyncio.Event().wait()
        return "250 OK"

    async def handle_exception(self, error: Exception) -> str:
        self._catcher.errors.append(error)
        return f"451 4.3.0 {type(error).__name__}"

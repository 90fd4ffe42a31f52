"""E-mail over real sockets: what the adapter says is what happened at the server."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import uvloop
from eventually import eventually

from engine.channels.email import SmtpAdapter
from engine.clock import VirtualClock
from engine.errors import InvalidProjectError
from engine.lab.receivers.smtp import MailCatcher, Stage
from engine.model.delivery import EmailRequest, Rejected, Repeat, Request, Sent, Unclear

NOW = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
CERTIFICATE = Path(__file__).parent.parent / "fixtures" / "tls" / "self_signed.pem"


def mail(key: str = "k1", *, to: str = "ada@example.test", subject: str = "Hello", text: str = "How was it?") -> EmailRequest:
    return EmailRequest(key=key, to=to, to_name="Ada", subject=subject, text=text)


@contextlib.asynccontextmanager
async def adapter_to(port: int, **options: Any) -> AsyncIterator[SmtpAdapter]:
    settings: dict[str, Any] = {"host": "127.0.0.1", "port": port, "tls": "none", "user": None, "password": None, "timeout": 5.0}
    adapter = SmtpAdapter(**(settings | {"sender": "Acme <cx@acme.test>", "clock": VirtualClock(NOW)} | options))
    try:
        yield adapter
    finally:
        await adapter.close()


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, CERTIFICATE.with_suffix(".key"))
    return context


CLOSE = "close"
SILENCE = "silence"
_offers: list[str] = []  # what a scripted server offers


@pytest.fixture(params=[(), ("PIPELINING",)], ids=["plain", "pipelining"], autouse=True)
def offers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}._offers", list(request.param))


@contextlib.asynccontextmanager
async def scripted(*conversations: dict[str, str], tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[str]]]:
    """A server that follows a script, for what no sane server does. Each conversation maps ``EHLO``, ``MAIL``, …, ``.`` (the
    message) to a reply, CLOSE or SILENCE; ``MAIL2`` is the second MAIL. Yields the port and what was received."""
    fine = {
        "HI": "220 hi",
        "EHLO": "\r\n".join(["250-hi", *(f"250-{offer}" for offer in _offers), "250 HELP"]),
        "MAIL": "250 ok",
        "RCPT": "250 ok",
        "DATA": "354 go",
        ".": "250 ok",
        "RSET": "250 ok",
        "QUIT": "221 bye",
    }
    scripts = iter(conversations)
    heard: list[str] = []
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = fine | next(scripts, {})
        mails, verb = 0, "HI"
        try:
            while True:
                mails += verb == "MAIL"
                reply = script.get(f"{verb}{mails}", script[verb])
                if reply == SILENCE:
                    await reader.read()
                if reply in {CLOSE, SILENCE}:
                    break
                writer.write(reply.encode("utf-8", "surrogateescape") + b"\r\n")
                if reply.startswith("354") and verb == "DATA":
                    await reader.readuntil(b"\r\n.\r\n")
                    verb = "."
                else:
                    line = (await reader.readuntil(b"\r\n")).decode().strip()
                    heard.append(line)
                    verb = line[:4]
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is done
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.get_running_loop().create_task(talk(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1], heard
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def test_a_message_is_sent() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        outcome = await adapter.deliver(mail(text=".\n..two\nзначит, конец"))
        caught = await catcher.next_message()
    assert (caught.sender, caught.recipients) == ("cx@acme.test", ("ada@example.test",))
    assert outcome == Sent(external_id=caught.message["Message-ID"])
    assert caught.message["Date"].datetime == NOW
    assert caught.message.get_content() == ".\r\n..two\r\nзначит, конец\r\n"
    assert adapter.repeat is Repeat.NEITHER


async def test_subjects_in_any_script_arrive_and_cannot_inject_headers() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        await adapter.deliver(mail(subject="Дякуємо,\r\nBcc: eve@evil.test 👍"))
        caught = await catcher.next_message()
    assert caught.message["Subject"] == "Дякуємо, Bcc: eve@evil.test 👍"
    assert caught.message["Bcc"] is None
    assert caught.recipients == ("ada@example.test",)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize(("code", "permanent"), [(450, False), (452, False), (550, True), (554, True)])
async def test_a_refusal_says_whether_it_is_for_good(stage: Stage, code: int, permanent: bool) -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        catcher.refuse_next(code, "4.2.0 not now", stage=stage)
        refused = await adapter.deliver(mail())
        assert isinstance(refused, Rejected)
        assert (refused.permanent, refused.down) == (permanent, False)
        assert f"({code}): 4.2.0 not now" in refused.reason
        assert isinstance(await adapter.deliver(mail()), Sent)
        assert len(catcher.messages) == 1
        assert catcher.connections == (2 if stage == "data" else 1)


@pytest.mark.parametrize(
    "words",
    [
        "5.1.1 <ADA.L+news@Example.test>: Recipient address rejected",
        "user ada.l+news unknown",
        "see https://example.test/?to=ada.l%2Bnews%40example.test or ada.l+news@other.test",
    ],
)
async def test_a_reason_does_not_repeat_the_address(words: str) -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        catcher.refuse_next(550, words)
        refused = await adapter.deliver(mail(to="ada.l+news@example.test"))
    assert isinstance(refused, Rejected)
    assert "ada.l" not in refused.reason.lower()
    assert "<address>" in refused.reason


async def test_a_reason_can_be_stored_whatever_the_server_says() -> None:
    async with scripted({"RCPT": "550-\x1b[31mno\r\n550 \udcff" + "x" * 5000}) as (port, _), adapter_to(port) as adapter:
        refused = await adapter.deliver(mail())
    assert isinstance(refused, Rejected)
    assert refused.reason.encode().decode().isprintable()
    assert len(refused.reason) < 300


async def test_a_server_that_is_down_is_a_passing_failure() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        assert isinstance(await adapter.deliver(mail("k1")), Sent)
        await catcher.stop()
        down = await adapter.deliver(mail("k2"))
        assert isinstance(down, Rejected)
        assert (down.permanent, down.down) == (False, True)
        assert f"no connection to 127.0.0.1:{catcher.port}" in down.reason
        await catcher.start()
        assert isinstance(await adapter.deliver(mail("k2")), Sent)
        assert len(catcher.messages) == 2


@pytest.mark.parametrize("stage", ["HI", "MAIL", "RCPT", "DATA", "."])
async def test_a_server_that_closes_the_channel_is_down_whatever_it_was_told(stage: str) -> None:
    closing = {stage: "421 4.3.2 shutting down"}
    async with scripted(closing, closing) as (port, _), adapter_to(port) as adapter:
        refused = await adapter.deliver(mail())
    assert isinstance(refused, Rejected)
    assert (refused.permanent, refused.down) == (False, True)


async def test_a_line_that_breaks_after_the_message_leaves_it_unclear() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        catcher.close_after_data()
        assert await adapter.deliver(mail()) == Unclear(reason="the message went out, but no final reply came: the connection was lost")
        assert len(catcher.messages) == 1
        assert isinstance(await adapter.deliver(mail()), Sent)


async def test_a_final_reply_that_never_comes_leaves_it_unclear() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port, timeout=0.2) as adapter:
        catcher.hang_after_data()
        assert await adapter.deliver(mail()) == Unclear(reason="the message went out, but no final reply came: no answer in time")
        assert len(catcher.messages) == 1


@pytest.mark.parametrize("reply", ["hm?", "354 more", "100 wait"])
async def test_a_final_reply_that_is_none_leaves_it_unclear(reply: str) -> None:
    # The reply to the message, not the one to DATA, is what counts.
    async with scripted({".": reply}) as (port, _), adapter_to(port, timeout=0.5) as adapter:
        assert isinstance(await adapter.deliver(mail()), Unclear)


@pytest.mark.parametrize("stage", ["HI", "EHLO", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("reply", [CLOSE, SILENCE, "hm?", "421 closing"])
async def test_what_fails_before_the_message_went_out_was_not_sent(stage: str, reply: str) -> None:
    async with scripted({stage: reply}) as (port, heard), adapter_to(port, timeout=0.2) as adapter:
        outcome = await adapter.deliver(mail())
        assert isinstance(outcome, Rejected)
        assert not outcome.permanent
        assert isinstance(await adapter.deliver(mail()), Sent)
    assert sum(line.startswith("MAIL") for line in heard) == (1 if stage in {"HI", "EHLO"} else 2)


@pytest.mark.parametrize("reply", [CLOSE, SILENCE, "421 4.4.2 idle for too long"])
async def test_a_line_that_died_while_idle_is_replaced(reply: str) -> None:
    async with scripted({"MAIL2": reply}) as (port, heard), adapter_to(port, timeout=0.2) as adapter:
        assert isinstance(await adapter.deliver(mail("k1")), Sent)
        assert isinstance(await adapter.deliver(mail("k2")), Sent)
    assert [line[:4] for line in heard].count("EHLO") == 2


async def test_a_dead_line_is_replaced_only_once() -> None:
    async with scripted({"MAIL2": CLOSE}, {"MAIL": CLOSE}) as (port, heard), adapter_to(port) as adapter:
        assert isinstance(await adapter.deliver(mail("k1")), Sent)
        assert isinstance(await adapter.deliver(mail("k2")), Rejected)
    assert [line[:4] for line in heard].count("MAIL") == 3


async def test_a_kept_line_that_breaks_later_than_that_is_not_replaced() -> None:
    async with scripted({"RCPT2": CLOSE}) as (port, heard), adapter_to(port) as adapter:
        assert isinstance(await adapter.deliver(mail("k1")), Sent)
        assert isinstance(await adapter.deliver(mail("k2")), Rejected)
    assert [line[:4] for line in heard].count("MAIL") == 2


@pytest.mark.parametrize(("reply", "permanent"), [("451 later", False), ("554 no", True), ("250 what?", False)])
async def test_a_refused_data_command_is_taken_back(reply: str, permanent: bool) -> None:
    async with scripted({"DATA1": reply}) as (port, heard), adapter_to(port) as adapter:
        refused = await adapter.deliver(mail("k1"))
        assert isinstance(refused, Rejected)
        assert refused.permanent is permanent
        assert isinstance(await adapter.deliver(mail("k2")), Sent)
    assert [line[:4] for line in heard] == ["EHLO", "MAIL", "RCPT", "DATA", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]


@pytest.mark.parametrize(("stage", "code"), [("MAIL1", 451), ("RCPT1", 550)])
async def test_a_server_that_would_take_a_refused_message_does_not_get_it(stage: str, code: int) -> None:
    async with scripted({stage: f"{code} no"}) as (port, heard), adapter_to(port) as adapter:
        assert isinstance(await adapter.deliver(mail("k1")), Rejected)
        assert isinstance(await adapter.deliver(mail("k2")), Sent)
    assert [line[:4] for line in heard].count("MAIL") == 2


async def test_connections_are_kept_open() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        for n in range(5):
            assert isinstance(await adapter.deliver(mail(f"k{n}")), Sent)
        assert catcher.connections == 1


async def test_a_connection_that_rested_too_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.channels.smtp_line._STALE_AFTER", 0.05)
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        await adapter.deliver(mail("k1"))
        await asyncio.sleep(0.1)
        assert isinstance(await adapter.deliver(mail("k2")), Sent)
        assert catcher.connections == 2


async def test_fifty_at_once_share_the_pool() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port, connections=3) as adapter:
        outcomes = await asyncio.gather(*(adapter.deliver(mail(f"k{n}", to=f"c{n}@example.test")) for n in range(50)))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert catcher.connections == 3
        assert {caught.recipients[0] for caught in catcher.messages} == {f"c{n}@example.test" for n in range(50)}
        assert {caught.message["Message-ID"] for caught in catcher.messages} == {o.external_id for o in outcomes if isinstance(o, Sent)}


async def test_a_delivery_that_is_broken_off_behind_the_message_is_in_doubt_and_does_not_hand_on_its_line() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port) as adapter:
        catcher.hang_after_data()
        delivery = asyncio.create_task(adapter.deliver(mail("k1")))
        await catcher.next_message()
        delivery.cancel()
        assert await delivery == Unclear(reason="the message went out, but no final reply came: it was broken off")
        assert isinstance(await adapter.deliver(mail("k2")), Sent)
        assert catcher.connections == 2


@pytest.mark.parametrize(
    ("stage", "why"),
    [
        ("HI", "no connection to 127.0.0.1:PORT: it was broken off"),
        ("EHLO", "no connection to 127.0.0.1:PORT: it was broken off"),
        ("MAIL", "the line broke at MAIL, before the message was sent: it was broken off"),
        ("RCPT", "the line broke at RCPT, before the message was sent: it was broken off"),
    ],
)
async def test_a_delivery_that_is_broken_off_before_the_message_was_certainly_not_sent(stage: str, why: str) -> None:
    async with scripted({stage: SILENCE}) as (port, heard), adapter_to(port) as adapter:
        delivery = asyncio.create_task(adapter.deliver(mail()))
        if stage != "HI":
            await eventually(lambda: any(line.startswith(stage) for line in heard))
        await asyncio.sleep(0.05)  # what was answered before that is read
        delivery.cancel()
        assert await delivery == Rejected(reason=why.replace("PORT", str(port)), permanent=False, down=True)


async def test_a_delivery_that_is_broken_off_on_a_kept_line_opens_no_other() -> None:
    async with scripted({"MAIL2": SILENCE}) as (port, heard), adapter_to(port) as adapter:
        assert isinstance(await adapter.deliver(mail("k1")), Sent)
        delivery = asyncio.create_task(adapter.deliver(mail("k2")))
        await eventually(lambda: sum(line.startswith("MAIL") for line in heard) == 2)
        delivery.cancel()
        assert isinstance(await delivery, Rejected)
        assert sum(line.startswith("EHLO") for line in heard) == 1


def test_closing_bears_that_the_server_has_hung_up() -> None:
    async def close_behind_the_server() -> None:
        async with AsyncExitStack() as server:
            port, _ = await server.enter_async_context(scripted())
            async with adapter_to(port) as adapter:
                assert isinstance(await adapter.deliver(mail()), Sent)
                await server.aclose()
                await asyncio.sleep(0.05)  # the end of the connection is read

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # the daemon's, which refuses to write to a closed connection
        runner.run(close_behind_the_server())


async def test_closing_says_goodbye() -> None:
    async with scripted() as (port, heard):
        async with adapter_to(port) as adapter:
            await adapter.deliver(mail())
        assert heard[-1] == "QUIT"


async def test_an_untrusted_certificate_is_refused() -> None:
    async with MailCatcher(tls=server_context()) as catcher, adapter_to(catcher.port, tls="starttls") as adapter:
        refused = await adapter.deliver(mail())
        assert isinstance(refused, Rejected)
        assert not refused.permanent
        assert "the server's certificate is not trusted: self-signed certificate" in refused.reason
        assert catcher.messages == []


async def test_starttls_with_a_trusted_certificate_and_a_login() -> None:
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    options = {"tls": "starttls", "tls_context": trusting, "user": "cx", "password": "s3cret"}
    async with MailCatcher(tls=server_context(), login=("cx", "s3cret")) as catcher, adapter_to(catcher.port, **options) as adapter:
        assert isinstance(await adapter.deliver(mail()), Sent)
        assert len(catcher.messages) == 1


@pytest.mark.parametrize(("trusting", "expected"), [(False, Rejected), (True, Sent)])
async def test_tls_from_the_first_byte(trusting: bool, expected: type) -> None:
    context = ssl.create_default_context(cafile=str(CERTIFICATE)) if trusting else None
    async with scripted(tls=server_context()) as (port, _), adapter_to(port, tls="tls", tls_context=context) as adapter:
        outcome = await adapter.deliver(mail())
    assert isinstance(outcome, expected)
    assert isinstance(outcome, Sent) or "self-signed certificate" in outcome.reason


async def test_without_tls_at_the_server_starttls_sends_nothing() -> None:
    async with MailCatcher() as catcher, adapter_to(catcher.port, tls="starttls") as adapter:
        refused = await adapter.deliver(mail())
        assert isinstance(refused, Rejected)
        assert not refused.permanent
        assert "STARTTLS" in refused.reason
        assert catcher.messages == []


@pytest.mark.parametrize("login", [{"user": "cx", "password": "wr0ng"}, {}])
async def test_a_wrong_or_missing_login_can_be_mended(login: dict[str, str]) -> None:
    async with MailCatcher(login=("cx", "s3cret")) as catcher, adapter_to(catcher.port, **login) as adapter:
        refused = await adapter.deliver(mail())
    assert isinstance(refused, Rejected)
    assert not refused.permanent
    assert "wr0ng" not in refused.reason


async def test_a_server_that_repeats_the_login_does_not_get_it_into_the_reason() -> None:
    script = {"EHLO": "250-hi\r\n250 AUTH PLAIN", "AUTH": "500 what is AUTH PLAIN AGN4AHdyMG5n?"}
    async with scripted(script) as (port, _), adapter_to(port, user="cx", password="wr0ng") as adapter:
        refused = await adapter.deliver(mail())
    assert isinstance(refused, Rejected)
    assert "AGN4" not in refused.reason
    assert "mend user and password" in refused.reason


@pytest.mark.parametrize(
    ("to", "smtputf8", "recipient"),
    [
        ("ada@пример.рф", True, "ada@пример.рф"),
        ("ada@пример.рф", False, "ada@xn--e1afmkfd.xn--p1ai"),
        ("ада@example.test", True, "ада@example.test"),
    ],
)
async def test_addresses_beyond_ascii(to: str, smtputf8: bool, recipient: str) -> None:
    async with MailCatcher(smtputf8=smtputf8) as catcher, adapter_to(catcher.port) as adapter:
        assert isinstance(await adapter.deliver(mail(to=to)), Sent)
        assert catcher.messages[0].recipients == (recipient,)


@pytest.mark.parametrize("to", ["ада@example.test", "a@b.test>\r\nDATA", "a@b.test, eve@evil.test", "nobody", "ada@при--мер.рф-"])
async def test_an_address_that_cannot_be_used_is_refused_for_good(to: str) -> None:
    async with MailCatcher(smtputf8=False) as catcher, adapter_to(catcher.port) as adapter:
        refused = await adapter.deliver(mail(to=to))
        assert isinstance(refused, Rejected)
        assert refused.permanent
        assert to not in refused.reason
        assert isinstance(await adapter.deliver(mail()), Sent)
        assert [caught.recipients for caught in catcher.messages] == [("ada@example.test",)]


async def test_a_sender_that_is_no_address_is_the_projects_mistake() -> None:
    with pytest.raises(InvalidProjectError, match="'from'"):
        async with adapter_to(25, sender="Acme"):
            pass


async def test_only_email_is_sent() -> None:
    async with adapter_to(25) as adapter:
        with pytest.raises(TypeError, match="not Request"):
            await adapter.deliver(Request(key="k1"))


async def test_the_catcher_writes_each_message_to_its_folder(tmp_path: Path) -> None:
    for _ in range(2):
        async with MailCatcher(folder=tmp_path / "mail") as catcher, adapter_to(catcher.port) as adapter:
            await adapter.deliver(mail())
            async for caught in catcher:
                assert max((tmp_path / "mail").iterdir()).read_bytes() == caught.raw
                break
    assert sorted(path.name for path in (tmp_path / "mail").iterdir()) == ["000001.eml", "000002.eml"]

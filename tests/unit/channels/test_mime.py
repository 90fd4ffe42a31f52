"""The bytes of a message, from the request."""

from __future__ import annotations

import datetime as dt
import email
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.channels import mime
from engine.model.delivery import EmailRequest

NOW = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
SENDER = "Acme <cx@acme.test>"


def request(
    *,
    key: str = "k1",
    to: str = "ada@example.test",
    to_name: str | None = "Ada",
    subject: str = "Hello",
    text: str = "How was it?",
    unsubscribe: str | None = None,
) -> EmailRequest:
    return EmailRequest(key=key, to=to, to_name=to_name, subject=subject, text=text, unsubscribe=unsubscribe)


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=policy.default)


def name_of(raw: bytes, header: str = "To") -> str:
    # By the older parser: the newer one puts spaces between the encoded words of a name.
    folded = str(email.message_from_bytes(raw)[header])
    return str(make_header(decode_header(parseaddr(folded.replace("\r\n", ""))[0])))


def test_a_message_in_full() -> None:
    raw = mime.compose(request(unsubscribe="https://acme.test/u/t1"), SENDER, NOW)
    assert raw.decode("ascii").split("\r\n") == [
        "Message-ID: <6ab9f1eb8f7d3388f4f9d586f66e99fd@acme.test>",
        "Date: Mon, 02 Mar 2026 09:00:00 +0000",
        'From: "Acme" <cx@acme.test>',
        'To: "Ada" <ada@example.test>',
        "Subject: Hello",
        "Auto-Submitted: auto-generated",
        "List-Unsubscribe: <https://acme.test/u/t1>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        'Content-Type: text/plain; charset="utf-8"',
        "Content-Transfer-Encoding: 7bit",
        "MIME-Version: 1.0",
        "",
        "How was it?",
        "",
    ]


def test_the_same_request_gives_the_same_bytes() -> None:
    assert mime.compose(request(), SENDER, NOW) == mime.compose(request(), SENDER, NOW)


def test_the_message_id_depends_on_the_key_alone() -> None:
    later = NOW + dt.timedelta(hours=1)
    first, again = (parsed(mime.compose(request(subject=subject), SENDER, now)) for subject, now in (("a", NOW), ("b", later)))
    other = parsed(mime.compose(request(key="k2"), SENDER, NOW))
    assert first["Message-ID"] == again["Message-ID"] == mime.message_id("k1", SENDER)
    assert other["Message-ID"] != first["Message-ID"]


def test_the_date_is_in_utc() -> None:
    moscow = NOW.astimezone(dt.timezone(dt.timedelta(hours=3)))
    assert parsed(mime.compose(request(), SENDER, moscow))["Date"] == "Mon, 02 Mar 2026 09:00:00 +0000"


def test_no_unsubscribe_header_without_a_link() -> None:
    message = parsed(mime.compose(request(), SENDER, NOW))
    assert message["List-Unsubscribe"] is None
    assert message["List-Unsubscribe-Post"] is None


def test_a_long_unsubscribe_link_stays_one_readable_line() -> None:
    link = "https://acme.test/u/" + "t" * 200
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in mime.compose(request(unsubscribe=link), SENDER, NOW)


def test_an_unsubscribe_link_cannot_end_its_header() -> None:
    raw = mime.compose(request(unsubscribe="https://acme.test/>\r\nBcc: eve@evil.test, ü"), SENDER, NOW)
    assert parsed(raw)["Bcc"] is None
    assert b"<https://acme.test/%3E%0D%0ABcc:%20eve@evil.test,%20%C3%BC>" in raw


@pytest.mark.parametrize("evil", ["a\r\nBcc: eve@evil.test", "a\nBcc: eve@evil.test", "a\rBcc: x", "a\x00\x0b\x1f\x7f\x85\u2028b"])
def test_a_header_cannot_be_injected(evil: str) -> None:
    raw = mime.compose(request(subject=evil, to_name=evil), SENDER, NOW)
    message = parsed(raw)
    assert message["Bcc"] is None
    assert message["Subject"] == mime.one_line(evil)
    assert name_of(raw) == mime.one_line(evil)
    assert [line.split(b":")[0] for line in raw.splitlines()[:6]] == [b"Message-ID", b"Date", b"From", b"To", b"Subject", b"Auto-Submitted"]


def test_control_characters_become_one_space() -> None:
    assert mime.one_line("\r\n a\r\n\tb\x00c ") == "a b c"


def test_text_that_looks_like_an_encoded_word_stays_text() -> None:
    raw = mime.compose(request(subject="=?utf-8?q?Bcc?= x", to_name="=?utf-8?q?Bcc?="), SENDER, NOW)
    assert parsed(raw)["Subject"] == "=?utf-8?q?Bcc?= x"
    assert name_of(raw) == "=?utf-8?q?Bcc?="


@pytest.mark.parametrize(
    "subject",
    [
        "Как прошла доставка, Ada, и что ещё нам стоит знать о вашей покупке? 👍 Ada, расскажите",
        "How was  the delivery? " * 8 + "end",
        "x" * 300,
        "",
    ],
)
def test_subjects_arrive_as_written(subject: str) -> None:
    raw = mime.compose(request(subject=subject), SENDER, NOW)
    assert parsed(raw)["Subject"] == subject
    assert all(len(line) <= 78 for line in raw.splitlines())


words = st.text(st.one_of(st.sampled_from(' ,"\\=?<>@;.(ая👍ab\r\n'), st.characters()), max_size=120)


@given(subject=words, name=words, text=words)
def test_any_text_makes_a_message_that_says_it(subject: str, name: str, text: str) -> None:
    raw = mime.compose(request(subject=subject, to_name=name, text=text), SENDER, NOW)
    raw.decode("ascii")
    message = parsed(raw)
    assert message["Subject"] == mime.one_line(subject)
    assert [mailbox.addr_spec for mailbox in message["To"].addresses] == ["ada@example.test"]
    assert name_of(raw) == mime.one_line(name)
    assert len(message.keys()) == 9


@pytest.mark.parametrize("text", ["Привет,\n.\n..\nвсё 👍", "https://acme.test/s/" + "t" * 1200, ".\n", "a\r\nb\rc\nd"])
def test_the_text_arrives_as_written(text: str) -> None:
    raw = mime.compose(request(text=text), SENDER, NOW)
    assert parsed(raw).get_content().splitlines() == text.splitlines()
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("cx@acme.test", "", "cx@acme.test"),
        ("Acme, Inc. <cx@acme.test>", "Acme, Inc.", "cx@acme.test"),
        ('"Acme \\"CX\\"" <cx@acme.test>', 'Acme "CX"', "cx@acme.test"),
        ("Акме <cx@acme.test>", "Акме", "cx@acme.test"),
    ],
)
def test_senders(sender: str, name: str, address: str) -> None:
    assert mime.split_sender(sender) == (name, address)
    raw = mime.compose(request(), sender, NOW)
    assert name_of(raw, "From") == name
    assert [mailbox.addr_spec for mailbox in parsed(raw)["From"].addresses] == [address]


def test_a_recipient_without_a_name() -> None:
    assert b"\r\nTo: ada@example.test\r\n" in mime.compose(request(to_name=None), SENDER, NOW)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@x.test",
        "ada@",
        "ada@x@y",
        "a b@x.test",
        "ada@x.test\r\nDATA",
        "ada@x.test> SIZE=1",
        "a@x.test,b@x.test",
        "a\ud800@x.test",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(mime.UnusableAddressError) as caught:
        mime.compose(request(to=address), SENDER, NOW)
    assert str(caught.value) == "it is not the address of a mailbox"


def test_an_unclosed_sender_is_refused() -> None:
    with pytest.raises(mime.UnusableAddressError, match="never closed"):
        mime.split_sender("Acme <cx@acme.test")


def test_international_domains_follow_the_rules_of_2008() -> None:
    assert mime.ascii_address("ada@straße.test") == "ada@xn--strae-oqa.test"
    assert mime.ascii_address("ada@Пример.рф") == "ada@xn--e1afmkfd.xn--p1ai"
    assert b"<ada@xn--e1afmkfd.xn--p1ai>" in mime.compose(request(to="ada@пример.рф"), SENDER, NOW)
    with pytest.raises(mime.UnusableAddressError, match="not a valid international name"):
        mime.ascii_domain("при мер.рф")


def test_a_local_part_beyond_ascii_makes_a_utf8_message() -> None:
    assert '\r\nTo: "Ada" <ада@example.test>\r\n'.encode() in mime.compose(request(to="ада@example.test"), SENDER, NOW)
    with pytest.raises(mime.UnusableAddressError, match="SMTPUTF8"):
        mime.ascii_address("ада@example.test")

"""From an e-mail request to the bytes of a message.

The header lines are written here rather than by the folding of ``email``, which on the Pythons that we support loses
spaces between encoded words, wraps a long List-Unsubscribe link into an encoded word that no mail program follows, and
takes text that merely looks like an encoded word for one. The content is plain text in seven bits, so that any server takes
the message as it is and no relay has to rewrite one that is signed.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import re
from email.header import Header
from email.utils import format_datetime, quote, unquote
from urllib.parse import quote as percent_encode

import idna

from engine.model.delivery import EmailRequest

_LINE = 76  # characters: the longest line that may hold encoded words (RFC 2047)
_WORD = 60  # characters of one ASCII word, or of an ASCII name, that still leave its line short enough
_LONGEST = 78  # characters of a line of text that is sent as it is (RFC 5322, 2.1.1)

_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Quoted local parts and address literals are left out on purpose: no respondent has one, and injections need them.
_ADDRESS_PART = r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f\ud800-\udfff]+"
_ADDRESS = re.compile(f"{_ADDRESS_PART}@{_ADDRESS_PART}")


class UnusableAddressError(ValueError):
    """No mail can go to or from this address. The message does not repeat it."""


def compose(request: EmailRequest, sender: str, now: dt.datetime) -> bytes:
    """The whole message, headers and content, with CRLF line ends. The same request, sender and time give the same bytes.

    It is pure ASCII unless the part of an address before its @ is not; such a message needs a server with SMTPUTF8.
    ``sender`` is ``Name <address>`` or an address; ``now`` is aware and becomes the Date.

    Raises UnusableAddressError where the recipient's or the sender's address cannot be one.
    """
    name, address = split_sender(sender)
    headers = [
        ("Message-ID", message_id(request.key, sender)),
        ("Date", format_datetime(now.astimezone(dt.UTC))),
        ("From", _mailbox("From", name, address)),
        ("To", _mailbox("To", request.to_name or "", check_address(request.to))),
        ("Subject", _folded("Subject", one_line(request.subject))),
        ("Auto-Submitted", "auto-generated"),
    ]
    if request.unsubscribe is not None:
        headers += [
            ("List-Unsubscribe", f"<{_url(request.unsubscribe)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    encoding, content = _content(_CONTROL_IN_TEXT.sub(" ", _whole(request.text)))
    headers += [("Content-Type", 'text/plain; charset="utf-8"'), ("Content-Transfer-Encoding", encoding), ("MIME-Version", "1.0")]
    head = "".join(f"{header}: {value}\r\n" for header, value in headers)
    return f"{head}\r\n".encode() + content


def _content(text: str) -> tuple[str, bytes]:
    """Name of the transfer encoding, and the text in it: as it is where that is possible, else in the shorter of the two."""
    lines = _LINE_END.split(text)
    if not lines[-1]:
        lines.pop()
    data = "".join(f"{line}\r\n" for line in lines).encode()
    if text.isascii() and all(len(line) <= _LONGEST for line in lines):
        return "7bit", data
    quoted = binascii.b2a_qp(data, istext=True)
    packed = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return ("quoted-printable", quoted) if len(quoted) <= len(packed) else ("base64", packed)


def message_id(key: str, sender: str) -> str:
    """The Message-ID of every attempt at the effect with this idempotency key, angle brackets included.

    A mailbox that deduplicates by it shows a repeated message once, and a bounce that quotes it names its delivery.
    """
    _, address = split_sender(sender)
    domain = ascii_domain(address.rpartition("@")[2])
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{domain}>"


def split_sender(sender: str) -> tuple[str, str]:
    """Name (may be empty) and address of ``Name <address>`` or of an address. Raises UnusableAddressError."""
    name, bracket, rest = sender.strip().rpartition("<")
    if not bracket:
        return "", check_address(rest)
    if not rest.endswith(">"):
        raise UnusableAddressError("the '<' before it is never closed")
    return unquote(name.strip()), check_address(rest[:-1])


def check_address(address: str) -> str:
    """The address without surrounding space. Raises UnusableAddressError where it cannot be one mailbox's address."""
    address = address.strip()
    if not _ADDRESS.fullmatch(address):
        raise UnusableAddressError("it is not the address of a mailbox")
    return address


def ascii_address(address: str) -> str:
    """The address for a server without SMTPUTF8. Raises UnusableAddressError where there is none."""
    local, _, domain = address.rpartition("@")
    if not local.isascii():
        raise UnusableAddressError("the part before its @ is not ASCII, and the server does not offer SMTPUTF8")
    return f"{local}@{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """The domain as the DNS knows it (``пример.рф`` is ``xn--e1afmkfd.xn--p1ai``). Raises UnusableAddressError."""
    if domain.isascii():
        return domain
    try:
        # Not Python's own codec: it follows the rules of 2003, by which mail for straße.de goes to strasse.de.
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise UnusableAddressError("its domain is not a valid international name") from error


def one_line(text: str) -> str:
    """The text with a space for every run of line ends and control characters, so that it cannot begin a new header."""
    return _CONTROL.sub(" ", _whole(text)).strip()


def _whole(text: str) -> str:
    return _LONE_SURROGATE.sub("\ufffd", text)


def _mailbox(header: str, name: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    bare = f"{local}@{ascii_domain(domain)}"
    name = one_line(name)
    if not name:
        return bare
    if _is_plain(name) and len(name) <= _WORD:
        return f'"{quote(name)}" <{bare}>'
    return f"{_encoded(header, name)}\r\n <{bare}>"


def _folded(header: str, text: str) -> str:
    if _is_plain(text) and len(header) + 2 + len(text) <= _LINE:
        return text
    if _is_plain(text) and all(len(word) <= _WORD for word in text.split(" ")):
        return Header(text, "us-ascii", maxlinelen=_LINE, header_name=header).encode(linesep="\r\n")
    return _encoded(header, text)


def _is_plain(text: str) -> bool:
    return text.isascii() and "=?" not in text


def _encoded(header: str, text: str) -> str:
    return Header(text, "utf-8", maxlinelen=_LINE, header_name=header).encode(linesep="\r\n")


def _url(url: str) -> str:
    return percent_encode(_whole(url).strip(), safe="%/:=&?~#+!$,;'@()*[]")

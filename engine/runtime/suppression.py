"""Addresses to which nothing is sent any more, known by a keyed hash only.

The hash is HMAC-SHA256 (RFC 2104) of the channel and the normalised address, under a key that each store makes for itself. It outlives
the contact: who is forgotten stays suppressed, and nobody reads the address out of it without the store's key.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.channels.mime import UnusableAddressError, ascii_domain
from engine.rules.eligibility import ADDRESS_FIELDS, address_for
from engine.store.lines import Suppression
from engine.store.protocol import Transaction

_KEY = "suppression key"
_NO_DIGITS = re.compile(r"\D+")
_ABROAD = re.compile(r"\A(?:00)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppressing:
    """An address to suppress, as long as it is in memory."""

    channel: str
    address: str
    until: dt.datetime | None  # None: for good
    reason: str


def addresses(contact: Mapping[str, Any], channel: str | None) -> list[tuple[str, str]]:
    """Channel and address of everything by which a contact is reached, or of one channel alone."""
    channels = ADDRESS_FIELDS if channel is None else (channel,)
    return [(name, found) for name in channels if (found := address_for(name, contact)) is not None]


def suppress(tx: Transaction, rows: Iterable[Suppressing], now: dt.datetime) -> None:
    """Keep them, as hashes."""
    found = list(rows)
    if not found:
        return
    key = _key(tx)
    tx.suppress(
        Suppression(digest=_digest(key, row.channel, row.address), channel=row.channel, until=row.until, reason=row.reason, at=now)
        for row in found
    )


def is_suppressed(tx: Transaction, channel: str, contact: object, now: dt.datetime) -> bool:
    """Whether nothing may be sent to where a channel reaches a contact."""
    address = address_for(channel, contact) if isinstance(contact, Mapping) else None
    return address is not None and tx.suppresses() and tx.suppressed(_digest(_key(tx), channel, address), now)


def normalised(channel: str, address: str) -> str:
    """One form for all ways to write an address: case does not matter in mail, nor how the digits of a number are grouped."""
    text = unicodedata.normalize("NFC", address.strip())
    if channel == "email":
        local, at, domain = text.rpartition("@")
        with contextlib.suppress(UnusableAddressError):  # nothing that mail is sent to; it must equal itself all the same
            domain = ascii_domain(domain)
        return f"{local.casefold()}{at}{domain.casefold()}"
    if channel == "sms":
        return _ABROAD.sub("", _NO_DIGITS.sub("", text))
    return text.casefold()


def _digest(key: bytes, channel: str, address: str) -> bytes:
    return hmac.new(key, f"{channel}\0{normalised(channel, address)}".encode(), hashlib.sha256).digest()


def _key(tx: Transaction) -> bytes:
    """The store's own. It is in the store, since a list that has lost its key would let through everyone on it."""
    found = tx.setting(_KEY)
    if found is None:
        found = secrets.token_hex(32)
        tx.put_setting(_KEY, found)
    return bytes.fromhex(found)

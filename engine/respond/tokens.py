"""The secret in a survey link. It is minted per message; only its digest is stored, so a stolen store opens no survey."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

_BYTES = 16  # 128 bits: nobody meets a valid one by trying

# 22 letters carry 132 bits; the last four are zero, so the last letter is one of four. Without this, several spellings
# would decode to the same bytes.
_SHAPE = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")


def mint() -> str:
    """A new token: URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).rstrip(b"=").decode("ascii")


def well_formed(token: str) -> bool:
    """Whether ``mint`` could have made it; anything else is not worth a look into the store."""
    return _SHAPE.fullmatch(token) is not None


def digest(token: str) -> bytes:
    """What the store keeps. A plain hash is enough: there is nothing to guess in 128 random bits."""
    return hashlib.sha256(token.encode()).digest()

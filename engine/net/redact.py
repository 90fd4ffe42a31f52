"""What may be shown of a URL and of another system's words: nothing secret, nothing personal."""

from __future__ import annotations

import re
from collections.abc import Iterable

from yarl import URL

MALFORMED = "a malformed URL"
_EMAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+")
_SHORT = 4  # characters
_LONGEST = 200  # characters of a foreign message that are worth keeping


def redact_url(url: str) -> str:
    """Scheme, host and port alone: a path (Slack, Bitrix24), a query or the user part may hold a secret."""
    try:
        parts = URL(url)
    except ValueError:
        return MALFORMED
    host = parts.raw_host
    if not parts.scheme or not host:
        return MALFORMED
    port = "" if parts.explicit_port is None else f":{parts.explicit_port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def redact_text(text: str, private: Iterable[str | None] = ()) -> str:
    """Another system's message on one short line, without the ``private`` values and without e-mail addresses.

    The order matters: a long private value is taken out before a shorter one that it contains. A value of a few letters
    counts as a whole word only, or the name "Al" would take every "also" apart.
    """
    for value in sorted({value for value in private if value}, key=len, reverse=True):
        shape = re.escape(value) if len(value) >= _SHORT else rf"(?<!\w){re.escape(value)}(?!\w)"
        text = re.sub(shape, "…", text)
    text = " ".join(_EMAIL.sub("…", text).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

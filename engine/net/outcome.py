"""From HTTP to an outcome of a delivery: the reading of errors and statuses that every adapter shares."""

from __future__ import annotations

from http import HTTPStatus

from engine.model.delivery import Rejected, Unclear
from engine.net.client import NotSentError, Response, UnclearError
from engine.net.redact import redact_url

_DOWN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_PASSING = _DOWN | {HTTPStatus.TOO_EARLY}


def no_answer(error: NotSentError | UnclearError) -> Rejected | Unclear:
    """The outcome of a request that got no answer. Not sent is never for good: an address or a guard's setting can change."""
    if isinstance(error, NotSentError):
        return Rejected(reason=str(error), permanent=False, down=True)
    return Unclear(reason=str(error))


def refusal(url: str, response: Response, detail: str = "", *, permanent: bool | None = None) -> Rejected:
    """The outcome of an answer that is no success.

    ``detail`` goes into the reason and must be free of secrets and personal data. Without ``permanent``, the status
    decides: 408, 425, 429 and 5xx pass by; the rest, a redirect too, is for good. The receiver is down where an adapter
    says that it passes by, and at all of these but 425, which is about that one request.
    """
    passing = response.status in _PASSING or response.status >= 500
    down = response.status in _DOWN or response.status >= 500 or permanent is False
    permanent = not passing if permanent is None else permanent
    reason = f"{redact_url(url)} answered {_status(response.status)}"
    return Rejected(
        reason=f"{reason}: {detail}" if detail else reason,
        permanent=permanent,
        retry_after=None if permanent else response.retry_after,
        down=down and not permanent,
    )


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)

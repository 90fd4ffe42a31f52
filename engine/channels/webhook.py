"""Webhooks to the user's own programs, under the Standard Webhooks specification."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from engine.clock import Clock
from engine.errors import SecretError
from engine.model.delivery import Outcome, Rejected, Repeat, Request, Sent, WebhookRequest
from engine.net.client import HttpClient, NotSentError, UnclearError, encode_json
from engine.net.outcome import no_answer, refusal

_PREFIX = "whsec_"


def signing_key(secret: str) -> bytes:
    """The key inside a ``whsec_`` secret. Raises SecretError, which does not repeat it, where it is not of that form."""
    try:
        if not secret.startswith(_PREFIX):
            raise ValueError
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not key:
        raise SecretError(f"the secret of a webhook must be `{_PREFIX}` and base64 behind it; `openssl rand -base64 32` makes one")
    return key


def signature(key: bytes, message: str, timestamp: str, body: bytes) -> str:
    """The value of ``webhook-signature``: it covers the message's id and time, so neither can be exchanged."""
    signed = f"{message}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class WebhookAdapter:
    """POSTs JSON to one URL. The key of the request is the ``webhook-id``, by which a receiver knows a repetition.

    Raises SecretError where ``secret`` is not a ``whsec_`` one; without a secret nothing is signed. ``http`` stays the caller's.
    """

    def __init__(self, http: HttpClient, *, url: str, clock: Clock, secret: str | None = None) -> None:
        self._http = http
        self._url = url
        self._clock = clock
        self._key = signing_key(secret) if secret is not None else None

    @property
    def repeat(self) -> Repeat:
        return Repeat.KEYED

    async def deliver(self, request: Request) -> Outcome:
        """See Adapter. Any 2xx is accepted; the body of the answer means nothing."""
        if not isinstance(request, WebhookRequest):
            return Rejected(reason=f"a webhook cannot carry a {type(request).__name__}", permanent=True)
        body = encode_json(request.body)
        headers = {"Content-Type": "application/json", **self._headers(request.key, body)}
        try:
            response = await self._http.request("POST", self._url, headers=headers, data=body)
        except (NotSentError, UnclearError) as error:
            return no_answer(error)
        return Sent() if 200 <= response.status < 300 else refusal(self._url, response)

    async def close(self) -> None:
        """Nothing to close: the client is shared."""

    def _headers(self, message: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {"webhook-id": message, "webhook-timestamp": timestamp}
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message, timestamp, body)
        return headers

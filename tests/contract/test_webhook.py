"""Webhooks as their receivers see them: Standard Webhooks headers and signature."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac

import pytest

from engine.channels.webhook import WebhookAdapter, signature, signing_key
from engine.clock import VirtualClock
from engine.errors import SecretError
from engine.lab.receivers.hooks import HookSink
from engine.model.delivery import WebhookRequest
from engine.net.client import HttpClient

NOW = dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)
KEY = base64.b64encode(b"a key of the tests, 32 bytes wide").decode()
SECRET = f"whsec_{KEY}"


async def test_a_webhook_is_signed_under_standard_webhooks() -> None:
    async with HookSink() as sink, HttpClient(allow_private=True) as client:
        adapter = WebhookAdapter(client, url=sink.url, clock=VirtualClock(NOW), secret=SECRET)
        await adapter.deliver(WebhookRequest(key="msg-1", body={"text": "да"}))
        [received] = sink.requests
    signed = b"msg-1." + str(int(NOW.timestamp())).encode() + b"." + received.body
    expected = base64.b64encode(hmac.new(base64.b64decode(KEY), signed, hashlib.sha256).digest()).decode()
    assert received.headers["Webhook-Signature"] == f"v1,{expected}"
    assert received.headers["Content-Type"] == "application/json"
    assert received.json() == {"text": "да"}


def test_a_signature_covers_id_time_and_body() -> None:
    # The vector was computed with `openssl dgst -sha256 -hmac`.
    key = signing_key("whsec_" + base64.b64encode(b"sounding-signing-key-24b").decode())
    assert signature(key, "msg-7", "1772442000", b'{"a":1}') == "v1,gmoVJPsAKrAlArTnu8Z3L2my1ZeUXXIKTWgaevSz3AY="
    assert signature(key, "msg-8", "1772442000", b'{"a":1}') != signature(key, "msg-7", "1772442000", b'{"a":1}')


async def test_a_webhook_without_a_secret_is_not_signed() -> None:
    async with HookSink() as sink, HttpClient(allow_private=True) as client:
        await WebhookAdapter(client, url=sink.url, clock=VirtualClock(NOW)).deliver(WebhookRequest(key="msg-1", body={}))
    assert "Webhook-Signature" not in sink.requests[0].headers
    assert sink.requests[0].headers["Webhook-Id"] == "msg-1"


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", KEY])
def test_a_malformed_secret_is_named_but_not_shown(secret: str) -> None:
    with pytest.raises(SecretError) as caught:
        signing_key(secret)
    assert not secret or secret not in str(caught.value).replace("`whsec_`", "")

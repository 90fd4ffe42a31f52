"""CloudEvents in JSON: what is read, and what is refused with a reason that the sender can act on."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from engine.model.events import Event
from engine.runtime.cloudevents import BATCH, STRUCTURED, MalformedEventError, UnsupportedMediaError, decode

NOW = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
GOOD: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "shop", "type": "order.delivered", "time": "2026-03-02T09:00:00Z"}


def structured(**changes: Any) -> list[Event]:
    item = {name: value for name, value in {**GOOD, **changes}.items() if value is not ...}
    return decode(json.dumps(item).encode(), STRUCTURED, {}, NOW)


def test_a_structured_event_is_read() -> None:
    (event,) = structured(data={"contact": {"id": "c", "name": "Ада"}})
    assert event == Event(
        id="1",
        source="shop",
        type="order.delivered",
        time=dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC),
        data={"contact": {"id": "c", "name": "Ада"}},
    )


def test_a_charset_behind_the_media_type_changes_nothing() -> None:
    body = json.dumps(GOOD).encode()
    assert decode(body, "Application/CloudEvents+JSON; charset=utf-8", {}, NOW) == decode(body, STRUCTURED, {}, NOW)


def test_a_binary_event_is_read_from_headers_and_body() -> None:
    headers = {
        "ce-specversion": "1.0",
        "ce-id": "a%20b",
        "ce-source": '"shop"',
        "ce-type": "order.delivered",
        "ce-time": "2026-03-02T12:00:00+03:00",
    }
    (event,) = decode(b'{"warehouse": "east"}', "application/json", headers, NOW)
    assert (event.id, event.source, event.data) == ("a b", "shop", {"warehouse": "east"})
    assert event.time == dt.datetime(2026, 3, 2, 9, 0, tzinfo=dt.UTC)


def test_a_binary_event_may_have_no_body() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "shop", "ce-type": "order.delivered"}
    assert decode(b"", "", headers, NOW)[0].data == {}


def test_a_batch_is_read_in_order_and_may_be_empty() -> None:
    items = [{**GOOD, "id": str(n)} for n in range(5)]
    assert [event.id for event in decode(json.dumps(items).encode(), BATCH, {}, NOW)] == ["0", "1", "2", "3", "4"]
    assert decode(b"[]", BATCH, {}, NOW) == []


def test_a_time_that_was_left_out_is_now() -> None:
    assert structured(time=...)[0].time == NOW
    assert structured(time=None)[0].time == NOW


def test_one_bad_event_refuses_its_batch_and_says_which_it_is() -> None:
    items = [GOOD, {**GOOD, "id": ""}]
    with pytest.raises(MalformedEventError, match="event 2: `id` is missing"):
        decode(json.dumps(items).encode(), BATCH, {}, NOW)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"specversion": ...}, '`specversion` must be "1.0"'),
        ({"specversion": "0.3"}, '`specversion` must be "1.0"'),
        ({"id": ...}, "`id` is missing"),
        ({"id": 7}, "`id` is missing"),
        ({"source": ""}, "`source` is missing"),
        ({"type": ...}, "`type` is missing"),
        ({"id": "x" * 513}, "at most 512 characters"),
        ({"source": "a\nb"}, "none of them a control character"),
        ({"data": [1]}, "`data` must be a JSON object"),
        ({"data": "text"}, "`data` must be a JSON object"),
        ({"data_base64": "aGk="}, "`data_base64` is not understood"),
        ({"time": "yesterday"}, "`time` must be an instant"),
        ({"time": "2026-02-30T09:00:00Z"}, "`time` must be an instant"),
        ({"time": "2026-03-02T09:00:00"}, "`time` must be an instant"),
        ({"time": 1772442000}, "`time` must be an instant"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "`time` must be an instant"),
        ({"id": "\ud800"}, "no JSON in UTF-8"),
        ({"data": {"contact": {"id": "1", "name": "half \udc00"}}}, "no JSON in UTF-8"),
    ],
)
def test_a_malformed_event_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedEventError) as refused:
        structured(**changes)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"{'id': 1}",
        b"\xff\xfe",
        b'"\xed\xa0\x80"',
        b'{"a": NaN}',
        b"[" * 100_000,
        json.dumps(GOOD).encode("utf-16"),
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedEventError):
        decode(body, STRUCTURED, {}, NOW)


def test_a_whole_surrogate_pair_is_text() -> None:
    (event,) = decode(json.dumps({**GOOD, "data": {"note": "👍"}}).encode(), STRUCTURED, {}, NOW)
    assert event.data == {"note": "👍"}


@pytest.mark.parametrize("media", ["", "text/plain", "application/json", "multipart/form-data", "application/cloudevents+xml"])
def test_another_media_type_is_named_with_those_that_are_understood(media: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=r"send application/cloudevents\+json"):
        decode(b"{}", media, {}, NOW)


def test_binary_data_in_another_format_are_not_understood() -> None:
    with pytest.raises(UnsupportedMediaError, match="text/xml is not understood"):
        decode(b"<a/>", "text/xml", {"ce-id": "1", "ce-specversion": "1.0"}, NOW)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400 + ".0"])
def test_a_number_beyond_a_double_is_refused_and_not_taken_for_nothing(number: str) -> None:
    body = json.dumps(GOOD | {"data": {"amount": 1}}).replace('"amount": 1', f'"amount": {number}').encode()
    with pytest.raises(MalformedEventError, match="beyond what a double holds"):
        decode(body, STRUCTURED, {}, NOW)


@pytest.mark.parametrize("time", ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5Z", "2017-01-01T02:59:60+03:00"])
def test_a_leap_second_is_the_last_moment_of_its_minute(time: str) -> None:
    assert structured(time=time)[0].time == dt.datetime(2016, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)

"""Posted forms, within limits."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qsl

from starlette.requests import Request

BODY_LIMIT = 1 << 20  # bytes; percent-encoded, 10,000 Cyrillic letters are 60,000 and as many emoji 120,000
_FIELD_LIMIT = 1_000
_MEDIA_TYPE = "application/x-www-form-urlencoded"


async def posted_fields(request: Request) -> dict[str, list[str]] | HTTPStatus:
    """The fields of the posted form, each with its values in order; or the status that says why the body is refused."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _MEDIA_TYPE:
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_FIELD_LIMIT, errors="strict")
    except ValueError:  # not UTF-8, or too many fields
        return HTTPStatus.BAD_REQUEST
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields

"""`POST /hooks/CONNECTION`: a CRM's hook is acknowledged when it is on disk, its object fetched, and what follows decided."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
import stored
from daemon_process import CRM_TOKEN, World, world
from eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DEAL, CONTACT = 2, 3
PROOF = urlencode({"auth[application_token]": CRM_TOKEN})


def hook(number: int, name: str = "ONCRMDEALUPDATE", *, token: str = CRM_TOKEN, ts: int = 1_772_532_000) -> str:
    fields = {"event": name, "event_handler_id": "32", "data[FIELDS][ID]": str(number), "ts": str(ts)}
    return urlencode({**fields, "auth[application_token]": token})


def deal(stage: str, semantic: str = "P", **fields: Any) -> dict[str, Any]:
    moved = "2026-03-03T12:59:58+03:00"
    return {"title": "Coat", "stageId": stage, "stageSemanticId": semantic, "updatedTime": moved, "movedTime": moved, **fields}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("hooks")) as found:
        yield found


async def post(made: World, body: str, connection: str = "crm") -> tuple[int, str]:
    return await made.daemon.post(f"/hooks/{connection}", body, FORM)


def hooks_kept(made: World) -> int:
    return int(stored.value(made.daemon.store, "SELECT count(*) FROM outbox WHERE action = 'fetch'"))


async def test_a_hook_becomes_an_event_about_the_object_that_was_fetched(made: World) -> None:
    made.portal.items[DEAL, 1] = deal("C1:NEW", contactId=5)
    made.portal.items[CONTACT, 5] = {"name": "Ada", "lastName": "King"}
    assert await post(made, hook(1, "ONCRMDEALADD")) == (200, "")
    await made.daemon.quiet()
    (event,) = stored.rows(made.daemon.store, "SELECT source, type, state FROM event WHERE id LIKE 'ONCRMDEALADD/2/1/%'")
    assert event == {"source": "crm", "type": "deal.created", "state": 1}
    assert stored.value(made.daemon.store, "SELECT data ->> 'name' FROM object WHERE kind = 'contact' AND id = '5'") == "Ada King"


async def test_a_deal_that_was_won_in_the_crm_is_won_here_once(made: World) -> None:
    made.portal.items[DEAL, 2] = deal("C1:NEW")
    await post(made, hook(2, "ONCRMDEALADD"))
    await made.daemon.quiet()
    before = len([said for said in made.sink.deliveries if said["what"] == "won"])
    made.portal.items[DEAL, 2] = deal("C1:WON", "S")
    for ts in (1_772_532_001, 1_772_532_002, 1_772_532_003):  # three edits of the deal that is won
        assert (await post(made, hook(2, ts=ts)))[0] == 200
    await made.daemon.quiet()
    assert len([said for said in made.sink.deliveries if said["what"] == "won"]) == before + 1


async def test_a_repeated_hook_is_acknowledged_and_kept_once(made: World) -> None:
    made.portal.items[DEAL, 3] = deal("C1:NEW")
    before = hooks_kept(made)
    answers = await asyncio.gather(*(post(made, hook(3)) for _ in range(20)))
    assert {status for status, _ in answers} == {200}
    assert hooks_kept(made) == before + 1
    await made.daemon.quiet()


async def test_a_portal_that_is_overloaded_is_asked_again(made: World) -> None:
    made.portal.items[DEAL, 4] = deal("C1:NEW")
    made.portal.refuse_next("QUERY_LIMIT_EXCEEDED")
    assert (await post(made, hook(4)))[0] == 200
    await eventually(lambda: stored.value(made.daemon.store, "SELECT count(*) FROM event WHERE id LIKE 'ONCRMDEALUPDATE/2/4/%'"))
    (row,) = stored.rows(made.daemon.store, "SELECT attempt FROM outbox WHERE key LIKE 'crm/ONCRMDEALUPDATE/2/4/%'")
    assert row["attempt"] == 2


async def test_an_object_that_is_not_there_any_more_is_no_event(made: World) -> None:
    assert (await post(made, hook(404)))[0] == 200
    await made.daemon.quiet()
    assert stored.value(made.daemon.store, "SELECT count(*) FROM event WHERE id LIKE 'ONCRMDEALUPDATE/2/404/%'") == 0


@pytest.mark.parametrize("token", ["", "wrong", CRM_TOKEN + "x", CRM_TOKEN.upper()])
async def test_a_wrong_token_is_refused_and_nothing_kept(made: World, token: str) -> None:
    before = hooks_kept(made)
    assert await post(made, hook(9, token=token)) == (401, '{"error":"the application token is not the one of this connection"}')
    assert hooks_kept(made) == before


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (PROOF, "`event` is missing"),
        (f"event=ONCRMDEALADD&{PROOF}", "is the number of an object"),
        (hook(1).replace("ts=1772532000", "ts=noon"), "`ts` is missing"),
        (hook(1).replace("ts=1772532000&", ""), "`ts` is missing"),
        (hook(1).replace("ID%5D=1", "ID%5D=one"), "is the number of an object"),
        (f"event[=x&{PROOF}", "brackets do not close"),
        (b"\xff".decode("latin-1") + f"=1&{PROOF}", "`event` is missing"),
    ],
)
async def test_a_malformed_hook_is_refused_with_the_reason(made: World, body: str, reason: str) -> None:
    before = hooks_kept(made)
    status, text = await post(made, body)
    assert (status, reason in text) == (400, True), text
    assert hooks_kept(made) == before


@pytest.mark.parametrize(
    "body",
    [
        "",
        "event=ONCRMDEALADD",
        "event[=x",
        hook(1, token="wrong").replace("ts=1772532000&", ""),
        "\xff=1",
        "&".join([*(f"a{n}=1" for n in range(2_000)), PROOF]),
    ],
)
async def test_without_the_token_a_body_is_refused_before_it_is_judged(made: World, body: str) -> None:
    assert await post(made, body) == (401, '{"error":"the application token is not the one of this connection"}')


@pytest.mark.parametrize("connection", ["nobody", "mail", "feed", "CRM", "..%2Fcrm"])
async def test_a_connection_that_takes_no_hooks_is_not_there(made: World, connection: str) -> None:
    assert (await post(made, hook(1), connection))[0] == 404


async def test_a_hook_of_more_than_a_mebibyte_is_refused(made: World) -> None:
    assert (await post(made, hook(1) + "&x=" + "y" * (1 << 20)))[0] == 413


async def test_the_token_of_a_hook_is_not_kept(made: World, tmp_path: Path) -> None:
    assert (await post(made, hook(1, ts=1_772_540_000)))[0] == 200
    assert all(CRM_TOKEN.encode() not in path.read_bytes() for path in stored.files(made.daemon.store))

"""Receivers that are down, slow, or break off: what can be repeated is, what cannot is left in doubt, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
import pytest_asyncio
import stored
from daemon_process import World, delivered, token_in, wanted, world
from eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world(tmp_path_factory.mktemp("trouble"), {"timeout: 5}": "timeout: 1}"}) as found:
        yield found


@dataclass(frozen=True, slots=True)
class Row:
    """What became of the delivery behind an event."""

    state: str
    attempt: int
    reason: str | None


def rows(made: World, events: list[dict[str, Any]]) -> list[Row]:
    ids = ",".join("?" * len(events))
    sql = f"SELECT o.state, o.attempt, o.reason FROM outbox o JOIN event e ON e.seq = o.event WHERE e.id IN ({ids}) ORDER BY o.id"
    return [Row(**row) for row in stored.rows(made.daemon.store, sql, *(one["id"] for one in events))]


async def settled(made: World, events: list[dict[str, Any]], within: float = 20.0) -> list[Row]:
    """Until none is on its way any more."""
    await eventually(lambda: len(rows(made, events)) == len(events) and not _busy(rows(made, events)), within=within)
    return rows(made, events)


def _busy(found: list[Row]) -> bool:
    return any(row.state in ("pending", "sending") for row in found)


async def orders(made: World, how_many: int = 1) -> list[dict[str, Any]]:
    found = [delivered(next(_numbers)) for _ in range(how_many)]
    await made.daemon.send(*found)
    return found


async def calls(made: World, how_many: int = 1) -> list[dict[str, Any]]:
    found = [wanted(next(_numbers)) for _ in range(how_many)]
    await made.daemon.send(*found)
    return found


# -- mail -----------------------------------------------------------------------------------------------------------------


async def test_mail_that_finds_no_server_is_tried_again_and_delivered_once_when_it_is_back(made: World) -> None:
    before = len(made.mail.messages)
    await made.mail.stop()
    sent = await orders(made, 10)
    await eventually(lambda: len(rows(made, sent)) == 10 and max(row.attempt for row in rows(made, sent)) >= 2)
    assert {row.state for row in rows(made, sent)} <= {"pending", "sending"}
    assert all("no connection to" in (row.reason or "") for row in rows(made, sent))
    calls_meanwhile = await calls(made, 20)
    assert {row.state for row in await settled(made, calls_meanwhile)} == {"done"}, "another connection is not held up"
    await made.mail.start()
    assert {row.state for row in await settled(made, sent)} == {"done"}
    addresses = [caught.recipients[0] for caught in made.mail.messages[before:]]
    assert sorted(addresses) == sorted(one["data"]["contact"]["email"] for one in sent)


async def test_mail_that_the_server_refuses_for_now_is_tried_again(made: World) -> None:
    before = len(made.mail.messages)
    made.mail.refuse_next(451, "greylisted, come back later")
    (row,) = await settled(made, await orders(made))
    assert (row.state, row.attempt, len(made.mail.messages) - before) == ("done", 2, 1)


async def test_mail_that_the_server_refuses_for_good_is_given_up_with_the_reason_and_without_the_address(made: World) -> None:
    made.mail.refuse_next(550, "no such user someone@example.test here")
    sent = await orders(made)
    (row,) = await settled(made, sent)
    assert row == Row("dead", 1, "the server refused the recipient (550): no such user <address> here")
    (invitation,) = stored.rows(
        made.daemon.store, "SELECT i.state, i.reason FROM invitation i JOIN event e ON e.seq = i.event WHERE e.id = ?", sent[0]["id"]
    )
    assert invitation == {"state": "dropped", "reason": row.reason}


async def test_mail_whose_line_breaks_after_the_message_went_out_is_in_doubt_and_not_repeated_and_its_link_works(made: World) -> None:
    before = len(made.mail.messages)
    made.mail.close_after_data()
    (row,) = await settled(made, await orders(made))
    assert row == Row("unknown", 1, "the message went out, but no final reply came: the connection was lost")
    (caught,) = made.mail.messages[before:]
    token = token_in(caught)
    assert token is not None
    listed = await made.daemon.run("outbox", "list", "--state", "unknown")
    assert "the message went out, but no final reply came" in listed.out
    assert await made.daemon.answer(token, 7) == 200
    assert stored.value(made.daemon.store, "SELECT channel FROM answer") == "email"
    await made.daemon.quiet()
    assert len(made.mail.messages) == before + 1


async def test_mail_that_hangs_after_the_message_went_out_is_in_doubt_and_others_go_on(made: World) -> None:
    before = len(made.mail.messages)
    made.mail.hang_after_data()
    found = await settled(made, await orders(made, 12))
    assert sorted(row.state for row in found) == ["done"] * 11 + ["unknown"]
    assert len(made.mail.messages) == before + 12


# -- the desk -------------------------------------------------------------------------------------------------------------


async def test_waits_between_attempts_grow_and_a_desk_that_asks_for_time_gets_it(made: World) -> None:
    before = len(made.desk.requests), len(made.desk.tickets)
    made.desk.fail_next(503, times=2)
    made.desk.fail_next(503, headers={"Retry-After": "3"})
    started = time.monotonic()
    (row,) = await settled(made, await calls(made))
    # Waits of 1 and 2 seconds, each shortened by chance to no less than half, then the 3 that were asked for.
    assert time.monotonic() - started >= 0.5 + 1 + 3
    assert (row.state, row.attempt) == ("done", 4)
    assert (len(made.desk.requests) - before[0], len(made.desk.tickets) - before[1]) == (4, 1)


async def test_a_desk_that_refuses_for_good_is_not_asked_again(made: World) -> None:
    before = len(made.desk.requests)
    made.desk.fail_next(401)
    found = await settled(made, await calls(made, 2))
    assert sorted(row.state for row in found) == ["dead", "done"]
    assert len(made.desk.requests) == before + 2


async def test_a_desk_that_breaks_off_after_it_accepted_has_one_ticket(made: World) -> None:
    before = len(made.desk.requests), len(made.desk.tickets)
    made.desk.stall_after_accept(3)
    sent = await calls(made, 5)
    assert {row.state for row in await settled(made, sent)} == {"done"}
    assert len(made.desk.requests) - before[0] == 8
    assert sorted(t["subject"] for t in made.desk.tickets[before[1] :]) == sorted(one["data"]["topic"] for one in sent)

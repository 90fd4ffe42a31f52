"""An operator's hand on a running daemon, and on a store that nobody runs: pause, resume, retry, drop."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from daemon_process import CRM_TOKEN, World, delivered, wanted, world
from eventually import eventually


async def listed(made: World, *states: str) -> list[dict[str, Any]]:
    flags = [flag for state in states for flag in ("--state", state)]
    found: list[dict[str, Any]] = json.loads((await made.daemon.run("outbox", "list", "--format", "json", *flags)).out)
    return found


async def said(made: World, *arguments: str) -> str:
    done = await made.daemon.run(*arguments)
    assert done.code == 0, done.err
    return done.out


@pytest.mark.parametrize("what", ["--all", "desk", "automation.help"])
async def test_what_is_paused_waits_over_a_restart_while_others_go_on_and_goes_out_when_resumed(tmp_path: Path, what: str) -> None:
    async with world(tmp_path) as made:
        name = {"--all": "everything", "desk": "connection.desk"}.get(what, what)
        assert await said(made, "pause", what) == f"{name} is paused\n"
        assert await said(made, "pause", what) == f"{name} is paused already\n"
        await made.daemon.send(wanted(1), delivered(1))
        mailed = 0 if what == "--all" else 1
        await eventually(lambda: made.daemon.outbox().get("ticket_pending") == 1 and len(made.mail.messages) == mailed)
        async with made.daemon.http.get(made.daemon.admin + "/") as response:
            assert f"{name.capitalize() if what == '--all' else name} is paused" in await response.text()
        await made.daemon.stop()
        await made.daemon.start(apply=False)
        await made.daemon.send(wanted(2))
        await eventually(lambda: made.daemon.outbox().get("ticket_pending") == 2)
        assert made.desk.requests == []
        assert await said(made, "resume", what) == f"{name} goes on\n"
        assert await made.daemon.quiet() == {"ticket_done": 2, "invite_done": 1}
        assert await said(made, "resume", what) == f"{name if what != 'desk' else 'desk'} is not paused\n"


async def test_a_paused_daemon_still_fetches_what_a_hook_named(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await said(made, "pause", "--all")
        form = {"event": "ONCRMDEALUPDATE", "event_handler_id": "1", "data[FIELDS][ID]": "1", "ts": "1772500000"}
        body = urlencode({**form, "auth[application_token]": CRM_TOKEN})
        assert (await made.daemon.post("/hooks/crm", body))[0] == 200
        await eventually(lambda: made.daemon.outbox() == {"fetch_done": 1})


@pytest.mark.parametrize("what", ["dsek", "cadence.none", "survey.nps_delivery", "audience.buyers"])
async def test_what_is_not_deployed_cannot_be_paused(tmp_path: Path, what: str) -> None:
    async with world(tmp_path) as made:
        done = await made.daemon.run("pause", what)
        assert done.code == 2
        assert f"`{what}` is no cadence, automation or connection that is deployed" in done.err
        if what == "dsek":
            assert "did you mean `desk`?" in done.err


async def test_what_was_given_up_is_sent_again_on_demand_and_once(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        made.mail.refuse_next(550, "no such user", times=1)
        made.desk.fail_next(422)
        await made.daemon.send(delivered(1), wanted(1))
        await made.daemon.quiet()
        dead = await listed(made, "dead")
        assert len(dead) == 2
        assert await said(made, "outbox", "retry", *(str(row["id"]) for row in dead)) == "2 of 2\n"
        assert await made.daemon.quiet() == {"invite_done": 1, "ticket_done": 1}
        assert (len(made.mail.messages), len(made.desk.tickets)) == (1, 1)
        again = await made.daemon.run("outbox", "retry", str(dead[0]["id"]), "999")
        assert (again.code, again.out) == (1, "0 of 2\n")
        assert f"{dead[0]['id']}: it is done" in again.err
        assert "999: there is no such delivery" in again.err


async def test_what_is_dropped_is_not_sent_and_says_who_dropped_it(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await said(made, "pause", "--all")
        await made.daemon.send(delivered(1), delivered(2), wanted(1))
        await eventually(lambda: sum(made.daemon.outbox().values()) == 3)
        assert await said(made, "outbox", "drop", "--all", "pending") == "3 of 3\n"
        await said(made, "resume", "--all")
        assert await made.daemon.quiet() == {"invite_dropped": 2, "ticket_dropped": 1}
        assert {row["reason"].startswith("dropped by ") for row in await listed(made, "dropped")} == {True}
        assert made.mail.messages == []
        assert (await said(made, "store", "check")) == ""


async def test_the_same_is_done_to_a_store_that_nobody_runs_and_refused_where_its_daemon_does_not_answer(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await said(made, "pause", "--all")
        await made.daemon.send(wanted(1))
        await eventually(lambda: made.daemon.outbox() == {"ticket_pending": 1})
        (row,) = await listed(made, "pending")
        await made.daemon.stop()
        assert await said(made, "outbox", "drop", str(row["id"])) == "1 of 1\n"
        assert await said(made, "outbox", "retry", str(row["id"])) == "1 of 1\n"
        assert await said(made, "resume", "--all") == "everything goes on\n"
        await made.daemon.start(apply=False)
        await made.daemon.quiet()
        assert len(made.desk.tickets) == 1
        assert made.daemon.process is not None
        made.daemon.process.send_signal(signal.SIGKILL)
        await made.daemon.process.wait()
        # A socket without a daemon behind it is what a crash leaves; the store is free, so the command does it by itself.
        assert await said(made, "pause", "--all") == "everything is paused\n"


async def test_a_number_that_no_row_can_have_is_refused_before_the_daemon_hears_of_it(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        huge = "99999999999999999999999"
        for command in (("outbox", "retry", huge), ("outbox", "drop", huge), ("inbox", "replay", huge), ("inbox", "drop", f"u{huge}")):
            found = await made.daemon.run(*command)
            assert (found.code, huge in found.err) == (2, True), found.err
            assert "Traceback" not in found.err


async def test_the_overview_says_what_it_leaves_out_and_when_a_receiver_is_tried_again(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.mail.stop()
        await made.daemon.send(*(delivered(n) for n in range(15)))

        async def overview() -> str:
            async with made.daemon.http.get(made.daemon.admin + "/") as response:
                return await response.text()

        async def resting() -> str:
            page = await overview()
            return page if "left alone: it failed; tried again in" in page else ""

        page: str = await eventually(resting)
        assert "These are the newest 10; <code>sounding outbox list</code> has the others." in page
        assert "Nothing was dropped." in page

"""Automations that take their time, in a daemon of its own: what ends a wait, what outlives a crash, what an apply changes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import small_project
import stored
from daemon_process import DESK_TOKEN, Daemon, World, event, world
from eventually import eventually

HELP = """automation: help
when: help.wanted
then:
  - ticket: {via: desk, title: "{{ event.topic }}", body: "From {{ contact.name|default('someone') }}"}
"""
RESCUE = f"""{HELP}    as: case
  - wait_for: case.closed
    at_most: 1h
    on_timeout:
      - webhook: {{via: hook, data: {{what: stalled, url: "{{{{ case.url }}}}"}}}}
  - webhook: {{via: hook, data: {{what: over, status: "{{{{ case.status }}}}", topic: "{{{{ event.topic }}}}"}}}}
"""
CHANGES = {HELP: RESCUE}


def wanted(number: int) -> dict[str, Any]:
    return event("help.wanted", f"wanted-{number}", contact={"id": f"c{number}", "name": f"Person {number}"}, topic=f"Topic {number}")


async def closed(daemon: Daemon, ticket: object, status: str = "solved", token: str = DESK_TOKEN) -> int:
    """The desk's trigger says so."""
    body = json.dumps({"ticket": {"id": ticket, "status": status}})
    return (await daemon.post("/hooks/desk", body, {"Authorization": f"Bearer {token}"}))[0]


def runs(daemon: Daemon) -> list[dict[str, Any]]:
    return stored.rows(daemon.store, "SELECT id, state, until FROM run ORDER BY seq")


async def states(daemon: Daemon, *expected: str) -> None:
    await eventually(lambda: [row["state"] for row in runs(daemon)] == list(expected))


def told(made: World) -> list[dict[str, Any]]:
    return [request.json() for request in made.sink.requests]


async def listening(daemon: Daemon, count: int = 1) -> None:
    """Until so many runs wait for their ticket to be closed."""
    await eventually(lambda: [row["until"] is not None for row in runs(daemon)] == [True] * count)


async def test_a_closed_ticket_ends_the_wait_and_the_next_step_knows_its_status(tmp_path: Path) -> None:
    async with world(tmp_path, CHANGES) as made:
        await made.daemon.send(wanted(1))
        await listening(made.daemon)
        assert await closed(made.daemon, 1, token="guessed") == 401
        assert await closed(made.daemon, 1, "pending") == 200
        assert await closed(made.daemon, 99) == 200
        await made.daemon.quiet()
        await states(made.daemon, "waiting")
        assert await closed(made.daemon, 1) == 200
        await states(made.daemon, "done")
        await made.daemon.quiet()
        assert told(made) == [{"what": "over", "status": "solved", "topic": "Topic 1"}]


async def test_time_that_runs_out_escalates_and_then_goes_on(tmp_path: Path) -> None:
    async with world(tmp_path, {HELP: RESCUE.replace("at_most: 1h", "at_most: 1s")}) as made:
        await made.daemon.send(wanted(1))
        await states(made.daemon, "done")
        await made.daemon.quiet()
        stalled, over = sorted(told(made), key=lambda one: one["what"], reverse=True)
        assert stalled == {"what": "stalled", "url": f"{made.desk.url}/agent/tickets/1"}
        assert over["status"] == "open"


async def test_a_ticket_that_is_closed_before_our_own_call_returned_ends_the_wait(tmp_path: Path) -> None:
    async with world(tmp_path, CHANGES) as made:
        made.desk.delay = 1.0
        await made.daemon.send(wanted(1))
        await eventually(lambda: made.desk.tickets)
        assert stored.value(made.daemon.store, "SELECT state FROM outbox") == "sending"
        assert await closed(made.daemon, 1) == 200
        await states(made.daemon, "done")
        await made.daemon.quiet()
        assert [one["status"] for one in told(made)] == ["solved"]


async def test_an_apply_in_the_middle_of_a_wait_changes_nothing_for_the_run(tmp_path: Path) -> None:
    async with world(tmp_path, CHANGES) as made:
        await made.daemon.send(wanted(1))
        await listening(made.daemon)
        small_project.write(tmp_path, {HELP: RESCUE.replace("what: over", "what: changed").replace("case", "issue")})
        assert (await made.daemon.run("apply")).code == 0
        await made.daemon.send(wanted(2))
        await listening(made.daemon, 2)
        await closed(made.daemon, 1)
        await closed(made.daemon, 2)
        await states(made.daemon, "done", "done")
        await made.daemon.quiet()
        assert sorted(one["what"] for one in told(made)) == ["changed", "over"]


KILLS = 4


async def test_after_each_kill_every_wait_goes_on_exactly_once(tmp_path: Path) -> None:
    """Some tickets are closed, some time out, and the daemon is killed in between, with waits pending and effects on their way."""
    async with world(tmp_path, {HELP: RESCUE.replace("at_most: 1h", "at_most: 12s")}) as made:
        daemon = made.daemon
        for number in range(1, 41):
            await daemon.send(wanted(number))
        for kill in range(KILLS):
            await asyncio.sleep(0.3 + 0.1 * kill)
            await daemon.kill()
            await daemon.start(apply=False)
            for ticket in range(kill * 5 + 1, kill * 5 + 6):
                assert await closed(daemon, ticket) == 200
        await states(daemon, *["done"] * 40)
        await daemon.quiet()
        keys = [request.headers["webhook-id"] for request in made.sink.requests]
        by_key = dict(zip(keys, told(made), strict=True))
        over = [one["topic"] for one in by_key.values() if one["what"] == "over"]
        assert sorted(over) == sorted(f"Topic {number}" for number in range(1, 41))
        closings = sum(one["status"] == "solved" for one in by_key.values() if one["what"] == "over")
        assert sum(one["what"] == "stalled" for one in by_key.values()) == 40 - closings
        assert closings >= 5
        assert len(made.desk.tickets) == 40


async def test_runs_are_listed_shown_cancelled_and_retried_beside_the_daemon_and_without_it(tmp_path: Path) -> None:
    async with world(tmp_path, CHANGES) as made:
        daemon = made.daemon
        await daemon.send(wanted(1), wanted(2))
        await listening(daemon, 2)
        listed = json.loads((await daemon.run("runs", "list", "--format", "json")).out)
        assert [(one["automation"], one["state"], one["waits_for"]) for one in listed] == [("help", "waiting", ["case.closed"])] * 2
        second, first = (str(one["id"]) for one in listed)
        shown = json.loads((await daemon.run("runs", "show", first, "--format", "json")).out)
        assert [(step["at"], step["what"]) for step in shown["steps"]] == [("0", "ticket"), ("1", "wait for case.closed")]
        assert (shown["effects"][0]["state"], shown["results"]["0"]["id"]) == ("done", "1")
        gone = await daemon.run("runs", "cancel", first)
        assert (gone.code, gone.out) == (0, f"run {first} is cancelled\n")
        again = await daemon.run("runs", "cancel", first)
        assert (again.code, again.out) == (4, "")
        assert f"run {first} is cancelled already: there is nothing to cancel" in again.err
        assert (await daemon.run("runs", "show", "r-0")).code == 4
        made.desk.fail_next(422)
        await daemon.send(wanted(3))
        await states(daemon, "cancelled", "waiting", "failed")
        failed = json.loads((await daemon.run("runs", "list", "--state", "failed", "--format", "json")).out)[0]["id"]
        assert (await daemon.run("runs", "retry", failed)).code == 0
        await listening_again(daemon, failed)
        assert await daemon.stop() == 0
        beside = await daemon.run("runs", "cancel", second, "--format", "json")
        assert (beside.code, json.loads(beside.out)["state"]) == (0, "cancelled")
        assert [row["state"] for row in runs(daemon)] == ["cancelled", "cancelled", "waiting"]
        assert "help" in (await daemon.run("runs", "list", "--state", "cancelled")).out


async def listening_again(daemon: Daemon, id_: str) -> None:
    await eventually(lambda: stored.value(daemon.store, "SELECT until FROM run WHERE id = ?", id_) is not None)

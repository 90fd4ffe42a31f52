"""What came in and was set aside: it is kept, listed with the reason, and can be tried again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import small_project
import stored
from daemon_process import BATCH, CRM_TOKEN, FEED_TOKEN, STRUCTURED, World, event, wanted, world
from eventually import eventually

SECRET = {"Authorization": f"Bearer {FEED_TOKEN}"}


async def listed(made: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((await made.daemon.run("inbox", "list", "--format", "json")).out)
    return found


async def test_a_body_that_cannot_be_read_is_kept_for_whoever_was_let_in_and_for_nobody_else(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        body = json.dumps({"specversion": "1.0", "id": "1", "source": "s", "data": {}})
        assert (await made.daemon.post("/events", body, {**SECRET, "Content-Type": STRUCTURED}))[0] == 400
        assert (await made.daemon.post("/events", "<xml/>", {**SECRET, "Content-Type": "text/xml", "X-Mine": "no"}))[0] == 415
        assert (await made.daemon.post("/events", body, {"Content-Type": STRUCTURED}))[0] == 401
        assert (await made.daemon.post("/events", body, {"Authorization": "Bearer wrong", "Content-Type": STRUCTURED}))[0] == 401
        form = f"event=ONCRMDEALUPDATE&auth[application_token]={CRM_TOKEN}"
        assert (await made.daemon.post("/hooks/crm", form, {"Content-Type": "application/x-www-form-urlencoded"}))[0] == 400
        rows = await listed(made)
        assert [(row["id"], row["state"], row["what"].split()[0]) for row in rows] == [
            ("u3", "unread", "/hooks/crm"),
            ("u2", "unread", "/events"),
            ("u1", "unread", "/events"),
        ]
        assert "`type` is missing" in rows[2]["reason"]
        kept = stored.rows(made.daemon.store, "SELECT headers, body FROM unread ORDER BY id")
        assert json.loads(kept[1]["headers"]) == {"content-type": "text/xml"}
        assert CRM_TOKEN.encode() not in kept[2]["body"]


async def test_what_is_read_again_acts_once_and_what_is_not_says_why(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        # Sent as a batch, and none: as if a later version understood it, the header is mended in the store.
        body = json.dumps(wanted(1))
        assert (await made.daemon.post("/events", body, {**SECRET, "Content-Type": BATCH}))[0] == 400
        again = await made.daemon.run("inbox", "replay", "u1", "u7", "12")
        assert (again.code, again.out) == (1, "0 of 3\n")
        assert "u1: a batch is a JSON array of events" in again.err
        assert "u7: there is no such request" in again.err
        assert "12: there is no such event, or it is not set aside" in again.err
        await made.daemon.stop()
        stored.change(made.daemon.store, "UPDATE unread SET headers = ?", json.dumps({"content-type": STRUCTURED}))
        await made.daemon.start(apply=False)
        done = await made.daemon.run("inbox", "replay", "u1")
        assert (done.code, done.out) == (0, "1 of 1\n")
        assert await made.daemon.quiet() == {"ticket_done": 1}
        assert await listed(made) == []


async def test_a_quarantined_event_is_decided_when_the_contract_has_been_mended(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        assert (await made.daemon.send(event("help.wanted", "h1", contact={"id": "c1"}, topic=7)))[0] == 202
        await eventually(lambda: stored.value(made.daemon.store, "SELECT count(*) FROM event WHERE state = 2") == 1)
        (row,) = await listed(made)
        assert row["state"] == "quarantined"
        assert "event.topic must be text" in row["reason"]
        small_project.write(tmp_path, {"topic: text": "topic: integer"})
        assert (await made.daemon.run("apply")).code == 0
        assert (await made.daemon.run("inbox", "replay", row["id"])).out == "1 of 1\n"
        assert await made.daemon.quiet() == {"ticket_done": 1}
        assert (await made.daemon.run("inbox", "drop", row["id"])).code == 1


async def test_what_waits_behind_a_parked_event_is_seen_and_goes_on_when_it_is_dropped(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        # Two days behind the last moment of the calendar there is none: deciding fails in the engine.
        bad = {**event("visit.ended", "v1", contact={"id": "c1", "email": "ada@example.test"}), "time": "9999-12-31T23:59:00Z"}
        good = event("help.wanted", "h1", contact={"id": "c1"}, topic="late")
        assert (await made.daemon.send(bad, good, event("help.wanted", "h2", contact={"id": "c2"}, topic="other")))[0] == 202
        assert await made.daemon.quiet() == {"ticket_done": 1}
        parked, held = await listed(made)
        assert (parked["state"], parked["reason"].split(":")[0]) == ("parked", "OverflowError")
        assert (held["state"], held["reason"]) == ("held", f"waits behind {parked['id']}")
        async with made.daemon.http.get(made.daemon.admin + "/metrics") as metrics:
            assert 'sounding_rows{what="events_held"} 1.0' in await metrics.text()
        async with made.daemon.http.get(made.daemon.admin + "/") as overview:
            assert "Waiting behind it" in await overview.text()
        again = await made.daemon.run("inbox", "drop", held["id"])
        assert (again.code, again.err) == (1, f"{held['id']}: it waits behind event {parked['id']}: replay or drop that one\n")
        assert (await made.daemon.run("inbox", "drop", parked["id"])).out == "1 of 1\n"
        assert await made.daemon.quiet() == {"ticket_done": 2}
        assert await listed(made) == []


async def test_unread_requests_are_dropped_on_demand(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        for _ in range(2):
            await made.daemon.post("/events", "{", {**SECRET, "Content-Type": STRUCTURED})
        assert (await made.daemon.run("inbox", "drop", "u1", "u2")).out == "2 of 2\n"
        assert await listed(made) == []

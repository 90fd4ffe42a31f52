"""`sounding apply` beside a running daemon: taken up at once, without a restart, and once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import small_project
import stored
from daemon_process import delivered, event, token_in, wanted, world
from eventually import eventually

TITLE = '- ticket: {via: desk, title: "{{ event.topic }}"'
RETITLED = {TITLE: '- ticket: {via: desk, title: "Help: {{ event.topic }}"'}


async def test_an_applied_change_is_in_force_at_once_and_applying_it_again_changes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.daemon.send(wanted(1))
        await made.daemon.quiet()
        small_project.write(tmp_path, RETITLED)
        # Events keep coming while the version changes; each is decided once, by one of the two.
        crowd = [event("help.wanted", f"meanwhile-{n}", contact={"id": "c"}, topic="t") for n in range(200)]
        first, *_ = await asyncio.gather(made.daemon.run("apply"), *(made.daemon.send(one) for one in crowd))
        again = await made.daemon.run("apply")
        assert (first.code, first.out) == (0, "deployment 2 is current\n")
        assert (again.code, again.out) == (0, "deployment 2 is current already; nothing changed\n")
        await made.daemon.send(wanted(2))
        assert await made.daemon.quiet() == {"ticket_done": 202}
        titles = [ticket["subject"] for ticket in made.desk.tickets]
        assert (titles[0], titles[-1], len(titles)) == ("Topic 1", "Help: Topic 2", 202)
        async with made.daemon.http.get(made.daemon.admin + "/readyz") as response:
            assert await response.json() == {"status": "ready", "deployment": 2}
        assert stored.value(made.daemon.store, "SELECT count(*) FROM deployment") == 2


async def test_what_was_decided_and_asked_before_keeps_its_version(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        made.desk.fail_next(503, headers={"Retry-After": "2"})
        await made.daemon.send(wanted(1), delivered(1))
        await eventually(lambda: made.desk.requests and made.mail.messages)
        small_project.write(tmp_path, {**RETITLED, "Would you recommend us?": "Would you tell a friend?"})
        assert (await made.daemon.run("apply")).code == 0
        token = token_in(made.mail.messages[0])
        async with made.daemon.http.get(f"{made.daemon.public}/s/{token}") as response:
            page = await response.text()
        assert "Would you recommend us?" in page
        await made.daemon.quiet()
        assert [ticket["subject"] for ticket in made.desk.tickets] == ["Topic 1"]


async def test_what_a_running_daemon_takes_up_only_when_it_starts_again_is_said(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        changes = {
            "timeout: 5}": "timeout: 6}",
            "  feed: {use: events": "  archive: {use: webhook, url: {env: HOOK_URL}, allow_private: true}\n  feed: {use: events",
            "languages: [en]\n": "languages: [en]\npublic_url: https://feedback.shop.test\n",
        }
        small_project.write(tmp_path, changes)
        found = await made.daemon.run("apply")
        assert (found.code, found.out) == (0, "deployment 2 is current\n")
        late = "connections.mail, connections.archive, public_url"
        assert found.err == f"restart the daemon to take up {late}: it reads that only when it starts\n"
        await made.daemon.stop()
        await made.daemon.start(apply=False)
        assert (await made.daemon.run("apply")).err == ""


async def test_an_invalid_project_is_refused_and_the_old_one_stays_in_force(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        small_project.write(tmp_path, {"score >= 9": "scores >= 9"})
        found = await made.daemon.run("apply")
        assert (found.code, "nothing was applied" in found.err) == (1, True)
        assert "automations/rules.yaml:" in found.err
        await made.daemon.send(wanted(1))
        assert await made.daemon.quiet() == {"ticket_done": 1}
        assert stored.value(made.daemon.store, "SELECT count(*) FROM deployment") == 1


async def test_a_store_without_a_daemon_is_applied_to_directly_even_where_a_dead_one_left_its_socket(tmp_path: Path) -> None:
    async with world(tmp_path, started=False) as made:
        first = await made.daemon.run("apply")
        assert (first.code, first.out, first.err) == (0, "deployment 1 is current\n", "")
        await made.daemon.start(apply=False)
        await made.daemon.kill()
        assert list(made.daemon.store.parent.glob("*.sock"))
        again = await made.daemon.run("apply")
        assert (again.code, again.out, again.err) == (0, "deployment 1 is current already; nothing changed\n", "")

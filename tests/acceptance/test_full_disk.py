"""A daemon whose disk refuses writes: senders are told, nothing acknowledged is lost, and it goes on without a restart."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon_process import FEED_TOKEN, STRUCTURED, Daemon, delivered, token_in, wanted, world
from eventually import eventually


@contextmanager
def full_disk(daemon: Daemon) -> Iterator[None]:
    """No file of the daemon may grow beyond its store's log as it is now: every write to it fails, as on a disk without room."""
    size = daemon.store.with_name(daemon.store.name + "-wal").stat().st_size
    _, hard = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (hard, hard))


async def status(daemon: Daemon, path: str) -> int:
    async with daemon.http.get(daemon.admin + path) as response:
        return response.status


async def test_a_full_disk_refuses_senders_loses_nothing_and_is_got_over_without_a_restart(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {FEED_TOKEN}", "Content-Type": STRUCTURED}
    async with world(tmp_path, {"timeout: 5}": "timeout: 60}"}) as made:
        daemon = made.daemon
        await daemon.send(delivered(1))
        await daemon.quiet()
        token = token_in(made.mail.messages[0])
        assert token is not None
        made.mail.hang_after_data()
        await daemon.send(delivered(2))  # its outcome will be known only when the disk is full
        await eventually(lambda: len(made.mail.messages) == 2)
        with full_disk(daemon):
            async with daemon.http.post(daemon.public + "/events", json=wanted(1), headers=headers) as response:
                refused = await response.json()
                assert (response.status, response.headers["Retry-After"]) == (503, "5")
            assert refused["error"].startswith(f"the store {daemon.store} cannot be written: ")
            assert await daemon.answer(token, 3) == 503
            assert (await status(daemon, "/healthz"), await status(daemon, "/readyz")) == (200, 503)
            async with daemon.http.get(f"{daemon.public}/s/{token}") as page:
                assert page.status == 200, "what is there can be read"
            await made.mail.stop()  # the line breaks, so the outcome is known now
            await eventually(lambda: "results=1" in daemon.log)
            assert daemon.outbox() == {"invite_done": 1, "invite_sending": 1}
        assert (await daemon.post("/events", json.dumps(wanted(1)), headers))[0] == 202
        assert await daemon.answer(token, 3) == 200
        assert await daemon.quiet() == {"invite_done": 1, "invite_unknown": 1, "ticket_done": 2}
        assert (len(made.mail.messages), len(made.desk.tickets)) == (2, 2)
        assert await status(daemon, "/readyz") == 200

"""The daemon as its users run it: a process of its own, with receivers of ours where their systems would be."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import small_project
import stored
from eventually import eventually

from engine.lab.receivers.bitrix24 import PortalReceiver
from engine.lab.receivers.desk import DeskReceiver
from engine.lab.receivers.hooks import HookSink
from engine.lab.receivers.smtp import CaughtMessage, MailCatcher

FEED_TOKEN = "feed-token-4f1c9e"
CRM_TOKEN = "crm-token-77ab02"
DESK_TOKEN = "desk-token-c3d4e5"
PATIENCE = 90.0  # seconds for what takes one on an idle machine
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
_LISTENING = re.compile(r"listening on (http://\S+), overview on (http://\S+)")
_LINK = re.compile(r"/s/([A-Za-z0-9_-]{22})")


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that came to its end."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Daemon:
    """One daemon on one store, started and stopped as often as a test wants; its log is kept over all of them."""

    root: Path
    environment: dict[str, str]
    http: aiohttp.ClientSession
    public: str = ""
    admin: str = ""
    tracer: Sequence[str] = ()  # a command that runs it and watches
    process: asyncio.subprocess.Process | None = None
    _said_before: int = 0  # characters of the log, before this start

    @property
    def store(self) -> Path:
        return self.root / "data" / "store.db"

    @property
    def log_file(self) -> Path:
        return self.root / "data" / "daemon.log"

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8") if self.log_file.exists() else ""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def start(self, *, apply: bool = True) -> None:
        """Until it listens. Raises AssertionError with its log where it ends before that."""
        await self.spawn(apply=apply)
        await self.listening()

    async def spawn(self, *, apply: bool = True) -> None:
        self.store.parent.mkdir(exist_ok=True)
        where = ["-C", str(self.root), "--store", f"sqlite:///{self.store}", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]
        arguments = [*self.tracer, *command("run", *(["--apply"] if apply else []), *where)]
        with self.log_file.open("ab") as log:
            self._said_before = len(self.log)
            self.process = await asyncio.create_subprocess_exec(*arguments, env=self.environment, stdout=log, stderr=log)

    async def listening(self) -> None:
        (said,) = await eventually(self._listening, within=PATIENCE)
        self.public, self.admin = said

    def _listening(self) -> list[tuple[str, str]]:
        assert self.process is not None
        assert self.process.returncode is None, self.log
        return _LISTENING.findall(self.log[self._said_before :])

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to end; its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def kill(self) -> None:
        await self.stop(signal.SIGKILL)

    async def run(self, *arguments: str) -> Finished:
        """A command beside the daemon, on the same project and store."""
        verb, *rest = arguments
        return await run(verb, *rest, "-C", str(self.root), "--store", f"sqlite:///{self.store}", environment=self.environment)

    # -- what its users do --------------------------------------------------------------------------------------------

    async def post(self, path: str, body: bytes | str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Status and text of the answer."""
        content = io.BytesIO(body.encode() if isinstance(body, str) else body)
        async with self.http.post(self.public + path, data=content, headers=headers) as response:
            return response.status, await response.text()

    async def send(self, *events: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """One event, or several as a batch."""
        headers = {"Authorization": f"Bearer {FEED_TOKEN}", "Content-Type": STRUCTURED if len(events) == 1 else BATCH}
        document = events[0] if len(events) == 1 else events
        async with self.http.post(self.public + "/events", json=document, headers=headers) as response:
            return response.status, await response.json()

    async def answer(self, token: str, score: int, **fields: str) -> int:
        form = {"score": str(score), **fields}
        async with self.http.post(f"{self.public}/s/{token}", data=form) as response:
            await response.read()
            return response.status

    # -- what is seen of it -------------------------------------------------------------------------------------------

    def outbox(self) -> dict[str, int]:
        """How many deliveries are in each state, as `action_state`."""
        found = stored.rows(self.store, "SELECT action || '_' || state AS what, count(*) AS n FROM outbox GROUP BY what")
        return {row["what"]: row["n"] for row in found}

    async def quiet(self, within: float = 20.0) -> dict[str, int]:
        """Until no event waits and nothing is on its way; what the outbox looks like then."""

        def settled() -> bool:
            waiting = stored.value(self.store, "SELECT count(*) FROM event WHERE state = 0")
            busy = stored.value(self.store, "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')")
            return not waiting and not busy

        await eventually(settled, within=within)
        return self.outbox()


@dataclass(frozen=True, slots=True)
class World:
    """A daemon among its receivers."""

    daemon: Daemon
    mail: MailCatcher
    desk: DeskReceiver
    portal: PortalReceiver
    sink: HookSink


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "engine", *arguments]


async def run(*arguments: str, environment: Mapping[str, str]) -> Finished:
    """A command of `sounding`, from its start to its end."""
    process = await asyncio.create_subprocess_exec(
        *command(*arguments), env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:  # left alone, it would fail whichever test is running when it is collected
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Finished(process.returncode, out.decode(), err.decode())


def environment(mail: MailCatcher, desk: DeskReceiver, portal: PortalReceiver, sink: HookSink) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("SOUNDING_")},
        "MAIL_HOST": mail.host,
        "MAIL_PORT": str(mail.port),
        "DESK_URL": desk.url,
        "DESK_TOKEN": DESK_TOKEN,
        "B24_URL": portal.url,
        "B24_TOKEN": CRM_TOKEN,
        "HOOK_URL": sink.url,
        "FEED_TOKEN": FEED_TOKEN,
    }


@asynccontextmanager
async def world(root: Path, changes: Mapping[str, str] | None = None, *, started: bool = True) -> AsyncIterator[World]:
    """The small project, its receivers and its daemon; in the end the daemon is told to stop, and must come to a clean end."""
    small_project.write(root, changes)
    async with (
        MailCatcher() as mail,
        DeskReceiver(token=DESK_TOKEN) as desk,
        PortalReceiver({}) as portal,
        HookSink() as sink,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http,
    ):
        daemon = Daemon(root, environment(mail, desk, portal, sink), http)
        try:
            if started:
                await daemon.start()
            yield World(daemon, mail, desk, portal, sink)
            if daemon.process is not None and daemon.process.returncode is None:
                assert await daemon.stop() == 0, daemon.log
            assert "Traceback" not in daemon.log, daemon.log
        finally:
            if daemon.process is not None and daemon.process.returncode is None:
                await daemon.kill()


def token_in(caught: CaughtMessage) -> str | None:
    """The token of the survey that a mail links to."""
    body = caught.message.get_body(("plain",))
    found = _LINK.search(str(body.get_content())) if body is not None else None
    return found[1] if found else None


def event(type_: str, id_: str, **data: Any) -> dict[str, Any]:
    """A CloudEvent as a sender writes it."""
    return {"specversion": "1.0", "id": id_, "source": "shop", "type": type_, "data": data}


def delivered(number: int, **contact: Any) -> dict[str, Any]:
    """An order that makes an invitation."""
    person = {"id": f"c{number}", "name": f"Person {number}", "email": f"c{number}@example.test", **contact}
    return event("order.delivered", f"delivered-{number}", contact=person, deal={"id": f"d{number}", "title": f"Coat {number}"})


def wanted(number: int) -> dict[str, Any]:
    """A call for help that makes a ticket."""
    return event("help.wanted", f"wanted-{number}", contact={"id": f"c{number}"}, topic=f"Topic {number}")

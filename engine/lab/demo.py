"""The whole loop on one machine: the daemon as a process of its own, receivers where the user's systems would be, a feed, respondents.

Nothing is short-circuited: every byte crosses a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from engine.errors import RefusedError, UsageError
from engine.lab.receivers.bitrix24 import PortalReceiver
from engine.lab.receivers.desk import DeskReceiver
from engine.lab.receivers.mailbox import MailboxPages
from engine.lab.receivers.smtp import CaughtMessage, MailCatcher
from engine.lab.respondents import Respondent, survey_link
from engine.store.sqlite.opening import in_use

CRM_TOKEN = "demo-bitrix24-token"  # of the example feed, which is public
FEED_TOKEN = "demo-feed-token"  # likewise
BATCH = 20  # events in a request
ANSWERING = 0.6  # share of the invited who answer
PEOPLE_AT_ONCE = 8
START_TIMEOUT = 20.0
QUIET_TIMEOUT = 45.0


@dataclass(slots=True)
class Progress:
    """What was seen from outside so far."""

    events: int = 0
    repeated: int = 0
    hooks: int = 0
    invitations: int = 0
    answers: int = 0
    thanks: int = 0
    tickets: int = 0
    left_open: list[str] = field(default_factory=list)  # links that nobody answered
    log: Path | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs while the demo is on, and where."""

    public: str
    admin: str
    mailbox: str
    store: Path
    mail: Path


class Demo:
    """``folder`` takes the store, the caught mail and the log; what an earlier demo left there is removed."""

    def __init__(self, root: Path, *, folder: Path | None = None, seed: int = 7, public_port: int = 0, admin_port: int = 0) -> None:
        self.root, self.progress = root, Progress()
        self.folder = (folder or root / ".sounding" / "demo").absolute()
        self._feed = root / "examples" / "feed"
        self._seed = seed
        self._ports = (public_port, admin_port)
        if not (self._feed / "events.jsonl").is_file():
            raise UsageError(
                f"the demo plays {self._feed}, which is not there: run it in a checkout of Sounding, or name one with --project"
            )

    @contextlib.asynccontextmanager
    async def stage(self) -> AsyncIterator[Stage]:
        """Receivers and the daemon; afterwards the daemon has been told to end, and has."""
        if in_use(self.folder / "sounding.db"):
            raise RefusedError(f"another demo is running in {self.folder}; end that one first")
        shutil.rmtree(self.folder, ignore_errors=True)
        mail = self.folder / "mail"
        for folder in (self.folder.parent, self.folder, mail):
            folder.mkdir(mode=0o700, exist_ok=True)
        store = self.folder / "sounding.db"
        items = json.loads((self._feed / "bitrix24_items.json").read_text(encoding="utf-8"))
        keyed = {(int(kind), int(id_)): item for (kind, id_), item in ((key.split(":"), item) for key, item in items.items())}
        async with (
            MailCatcher(folder=mail) as catcher,
            DeskReceiver() as desk,
            PortalReceiver(keyed) as portal,
            MailboxPages(catcher) as box,
        ):
            self.catcher, self._desk = catcher, desk
            public, admin = _free_port(self._ports[0]), _free_port(self._ports[1])
            surroundings = {
                **os.environ,
                "SOUNDING_URL": f"http://127.0.0.1:{public}",
                "B24_URL": portal.url,
                "B24_TOKEN": CRM_TOKEN,
                "DESK_URL": desk.url,
                "DESK_USER": "agent@desk.test",
                "DESK_TOKEN": "desk-token",
                "MAIL_HOST": catcher.host,
                "MAIL_PORT": str(catcher.port),
                "MAIL_TLS": "none",
                "FEED_TOKEN": FEED_TOKEN,
            }
            async with self._daemon(store, public, admin, surroundings):
                yield Stage(f"http://127.0.0.1:{public}", f"http://127.0.0.1:{admin}", box.url, store, mail)

    @contextlib.asynccontextmanager
    async def _daemon(self, store: Path, public: int, admin: int, surroundings: dict[str, str]) -> AsyncIterator[None]:
        self.progress.log = self.folder / "daemon.log"
        arguments = ["run", "--apply", "--project", str(self.root), "--store", f"sqlite:///{store}"]
        arguments += ["--listen", f"127.0.0.1:{public}", "--admin", f"127.0.0.1:{admin}"]
        with self.progress.log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "engine", *arguments, env=surroundings, stdout=log, stderr=log, start_new_session=True
            )
        try:
            await self._ready(process, f"http://127.0.0.1:{admin}/readyz")
            yield
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            code = await process.wait()
        if code != 0:
            raise RefusedError(f"the daemon ended with {code}; its log is {self.progress.log}")

    async def _ready(self, process: asyncio.subprocess.Process, url: str) -> None:
        async with _in_time(START_TIMEOUT, f"the daemon was not ready; its log is {self.progress.log}"), aiohttp.ClientSession() as session:
            while True:
                if process.returncode is not None:
                    assert self.progress.log is not None
                    raise RefusedError(f"the daemon did not start:\n{self.progress.log.read_text(encoding='utf-8')}")
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url) as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.05)

    async def play(self, stage: Stage, show: Callable[[], None]) -> None:
        """Feed the daemon, answer what it asks, and wait until nothing is on its way any more."""
        connector = aiohttp.TCPConnector(limit=PEOPLE_AT_ONCE * 2)
        async with aiohttp.ClientSession(connector=connector) as session:
            people = asyncio.create_task(self._people(session, stage, show))
            try:
                await asyncio.gather(self._feed_events(session, stage, show), self._feed_hooks(session, stage, show))
                await self._quiet(session, stage, show)
            finally:
                people.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await people
        show()

    async def _feed_events(self, session: aiohttp.ClientSession, stage: Stage, show: Callable[[], None]) -> None:
        lines = (self._feed / "events.jsonl").read_text(encoding="utf-8").splitlines()
        headers = {"Authorization": f"Bearer {FEED_TOKEN}", "Content-Type": "application/cloudevents-batch+json"}
        for start in range(0, len(lines), BATCH):
            batch = "[" + ",".join(lines[start : start + BATCH]) + "]"
            async with session.post(f"{stage.public}/events", data=batch.encode(), headers=headers) as response:
                if response.status not in (200, 202):
                    raise RefusedError(f"the daemon refused events: HTTP {response.status}: {await response.text()}")
                said = await response.json()
            self.progress.events += said["accepted"]
            self.progress.repeated += said["repeated"]
            show()

    async def _feed_hooks(self, session: aiohttp.ClientSession, stage: Stage, show: Callable[[], None]) -> None:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        for body in (self._feed / "bitrix24_hooks.txt").read_text(encoding="utf-8").splitlines():
            async with session.post(f"{stage.public}/hooks/crm", data=body.encode(), headers=headers) as response:
                if response.status != 200:
                    raise RefusedError(f"the daemon refused a hook: HTTP {response.status}: {await response.text()}")
            self.progress.hooks += 1
            show()

    async def _people(self, session: aiohttp.ClientSession, stage: Stage, show: Callable[[], None]) -> None:
        """Whoever gets an invitation opens it or not."""
        at_once = asyncio.Semaphore(PEOPLE_AT_ONCE)

        async def answer(link: str, chance: random.Random) -> None:
            async with at_once:
                if await Respondent(session, chance).answer(link):
                    self.progress.answers += 1

        async with asyncio.TaskGroup() as group:
            async for caught in self.catcher:
                body = caught.message.get_body(("plain",))
                link = survey_link(str(body.get_content()), stage.public) if body is not None else None
                if link is None:
                    self.progress.thanks += 1
                else:
                    self.progress.invitations += 1
                    chance = self._chance(caught)
                    if chance.random() < ANSWERING:
                        group.create_task(answer(link, chance))
                    else:
                        self.progress.left_open.append(link)
                show()

    def _chance(self, caught: CaughtMessage) -> random.Random:
        """What one respondent does follows from the seed and the mail, whatever the order in which mails arrive."""
        name = f"{caught.recipients}/{caught.message['Subject']}"
        return random.Random(f"{self._seed}/{name}")

    async def _quiet(self, session: aiohttp.ClientSession, stage: Stage, show: Callable[[], None]) -> None:
        """Until nothing waits in the daemon, and nothing new was seen for a moment."""
        calm = 0
        async with _in_time(QUIET_TIMEOUT, f"the daemon did not come to rest; its log is {self.progress.log}"):
            while calm < 5:
                before = (self.progress.invitations, self.progress.answers, self.progress.thanks)
                await asyncio.sleep(0.2)
                async with session.get(f"{stage.admin}/metrics") as response:
                    text = await response.text()
                self.progress.tickets = len(self._desk.tickets)
                waiting = any(f'what="{row}"' in text for row in _BUSY)
                moved = before != (self.progress.invitations, self.progress.answers, self.progress.thanks)
                calm = 0 if waiting or moved else calm + 1
                show()


@contextlib.asynccontextmanager
async def _in_time(seconds: float, otherwise: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise RefusedError(f"within {seconds:g} s {otherwise}") from error


_BUSY = ["events_waiting", *(f"{action}_{state}" for action in ("invite", "ticket", "email", "fetch") for state in ("pending", "sending"))]


def _free_port(wanted: int) -> int:
    """The port wanted, or any free one where it is taken."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            found: int = probe.getsockname()[1]
            return found
    raise RefusedError("no port is free on 127.0.0.1")

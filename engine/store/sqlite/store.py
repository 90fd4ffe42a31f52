"""The store on one SQLite file: the one writer thread with its group commit, and readers beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from engine.errors import StoreBusyError, StoreError
from engine.store.protocol import Transaction
from engine.store.sqlite.asks import AskRows
from engine.store.sqlite.brakes import BrakeRows
from engine.store.sqlite.events import EventRows
from engine.store.sqlite.feedback import FeedbackRows
from engine.store.sqlite.objects import ObjectRows
from engine.store.sqlite.opening import connect, leave_foreign_alone, lock, migrate
from engine.store.sqlite.outbox import OutboxRows
from engine.store.sqlite.runs import RunRows
from engine.store.sqlite.schema import VERSION
from engine.store.sqlite.trouble import explain
from engine.store.sqlite.versions import VersionRows

T = TypeVar("T")

MAX_QUEUED = 10_000  # pieces of urgent work; beyond that callers are told to come back. Patient work is the engine's own and bounded
MAX_GROUP = 500  # pieces of urgent work in one commit
MAX_PATIENT = 8  # pieces of other work: a turn, and a round of some couriers
READERS = 2
LONGEST_READ = 5.0  # seconds: as long as a reader looks at an old view, the log cannot begin anew, and grows
_STEPS = 10_000  # of SQLite's machine, some tenths of a millisecond, between two looks at the time
PROVEN = 10.0  # seconds for which the last commit proves that the disk takes writes, or takes none: a small try would pass too soon
STALLED = 3.0  # seconds after which a commit that has not come back is a refusal, too
LOOK = 1.0  # seconds between looks whether the file is still there
LEAST_FREE = 16 << 20  # bytes on the disk; a group's log and its checkpoint need a part of it
# The disk's fault, or that of whoever holds the file: trying again can help, and no piece of work is to blame.
_REFUSALS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_READONLY,
    }
)


class SqliteTransaction(EventRows, ObjectRows, FeedbackRows, AskRows, OutboxRows, RunRows, VersionRows, BrakeRows):
    """Every statement, over one connection inside one transaction."""

    @contextlib.contextmanager
    def attempt(self) -> Iterator[None]:
        self.db.execute("SAVEPOINT attempt")
        try:
            yield
        except BaseException as error:
            # Some failures of the disk make SQLite roll the whole transaction back by itself; no savepoint is left then.
            if self.db.in_transaction:
                self.db.execute("ROLLBACK TO attempt")
                self.db.execute("RELEASE attempt")
            if _refused(error):
                raise StoreError(f"the store cannot be written: {error}") from error
            raise
        self.db.execute("RELEASE attempt")


@dataclass(slots=True)
class _Job:
    work: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    result: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Proof:
    """What the last commit said of the disk."""

    at: float  # monotonic, in seconds
    refused: StoreError | None

    @property
    def holds(self) -> bool:
        return time.monotonic() - self.at < PROVEN


class SqliteStore:
    """Implements `Store`. Only one process opens a store for writing at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        leave_foreign_alone(path)
        with contextlib.ExitStack() as opened:  # closed again where the rest fails
            self._lock = opened.enter_context(lock(path))
            self._writer = opened.enter_context(contextlib.closing(connect(path)))
            migrate(self._writer, path)
            self._file = os.stat(path)
            opened.pop_all()
        self._urgent: deque[_Job] = deque()
        self._patient: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._opened: list[sqlite3.Connection] = []
        self._proof = _Proof(-PROVEN, None)  # none yet
        self._proving = asyncio.Lock()
        self._began: float | None = None  # monotonic, in seconds: the commit that is under way
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, work: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), loop)
        with self._wake:
            if self._closing:
                raise StoreError("the store is closed")
            if urgent and len(self._urgent) >= MAX_QUEUED:
                raise StoreBusyError(f"more than {MAX_QUEUED:,} pieces of work wait for the store; try again in a moment")
            (self._urgent if urgent else self._patient).append(job)
            self._wake.notify()
        result: T = await asyncio.shield(job.future)
        return result

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, work)

    async def prove_writable(self) -> None:
        """The last commit tells. Where that is too long ago one is made, for all who ask meanwhile."""
        began = self._began
        if began is not None and time.monotonic() - began > STALLED:
            raise self._stalled()
        async with self._proving:
            if not self._proof.holds:
                try:
                    async with asyncio.timeout(STALLED):
                        await self.write(lambda tx: tx.put_setting("ready", ""))
                except TimeoutError:
                    raise self._stalled() from None
        if self._proof.refused is not None:
            raise self._proof.refused
        disk = os.statvfs(self.path.parent)
        free = disk.f_bavail * disk.f_frsize
        if free < LEAST_FREE:
            raise StoreError(f"the disk of {self.path.parent} is nearly full: {free:,} bytes are free, {LEAST_FREE:,} are needed")

    async def watch(self) -> None:
        while True:
            self._require_file()
            await asyncio.sleep(LOOK)

    async def close(self) -> None:
        """Everything queued is written first."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._readers.shutdown)
        for connection in self._opened:
            connection.close()
        self._writer.close()
        self._lock.close()

    # -- the writer ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        transaction = SqliteTransaction(self._writer)
        while True:
            with self._wake:
                while not (self._urgent or self._patient or self._closing):
                    self._wake.wait()
                group = self._take()
            if not group:
                return
            self._commit(transaction, group)
            # One wake-up of each event loop a group, however many wait there.
            for loop in {job.loop for job in group}:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
                    loop.call_soon_threadsafe(_resolve, [job for job in group if job.loop is loop])

    def _take(self) -> list[_Job]:
        """What goes into the next commit: all that is urgent, and a little patient work, so that it neither starves nor delays."""
        group = [self._urgent.popleft() for _ in range(min(len(self._urgent), MAX_GROUP))]
        return group + [self._patient.popleft() for _ in range(min(len(self._patient), MAX_PATIENT))]

    def _commit(self, transaction: SqliteTransaction, group: list[_Job]) -> None:
        db, before = self._writer, self._writer.total_changes
        self._began = time.monotonic()
        try:
            self._require_file()
            db.execute("BEGIN IMMEDIATE")
            for job in group:
                try:
                    with transaction.attempt():
                        job.result = job.work(transaction)
                except BaseException as error:  # handed to the caller, who waits for it; the writer lives on
                    if not db.in_transaction:
                        raise
                    # A future takes no StopIteration, and SystemExit would end whoever waits.
                    plain = isinstance(error, Exception) and not isinstance(error, StopIteration)
                    job.error = error if plain else RuntimeError(f"work on the store raised {type(error).__name__}")
                    if isinstance(error, StoreError) and isinstance(error.__cause__, sqlite3.Error):
                        job.error = self._refusal(error)
            db.execute("COMMIT")
            refused = next((job.error for job in group if isinstance(job.error, StoreError)), None)
            if refused is not None or db.total_changes > before:  # a commit of nothing does not ask the disk
                self._proof = _Proof(time.monotonic(), refused)
        except BaseException as error:  # noqa: BLE001  # the group is lost, and everyone who waits for it is told
            with contextlib.suppress(sqlite3.Error):  # a full disk may refuse even this; the next BEGIN then says so
                if db.in_transaction:
                    db.execute("ROLLBACK")
            for job in group:
                job.error = self._refusal(error)
            self._proof = _Proof(time.monotonic(), self._refusal(error))
        self._began = None

    def _require_file(self) -> None:
        """SQLite goes on with a file that was deleted, and all of it is lost at the end. Raises StoreError where ours is another."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self.path), self._file):
                return
        raise StoreError(f"the store {self.path} was moved, deleted or replaced while it was in use: put it back, and start again")

    def _stalled(self) -> StoreError:
        return StoreError(f"the store {self.path} has taken no write for {STALLED:.0f} s: another process may hold it, or the disk hangs")

    def _refusal(self, error: BaseException) -> StoreError:
        if isinstance(error, StoreError) and error.__cause__ is None:
            return error
        cause = error.__cause__ if isinstance(error, StoreError) else error
        why = explain(self.path, cause) if isinstance(cause, sqlite3.Error) else str(error)
        return StoreError(f"the store {self.path} cannot be written: {why}")

    def _read(self, work: Callable[[Transaction], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = connect(self.path, read_only=True)
            self._local.connection = connection
            self._opened.append(connection)
        until = time.monotonic() + LONGEST_READ
        connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
        try:
            connection.execute("BEGIN")
            return work(SqliteTransaction(connection))
        except sqlite3.Error as error:
            if _code(error) == sqlite3.SQLITE_INTERRUPT:
                raise StoreError(
                    f"the store {self.path} was read for more than {LONGEST_READ:g} s at a time, and the look was ended"
                ) from error
            raise StoreError(f"the store {self.path} cannot be read: {error}") from error
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def read_only(path: Path, work: Callable[[Transaction], T]) -> T:
    """Look into a store, whoever is writing to it."""
    connection = connect(path, read_only=True)
    try:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found != VERSION:
            raise StoreError(f"the store {path} has format {found}; this version of Sounding knows {VERSION}")
        return work(SqliteTransaction(connection))
    except sqlite3.Error as error:
        raise StoreError(f"the store {path} cannot be read: {error}") from error
    finally:
        connection.close()


def _resolve(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _refused(error: BaseException) -> bool:
    return isinstance(error, sqlite3.Error) and _code(error) in _REFUSALS


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF

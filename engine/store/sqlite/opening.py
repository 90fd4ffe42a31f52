"""A store's file: who holds it, how it is opened, and how an older format is brought up to date."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO

from engine.errors import StoreError
from engine.store.sqlite.schema import MIGRATIONS, VERSION
from engine.store.sqlite.trouble import BESIDE, explain

# A store holds personal data: its files are this user's alone, whatever the umask. SQLite gives its log the mode of the store.
_FOLDER, _FILE = 0o700, 0o600
_OURS = {"event", "outbox", "deployment"}  # tables that every format has
_NO_STORE = "Is it a Sounding store, in a folder that you may write to?"


MAX_LOG = 64 << 20  # bytes that the log keeps on disk once its pages are in the store


def lock(path: Path) -> IO[str]:
    """Holds the store for this process; the kernel lets go of it when the process ends, however it ends."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise StoreError(f"the store {path} is no regular file. Choose another place with --store")
        _make_folder(path.parent)
        handle = os.fdopen(make_file(path.with_name(path.name + ".lock")), "a+")
        _keep_private(path)
    except OSError as error:
        raise StoreError(f"the store {path} cannot be opened: {explain(path, error)}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise StoreError(f"the store {path} is in use by another process. Stop that one, or choose another store with --store") from None
    return handle


def make_file(path: Path) -> int:
    """Open a file to write, and make it where it is not there, for this user alone; the descriptor. Raises OSError."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _FILE)


def _make_folder(folder: Path) -> None:
    """Its name is on disk, too, before anything in it is acknowledged; SQLite sees to the names within it."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    if missing:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=_FOLDER, exist_ok=True)
    for made in missing:
        sync(made.parent)


def sync(path: Path) -> None:
    """Return when a file's content, or the names in a folder, are on disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _keep_private(path: Path) -> None:
    """Take from others what an earlier version, or a copy by hand, gave them."""
    for suffix in BESIDE:
        beside = path.with_name(path.name + suffix)
        if beside.is_file() and (found := beside.stat()).st_mode & 0o077 and found.st_uid == os.geteuid():
            beside.chmod(_FILE)


def in_use(path: Path) -> bool:
    """Whether a process holds the store."""
    beside = path.with_name(path.name + ".lock")
    try:
        if not beside.exists():
            return False
        with beside.open("r+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # whoever opens it next is told why it cannot be had
    return False


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    try:
        if not read_only:
            os.close(make_file(path))
        mode = "ro" if read_only else "rw"
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=10)
        _refuse_foreign(db, path)
        if not read_only:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA cache_size = -32000")
            db.execute(f"PRAGMA journal_size_limit = {MAX_LOG}")
        db.execute("PRAGMA foreign_keys = ON")
        return db
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"the store {path} cannot be opened: {explain(path, error, _NO_STORE)}") from error


def leave_foreign_alone(path: Path) -> None:
    """Raises StoreError for another program's database, before anything is put beside it or its mode is changed."""
    if path.is_file() and path.stat().st_size:
        connect(path, read_only=True).close()


def _refuse_foreign(db: sqlite3.Connection, path: Path) -> None:
    """Another program's database is left as it is. An empty one may become a store."""
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if tables and not tables >= _OURS:
        db.close()
        raise StoreError(f"{path} is a database of another program; nothing was written into it. Choose another place with --store")


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring a store to the format of this version, in place, a format at a time. Raises StoreError for one of a later version."""
    found = int(db.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise StoreError(f"the store {path} has format {found}; this version of Sounding knows {VERSION}. Update Sounding")
    try:
        for number in range(found, VERSION):
            db.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;")
    except sqlite3.Error as error:
        raise StoreError(f"the store {path} cannot be brought to format {VERSION}: {explain(path, error)}") from error

"""Opening a store: who may, what it promises, and what is said where it cannot be had."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import os
import re
import resource
import signal
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import stored

from engine.errors import RefusedError, StoreError, UsageError
from engine.store.lines import Pause
from engine.store.open import open_store, store_path
from engine.store.sqlite.files import backup, restore
from engine.store.sqlite.schema import VERSION
from engine.store.sqlite.store import SqliteStore, read_only
from engine.store.sqlite.trouble import explain


async def test_every_commit_is_synced_and_readers_need_not_wait(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    try:
        assert store._writer.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert store._writer.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    finally:
        await store.close()


async def test_a_second_opening_of_the_same_file_is_refused_until_the_first_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    with pytest.raises(StoreError, match=rf"{path} is in use by another process\. Stop that one, or choose another store with --store"):
        SqliteStore(path)
    await store.write(lambda tx: tx.put_setting("k", "still open"))
    await store.close()
    await SqliteStore(path).close()


async def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.write(lambda tx: tx.put_setting("k", "v"))
    await store.close()
    assert read_only(store.path, lambda tx: tx.setting("k")) == "v"
    again = SqliteStore(tmp_path / "store.db")
    assert await again.read(lambda tx: tx.setting("k")) == "v"
    await again.close()


async def test_a_newer_format_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    for look in (lambda: SqliteStore(path), lambda: read_only(path, lambda tx: tx.counts())):
        with pytest.raises(StoreError, match=f"has format {VERSION + 1}; this version of Sounding knows {VERSION}"):
            look()
    assert stored.value(path, "PRAGMA user_version") == VERSION + 1


def test_a_file_that_is_no_store_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("a letter to the editor, long enough to be more than a header\n" * 100, encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"cannot be opened: file is not a database. Is it a Sounding store"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_a_store_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StoreError, match=rf"cannot be opened: .*\. {tmp_path}/file is no folder: choose another place with --store"):
        SqliteStore(tmp_path / "file" / "store.db")


def test_a_folder_in_the_place_of_the_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    with pytest.raises(StoreError, match=r"cannot be opened: .* That is a folder; a store is a file"):
        SqliteStore(tmp_path / "store.db")


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Root may write everywhere, so where the tests run as root they step down."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def make_empty(path: Path) -> None:
    asyncio.run(SqliteStore(path).close())


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A folder of nobody's in one that everybody may look into, which pytest's are not."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        (folder := Path(made) / "data").mkdir()
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
        yield folder


def test_a_folder_without_permission_to_write_is_refused_by_name_and_mode(nobodys: Path) -> None:
    nobodys.chmod(0o500)
    said = rf"Permission denied\. {nobodys} belongs to \w+ \(dr-x------\) and may not be written to by \w+: `chmod u\+rwX` it"
    with unprivileged(), pytest.raises(StoreError, match=said):
        SqliteStore(nobodys / "store.db")
    nobodys.chmod(0o700)


@pytest.mark.parametrize("suffix", ["", "-wal", ".lock"])
def test_a_file_of_a_store_that_may_not_be_written_is_named_with_its_owner_and_what_to_do(suffix: str, nobodys: Path) -> None:
    path = nobodys / "store.db"
    make_empty(path)
    closed = path.with_name(path.name + suffix)
    closed.touch()
    closed.chmod(0o400)
    said, advice = r"-r--------\) and may not be written to by \w+: ", r"`chmod u\+rwX` it"
    if os.geteuid() == 0:  # only root can give a file away
        for one in nobodys.iterdir():
            os.chown(one, 65534, 65534)
        os.chown(closed, 0, 0)
        advice = "run this as root, `chown nobody` it, or choose"
    with unprivileged(), pytest.raises(StoreError, match=rf"{closed} belongs to \w+ \({said}{advice}"):
        SqliteStore(path)


def test_a_disk_that_is_full_or_read_only_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.db"
    full = explain(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    said = rf"No space left on device\. The disk of {tmp_path} is full \([\d,]+ bytes are free, less a quota\): make room there"
    assert re.match(said, full)
    locked = explain(path, OSError(errno.EROFS, os.strerror(errno.EROFS)))
    assert locked.startswith(f"Read-only file system. The file system of {tmp_path} is mounted read-only: mount it for writing")


def test_a_start_on_a_disk_without_room_says_so(tmp_path: Path) -> None:
    said = rf"the store {tmp_path}/store\.db cannot be .*: .*\. The disk of {tmp_path} .*make room"
    with no_room(), pytest.raises(StoreError, match=said):
        SqliteStore(tmp_path / "store.db")


@contextlib.contextmanager
def no_room() -> Iterator[None]:
    """No file of this process may grow at all: every write fails, as on a disk without room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


# -- who may read it -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def modes(folder: Path) -> dict[str, str]:
    return {path.name: mode(path) for path in folder.iterdir()}


def for_all_to_read(folder: Path) -> None:
    for path in folder.iterdir():
        path.chmod(0o644)


async def test_a_store_its_log_its_lock_and_its_folder_are_its_users_alone(tmp_path: Path) -> None:
    with usual_umask():
        store = SqliteStore(tmp_path / "deep" / "data" / "store.db")
    await store.write(lambda tx: tx.put_setting("k", "v"))
    assert modes(tmp_path / "deep") == {"data": "0o700"}
    files = ("store.db", "store.db-wal", "store.db-shm", "store.db.lock")
    assert modes(store.path.parent) == dict.fromkeys(files, "0o600")
    await store.close()


async def test_a_store_that_others_could_read_is_taken_back_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as left:  # as after a crash: the log is there
        left.execute("SELECT 1 FROM setting").fetchall()
        for_all_to_read(tmp_path)
        store = SqliteStore(path)
    await store.write(lambda tx: tx.put_setting("k", "v"))
    assert set(modes(tmp_path).values()) == {"0o600"}
    await store.close()


def test_a_folder_that_was_there_keeps_the_rights_that_its_owner_gave_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    make_empty(tmp_path / "store.db")
    assert mode(tmp_path) == "0o750"


def test_a_backup_is_its_users_alone_and_so_is_a_store_put_back(tmp_path: Path) -> None:
    path, copy = tmp_path / "store.db", tmp_path / "copy.db"
    make_empty(path)
    with usual_umask():
        backup(path, copy)
        copy.chmod(0o644)
        restore(path, copy, Pause(what="*", at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC), by="test"))
        backup(path, tmp_path / "again.db")
    assert [mode(tmp_path / name) for name in ("store.db", "store.db.lock", "again.db", "store.db.replaced-1")] == ["0o600"] * 4


# -- what is no store ---------------------------------------------------------------------------------------------------


async def test_a_refused_opening_leaves_the_store_free(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("no store\n" * 1_000, encoding="utf-8")
    with pytest.raises(StoreError):
        SqliteStore(path)
    path.unlink()
    await SqliteStore(path).close()


def test_a_store_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        read_only(tmp_path / "store.db", lambda tx: tx.counts())
    assert list(tmp_path.iterdir()) == []


async def test_a_store_in_use_can_be_looked_into(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.write(lambda tx: tx.put_setting("k", "v"))
    assert read_only(store.path, lambda tx: tx.setting("k")) == "v"
    await store.close()


@pytest.mark.parametrize("url", ["store.db", "mysql://host/db", "sqlite:", "sqlite:///", "sqlite://host/store.db"])
def test_what_is_no_store_is_told_how_to_write_one(url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"write sqlite:///PATH|Write sqlite:///PATH"):
        open_store(url, tmp_path)


def test_three_slashes_are_relative_to_the_project_and_four_absolute(tmp_path: Path) -> None:
    assert store_path("sqlite:///data/store.db", tmp_path) == tmp_path / "data" / "store.db"
    assert store_path("sqlite:////var/store.db", tmp_path) == Path("/var/store.db")


def test_a_store_that_cannot_be_had_is_a_refusal(tmp_path: Path) -> None:
    assert issubclass(StoreError, RefusedError)
    assert StoreError.exit_code == 4


def test_a_store_in_memory_is_refused_since_it_would_be_gone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a store is a file"):
        store_path("sqlite:///:memory:", tmp_path)

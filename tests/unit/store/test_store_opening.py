"""Opening a store: who may, what it promises, and what is said where it cannot be had."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import stored

from engine.errors import RefusedError, StoreError, UsageError
from engine.store.open import open_store, store_path
from engine.store.sqlite.schema import VERSION
from engine.store.sqlite.store import SqliteStore, read_only


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
    with pytest.raises(StoreError, match=r"cannot be opened: .*\. Choose another place with --store"):
        SqliteStore(tmp_path / "file" / "store.db")


def test_a_folder_in_the_place_of_the_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    with pytest.raises(StoreError, match="cannot be opened: unable to open database file"):
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


def test_a_folder_without_permission_to_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with unprivileged(), pytest.raises(StoreError, match=r"cannot be opened: Permission denied\. Choose another place with --store"):
        SqliteStore(tmp_path / "store.db")


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

"""A store's file as a whole: older formats, backups beside a busy writer, restoring, and what a check finds."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import small_project
import stored
from bench import NOON, Bench, bench, event

from engine.clock import VirtualClock
from engine.deploy.versions import pack
from engine.errors import RefusedError, StoreError
from engine.model.events import Event
from engine.runtime.suppression import Suppressing, is_suppressed, suppress
from engine.store.lines import Pause
from engine.store.protocol import EVERYTHING
from engine.store.sqlite import files
from engine.store.sqlite.schema import MIGRATIONS, VERSION
from engine.store.sqlite.store import SqliteStore

RELEASED = sorted((Path(__file__).parents[2] / "fixtures" / "stores").glob("format_*.sql"), key=lambda path: (len(path.name), path.name))
SCHEMA = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"


HELD = Pause(what=EVERYTHING, at=NOON, by="restore")


def load(fixture: Path, path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(fixture.read_text(encoding="utf-8"))
    return path


def delivered(number: int) -> Event:
    contact = {"id": f"c{number}", "email": f"c{number}@example.test"}
    return event("order.delivered", {"contact": contact, "deal": {"id": f"d{number}", "title": "Coat"}})


# -- formats --------------------------------------------------------------------------------------------------------------


def rows_of(path: Path) -> dict[str, tuple[list[str], list[tuple[object, ...]]]]:
    """Columns and rows by table."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        found = {}
        for table in tables:
            cursor = db.execute(f"SELECT * FROM {table}")
            found[table] = [column[0] for column in cursor.description], sorted(cursor.fetchall(), key=repr)
        return found


def test_there_is_a_store_of_every_format() -> None:
    """Where one is missing: tests/support/store_fixture.py makes it."""
    assert sorted(fixture.name for fixture in RELEASED) == sorted(f"format_{number}.sql" for number in range(1, VERSION + 1))


@pytest.mark.parametrize("fixture", RELEASED, ids=lambda path: path.stem)
async def test_a_store_of_any_format_is_brought_up_to_date_with_all_that_is_in_it(fixture: Path, tmp_path: Path) -> None:
    path = load(fixture, tmp_path / "store.db")
    before = rows_of(path)
    done = files.upgrade(path)
    assert (done.found, done.now) == (int(fixture.stem.removeprefix("format_")), VERSION)
    assert list(files.problems(path)) == []
    after = rows_of(path)
    for table, (columns, rows) in before.items():
        places = [after[table][0].index(column) for column in columns]
        assert sorted((tuple(row[at] for at in places) for row in after[table][1]), key=repr) == rows, table
    new = tmp_path / "new.db"
    await SqliteStore(new).close()
    assert stored.rows(path, SCHEMA) == stored.rows(new, SCHEMA)


@pytest.mark.parametrize("fixture", RELEASED, ids=lambda path: path.stem)
async def test_the_engine_goes_on_where_a_store_of_any_format_ended(fixture: Path, tmp_path: Path) -> None:
    path = load(fixture, tmp_path / "store.db")
    for address, body in pack(small_project.definitions(), at=NOON, by="test", commit=None).bodies.items():
        # The first two fixtures were made without the texts of their definitions.
        stored.change(path, "UPDATE definition SET body = ? WHERE address = ? AND body = '{}'", body, address)
    store = SqliteStore(path)
    made = Bench(store, clock=VirtualClock(NOON + dt.timedelta(days=60)))
    try:
        assert [row.event.id for row in await store.read(lambda tx: tx.waiting(10))] == ["fixture-5"]
        await made.turn(delivered(1))
        assert await made.claim("mail")
        assert await store.read(lambda tx: tx.waiting(10)) == []
        assert list(files.problems(store.path)) == []
    finally:
        await store.close()


@pytest.mark.parametrize("fixture", RELEASED, ids=lambda path: path.stem)
def test_a_migration_that_made_a_released_format_is_never_changed(fixture: Path, tmp_path: Path) -> None:
    path = tmp_path / "made.db"
    with closing(sqlite3.connect(path)) as db:
        for migration in MIGRATIONS[: int(fixture.stem.removeprefix("format_"))]:
            db.executescript(migration)
    released = load(fixture, tmp_path / "released.db")
    assert stored.rows(path, SCHEMA) == stored.rows(released, SCHEMA)


def test_a_store_of_a_later_format_is_left_alone(tmp_path: Path) -> None:
    path = load(RELEASED[0], tmp_path / "store.db")
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StoreError, match="Update Sounding"):
        files.upgrade(path)
    assert stored.value(path, "PRAGMA user_version") == VERSION + 1


# -- checking -------------------------------------------------------------------------------------------------------------


async def test_a_store_that_the_engine_wrote_is_sound_at_every_step(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.turn(delivered(1), delivered(2), event("help.wanted", {"contact": {"id": "c1"}, "topic": 7}))
        assert list(files.problems(made.store.path)) == []
        made.clock.advance(dt.timedelta(days=3))
        await made.claim()
        assert list(files.problems(made.store.path)) == []


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE outbox SET state = 'sending'", "a delivery is being sent without a deadline: 1, 2"),
        ("DELETE FROM outbox WHERE id = 1", "a planned invitation has no delivery on its way: s-"),
        ("DELETE FROM event WHERE seq = 1", "a delivery has no event: 1"),
        ("UPDATE invitation SET state = 'answered'", "an answered invitation has no answer: s-"),
        ("DELETE FROM object", "a contact's name leads to nobody: c"),
        ("DELETE FROM definition WHERE address = 'project.shop'", "a version lacks a definition: project.shop"),
    ],
)
async def test_what_does_not_fit_together_is_found_with_its_place(tmp_path: Path, damage: str, said: str) -> None:
    async with bench(tmp_path) as made:
        await made.turn(delivered(1), delivered(2))
        made.store._writer.execute(damage)
        assert any(problem.startswith(said) for problem in files.problems(made.store.path)), list(files.problems(made.store.path))


async def test_a_damaged_file_is_found(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.turn(*(delivered(number) for number in range(50)))
    path = made.store.path
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\x5a" * 4096)
    found: list[str] = []
    try:
        found += files.problems(path)
    except StoreError as error:
        found.append(str(error))
    assert found


# -- backup and restore ---------------------------------------------------------------------------------------------------


async def test_a_backup_beside_a_busy_writer_is_whole_and_holds_back_nobody(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.turn(*(delivered(number) for number in range(200)))
        done = asyncio.create_task(asyncio.to_thread(files.backup, made.store.path, tmp_path / "copy.db"))
        number = 200
        while not done.done():
            await made.turn(delivered(number := number + 1))
        assert (await done) == (tmp_path / "copy.db").stat().st_size
    assert list(files.problems(tmp_path / "copy.db")) == []
    assert stored.value(tmp_path / "copy.db", "SELECT count(*) FROM event") >= 200
    assert "copy.db.part" not in {path.name for path in stored.files(tmp_path / "copy.db")}


async def test_a_copy_is_its_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with bench(tmp_path) as made:
            files.backup(made.store.path, tmp_path / "copy.db")
        files.restore(made.store.path, tmp_path / "copy.db", HELD)
    finally:
        os.umask(before)
    assert {oct(os.stat(path).st_mode & 0o777) for path in (tmp_path / "copy.db", made.store.path)} == {"0o600"}


async def test_a_backup_into_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        with pytest.raises(StoreError, match=r"cannot be copied to .*No such file or directory"):
            files.backup(made.store.path, tmp_path / "nowhere" / "copy.db")


async def test_a_backup_overwrites_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        (tmp_path / "copy.db").write_bytes(b"precious")
        with pytest.raises(RefusedError, match="is there already"):
            files.backup(made.store.path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == b"precious"


async def test_what_is_restored_is_what_was_backed_up_and_what_was_there_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.turn(delivered(1))
        files.backup(made.store.path, tmp_path / "copy.db")
        await made.turn(delivered(2))
        with pytest.raises(StoreError, match="is in use by another process"):
            files.restore(made.store.path, tmp_path / "copy.db", HELD)
        assert stored.value(made.store.path, "SELECT count(*) FROM event") == 2
    kept = files.restore(made.store.path, tmp_path / "copy.db", HELD).kept
    assert kept is not None
    assert (stored.value(made.store.path, "SELECT count(*) FROM event"), stored.value(kept, "SELECT count(*) FROM event")) == (1, 2)
    await SqliteStore(made.store.path).close()


async def test_a_backup_of_an_older_format_is_restored(tmp_path: Path) -> None:
    source = load(RELEASED[0], tmp_path / "old.db")
    assert files.restore(tmp_path / "store.db", source, HELD) == files.Restored(kept=None, suppressed=True)
    assert list(files.problems(tmp_path / "store.db")) == []
    assert stored.value(source, "PRAGMA user_version") == 1


async def test_a_backup_that_is_not_sound_is_not_restored(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.turn(delivered(1))
        files.backup(made.store.path, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as db, db:
        db.execute("DELETE FROM event")
    with pytest.raises(StoreError, match=r"cannot be restored: a delivery has no event"):
        files.restore(made.store.path, tmp_path / "copy.db", HELD)
    assert stored.value(made.store.path, "SELECT count(*) FROM event") == 1


async def test_a_restored_store_sends_nothing_before_somebody_has_looked(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.turn(delivered(1))
        files.backup(made.store.path, tmp_path / "copy.db")
        assert len(await made.claim()) == 1
    files.restore(made.store.path, tmp_path / "copy.db", HELD)
    store = SqliteStore(made.store.path)
    try:
        assert await store.read(lambda tx: tx.pauses()) == [HELD]
        assert await store.write(lambda tx: tx.claim("mail", NOON, NOON, 10, {pause.what for pause in tx.pauses()})) == []
    finally:
        await store.close()


ADA = Suppressing(channel="email", address="ada@example.test", until=None, reason="asked for it")


@pytest.mark.parametrize("suppressed_before", [True, False])
async def test_who_was_suppressed_after_the_backup_stays_so_when_it_is_restored(suppressed_before: bool, tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        if suppressed_before:
            bob = replace(ADA, address="bob@example.test")
            await made.store.write(lambda tx: suppress(tx, [bob], NOON))
        files.backup(made.store.path, tmp_path / "copy.db")
        await made.store.write(lambda tx: suppress(tx, [ADA], NOON))
    assert files.restore(made.store.path, tmp_path / "copy.db", HELD).suppressed
    store = SqliteStore(made.store.path)
    try:
        assert await store.write(lambda tx: is_suppressed(tx, "email", {"email": "Ada@example.test"}, NOON))
    finally:
        await store.close()


@pytest.mark.parametrize("damage", ["another key", "another file"])
async def test_suppressed_addresses_that_cannot_be_taken_over_are_said(damage: str, tmp_path: Path) -> None:
    async with bench(tmp_path / "one") as made, bench(tmp_path / "other") as other:
        for one in (made, other):
            await one.store.write(lambda tx: suppress(tx, [ADA], NOON))
        files.backup(other.store.path, tmp_path / "copy.db")
    if damage == "another file":
        made.store.path.write_bytes(b"no store" * 1_000)
    assert not files.restore(made.store.path, tmp_path / "copy.db", HELD).suppressed
    assert list(files.problems(made.store.path)) == []

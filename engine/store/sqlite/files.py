"""What is done to a store's file as a whole: brought up to date, checked, copied while it is written to, put back."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from engine.errors import RefusedError, StoreError
from engine.store.lines import Pause
from engine.store.sqlite.brakes import BrakeRows
from engine.store.sqlite.opening import connect, lock, make_file, migrate, sync
from engine.store.sqlite.schema import VERSION
from engine.store.sqlite.trouble import explain

# What holds in every store, whatever the moment: each line is what is wrong, and how to find where.
_INVARIANTS: tuple[tuple[str, str], ...] = (
    ("a delivery is being sent without a deadline", "SELECT id FROM outbox WHERE state = 'sending' AND deadline IS NULL"),
    ("a delivery has a deadline though nobody sends it", "SELECT id FROM outbox WHERE state <> 'sending' AND deadline IS NOT NULL"),
    ("a delivery is put aside though it does not wait", "SELECT id FROM outbox WHERE held IS NOT NULL AND state <> 'pending'"),
    ("a delivery has no version", "SELECT id FROM outbox WHERE action <> 'fetch' AND deployment NOT IN (SELECT id FROM deployment)"),
    ("a delivery has no event", "SELECT id FROM outbox WHERE event IS NOT NULL AND event NOT IN (SELECT seq FROM event)"),
    (
        "a delivery has no invitation",
        "SELECT id FROM outbox WHERE invitation IS NOT NULL AND invitation NOT IN (SELECT id FROM invitation)",
    ),
    (
        "a planned invitation has no delivery on its way",
        "SELECT id FROM invitation WHERE state = 'planned' AND id NOT IN"
        " (SELECT invitation FROM outbox WHERE invitation IS NOT NULL AND state IN ('pending', 'sending'))",
    ),
    (
        "an invitation was sent without a delivery",
        "SELECT id FROM invitation WHERE sent IS NOT NULL AND id NOT IN (SELECT invitation FROM outbox WHERE invitation IS NOT NULL)",
    ),
    ("a sent invitation does not know when", "SELECT id FROM invitation WHERE state = 'sent' AND sent IS NULL"),
    (
        "an answered invitation has no answer",
        "SELECT id FROM invitation WHERE state = 'answered' AND id NOT IN (SELECT invitation FROM answer WHERE invitation IS NOT NULL)",
    ),
    (
        "an answer has no answered invitation",
        "SELECT id FROM answer WHERE invitation IS NOT NULL AND invitation NOT IN (SELECT id FROM invitation WHERE state = 'answered')",
    ),
    ("a link leads to no invitation", "SELECT invitation FROM token WHERE invitation NOT IN (SELECT id FROM invitation)"),
    ("a contact's name leads to nobody", "SELECT value FROM alias WHERE key NOT IN (SELECT key FROM object WHERE kind = 'contact')"),
    ("a set-aside event does not say why", "SELECT seq FROM event WHERE state IN (2, 3) AND note IS NULL"),
    (
        "a run waits for what will never come",
        "SELECT id FROM run WHERE state = 'waiting' AND until IS NULL AND id NOT IN (SELECT run FROM told)"
        " AND id NOT IN (SELECT run FROM outbox WHERE run IS NOT NULL AND state IN ('pending', 'sending'))",
    ),
    (
        "a queued run waits for none",
        "SELECT id FROM run q WHERE state = 'queued' AND NOT EXISTS"
        " (SELECT 1 FROM run WHERE subject = q.subject AND automation = q.automation AND state = 'waiting')",
    ),
    (
        "an event is waited for by no run that waits",
        "SELECT run FROM listener WHERE run NOT IN (SELECT id FROM run WHERE until IS NOT NULL)",
    ),
    (
        "a run that nobody knows was told something",
        "SELECT run FROM told WHERE run NOT IN (SELECT id FROM run) AND run NOT IN (SELECT run FROM outbox WHERE run IS NOT NULL)",
    ),
    (
        "an event waits behind one that is not parked",
        "SELECT seq FROM event WHERE behind IS NOT NULL AND behind NOT IN (SELECT seq FROM event WHERE state = 3)",
    ),
    ("an event waits behind none", "SELECT seq FROM event WHERE (state = 4) <> (behind IS NOT NULL)"),
    ("a name is held up by no parked event", "SELECT name FROM blocked WHERE behind NOT IN (SELECT seq FROM event WHERE state = 3)"),
    ("a version lacks a definition", "SELECT address FROM deployment_item WHERE fingerprint NOT IN (SELECT fingerprint FROM definition)"),
)
_SHOWN = 5  # places a finding names
_PART = ".part"


@dataclass(frozen=True, slots=True)
class Upgrade:
    found: int  # format that the store had
    now: int


def upgrade(path: Path) -> Upgrade:
    """Bring a store that nobody uses to the format of this version. Raises StoreError."""
    _there(path)
    with lock(path), closing(connect(path)) as db:
        found = _format(db)
        migrate(db, path)
        return Upgrade(found, _format(db))


def problems(path: Path) -> Iterator[str]:
    """What is wrong with a store, as one consistent view shows it, whoever writes to it meanwhile. Raises StoreError."""
    _there(path)
    with closing(connect(path, read_only=True)) as db:
        try:
            found = _format(db)
            if found != VERSION:
                raise StoreError(
                    f"the store {path} has format {found}; this version of Sounding knows {VERSION}. Run `sounding store migrate`"
                )
            db.execute("BEGIN")
            damage = [row[0] for row in db.execute("PRAGMA integrity_check")]
            if damage != ["ok"]:
                yield from (f"the file is damaged: {line}" for line in damage)
                return
            for what, sql in _INVARIANTS:
                places = [str(row[0]) for row in db.execute(sql)]
                if places:
                    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
                    yield f"{what}: {', '.join(places[:_SHOWN])}{more}"
        except sqlite3.Error as error:
            raise StoreError(f"the store {path} cannot be read: {error}") from error


def backup(path: Path, target: Path) -> int:
    """Copy a store, also one in use, to a file that must not be there yet; its size in bytes.

    It appears under its name when it is whole and on disk. Raises StoreError, RefusedError where the file is there.
    """
    _there(path)
    if target.exists():
        raise RefusedError(f"{target} is there already; a backup overwrites nothing")
    part = target.with_name(target.name + _PART)
    _copy(path, part)
    os.replace(part, target)
    sync(target.parent)
    return target.stat().st_size


@dataclass(frozen=True, slots=True)
class Restored:
    kept: Path | None  # where the store that was there is now
    suppressed: bool  # whether all the addresses that it held suppressed are so in the restored one too


def restore(path: Path, source: Path, pause: Pause) -> Restored:
    """Put a backup in the place of a store that nobody uses. The store that was there is kept beside it.

    What was sent after the backup was made is waiting in it still, so sending begins as ``pause`` says: held back. Addresses that were
    suppressed since stay suppressed. A backup of an older format is brought up to date. Raises StoreError where it is no sound store,
    or the store is in use.
    """
    with lock(path):
        part = path.with_name(path.name + _PART)
        _copy(source, part)
        with closing(connect(part)) as db:
            migrate(db, part)
            BrakeRows(db).pause(pause)
            suppressed = not path.exists() or _carry_over(db, path)
        for problem in problems(part):
            part.unlink()
            raise StoreError(f"{source} cannot be restored: {problem}")
        kept = _set_aside(path) if path.exists() else None
        os.replace(part, path)
        sync(path.parent)
    return Restored(kept, suppressed)


def _carry_over(db: sqlite3.Connection, path: Path) -> bool:
    """Have suppressed what the store at ``path`` has suppressed. False where it cannot be read, or hashes with another key."""
    theirs = "SELECT value FROM {}setting WHERE key = 'suppression key'"
    try:
        db.execute("ATTACH ? AS replaced", (f"{path.absolute().as_uri()}?mode=ro",))
        key, own = db.execute(theirs.format("replaced.")).fetchone(), db.execute(theirs.format("main.")).fetchone()
        if key is None or (own is not None and own != key):
            return key is None
        db.execute("BEGIN")
        db.execute("INSERT OR IGNORE INTO setting SELECT * FROM replaced.setting WHERE key = 'suppression key'")
        db.execute("INSERT OR REPLACE INTO suppression SELECT * FROM replaced.suppression")
        db.execute("COMMIT")
    except sqlite3.Error:  # a store that is put aside may be a broken one
        if db.in_transaction:
            db.execute("ROLLBACK")
        return False
    return True


def _set_aside(path: Path) -> Path:
    """The store under another name, with the log that belongs to it."""
    number = 1
    while (kept := path.with_name(f"{path.name}.replaced-{number}")).exists():
        number += 1
    for suffix in ("-wal", "-shm", ""):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            os.replace(beside, kept.with_name(kept.name + suffix))
    return kept


def _copy(source: Path, target: Path) -> None:
    try:
        target.unlink(missing_ok=True)  # of an earlier copy that was broken off
        os.close(make_file(target))
        # In one step: a copy in pieces begins again with every commit, and so never ends beside a busy daemon.
        with closing(connect(source, read_only=True)) as db, closing(sqlite3.connect(target)) as copy:
            db.backup(copy)
    except (OSError, sqlite3.Error) as error:
        why = explain(target, error)
        with contextlib.suppress(OSError):
            target.unlink(missing_ok=True)
        raise StoreError(f"{source} cannot be copied to {target}: {why}") from error
    sync(target)


def _format(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _there(path: Path) -> None:
    if not path.is_file():
        raise StoreError(f"there is no store at {path}. Name one with --store")

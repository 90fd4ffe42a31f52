"""What is in a store's file, read past the engine."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def rows(store: Path, sql: str, *parameters: object) -> list[dict[str, Any]]:
    """The rows of a query, by column."""
    with closing(sqlite3.connect(f"{store.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(sql, parameters)]


def value(store: Path, sql: str, *parameters: object) -> Any:
    """The first column of the first row."""
    return next(iter(rows(store, sql, *parameters)[0].values()))


def change(store: Path, sql: str, *parameters: object) -> None:
    """Change a store that nobody runs, past the engine."""
    with closing(sqlite3.connect(store)) as db, db:
        db.execute(sql, parameters)


def copy(store: Path, folder: Path) -> Path:
    """The store as a dead process left it, its log included, so that looking at it repairs nothing for the next process."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (store.name, f"{store.name}-wal"):
        if store.with_name(name).exists():
            shutil.copy(store.with_name(name), folder / name)
    return folder / store.name


def files(store: Path) -> list[Path]:
    """The store's file and whatever stands beside it under its name."""
    return sorted(path for path in store.parent.glob(f"{store.name}*") if path.is_file())

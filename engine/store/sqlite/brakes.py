"""What holds sending back: pauses, and how much went out in the last hour."""

from __future__ import annotations

import datetime as dt

from engine.store.lines import Pause
from engine.store.sqlite.rows import Rows, instant, micros

_MINUTE = 60_000_000  # microseconds


class BrakeRows(Rows):
    def pauses(self) -> list[Pause]:
        return [
            Pause(what=what, at=instant(at), by=who) for what, at, who in self.db.execute("SELECT what, at, who FROM pause ORDER BY what")
        ]

    def pause(self, row: Pause) -> bool:
        cursor = self.db.execute(
            "INSERT INTO pause (what, at, who) VALUES (?,?,?) ON CONFLICT DO NOTHING", (row.what, micros(row.at), row.by)
        )
        return cursor.rowcount == 1

    def resume(self, what: str) -> bool:
        return self.db.execute("DELETE FROM pause WHERE what = ?", (what,)).rowcount == 1

    def sends(self, since: dt.datetime) -> int:
        row = self.db.execute("SELECT coalesce(sum(many), 0) FROM sends WHERE minute >= ?", (micros(since) // _MINUTE,)).fetchone()
        return int(row[0])

    def count_sends(self, many: int, now: dt.datetime) -> None:
        minute = micros(now) // _MINUTE
        self.db.execute("INSERT INTO sends VALUES (?,?) ON CONFLICT (minute) DO UPDATE SET many = many + excluded.many", (minute, many))
        self.db.execute("DELETE FROM sends WHERE minute < ?", (minute - 24 * 60,))

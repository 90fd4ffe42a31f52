"""What holds sending back: pauses, how much went out in the last hour, suppressed addresses."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from engine.store.lines import Pause, Suppression
from engine.store.sqlite.rows import Rows, instant, maybe_micros, micros

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

    def sends(self, since: dt.datetime, now: dt.datetime) -> int:
        minute = micros(now) // _MINUTE
        ahead = self.db.execute("DELETE FROM sends WHERE minute > ? RETURNING many", (minute,)).fetchall()
        if ahead:  # the clock went back; nobody knows how long ago they were
            self.count_sends(sum(many for (many,) in ahead), now)
        row = self.db.execute("SELECT coalesce(sum(many), 0) FROM sends WHERE minute >= ?", (micros(since) // _MINUTE,)).fetchone()
        return int(row[0])

    def count_sends(self, many: int, now: dt.datetime) -> None:
        minute = micros(now) // _MINUTE
        self.db.execute("INSERT INTO sends VALUES (?,?) ON CONFLICT (minute) DO UPDATE SET many = many + excluded.many", (minute, many))
        self.db.execute("DELETE FROM sends WHERE minute < ?", (minute - 24 * 60,))

    def suppress(self, rows: Iterable[Suppression]) -> None:
        for row in rows:
            self.db.execute("DELETE FROM suppression WHERE until <= ?", (micros(row.at),))
            self.db.execute(
                "INSERT INTO suppression (digest, channel, until, reason, at) VALUES (?,?,?,?,?)"
                " ON CONFLICT (digest, channel)"
                " DO UPDATE SET until = max(until, excluded.until), reason = excluded.reason, at = excluded.at",
                (row.digest, row.channel, maybe_micros(row.until), row.reason, micros(row.at)),
            )

    def suppresses(self) -> bool:
        return self.db.execute("SELECT 1 FROM suppression LIMIT 1").fetchone() is not None

    def suppressed(self, digest: bytes, now: dt.datetime) -> bool:
        sql = "SELECT 1 FROM suppression WHERE digest = ? AND (until IS NULL OR until > ?)"
        return self.db.execute(sql, (digest, micros(now))).fetchone() is not None

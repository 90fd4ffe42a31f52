"""The ask ledger: who was asked when, counted for whom."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from engine.model.feedback import Asked
from engine.store.sqlite.rows import Rows, instant, micros


class AskRows(Rows):
    def reserve(self, lines: Iterable[Asked], since: dt.datetime) -> None:
        new = list(lines)
        self.db.executemany("DELETE FROM ask WHERE grp = ? AND at < ?", [(line.group, micros(since)) for line in new])
        self.db.executemany(
            "INSERT INTO ask (part, grp, invitation, message, at, survey, channel) VALUES (?,?,?,?,?,?,?)"
            " ON CONFLICT (grp, invitation, message) DO UPDATE SET at = excluded.at, survey = excluded.survey, channel = excluded.channel",
            [(line.part, line.group, line.invitation, line.message, micros(line.at), line.survey, line.channel) for line in new],
        )

    def release(self, invitation: str, message: int = 0) -> None:
        self.db.execute("DELETE FROM ask WHERE invitation = ? AND message = ?", (invitation, message))

    def asked(self, group: str, since: dt.datetime) -> list[Asked]:
        rows = self.db.execute(
            "SELECT part, invitation, message, at, survey, channel FROM ask WHERE grp = ? AND at >= ?", (group, micros(since))
        )
        return [
            Asked(part=part, group=group, at=instant(at), survey=survey, channel=channel, invitation=invitation, message=message)
            for part, invitation, message, at, survey, channel in rows
        ]

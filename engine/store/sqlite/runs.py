"""Runs, what they wait for, and what they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from engine.model.runs import Delivered, Died, Outcome, Replied, Run, RunState, Skipped, dump, load
from engine.store.lines import RunLine
from engine.store.protocol import Listener, Reply, SavedRun, Told
from engine.store.sqlite.rows import Rows, chunks, dumps, instant, loads_foreign, marks, maybe_micros, micros

REPLIES_KEPT = dt.timedelta(days=2)  # a delivery is given up after about one
_LINE = "body, began, changed, log, note"
_OUTCOMES: dict[str, type[Skipped] | type[Died]] = {"skipped": Skipped, "died": Died}


def _line(row: Sequence[Any]) -> RunLine:
    body, began, changed, log, note = row
    steps = (line.split("\t", 2) for line in log.splitlines())
    return RunLine(
        run=load(loads_foreign(body)),
        began=instant(began),
        changed=instant(changed),
        steps=[(instant(int(at)), position, what) for at, position, what in steps],
        note=note,
    )


def _told(what: Outcome | Replied) -> tuple[str, str, str]:
    match what:
        case Delivered(at, result):
            return "delivered", at, dumps(result)
        case Skipped(at, reason):
            return "skipped", at, dumps(reason)
        case Died(at, reason):
            return "died", at, dumps(reason)
        case Replied(at, verb, status):
            return "replied", at, dumps([verb, status])


def _happening(what: str, at: str, body: Any) -> Outcome | Replied:
    if what == "replied":
        return Replied(at, *body)
    return Delivered(at, body) if what == "delivered" else _OUTCOMES[what](at, body)


class RunRows(Rows):
    def runs(self, ids: Iterable[str]) -> dict[str, Run]:
        found: dict[str, Run] = {}
        for some in chunks(dict.fromkeys(ids)):
            rows = self.db.execute(f"SELECT id, body FROM run WHERE id IN ({marks(some)})", some)
            found.update({id_: load(loads_foreign(body)) for id_, body in rows})
        return found

    def save_runs(self, rows: Iterable[SavedRun], now: dt.datetime) -> None:
        at = micros(now)
        self.db.executemany(
            "INSERT INTO run (id, part, automation, subject, state, until, began, changed, body, log, note)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, until = excluded.until,"
            " changed = excluded.changed, body = excluded.body, log = log || excluded.log, note = excluded.note",
            [
                (
                    row.run.id,
                    row.part,
                    row.run.automation,
                    row.run.subject,
                    row.run.state.value,
                    maybe_micros(row.run.until),
                    at,
                    at,
                    dumps(dump(row.run)),
                    "".join(f"{at}\t{position}\t{' '.join(what.split())}\n" for position, what in row.steps),
                    row.note,
                )
                for row in rows
            ],
        )

    def live_runs(self, automation: str, subject: str) -> list[Run]:
        rows = self.db.execute(
            "SELECT body FROM run WHERE subject = ? AND automation = ? AND state IN ('queued', 'ready', 'waiting') ORDER BY seq",
            (subject, automation),
        )
        return [load(loads_foreign(body)) for (body,) in rows]

    def due_runs(self, now: dt.datetime, limit: int) -> list[tuple[str, dt.datetime]]:
        sql = "SELECT id, until FROM run WHERE until IS NOT NULL AND until <= ? ORDER BY until LIMIT ?"
        return [(id_, instant(until)) for id_, until in self.db.execute(sql, (micros(now), limit))]

    def listen(self, added: Iterable[Listener], removed: Iterable[Listener]) -> None:
        self.db.executemany(
            "DELETE FROM listener WHERE type = ? AND subject = ? AND run = ?", [(one.type, one.subject, one.run) for one in removed]
        )
        self.db.executemany(
            "INSERT INTO listener (part, type, subject, run) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
            [(one.part, one.type, one.subject, one.run) for one in added],
        )

    def listened(self, type_: str) -> bool:
        return self.db.execute("SELECT 1 FROM listener WHERE type = ? LIMIT 1", (type_,)).fetchone() is not None

    def listeners(self, type_: str, subjects: Iterable[str]) -> list[str]:
        wanted = list(subjects)
        rows = self.db.execute(
            f"SELECT r.id FROM listener l JOIN run r ON r.id = l.run WHERE l.type = ? AND l.subject IN ({marks(wanted)}) ORDER BY r.seq",
            (type_, *wanted),
        )
        return [id_ for (id_,) in rows]

    def tell(self, rows: Iterable[Told]) -> None:
        self.db.executemany("INSERT INTO told (run, what, position, body) VALUES (?,?,?,?)", [(row.run, *_told(row.what)) for row in rows])

    def told(self, limit: int) -> list[Told]:
        rows = self.db.execute("SELECT id, run, what, position, body FROM told ORDER BY id LIMIT ?", (limit,)).fetchall()
        if rows:
            self.db.execute("DELETE FROM told WHERE id <= ?", (rows[-1][0],))
        return [Told(run=run, what=_happening(what, position, loads_foreign(body))) for _, run, what, position, body in rows]

    def run_lines(self, states: Sequence[RunState], automation: str | None, limit: int) -> list[RunLine]:
        rows = self.db.execute(
            f"SELECT {_LINE} FROM run WHERE state IN ({marks(states)}) AND automation = coalesce(?, automation) ORDER BY seq DESC LIMIT ?",
            (*[state.value for state in states], automation, limit),
        )
        return [_line(row) for row in rows]

    def run_line(self, id_: str) -> RunLine | None:
        row = self.db.execute(f"SELECT {_LINE} FROM run WHERE id = ?", (id_,)).fetchone()
        return None if row is None else _line(row)

    # -- what desks say before our own call has returned ------------------------------------------------------------------

    def keep_reply(self, reply: Reply, now: dt.datetime) -> None:
        # A few of the oldest each time: more than come in, and never many at once.
        self.db.execute(
            "DELETE FROM early_reply WHERE id IN (SELECT id FROM early_reply ORDER BY id LIMIT 4) AND at <= ?",
            (micros(now - REPLIES_KEPT),),
        )
        self.db.execute(
            "INSERT INTO early_reply (connection, external_id, verb, status, at) VALUES (?,?,?,?,?)",
            (reply.connection, reply.external_id, reply.verb, reply.status, micros(now)),
        )

    def early_replies(self, connection: str, external_id: str) -> list[Reply]:
        rows = self.db.execute(
            "SELECT verb, status FROM early_reply WHERE connection = ? AND external_id = ? ORDER BY id", (connection, external_id)
        ).fetchall()
        if rows:
            self.db.execute("DELETE FROM early_reply WHERE connection = ? AND external_id = ?", (connection, external_id))
        return [Reply(connection=connection, external_id=external_id, verb=verb, status=status) for verb, status in rows]

    def forget_replies(self, connection: str) -> None:
        self.db.execute("DELETE FROM early_reply WHERE connection = ?", (connection,))

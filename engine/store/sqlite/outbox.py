"""The outbox: effects on their way to the outside, each claimed before it is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from orjson import loads

from engine.model.delivery import Delivery, DeliveryState
from engine.store.lines import OutboxLine
from engine.store.protocol import EVERYTHING, NewDelivery
from engine.store.sqlite.rows import Rows, chunks, dumps, instant, marks, maybe_instant, micros

_COLUMNS = (
    "id, part, key, action, connection, origin, deployment, event, contact, invitation, answer, subjects, payload, respondent,"
    " state, attempt, run, tried"
)


def _delivery(row: Sequence[Any]) -> Delivery:
    return Delivery(
        id=row[0],
        part=row[1],
        key=row[2],
        action=row[3],
        connection=row[4],
        origin=row[5],
        deployment=row[6],
        event=row[7],
        contact=row[8],
        invitation=row[9],
        answer=row[10],
        subjects=loads(row[11]),
        payload=loads(row[12]),
        respondent=bool(row[13]),
        state=DeliveryState(row[14]),
        attempt=row[15],
        run=row[16],
        tried=maybe_instant(row[17]),
    )


def _line(row: Sequence[Any]) -> OutboxLine:
    return OutboxLine(delivery=_delivery(row[:18]), due=instant(row[18]), reason=row[19], external_id=row[20])


_AT_ONCE = 1_000  # rows that are put aside, or let go, before other work has its turn


def _address(row: Sequence[Any]) -> str:
    """Of the rule that a row comes from."""
    origin: str = row[5]
    return origin.partition("/")[0]


class OutboxRows(Rows):
    def enqueue(self, rows: Iterable[NewDelivery]) -> int:
        values = [
            (
                d.part,
                d.key,
                d.action,
                d.connection,
                d.origin,
                d.deployment,
                d.event,
                d.contact,
                d.invitation,
                d.answer,
                dumps(d.subjects),
                dumps(d.payload),
                int(d.respondent),
                micros(row.due),
                d.run,
            )
            for row in rows
            for d in (row.delivery,)
        ]
        if not values:
            return 0
        cursor = self.db.executemany(
            "INSERT INTO outbox (part, key, action, connection, origin, deployment, event, contact, invitation, answer, subjects,"
            " payload, respondent, due, run, state) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,'pending') ON CONFLICT (key) DO NOTHING",
            values,
        )
        return cursor.rowcount

    def claim(self, connection: str, now: dt.datetime, deadline: dt.datetime, limit: int, held: Collection[str] = ()) -> list[Delivery]:
        if EVERYTHING in held:
            # A fetch sends nothing to anybody, so only its connection's own pause holds it.
            rows = self._due(connection, now, limit, "action = 'fetch'")
        else:
            rows = self._let_through(connection, now, limit, held)
        tried = micros(now)
        # RETURNING gives no order, and the order of sending is that of the due times.
        self.db.executemany(
            "UPDATE outbox SET state = 'sending', attempt = attempt + 1, tried = coalesce(tried, ?), deadline = ? WHERE id = ?",
            [(tried, micros(deadline), row[0]) for row in rows],
        )
        return [_delivery((*row[:14], DeliveryState.SENDING, row[15] + 1, row[16], tried if row[17] is None else row[17])) for row in rows]

    def _due(self, connection: str, now: dt.datetime, limit: int, which: str) -> list[tuple[Any, ...]]:
        return self.db.execute(
            f"SELECT {_COLUMNS} FROM outbox WHERE connection = ? AND state = 'pending' AND {which} AND due <= ? ORDER BY due, id LIMIT ?",
            (connection, micros(now), limit),
        ).fetchall()

    def _let_through(self, connection: str, now: dt.datetime, limit: int, held: Collection[str]) -> list[tuple[Any, ...]]:
        """Due rows that no pause holds back. One that is held is put aside, so that it is met once however long the pause."""
        went = self._let_go(connection, held)
        rows = self._due(connection, now, limit, "held IS NULL")
        while len(rows) < limit and went:
            went = self._let_go(connection, held)
            rows = self._due(connection, now, limit, "held IS NULL")
        met = 0
        while (aside := [(address, row[0]) for row in rows if (address := _address(row)) in held]) and met < _AT_ONCE:
            self.db.executemany("UPDATE outbox SET held = ? WHERE id = ?", aside)
            met += len(aside)
            rows = self._due(connection, now, max(limit, _AT_ONCE // 4), "held IS NULL")
        return [row for row in rows if _address(row) not in held][:limit]

    def _let_go(self, connection: str, held: Collection[str]) -> int:
        """Some of the rows that were put aside for each address that goes on again; how many."""
        address, went = "", 0
        while (found := self._held_behind(connection, address)) is not None:
            address = found
            if address not in held:
                went += self.db.execute(
                    "UPDATE outbox SET held = NULL WHERE id IN (SELECT id FROM outbox WHERE connection = ? AND held = ? LIMIT ?)",
                    (connection, address, _AT_ONCE),
                ).rowcount
        return went

    def _held_behind(self, connection: str, address: str) -> str | None:
        """The next address for which rows were put aside."""
        row = self.db.execute("SELECT min(held) FROM outbox WHERE connection = ? AND held > ?", (connection, address)).fetchone()
        return None if row[0] is None else str(row[0])

    def finish(self, delivery: Delivery, state: DeliveryState, *, reason: str | None, external_id: str | None, url: str | None) -> bool:
        cursor = self.db.execute(
            "UPDATE outbox SET state = ?, reason = ?, external_id = ?, url = ?, deadline = NULL"
            " WHERE id = ? AND attempt = ? AND state = 'sending'",
            (state.value, reason, external_id, url, delivery.id, delivery.attempt),
        )
        return cursor.rowcount == 1

    def postpone(self, delivery: Delivery, due: dt.datetime, reason: str) -> bool:
        cursor = self.db.execute(
            "UPDATE outbox SET state = 'pending', due = ?, reason = ?, deadline = NULL WHERE id = ? AND attempt = ? AND state = 'sending'",
            (micros(due), reason, delivery.id, delivery.attempt),
        )
        return cursor.rowcount == 1

    def overdue(self, now: dt.datetime | None) -> list[Delivery]:
        limit = 2**62 if now is None else micros(now)
        # Put in order here: asked to, SQLite would rather read the whole table, which is in that order, than the index of those few.
        rows = self.db.execute(f"SELECT {_COLUMNS} FROM outbox WHERE state = 'sending' AND deadline <= ?", (limit,))
        return [_delivery(row) for row in sorted(rows)]

    def delivery(self, key: str) -> Delivery | None:
        row = self.db.execute(f"SELECT {_COLUMNS} FROM outbox WHERE key = ?", (key,)).fetchone()
        return None if row is None else _delivery(row)

    def rivals(self, contact: str, now: dt.datetime, since: dt.datetime) -> list[Delivery]:
        rows = self.db.execute(
            f"SELECT {_COLUMNS} FROM outbox"
            " WHERE contact = ? AND due BETWEEN ? AND ? AND state = 'pending' AND action = 'invite' ORDER BY due, id",
            (contact, micros(since), micros(now)),
        )
        return [_delivery(row) for row in rows]

    def next_due(self, connection: str, held: Collection[str] = ()) -> dt.datetime | None:
        which = "action = 'fetch'" if EVERYTHING in held else "held IS NULL"
        row = self.db.execute(
            f"SELECT min(due) FROM outbox WHERE connection = ? AND state = 'pending' AND {which}", (connection,)
        ).fetchone()
        return None if row[0] is None else instant(row[0])

    def outbox(self, states: Sequence[DeliveryState], limit: int) -> list[OutboxLine]:
        rows = self.db.execute(
            f"SELECT {_COLUMNS}, due, reason, external_id FROM outbox WHERE state IN ({marks(states)}) ORDER BY id DESC LIMIT ?",
            (*[state.value for state in states], limit),
        )
        return [_line(row) for row in rows]

    def effects(self, run: str) -> list[OutboxLine]:
        rows = self.db.execute(f"SELECT {_COLUMNS}, due, reason, external_id FROM outbox WHERE run = ? ORDER BY id", (run,))
        return [_line(row) for row in rows]

    def drop_unsent(self, run: str, reason: str) -> list[Delivery]:
        rows = self.db.execute(f"SELECT {_COLUMNS} FROM outbox WHERE run = ? AND state = 'pending'", (run,)).fetchall()
        self.db.executemany("UPDATE outbox SET state = 'dropped', held = NULL, reason = ? WHERE id = ?", [(reason, row[0]) for row in rows])
        return [_delivery(row) for row in rows]

    def deliveries(self, ids: Iterable[int]) -> list[Delivery]:
        found: list[Delivery] = []
        for some in chunks(ids):
            found += [
                _delivery(row) for row in self.db.execute(f"SELECT {_COLUMNS} FROM outbox WHERE id IN ({marks(some)}) ORDER BY id", some)
            ]
        return found

    def reopen(self, delivery: Delivery, due: dt.datetime) -> bool:
        cursor = self.db.execute(
            "UPDATE outbox SET state = 'pending', due = ?, reason = NULL WHERE id = ? AND state = ? AND attempt = ?",
            (micros(due), delivery.id, delivery.state.value, delivery.attempt),
        )
        return cursor.rowcount == 1

    def withdraw(self, delivery: Delivery, reason: str) -> bool:
        cursor = self.db.execute(
            "UPDATE outbox SET state = 'dropped', held = NULL, reason = ? WHERE id = ? AND state = ? AND attempt = ?",
            (reason, delivery.id, delivery.state.value, delivery.attempt),
        )
        return cursor.rowcount == 1

    def revive(self, run: str, origin: str, due: dt.datetime) -> bool:
        cursor = self.db.execute(
            "UPDATE outbox SET state = 'pending', due = ? WHERE run = ? AND origin = ? AND state IN ('dead', 'dropped', 'unknown')",
            (micros(due), run, origin),
        )
        return cursor.rowcount == 1

    def adopt(self, delivery: Delivery, run: str) -> None:
        self.db.execute("UPDATE outbox SET run = ? WHERE id = ?", (run, delivery.id))

    def replied_to(self, connection: str, external_id: str, key: str | None) -> Delivery | None:
        row = self.db.execute(
            f"SELECT {_COLUMNS} FROM outbox WHERE connection = ? AND external_id = ? AND run IS NOT NULL", (connection, external_id)
        ).fetchone()
        if row is None and key is not None:
            row = self.db.execute(
                f"SELECT {_COLUMNS} FROM outbox WHERE key = ? AND connection = ? AND run IS NOT NULL", (key, connection)
            ).fetchone()
        return None if row is None else _delivery(row)

    def expects_replies(self, connection: str) -> bool:
        # What was never tried is known to nobody outside.
        states = (
            "SELECT 1 FROM outbox WHERE connection = ? AND state = 'sending' AND run IS NOT NULL LIMIT 1",
            "SELECT 1 FROM outbox WHERE connection = ? AND state = 'pending' AND attempt > 0 AND run IS NOT NULL LIMIT 1",
        )
        return any(self.db.execute(sql, (connection,)).fetchone() is not None for sql in states)

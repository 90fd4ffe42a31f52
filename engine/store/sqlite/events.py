"""Events and timers: accepted, waiting, settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orjson import loads

from engine.model.events import Event
from engine.store.lines import Noted, Unread
from engine.store.protocol import EventState, Incoming, Settled, Timer, Waiting
from engine.store.sqlite.rows import Rows, chunks, dumps, instant, loads_foreign, marks, micros

_EVENT = "seq, part, source, id, type, time, received, data, outcome, subjects, depth"


def _waiting(row: Sequence[Any]) -> Waiting:
    seq, part, source, id_, type_, time, received, data, outcome, subjects, depth = row
    return Waiting(
        seq=seq,
        part=part,
        event=Event(id=id_, source=source, type=type_, time=instant(time), data=loads_foreign(data), outcome=outcome),
        received=instant(received),
        subjects=None if subjects is None else loads(subjects),
        depth=depth,
    )


class EventRows(Rows):
    def accept(self, events: Sequence[Incoming], received: dt.datetime) -> list[bool]:
        at = micros(received)
        fresh = []
        for item in events:
            event = item.event
            row = (
                item.part,
                event.source,
                event.id,
                event.type,
                micros(event.time),
                at,
                dumps(event.data),
                event.outcome,
                None if item.subjects is None else dumps(item.subjects),
                item.depth,
            )
            cursor = self.db.execute(
                "INSERT INTO event (part, source, id, type, time, received, data, outcome, subjects, depth)"
                " VALUES (?,?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT DO NOTHING",
                row,
            )
            fresh.append(cursor.rowcount == 1)
        return fresh

    def waiting(self, limit: int) -> list[Waiting]:
        return [_waiting(row) for row in self.db.execute(f"SELECT {_EVENT} FROM event WHERE state = 0 ORDER BY seq LIMIT ?", (limit,))]

    def events(self, seqs: Iterable[int]) -> dict[int, Waiting]:
        found: dict[int, Waiting] = {}
        for some in chunks(dict.fromkeys(seqs)):
            found.update(
                {row[0]: _waiting(row) for row in self.db.execute(f"SELECT {_EVENT} FROM event WHERE seq IN ({marks(some)})", some)}
            )
        return found

    def set_aside(self, limit: int) -> list[tuple[Waiting, Settled]]:
        rows = self.db.execute(
            f"SELECT {_EVENT}, state, note FROM event WHERE state IN (?, ?) ORDER BY seq DESC LIMIT ?",
            (int(EventState.QUARANTINED), int(EventState.PARKED), limit),
        )
        return [(_waiting(row[:-2]), Settled(seq=row[0], state=EventState(row[-2]), note=row[-1])) for row in rows]

    def replay(self, seqs: Iterable[int]) -> list[int]:
        return self._take_up(seqs, EventState.WAITING, "NULL", ())

    def discard(self, seqs: Iterable[int], by: str) -> list[int]:
        return self._take_up(seqs, EventState.DROPPED, "'dropped by ' || ? || ': ' || note", (by,))

    def _take_up(self, seqs: Iterable[int], state: EventState, note: str, parameters: tuple[str, ...]) -> list[int]:
        """Give set-aside events another state and note, and have those decided that waited behind them."""
        found: list[int] = []
        for some in chunks(dict.fromkeys(seqs)):
            sql = f"UPDATE event SET state = ?, note = {note} WHERE seq IN ({marks(some)}) AND state IN (?, ?) RETURNING seq"
            states = int(EventState.QUARANTINED), int(EventState.PARKED)
            found += [seq for (seq,) in self.db.execute(sql, (int(state), *parameters, *some, *states)).fetchall()]
        released = [(seq,) for seq in found]
        self.db.executemany("DELETE FROM blocked WHERE behind = ?", released)
        self.db.executemany("UPDATE event SET state = 0, behind = NULL WHERE behind = ?", released)
        return sorted(found)

    def block(self, names: Iterable[str], behind: int) -> None:
        self.db.executemany("INSERT INTO blocked (name, behind) VALUES (?,?) ON CONFLICT DO NOTHING", [(name, behind) for name in names])

    def blocks(self) -> bool:
        return bool(self.db.execute("SELECT EXISTS (SELECT 1 FROM blocked)").fetchone()[0])

    def blocked(self, names: Iterable[str], seq: int) -> int | None:
        wanted = list(names)
        sql = f"SELECT min(behind) FROM blocked WHERE name IN ({marks(wanted)}) AND behind < ?"
        found: int | None = self.db.execute(sql, (*wanted, seq)).fetchone()[0]
        return found

    def hold(self, seq: int, behind: int) -> None:
        self.db.execute("UPDATE event SET state = ?, behind = ? WHERE seq = ?", (int(EventState.HELD), behind, seq))

    def held(self, limit: int) -> list[tuple[Waiting, int]]:
        rows = self.db.execute(f"SELECT {_EVENT}, behind FROM event WHERE behind IS NOT NULL ORDER BY behind, seq LIMIT ?", (limit,))
        return [(_waiting(row[:-1]), row[-1]) for row in rows]

    def held_behind(self) -> dict[int, int]:
        return dict(self.db.execute("SELECT behind, count(*) FROM event WHERE behind IS NOT NULL GROUP BY behind").fetchall())

    def keep_unread(self, row: Unread, *, most: int) -> None:
        self.db.execute(
            "INSERT INTO unread (at, door, headers, body, reason) VALUES (?,?,?,?,?)",
            (micros(row.at), row.door, dumps(row.headers), row.body, row.reason),
        )
        self.db.execute(
            "DELETE FROM unread WHERE id <= (SELECT max(id) FROM"
            " (SELECT id, sum(length(body)) OVER (ORDER BY id DESC) AS held FROM unread) WHERE held > ?)",
            (most,),
        )

    def unread(self, ids: Iterable[int] | None, limit: int) -> list[Unread]:
        wanted = None if ids is None else list(ids)
        some = "" if wanted is None else f" WHERE id IN ({marks(wanted)})"
        sql = f"SELECT id, at, door, headers, body, reason FROM unread{some} ORDER BY id DESC LIMIT ?"
        return [
            Unread(id=id_, at=instant(at), door=door, headers=loads(headers), body=body, reason=reason)
            for id_, at, door, headers, body, reason in self.db.execute(sql, (*(wanted or ()), limit))
        ]

    def forget_unread(self, ids: Iterable[int]) -> None:
        self.db.executemany("DELETE FROM unread WHERE id = ?", [(id_,) for id_ in ids])

    def settle(self, outcomes: Sequence[Settled]) -> None:
        self.db.executemany(
            "UPDATE event SET state = ?, contact = ?, note = ?, trace = ? WHERE seq = ?",
            [(int(o.state), o.contact, o.note, None if o.trace is None else dumps(o.trace), o.seq) for o in outcomes],
        )

    def note(self, counted: Mapping[tuple[str, str], int], now: dt.datetime, *, most: int) -> None:
        self.db.executemany(
            "INSERT INTO noted (what, why, many, latest) VALUES (?,?,?,?)"
            " ON CONFLICT (what, why) DO UPDATE SET many = many + excluded.many, latest = excluded.latest",
            [(what, why, many, micros(now)) for (what, why), many in counted.items()],
        )
        self.db.execute(
            "DELETE FROM noted WHERE (what, why) IN (SELECT what, why FROM noted ORDER BY latest DESC LIMIT -1 OFFSET ?)", (most,)
        )

    def noted(self, limit: int) -> list[Noted]:
        rows = self.db.execute("SELECT what, why, many, latest FROM noted ORDER BY many DESC, what, why LIMIT ?", (limit,))
        return [Noted(what=what, why=why, many=many, latest=instant(latest)) for what, why, many, latest in rows]

    def add_timers(self, rows: Iterable[Timer]) -> None:
        self.db.executemany(
            "INSERT INTO timer (part, due, kind, ref) VALUES (?,?,?,?)", [(t.part, micros(t.due), t.kind, t.ref) for t in rows]
        )

    def next_timer(self) -> dt.datetime | None:
        times = ("SELECT min(due) FROM timer", "SELECT min(until) FROM run WHERE until IS NOT NULL")
        found = [value for sql in times if (value := self.db.execute(sql).fetchone()[0]) is not None]
        return instant(min(found)) if found else None

    def due_timers(self, now: dt.datetime, limit: int) -> list[Timer]:
        rows = self.db.execute("SELECT id, part, due, kind, ref FROM timer WHERE due <= ? ORDER BY due LIMIT ?", (micros(now), limit))
        found = [Timer(id=id_, part=part, due=instant(due), kind=kind, ref=ref) for id_, part, due, kind, ref in rows]
        self.db.executemany("DELETE FROM timer WHERE id = ?", [(timer.id,) for timer in found])
        return found

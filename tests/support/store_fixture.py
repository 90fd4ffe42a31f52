"""Makes the fixture of the present format: a store in which every table has rows, as SQL. Run it where a migration is added:

    PYTHONPATH=.:tests/support python tests/support/store_fixture.py

A fixture that is there is never made again: a released format does not change.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import bench
import small_project

from engine.model.delivery import Sent
from engine.model.events import Event
from engine.model.feedback import Answer, InvitationState
from engine.model.runs import Replied
from engine.runtime.suppression import Suppressing, suppress
from engine.store.lines import Pause, Unread
from engine.store.protocol import Reply, Told, Transaction
from engine.store.sqlite.schema import VERSION

FOLDER = Path(__file__).parents[1] / "fixtures" / "stores"
TOO_LATE = dt.datetime(9999, 12, 31, 23, 59, tzinfo=dt.UTC)  # the engine fails at it: two days later there is no day
ANSWERS = {"score": 3, "comment": "Очень долго"}
WAITING = """
automation: look_after
when: visit.ended
then:
  - ticket: {via: desk, title: Look after them, body: "{{ contact.name|default('-') }}"}
    as: case
  - wait_for: case.closed
    at_most: 30d
  - wait_for: order.delivered
    at_most: 30d
run: {per: contact, mode: queue}
"""


def _event(number: int, type_: str, contact: int, at: dt.datetime = bench.NOON, **data: object) -> Event:
    who = {"id": f"c{contact}", "email": f"c{contact}@example.test", "name": "Ада"}
    return bench.event(type_, {"contact": who, **data}, id=f"fixture-{number}", time=at)


def _order(number: int, contact: int) -> Event:
    return _event(number, "order.delivered", contact, deal={"id": f"d{contact}", "title": "Coat"})


async def _fill(made: bench.Bench) -> None:
    """Two invitations that were sent, one answered; a ticket on its way; runs that wait; events set aside, held and waiting."""
    await made.invite(_order(1, 1), _order(2, 2))
    made.clock.advance(dt.timedelta(days=3))
    await made.turn(_event(3, "help.wanted", 1, topic="sizes"), _event(4, "help.wanted", 1, topic=7))
    await made.turn(_event(6, "visit.ended", 3), _event(7, "visit.ended", 4), _event(8, "visit.ended", 4))
    item = next(one for one in await made.claim("desk") if one.delivery.contact is not None and one.delivery.run is not None)
    await made.answer(item, Sent(external_id="71", url="https://desk.test/71"))
    closed = {"id": "71", "status": "closed"}
    await made.turn(bench.event("ticket.updated", {"ticket": closed}, source="desk", id="fixture-9"))
    await made.turn(_event(10, "visit.ended", 5, TOO_LATE), _event(11, "help.wanted", 5, topic="held"), _event(12, "never.heard", 7))
    await made.store.write(lambda tx: _rest(tx, made.clock.now(), item.delivery.run or ""))
    await made.accept(_order(5, 6))


def _rest(tx: Transaction, now: dt.datetime, run: str) -> None:
    """What no event alone leads to."""
    invitations = tx.invitations(row.invitation or "" for row in tx.deliveries(range(1, 100))).values()
    invitation = next(one for one in invitations if one.state is InvitationState.SENT)
    tx.save_invitation(replace(invitation, state=InvitationState.ANSWERED))
    answer = Answer(
        id="a-1",
        part=invitation.part,
        invitation=invitation.id,
        contact=invitation.contact,
        survey=invitation.survey,
        fingerprint="f",
        subjects=invitation.subjects,
        values=ANSWERS,
        score=3.0,
        category="detractor",
        channel="email",
        language="en",
        at=now,
    )
    assert tx.add_answer(answer)
    tx.tell([Told(run=run, what=Replied("0", "updated", "closed"))])
    tx.keep_reply(Reply(connection="desk", external_id="72", verb="updated", status="solved"), now)
    suppress(tx, [Suppressing(channel="email", address="gone@example.test", until=None, reason="asked for it")], now)
    tx.pause(Pause(what="cadence.after_visit", at=now, by="ada"))
    tx.count_sends(2, now)
    tx.put_setting("ready", "")
    tx.keep_unread(Unread(at=now, door="/events", headers={"content-type": "text/plain"}, body=b"\x00{", reason="no JSON"), most=1_000)


async def _make(path: Path) -> None:
    async with bench.bench(path.parent, small_project.with_rules(WAITING)) as made:
        await _fill(made)


def dump(path: Path) -> str:
    """A store as SQL that makes it again."""
    with closing(sqlite3.connect(path)) as db:
        empty = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'") if not _any(db, name)]
        assert not empty, f"without a row, nothing shows that a migration keeps it: {empty}"
        made = "\n".join([*db.iterdump(), f"PRAGMA user_version = {db.execute('PRAGMA user_version').fetchone()[0]};", ""])
    return made.replace(f"{Path(__file__).parents[2]}/", "")  # in a traceback


def _any(db: sqlite3.Connection, table: str) -> bool:
    return db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None


def main() -> None:
    target = FOLDER / f"format_{VERSION}.sql"
    if target.exists():
        sys.exit(f"{target} is there already, and a released format never changes: add a migration")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        asyncio.run(_make(path))
        target.write_text(dump(path), encoding="utf-8")


if __name__ == "__main__":
    main()

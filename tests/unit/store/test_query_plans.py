"""A store grows for years: what the engine does for one event, row or moment must never read a table from its start to its end."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from engine.model.delivery import Delivery, DeliveryState
from engine.model.events import Event, Record
from engine.model.feedback import Answer, Asked, Invitation, InvitationState
from engine.model.runs import Delivered, Run
from engine.store.brakes import Brakes
from engine.store.lines import Unread
from engine.store.protocol import (
    EVERYTHING,
    EventState,
    Incoming,
    Listener,
    NewDelivery,
    Reply,
    SavedRun,
    Settled,
    Timer,
    Told,
    Transaction,
)
from engine.store.sqlite.store import SqliteStore, SqliteTransaction

NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
LATER = NOON + dt.timedelta(days=1)
HELD = ("automation.happy", "connection.mail")
EVENT = Incoming(event=Event(id="e", source="shop", type="order.delivered", time=NOON, data={}), part=7)
ROW = Delivery(
    id=1,
    part=7,
    key="k",
    action="invite",
    connection="mail",
    origin="automation.happy/0",
    deployment=1,
    event=1,
    contact="c",
    invitation="i",
    answer=None,
    run="r",
)
INVITATION = Invitation(
    id="i",
    part=7,
    contact="c",
    survey="nps",
    cadence="after",
    deployment=1,
    event=1,
    subjects={"contact": "c"},
    state=InvitationState.SENT,
    due=NOON,
    lifetime=60.0,
)
ANSWER = Answer(
    id="i",
    part=7,
    invitation="i",
    contact="c",
    survey="nps",
    fingerprint="f",
    subjects={},
    values={},
    score=9.0,
    category="promoter",
    channel="email",
    language="en",
    at=NOON,
)
RUN = Run(id="r", automation="happy", deployment=1, subject="deal/d", type="order.delivered", time=NOON, data={})
LISTENER = Listener(part=7, type="order.delivered", subject="deal/d", run="r")
UNREAD = Unread(at=NOON, door="/events", headers={}, body=b"{", reason="no JSON")

# What the engine does all the time.
ALWAYS: Mapping[str, Callable[[Transaction], object]] = {
    "accept": lambda tx: tx.accept([EVENT], NOON),
    "waiting": lambda tx: tx.waiting(300),
    "events": lambda tx: tx.events([1, 2]),
    "block": lambda tx: tx.block(["c"], 1),
    "blocks": lambda tx: tx.blocks(),
    "blocked": lambda tx: tx.blocked(["c", "contact@shop/c"], 2),
    "hold": lambda tx: tx.hold(1, 1),
    "settle": lambda tx: tx.settle([Settled(seq=1, state=EventState.DECIDED, contact="c")]),
    "aliases": lambda tx: tx.aliases([("contact@shop", "c"), ("contact.email", "c@example.test")]),
    "add_aliases": lambda tx: tx.add_aliases([("contact@shop", "c", "key")]),
    "records": lambda tx: tx.records([("contact", "c")]),
    "save_records": lambda tx: tx.save_records([Record(kind="contact", key="c", part=7, source="shop", id="c", data={})]),
    "add_invitations": lambda tx: tx.add_invitations([INVITATION]),
    "invitations": lambda tx: tx.invitations(["i"]),
    "unsent": lambda tx: tx.unsent("c", "after"),
    "save_invitation": lambda tx: tx.save_invitation(INVITATION),
    "add_token": lambda tx: tx.add_token(b"digest", "i"),
    "invitation_of_token": lambda tx: tx.invitation_of_token(b"digest"),
    "add_answer": lambda tx: tx.add_answer(ANSWER),
    "answers": lambda tx: tx.answers(["i"]),
    "reserve": lambda tx: tx.reserve(
        [Asked(part=7, group="contact/c", at=NOON, survey="nps", channel="email", invitation="i")], NOON - dt.timedelta(days=90)
    ),
    "release": lambda tx: tx.release("i"),
    "asked": lambda tx: tx.asked("contact/c", NOON),
    "delivery": lambda tx: tx.delivery("k"),
    "rivals": lambda tx: tx.rivals("c", LATER, NOON),
    "runs": lambda tx: tx.runs(["r"]),
    "save_runs": lambda tx: tx.save_runs([SavedRun(run=RUN, part=7, steps=[("0", "ticket")])], NOON),
    "live_runs": lambda tx: tx.live_runs("happy", "deal/d"),
    "due_runs": lambda tx: tx.due_runs(NOON, 300),
    "listen": lambda tx: tx.listen([LISTENER], [LISTENER]),
    "listened": lambda tx: tx.listened("order.delivered"),
    "listeners": lambda tx: tx.listeners("order.delivered", ["deal/d"]),
    "tell": lambda tx: tx.tell([Told(run="r", what=Delivered("0"))]),
    "told": lambda tx: tx.told(300),
    "replied_to": lambda tx: tx.replied_to("desk", "17", "k"),
    "expects_replies": lambda tx: tx.expects_replies("desk"),
    "keep_reply": lambda tx: tx.keep_reply(Reply(connection="desk", external_id="17", verb="updated", status=None), NOON),
    "early_replies": lambda tx: tx.early_replies("desk", "17"),
    "forget_replies": lambda tx: tx.forget_replies("desk"),
    "next_timer": lambda tx: tx.next_timer(),
    "add_timers": lambda tx: tx.add_timers([Timer(part=7, due=NOON, kind="expire", ref="i")]),
    "due_timers": lambda tx: tx.due_timers(NOON, 300),
    "enqueue": lambda tx: tx.enqueue([NewDelivery(delivery=ROW, due=NOON)]),
    "claim": lambda tx: [tx.claim("mail", NOON, LATER, 32, held) for held in ((), HELD, (EVERYTHING,), (*HELD, EVERYTHING))],
    "finish": lambda tx: tx.finish(ROW, DeliveryState.DONE, reason=None, external_id="17", url=None),
    "postpone": lambda tx: tx.postpone(ROW, LATER, "busy"),
    "overdue": lambda tx: [tx.overdue(NOON), tx.overdue(None)],
    "next_due": lambda tx: [tx.next_due("mail", held) for held in ((), HELD, (EVERYTHING,), (*HELD, EVERYTHING))],
    "effects": lambda tx: tx.effects("r"),
    "drop_unsent": lambda tx: tx.drop_unsent("r", "cancelled"),
    "revive": lambda tx: tx.revive("r", "automation.happy/0", NOON),
    "adopt": lambda tx: tx.adopt(ROW, "r"),
    "deliveries": lambda tx: tx.deliveries([1, 2]),
    "pauses": lambda tx: tx.pauses(),
    "sends": lambda tx: tx.sends(NOON, LATER),
    "count_sends": lambda tx: tx.count_sends(1, NOON),
    "suppressed": lambda tx: tx.suppressed(b"digest", NOON),
    "deployment": lambda tx: [tx.deployment(1), tx.deployment()],
    "deployed": lambda tx: tx.deployed(),
    "setting": lambda tx: tx.setting("ready"),
    "put_setting": lambda tx: tx.put_setting("ready", ""),
}
# What a person asks for, or what concerns tables that are small by their own bounds.
SOMETIMES = frozenset(
    "set_aside replay discard held held_behind keep_unread unread forget_unread note noted contact_ids answers_of_survey funnel"
    " run_lines run_line outbox reopen withdraw deploy counts pause resume suppress suppresses".split()
)
GROWING = "suppression|event|object|alias|invitation|token|answer|ask|outbox|run|listener|timer"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    yield opened
    await opened.close()


@pytest.mark.parametrize("what", ALWAYS)
async def test_the_engine_reads_what_it_looks_for_and_not_the_table(store: SqliteStore, what: str) -> None:
    ran: list[str] = []

    def work(tx: Transaction) -> list[tuple[str, str]]:
        assert isinstance(tx, SqliteTransaction)
        tx.accept([EVENT], NOON)  # that another may wait behind
        tx.db.set_trace_callback(ran.append)
        ALWAYS[what](tx)
        tx.db.set_trace_callback(None)
        plans = ((sql, tx.db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()) for sql in ran)
        return [(step[3], sql) for sql, steps in plans for step in steps if re.fullmatch(rf"SCAN ({GROWING})( AS \w+)?", step[3])]

    assert await store.write(work) == []
    assert ran


def test_every_piece_of_work_is_one_of_these() -> None:
    known = {name for name in {**vars(Transaction), **vars(Brakes)} if not name.startswith("_")} - {"attempt"}
    assert known - SOMETIMES == ALWAYS.keys(), "say whether the engine does it all the time"

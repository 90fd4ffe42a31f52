"""The store through any interleaving of ingest, turns, claims, results, timers and crashes: what always holds, holds after each step."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import shutil
import tempfile
from collections.abc import Coroutine
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import small_project
import stored
from bench import NOON, Bench, event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.clock import VirtualClock
from engine.model.delivery import DeliveryState, Outcome, Rejected, Repeat, Sent, Unclear
from engine.model.events import Event
from engine.runtime.claim import Claimed, recover
from engine.runtime.results import Result, backoff, state_after, write_results
from engine.runtime.turn import run_turn
from engine.store.sqlite.files import problems
from engine.store.sqlite.store import SqliteStore

T = TypeVar("T")

REPEAT = {"mail": Repeat.NEITHER, "desk": Repeat.KEYED}
OVER = {state.value for state in (DeliveryState.DONE, DeliveryState.DEAD, DeliveryState.DROPPED, DeliveryState.UNKNOWN)}
KINDS = ["order", "call", "nonsense", "unknown"]
OUTCOMES: dict[str, Outcome] = {
    "sent": Sent(external_id="x1"),
    "refused for now": Rejected(reason="busy", permanent=False),
    "refused for good": Rejected(reason="no such user", permanent=True),
    "unclear": Unclear(reason="the line broke"),
}


class StoreMachine(RuleBasedStateMachine):
    """The store is real, and so is everything that works on it. The model knows only what was acknowledged and what may have gone out."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="sounding-machine-"))
        self.opened: list[SqliteStore] = []
        self.clock = VirtualClock(NOON)
        self.bench: Bench
        self.lives = count(1)
        self.chance = random.Random(1)
        self.acknowledged: dict[str, Event] = {}
        self.decided: dict[str, list[str]] = {}  # event → keys of its effects, once it is decided
        self.under_way: list[Claimed] = []
        self.late: list[Claimed] = []  # attempts whose result was written
        self.gone_out: set[str] = set()  # keys of mail to respondents that may have reached them
        self.over: dict[str, tuple[str, int]] = {}  # key → state and attempt, once nothing may change any more

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        for store in self.opened:
            self.do(store.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def open(self, path: Path) -> None:
        store = SqliteStore(path)
        self.opened.append(store)
        self.bench = Bench(store, clock=self.clock)

    @initialize()
    def begin(self) -> None:
        self.open(self.folder / "life-0" / "store.db")
        self.do(self.bench.deploy(small_project.definitions()))
        for number in range(1, 7):
            self.ingest_one(number, "call" if number % 2 else "order", number % 3)

    # -- what happens -------------------------------------------------------------------------------------------------

    @rule(which=st.lists(st.tuples(st.integers(1, 20), st.sampled_from(KINDS), st.integers(0, 2)), min_size=1, max_size=6))
    def ingest(self, which: list[tuple[int, str, int]]) -> None:
        for number, kind, who in which:
            self.ingest_one(number, kind, who)

    def ingest_one(self, number: int, kind: str, who: int) -> None:
        contact = {"id": f"c{who}", "email": f"c{who}@example.test"}
        made: dict[str, tuple[str, dict[str, Any]]] = {
            "order": ("order.delivered", {"contact": contact, "deal": {"id": f"d{number}", "title": "Coat"}}),
            "call": ("help.wanted", {"contact": contact, "topic": "sizes"}),
            "nonsense": ("help.wanted", {"contact": contact, "topic": 7}),
            "unknown": ("never.heard", {"contact": contact}),
        }
        one = event(*made[kind], id=f"e{number}", time=self.clock.now())
        (fresh,) = self.do(self.bench.accept(one))
        assert fresh == (one.id not in self.acknowledged), "an event that came before is known, whatever happened meanwhile"
        self.acknowledged.setdefault(one.id, one)

    @rule(limit=st.integers(1, 20))
    def turn(self, limit: int) -> None:
        self.do(self.bench.store.write(lambda tx: run_turn(tx, self.bench.versions, self.clock.now(), limit)))

    @rule(hours=st.sampled_from([-30, 1, 50, 50, 500]))
    def time_passes(self, hours: int) -> None:
        self.clock.advance(dt.timedelta(hours=hours))

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        for connection in REPEAT:
            for item in self.do(self.bench.claim(connection, limit)):
                assert item.delivery.key not in self.gone_out, "a respondent may have it already"
                self.under_way.append(item)

    @precondition(lambda self: self.under_way)
    @rule(names=st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=1, max_size=4))
    def results(self, names: list[str]) -> None:
        for name in names[: len(self.under_way)]:
            item = self.under_way.pop(0)
            if item.delivery.respondent and name in ("sent", "unclear"):
                self.gone_out.add(item.delivery.key)
            self.write(item, name)
            self.late.append(item)

    def write(self, item: Claimed, name: str) -> None:
        outcome, delivery = OUTCOMES[name], item.delivery
        state = state_after(delivery, outcome, REPEAT[delivery.connection])
        wait = backoff(delivery, outcome, self.chance)
        made = Result(item=item, outcome=outcome, state=state, at=self.clock.now(), wait=wait)
        self.do(self.bench.store.write(lambda tx: write_results(tx, [made])))

    @precondition(lambda self: self.late)
    @rule(which=st.integers(0, 20), name=st.sampled_from(sorted(OUTCOMES)))
    def another_result_of_the_same_attempt(self, which: int, name: str) -> None:
        before = self.outbox()
        self.write(self.late[which % len(self.late)], name)
        assert self.outbox() == before, "a late result changes nothing"

    @rule()
    def crash(self) -> None:
        """The process is gone between two commits; the next one opens the files as they lie there."""
        path = stored.copy(self.bench.store.path, self.folder / f"life-{next(self.lives)}")
        for item in self.under_way:
            if item.delivery.respondent:
                self.gone_out.add(item.delivery.key)  # nobody knows
        self.under_way.clear()
        self.open(path)
        keyed = [name for name, repeat in REPEAT.items() if repeat is Repeat.KEYED]
        now = self.clock.now()
        self.do(self.bench.store.write(lambda tx: recover(tx, tx.overdue(None), keyed, "it crashed", now)))

    # -- what always holds --------------------------------------------------------------------------------------------

    def outbox(self) -> list[dict[str, Any]]:
        return stored.rows(self.bench.store.path, "SELECT id, key, event, state, attempt, due, reason FROM outbox ORDER BY id")

    @invariant()
    def the_store_is_sound(self) -> None:
        assert list(problems(self.bench.store.path)) == []

    @invariant()
    def acknowledged_is_kept_once(self) -> None:
        rows = stored.rows(self.bench.store.path, "SELECT id, state FROM event WHERE source = 'shop'")
        assert sorted(row["id"] for row in rows) == sorted(self.acknowledged)
        assert not [row for row in rows if row["state"] == 3], "nothing in here makes the engine fail"

    @invariant()
    def decided_once(self) -> None:
        rows = stored.rows(
            self.bench.store.path,
            "SELECT e.id, o.key FROM event e LEFT JOIN outbox o ON o.event = e.seq WHERE e.source = 'shop' AND e.state <> 0 ORDER BY o.id",
        )
        found: dict[str, list[str]] = {}
        for row in rows:
            found.setdefault(row["id"], []).extend([row["key"]] if row["key"] else [])
        for id_, keys in self.decided.items():
            assert found[id_] == keys
        self.decided = found

    @invariant()
    def what_is_over_stays_so(self) -> None:
        now = {row["key"]: (row["state"], row["attempt"]) for row in self.outbox()}
        for key, was in self.over.items():
            assert now[key] == was
        self.over = {key: found for key, found in now.items() if found[0] in OVER}

    @invariant()
    def under_way_is_what_is_being_sent(self) -> None:
        sending = {row["id"]: row["attempt"] for row in self.outbox() if row["state"] == "sending"}
        assert sending == {item.delivery.id: item.delivery.attempt for item in self.under_way}

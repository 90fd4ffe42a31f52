"""Whatever automations there are and whatever happens, the runs on a store do what the pure machine does in memory, where every event
is looked at alone, every run is asked whether it is concerned, and nothing is ever written or forgotten."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import small_project
import stored
from bench import NOON, Bench, event
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import VirtualClock
from engine.model.definitions import Automation, Definitions, Step
from engine.model.delivery import DeliveryState, Rejected, Sent
from engine.model.policies import RunMode
from engine.model.runs import OVER, Delivered, Died, Due, Happened, Happening, Outcome, Replied, Run, RunState
from engine.model.span import Span
from engine.model.terms import Constant, Expression, Load
from engine.model.texts import Template
from engine.model.types import BOOLEAN
from engine.rules.compile import RuleSet
from engine.rules.flow import Act, Flow, advance, begin, cancelled, listens, released, resume, retried
from engine.runtime.steering import retry_run
from engine.schedule.durations import Duration
from engine.store.sqlite import files
from engine.store.sqlite.store import SqliteStore

HERE = Span("a.yaml", 1, 1, 1, 2)
HOUR = dt.timedelta(hours=1)


def text(words: str) -> Template:
    return Template(text=words, body=None, at=HERE)


def step(action: str, **parts: Any) -> Step:
    return Step(**{"action": action, "via": None, "condition": None, "content": {}, "at": HERE, **parts})


BUYER = Expression(text="contact.buyer", term=Load(type=BOOLEAN, path=("contact", "buyer")), at=HERE)
ALWAYS = Expression(text="true", term=Constant(type=BOOLEAN, value=True), at=HERE)


class Maker:
    """Automations and happenings by a seed: every one of them is full of what can go wrong, which a search for the smallest is not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def guard(self) -> Expression | None:
        return self.random.choice([None, None, None, BUYER, ALWAYS])

    def tree(self, depth: int, least: int = 1) -> tuple[Step, ...]:
        return tuple(self.step(depth) for _ in range(self.random.randint(least, 4)))

    def branch(self, depth: int, chance: float = 1.0) -> tuple[Step, ...]:
        return self.tree(depth - 1) if depth and self.random.random() < chance else ()

    def step(self, depth: int) -> Step:
        hours = Duration(self.random.randint(1, 4), "h")
        match self.random.choice(["webhook", "ticket", "ticket", "update", "wait", "wait_for", "wait_for", "if", "stop"]):
            case "webhook":
                return step("webhook", via="hook", condition=self.guard(), on_failure=self.branch(depth, 0.3))
            case "ticket":
                name = self.random.choice("ab")
                return step("ticket", via="desk", condition=self.guard(), name=name, on_failure=self.branch(depth, 0.3))
            case "update":
                value = self.random.choice(["true", "false"])
                return step("update", condition=self.guard(), content={"contact": {"buyer": text(value)}})
            case "wait":
                return step("wait", duration=hours)
            case "wait_for":
                events = self.random.sample(["help.wanted", "deal.won", "a.closed", "b.updated"], self.random.randint(1, 2))
                return step("wait_for", events=tuple(events), at_most=hours, on_timeout=self.branch(depth, 0.5))
            case "if":
                condition = self.random.choice([BUYER, ALWAYS])
                return step("if", condition=condition, then=self.branch(depth), otherwise=self.branch(depth, 0.5))
        return step("stop", content={"reason": "enough"})

    def automation(self, name: str) -> Automation:
        while not names_what_it_waits_for(tree := self.tree(2, 2)):
            pass
        mode = RunMode(
            per=self.random.choice(["contact", "contact", "contact", "event", "company"]),
            mode=self.random.choice(["parallel", "single", "restart", "queue", "queue"]),
        )
        when = self.random.choice([("visit.ended",), ("visit.ended",), ("visit.ended", "help.wanted")])
        return Automation(name=name, when=when, condition=None, then=tree, run=mode, at=HERE)

    def script(self) -> list[tuple[str, Any]]:
        return [self.happening() for _ in range(self.random.randint(6, 18))]

    def happening(self) -> tuple[str, Any]:
        match self.random.choice(
            ["events", "events", "events", "pass", "pass", "arrive", "arrive", "arrive", "die", "reply", "retry", "crash"]
        ):
            case "events":
                types = ["visit.ended", "visit.ended", "help.wanted", "deal.won"]
                return "events", [(self.random.choice(types), self.random.choice("1112")) for _ in range(self.random.randint(1, 4))]
            case "pass":
                return "pass", self.random.randint(1, 3)
            case "arrive" | "die" as what:
                return what, self.random.choice(["hook", "desk", "desk"])
            case "reply":
                return "reply", (self.random.randint(0, 5), self.random.choice(["open", "pending", "solved"]))
            case "retry":
                return "retry", self.random.randint(0, 5)
        return "crash", None


def every(tree: tuple[Step, ...]) -> Iterator[Step]:
    for one in tree:
        yield one
        for branch in (one.then, one.otherwise, one.on_timeout, one.on_failure):
            yield from every(branch)


def names_what_it_waits_for(tree: tuple[Step, ...]) -> bool:
    """As the language demands."""
    made = {f"{one.name}.{verb}" for one in every(tree) if one.name is not None for verb in ("closed", "updated")}
    return {event for one in every(tree) for event in one.events} <= made | {"help.wanted", "deal.won"}


@dataclass(slots=True)
class Row:
    """An effect on its way, in the model."""

    run: str
    at: str
    via: str
    due: dt.datetime
    state: str = "pending"
    number: str | None = None


@dataclass(slots=True)
class Model:
    """Every run ever begun, asked about everything."""

    definitions: Definitions
    now: dt.datetime = NOON
    buyer: dict[str, bool] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    rules: RuleSet = field(init=False)

    def __post_init__(self) -> None:
        self.rules = RuleSet(self.definitions)

    def flow(self, run: Run) -> Flow:
        return self.rules.flow(run.automation)

    def go(self, run: Run) -> None:
        contact = run.subjects["contact"]

        def read() -> Mapping[str, object]:
            return {"contact": {"buyer": self.buyer.get(contact)}}

        def do(act: Act) -> Outcome | None:
            if act.step.action == "update":
                new: Any = act.step.content["contact"]
                self.buyer[contact] = new["buyer"].text == "true"
                return Delivered(act.at)
            assert act.step.via is not None
            if not any((row.run, row.at) == (run.id, act.at) for row in self.rows):
                self.rows.append(Row(run.id, act.at, act.step.via, self.now))
            return None

        moved = self.runs[run.id] = advance(self.flow(run), run, read, do, self.now, self.zone)
        if moved.state in OVER and moved.subject is not None:
            live = self.live(moved.automation, moved.subject)
            if live and all(one.state is RunState.QUEUED for one in live):
                self.go(released(live[0]))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.definitions.project.timezone)

    def live(self, automation: str, subject: str) -> list[Run]:
        found = [run for run in self.runs.values() if (run.automation, run.subject) == (automation, subject)]
        return [run for run in found if run.state not in OVER]

    def tell(self, id_: str, what: Happening) -> None:
        before = self.runs[id_]
        moved = resume(self.flow(before), before, what)
        if moved is not before:
            self.go(moved)

    def event(self, id_: str, type_: str, contact: str) -> None:
        kind = self.rules.events[type_]
        for run in list(self.runs.values()):
            if type_ in run.events and listens(run, kind) == f"contact/{contact}":
                self.tell(run.id, Happened(type_))
        for name, automation in sorted(self.definitions.automations.items()):
            if type_ in automation.when:
                self.begin(f"{id_}/{name}", automation, type_, contact)

    def begin(self, id_: str, automation: Automation, type_: str, contact: str) -> None:
        flow, mode = self.rules.flow(automation.name), automation.run
        subject = f"contact/{contact}" if mode.per == "contact" else None
        live = self.live(automation.name, subject) if subject is not None and mode.mode != "parallel" else []
        if live and mode.mode == "single":
            return
        if mode.mode == "restart":
            for run in live:
                self.runs[run.id] = cancelled(run, "a newer run began")
                for row in self.rows:
                    if row.run == run.id and row.state == "pending":
                        row.state = "dropped"
        queued = bool(live) and mode.mode == "queue"
        subjects = {"contact": contact}
        run = begin(flow, id=id_, deployment=2, subject=subject, type=type_, time=NOON, data={}, subjects=subjects, queued=queued)
        self.runs[id_] = run
        self.go(run)

    def pass_by(self, by: dt.timedelta) -> None:
        self.now += by
        while True:
            due = sorted((run.until, n) for n, run in enumerate(self.runs.values()) if run.until is not None and run.until <= self.now)
            if not due:
                return
            for _, number in due:
                self.tell(list(self.runs)[number], Due(self.now))

    def waiting(self, via: str) -> Row | None:
        return min((row for row in self.rows if row.via == via and row.state == "pending"), key=lambda row: row.due, default=None)

    def retry(self, id_: str) -> None:
        run = self.runs[id_]
        for row in self.rows:
            if row.run == id_ and row.at in run.dead and row.state == "dead":
                row.state, row.due = "pending", self.now
        self.go(retried(self.flow(run), run)[0])


class Real:
    """The same on a store. Its runs are named as the model's are."""

    def __init__(self, folder: Path, definitions: Definitions) -> None:
        self.path, self.definitions = folder / "store.db", definitions
        self.clock = VirtualClock(NOON)
        self.bench = Bench(SqliteStore(self.path), clock=self.clock)
        self.numbers: dict[str, int] = {}

    async def crash(self) -> None:
        await self.bench.store.close()
        self.bench = Bench(SqliteStore(self.path), clock=self.clock)

    async def names(self) -> dict[str, str]:
        """Store's id → the model's."""
        found = stored.rows(
            self.path, "SELECT r.id, e.id || '/' || r.automation AS name FROM run r JOIN event e ON e.seq = r.body ->> 'event'"
        )
        return {row["id"]: row["name"] for row in found}

    async def seen(self) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
        names = await self.names()
        runs = {names[run.id]: plain(run) for run in await self.bench.runs()}
        rows = [
            (names[line.delivery.run], line.delivery.position, line.delivery.state.value)
            for line in await self.bench.outbox()
            if line.delivery.run is not None
            and line.delivery.state is not DeliveryState.DROPPED  # in the turn of its making it leaves nothing
        ]
        people = stored.rows(self.path, "SELECT id, data ->> 'buyer' AS buyer FROM object WHERE kind = 'contact'")
        return runs, rows, {row["id"]: bool(row["buyer"]) for row in people}


def plain(run: Run) -> tuple[Any, ...]:
    return (run.state, run.at, run.until, run.events, dict(run.results), dict(run.statuses), run.dead, run.before)


def of_model(model: Model, ids: Sequence[str]) -> tuple[dict[str, Any], list[Any], dict[str, Any]]:
    runs = {run.id: plain(run) for run in model.runs.values() if not model.flow(run).immediate}
    rows = [(row.run, row.at, row.state) for row in model.rows if row.run in runs and row.state != "dropped"]
    return runs, rows, {contact: model.buyer.get(contact, False) for contact in ids}


async def play(folder: Path, definitions: Definitions, script: Sequence[tuple[str, Any]]) -> None:
    real, model = Real(folder, definitions), Model(definitions)
    try:
        await real.bench.deploy(small_project.definitions())
        await real.bench.deploy(definitions)
        people: list[str] = []
        for number, (what, with_) in enumerate(script):
            if what == "events":
                happened = [(f"e{number}.{n}", type_, contact) for n, (type_, contact) in enumerate(with_)]
                given: dict[str, Any] = {"help.wanted": {"topic": "t"}, "deal.won": {"deal": {"id": "d", "title": "Coat"}}}
                events = [event(t, {"contact": {"id": c}, **given.get(t, {})}, id=id_, time=real.clock.now()) for id_, t, c in happened]
                await real.bench.turn(*events)
                for id_, type_, contact in happened:
                    people += [] if contact in people else [contact]
                    model.event(id_, type_, contact)
            elif what == "pass":
                await real.bench.pass_by(with_ * HOUR)
                model.pass_by(with_ * HOUR)
            elif what in ("arrive", "die"):
                await deliver(real, model, with_, number if what == "arrive" else None)
            elif what == "reply":
                await answer(real, model, with_[0], with_[1], number)
            elif what == "retry":
                await try_again(real, model, with_)
            else:
                await real.crash()
            assert await real.seen() == of_model(model, people), (number, what, with_)
            assert list(files.problems(real.path)) == []
    finally:
        await real.bench.store.close()


async def deliver(real: Real, model: Model, via: str, number: int | None) -> None:
    """The oldest effect that is on its way through a connection arrives under a number, or is given up."""
    found, row = await real.bench.claim(via, limit=1), model.waiting(via)
    assert [item.delivery.position for item in found] == ([row.at] if row is not None else [])
    if row is None:
        return
    result = {"id": f"n{number}", **({"url": "u", "status": "open"} if via == "desk" else {})}
    outcome = Sent(external_id=f"n{number}", url="u") if number is not None else Rejected(reason="gone", permanent=True)
    await real.bench.answer(found[0], outcome)
    row.state, row.number = ("done", f"n{number}") if number is not None else ("dead", None)
    model.tell(row.run, Delivered(row.at, result) if number is not None else Died(row.at, "gone"))


async def answer(real: Real, model: Model, which: int, status: str, number: int) -> None:
    tickets = [row for row in model.rows if row.via == "desk" and row.number is not None]
    if not tickets:
        return
    row = tickets[which % len(tickets)]
    said = {"ticket": {"id": row.number, "status": status}}
    await real.bench.turn(event("ticket.updated", said, id=f"reply{number}", source="desk"))
    model.tell(row.run, Replied(row.at, "updated", status))


async def try_again(real: Real, model: Model, which: int) -> None:
    failed = [run for run in model.runs.values() if run.state is RunState.FAILED and not model.flow(run).immediate]
    # Beside another run of its object a run is not retried.
    failed = [run for run in failed if run.subject is None or not model.live(run.automation, run.subject)]
    if not failed:
        return
    run = failed[which % len(failed)]
    id_ = next(id_ for id_, name in (await real.names()).items() if name == run.id)
    await real.bench.store.write(lambda tx: retry_run(tx, real.bench.versions, id_, real.clock.now()))
    await real.bench.turn()
    model.retry(run.id)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_runs_on_a_store_do_what_the_machine_does_in_memory(seed: int) -> None:
    maker = Maker(seed)
    automations = {name: maker.automation(name) for name in ("one", "two")[: maker.random.randint(1, 2)]}
    definitions = replace(small_project.definitions(), automations=automations, cadences={})
    with TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), definitions, maker.script()))

"""The machine of steps does what plain nested control flow does, for whatever tree of steps and whatever happens, and storing it in
between changes nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.definitions import Automation, Definitions, EventType, Project, Step
from engine.model.policies import RunMode
from engine.model.runs import Delivered, Died, Due, Happened, Happening, Outcome, Replied, Run, RunState, Skipped, dump, load
from engine.model.span import Span
from engine.model.terms import Constant, Expression, Load
from engine.model.types import BOOLEAN, object_type
from engine.rules.flow import Act, Flow, advance, begin, resume, retried
from engine.schedule.durations import Duration

HERE = Span("a.yaml", 1, 1, 1, 2)
UTC = ZoneInfo("UTC")
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
EVENTS = {"go": EventType(name="go", objects=("contact",), fields={}), "ping": EventType(name="ping", objects=("contact",), fields={})}
PROJECT = Project(
    name="p",
    languages=("en",),
    timezone="UTC",
    public_url=None,
    objects={"contact": object_type({"vip": BOOLEAN, "angry": BOOLEAN})},
    identity=(),
    events=EVENTS,
    may_ask=None,
    connections={},
    at=HERE,
)
FIELDS = ("vip", "angry")


def expression(field: str) -> Expression:
    return Expression(text=f"contact.{field}", term=Load(type=BOOLEAN, path=("contact", field)), at=HERE)


def always(value: bool) -> Expression:
    return Expression(text=str(value).lower(), term=Constant(type=BOOLEAN, value=value), at=HERE)


conditions = st.one_of(st.sampled_from(FIELDS).map(expression), st.booleans().map(always))


def step(action: str, **parts: Any) -> Step:
    return Step(**{"action": action, "via": None, "condition": None, "content": {}, "at": HERE, **parts})


def steps(depth: int) -> st.SearchStrategy[tuple[Step, ...]]:
    branch = steps(depth - 1) if depth else st.just(())
    guard = st.one_of(st.none(), st.none(), conditions)
    one = st.one_of(
        st.builds(lambda g, f: step("message", condition=g, on_failure=f), guard, st.one_of(st.just(()), branch)),
        st.builds(lambda g, n, f: step("ticket", condition=g, name=n, on_failure=f), guard, st.sampled_from("ab"), branch),
        st.builds(lambda g: step("update", condition=g), guard),
        st.builds(lambda d: step("wait", duration=Duration(d, "d")), st.integers(0, 2)),
        st.builds(
            lambda e, d, t: step("wait_for", events=tuple(e), at_most=Duration(d, "d"), on_timeout=t),
            st.lists(st.sampled_from(["ping", "a.closed", "a.updated", "b.solved"]), min_size=1, max_size=2, unique=True),
            st.integers(1, 3),
            branch,
        ),
        st.builds(lambda c, t, e: step("if", condition=c, then=t, otherwise=e), conditions, branch, branch),
        st.builds(lambda: step("stop", content={"reason": "enough"})),
    )
    return st.lists(one, max_size=4).map(tuple)


trees = steps(2).filter(bool)


class World:
    """What both see: a contact whose fields change, and the effects of the one who looks."""

    def __init__(self, refusals: frozenset[str]) -> None:
        self.contact = dict.fromkeys(FIELDS, False)
        self.effects: list[str] = []
        self.refusals = refusals  # positions of updates that answer at once that they were given up

    def read(self) -> Mapping[str, object]:
        return {"contact": dict(self.contact)}

    def do(self, at: str, action: str) -> Outcome | None:
        self.effects.append(f"{action}@{at}")
        if action != "update":
            return None
        self.contact["vip"] = not self.contact["vip"]
        return Died(at, "no") if at in self.refusals else Delivered(at, {})


# -- the reference: nested calls that pause ---------------------------------------------------------------------------------

Pause = tuple[str, Any]


def every(tree: tuple[Step, ...]) -> Iterator[Step]:
    for one in tree:
        yield one
        for branch in (one.then, one.otherwise, one.on_timeout, one.on_failure):
            yield from every(branch)


class StoppedError(Exception):
    """A `stop` was reached."""


class Reference:
    """One run, as plain control flow. It pauses with what it waits for, and is sent what ended that."""

    def __init__(self, tree: tuple[Step, ...], world: World) -> None:
        self.world, self.now = world, NOON
        self.names: dict[str, str] = {}  # `as:` → position of the newest step
        self.replies: dict[str, set[str]] = {}  # position → verbs
        self.status: dict[str, str] = {}
        self.dead: set[str] = set()
        self.stopped = self.ended = False
        self.known = {one.name for one in every(tree)}
        self.machine = self.walk(tree, "")
        self.pause: Pause = next(self.machine)
        self.go()

    def send(self, what: object) -> None:
        try:
            self.pause = self.machine.send(what)
        except StopIteration:
            self.ended, self.pause = True, ("end", None)
        except StoppedError:
            self.ended, self.stopped, self.pause = True, True, ("end", None)

    def go(self) -> None:
        while self.pause[0] == "step" and not self.dead:
            self.send(None)

    def walk(self, tree: tuple[Step, ...], prefix: str) -> Generator[Pause, Any, None]:
        for number, one in enumerate(tree):
            at = f"{prefix}{number}"
            yield "step", at
            holds = one.condition is None or self.holds(one.condition)
            if one.action == "if":
                yield from self.walk(one.then if holds else one.otherwise, f"{at}/{'then' if holds else 'else'}/")
            elif holds:
                yield from self.take(one, at)

    def holds(self, condition: Expression) -> bool:
        term = condition.term
        return bool(term.value) if isinstance(term, Constant) else self.world.contact[condition.text.split(".")[1]]

    def take(self, one: Step, at: str) -> Generator[Pause, Any, None]:
        if one.action == "stop":
            raise StoppedError
        if one.action == "wait":
            assert one.duration is not None
            if one.duration.count:
                yield "time", self.now + dt.timedelta(days=one.duration.count)
            return
        if one.action == "wait_for":
            yield from self.listen(one, at)
            return
        blocks = one.name is not None or bool(one.on_failure)
        while True:
            outcome = self.world.do(at, one.action)
            if blocks and outcome is None:
                outcome = yield "delivery", at
            if isinstance(outcome, Delivered) and one.name is not None:
                self.names.pop(one.name, None)
                self.names[one.name] = at
            died = isinstance(outcome, Died) or (isinstance(outcome, Skipped) and one.name is not None)
            if not died:
                return
            if one.on_failure:
                yield "step", at
                yield from self.walk(one.on_failure, f"{at}/on_failure/")
                return
            self.dead.add(at)
            again = yield "failed", at
            if again is not None:  # its row of the outbox was sent again by itself
                self.dead.discard(at)
                if one.name is not None and isinstance(again, Delivered):
                    self.names[one.name] = at
                return

    def listen(self, one: Step, at: str) -> Generator[Pause, Any, None]:
        possible = []
        for event in one.events:
            name, _, verb = event.partition(".")
            if not verb or name not in self.known:
                possible.append(event)
            elif name in self.names:
                if verb in self.replies.get(self.names[name], ()):
                    self.replies[self.names[name]].discard(verb)
                    return
                possible.append(event)
        if not possible:
            return
        assert one.at_most is not None
        ended = yield "event", (self.now + dt.timedelta(days=one.at_most.count), possible)
        if ended == "timeout":
            yield "step", at
            yield from self.walk(one.on_timeout, f"{at}/on_timeout/")

    # what happens

    def tick(self) -> None:
        kind, what = self.pause
        if kind == "time" and what <= self.now:
            self.send(None)
        elif kind == "event" and what[0] <= self.now:
            self.send("timeout")
        self.go()

    def ping(self) -> None:
        if self.pause[0] == "event" and "ping" in self.pause[1][1]:
            self.send("ping")
        self.go()

    def reply(self, at: str, name: str, status: str) -> None:
        if self.ended and not self.dead:
            return
        before = self.status.get(at)
        verbs = {"updated"}
        if status != before:
            verbs |= {"solved"} if status == "solved" else set()
            verbs |= {"closed"} if status in ("solved", "closed") and before not in ("solved", "closed") else set()
        self.status[at] = status
        self.replies.setdefault(at, set()).update(verbs)
        ordered = [v for v in ("updated", "solved", "closed") if v in verbs]
        if self.pause[0] == "event" and not self.ended:
            for verb in ordered:
                if f"{name}.{verb}" in self.pause[1][1]:
                    self.replies[at].discard(verb)
                    self.send(verb)
                    break
        self.go()

    def outcome(self, outcome: Outcome, blocks: bool) -> None:
        at = outcome.at
        if self.pause == ("delivery", at):
            self.send(outcome)
        elif self.pause == ("failed", at):
            if not isinstance(outcome, Died) and not isinstance(outcome, Skipped):
                self.send(outcome)
        elif isinstance(outcome, Died):
            if not blocks:
                self.dead.add(at)
        else:
            self.dead.discard(at)
        self.go()

    def retry(self) -> None:
        self.world.effects += sorted(f"message@{at}" for at in self.dead if self.pause != ("failed", at))
        self.dead.clear()
        if self.pause[0] == "failed":
            self.send(None)
        self.go()


# -- the comparison -------------------------------------------------------------------------------------------------------

happenings = st.lists(
    st.one_of(
        st.tuples(st.just("tick"), st.integers(1, 30)),
        st.tuples(st.just("ping"), st.just(0)),
        st.tuples(st.just("deliver"), st.integers(0, 9)),
        st.tuples(st.just("skip"), st.integers(0, 9)),
        st.tuples(st.just("die"), st.integers(0, 9)),
        st.tuples(st.just("reply"), st.tuples(st.integers(0, 9), st.sampled_from(["open", "pending", "solved", "closed"]))),
        st.tuples(st.just("change"), st.sampled_from(FIELDS)),
        st.tuples(st.just("retry"), st.just(0)),
    ),
    max_size=14,
)


def stored(run: Run) -> Run:
    back = load(json.loads(json.dumps(dump(run))))
    assert back == replace(run, data=dict(run.data))
    return back


@settings(max_examples=300, deadline=None)
@given(trees, happenings, st.booleans(), st.frozensets(st.sampled_from(["0", "1", "2", "0/then/0"])))
def test_steps_are_taken_as_nested_control_flow_takes_them(
    tree: tuple[Step, ...], happens: list[tuple[str, Any]], store: bool, refusals: frozenset[str]
) -> None:
    automation = Automation(name="x", when=("go",), condition=None, then=tree, run=RunMode(), at=HERE)
    flow = Flow(automation, Definitions(project=PROJECT), EVENTS)
    ours, theirs = World(refusals), World(refusals)
    reference = Reference(tree, theirs)
    now = NOON

    def act(one: Act) -> Outcome | None:
        return ours.do(one.at, one.step.action)

    run = begin(flow, id="r", deployment=1, subject=None, type="go", time=NOON, data={}, subjects={})
    run = advance(flow, run, ours.read, act, now, UTC)

    def happened(what: Happening) -> Run:
        before = stored(run) if store else run
        after = resume(flow, before, what)
        return advance(flow, stored(after) if store else after, ours.read, act, now, UTC)

    def same() -> None:
        assert ours.effects == theirs.effects
        assert (run.state is RunState.FAILED) == bool(reference.dead)
        assert set(run.dead) == reference.dead
        if not reference.dead:
            assert (run.state is RunState.DONE) == reference.ended
            assert (run.reason == "enough") == reference.stopped
            kind, what = reference.pause
            assert run.until == (what if kind == "time" else what[0] if kind == "event" else None)
            assert list(run.events) == (what[1] if kind == "event" else [])

    same()
    for kind, what in happens:
        sent = sorted({effect.split("@")[1] for effect in ours.effects if not effect.startswith("update")})
        at = sent[(what if isinstance(what, int) else what[0] if isinstance(what, tuple) else 0) % len(sent)] if sent else None
        node = flow.nodes[at] if at is not None else None
        match kind:
            case "tick":
                now = reference.now = now + dt.timedelta(hours=4 * what)
                run = happened(Due(now))
                reference.tick()
            case "ping":
                run = happened(Happened("ping"))
                reference.ping()
            case "change":
                ours.contact[what] = not ours.contact[what]
                theirs.contact[what] = not theirs.contact[what]
            case "retry":
                run, again = retried(flow, run)
                ours.effects += sorted(f"message@{one.at}" for one in again)
                run = advance(flow, run, ours.read, act, now, UTC)
                reference.retry()
            case "reply" if at is not None and node is not None and node.step.name is not None:
                run = happened(Replied(at, "updated", what[1]))
                reference.reply(at, node.step.name, what[1])
            case "deliver" | "skip" | "die" if at is not None and node is not None:
                outcome: Outcome = Delivered(at) if kind == "deliver" else Skipped(at, "no") if kind == "skip" else Died(at, "no")
                run = happened(outcome)
                reference.outcome(outcome, node.blocks)
        same()

"""The steps of an automation as a resumable machine. Pure: it asks nobody and waits for nobody; it says what to do and where it stands.

How a runtime uses it, always within one transaction:

- An automation fires: ``begin`` makes a `Run`, ``advance`` takes its steps until it is blocked or over, and the run is stored
  (``model.runs.dump``). ``advance`` calls ``read`` before each step that looks at something, for the objects as they are now and
  the frozen part (the names of ``rules.scope.situation`` for ``run.type`` and ``run.data``); the results of earlier steps are
  added here. It calls ``do`` for each action: what is done within the transaction (`update`, `emit`, `suppress`, `ask`,
  `incentive`) answers at once with its outcome; for what goes to the outbox the answer is None, and its idempotency key must
  come from (run, position) alone, so that a step that is taken again is the same effect.
- ``run.until`` is a timer and ``run.events`` are what the run listens to, as long as its state is WAITING. When something happens,
  ``resume`` says where the run stands now (the very same run where that does not concern it), and ``advance`` goes on from there.
  It takes `Due` for a timer; `Happened` for one of ``run.events`` to the object that ``listens`` names, from when the run was stored
  as waiting; `Delivered`, `Skipped` or `Died` for the row of the outbox; `Replied` for what a step brought about, in whatever order
  it comes: a reply before the delivery is known counts as well.
- A run that is over frees its object: where others are QUEUED for it, the oldest becomes READY (``released``) and is advanced.
- A FAILED run goes on with ``retried``: its effects are sent again under their old keys, and its timer is set again.
- An automation that is ``immediate`` needs no stored run: all its steps are taken at once, and nothing happens to it later.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from engine.dsl.contract import STEP_EVENTS
from engine.dsl.expressions.to_python import Evaluator, to_function
from engine.model.definitions import Automation, Definitions, EventType, Step
from engine.model.runs import OVER, Delivered, Died, Due, Happened, Happening, Outcome, Replied, Run, RunState, Skipped
from engine.rules.needs import absent, of_step, promised, roots, templates_of

MAX_DEPTH = 16  # of a chain of emitted events
_FOR_CERTAIN = frozenset({"ticket", "task", "incentive"})  # their results are never missing, so to be skipped is to have failed
_CLOSED = ("solved", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Carry out one action of an automation."""

    automation: Automation
    at: str  # position of the step: "0", or "2/on_timeout/0" for one within another
    step: Step

    @property
    def origin(self) -> str:
        return f"automation.{self.automation.name}/{self.at}"


Read = Callable[[], Mapping[str, object]]
Do = Callable[[Act], Outcome | None]
Note = Callable[[str, str], None]  # position, what became of the step: for a trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A step where it stands in the tree."""

    at: str
    step: Step
    holds: Evaluator | None  # its `if`
    needs: frozenset[str]  # objects and results of steps without which it has no meaning
    act: Act
    after: str | None  # the step behind it, or behind the branch that it ends
    branches: Mapping[str, str]  # then, else, on_timeout, on_failure → the first step there
    blocks: bool  # later steps wait until its effect is delivered

    def why_not(self, scope: Mapping[str, object]) -> str | None:
        """The reason why the step is passed over; `if` where its condition does not hold."""
        for name in self.needs:
            if scope.get(name) is None:
                return absent(self.needs, scope)
        return "if" if self.holds is not None and not self.holds(scope) else None

    def onwards(self, reason: str | None) -> str | None:
        """The step behind one that only branches or is passed over."""
        branch = {None: "then", "if": "else"}.get(reason) if self.step.action == "if" else None
        return self.after if branch is None else self.branches.get(branch, self.after)


class Flow:
    """An automation's steps, laid out by position."""

    def __init__(self, automation: Automation, definitions: Definitions, events: Mapping[str, EventType]) -> None:
        self.automation = automation
        self.nodes: dict[str, Node] = {}
        self.works = definitions.project.works
        self._definitions = definitions
        # What may be missing behind one of its events may be missing for all that its types say.
        self._sure = frozenset(definitions.project.objects).intersection(*(promised(definitions, events[name]) for name in automation.when))
        named = {step.name: step.action for step in _all(automation.then) if step.name is not None}
        self.step_events = {f"{name}.{verb}": (name, verb) for name, action in named.items() for verb in STEP_EVENTS.get(action, ())}
        self.first = self._lay(automation.then, "", None, frozenset())
        nodes = self.nodes.values()
        actions = [node.step.action for node in nodes]
        # What a step looks at may have been updated by an earlier one, so it is taken when that is done.
        looks = any(node.holds is not None for node in nodes) or actions.count("update") > 1
        self.immediate = (
            automation.run.mode == "parallel"
            and not any(node.blocks for node in nodes)
            and not {"wait", "wait_for", "emit"} & set(actions)
            and not ("update" in actions and looks)
        )

    def _lay(self, steps: tuple[Step, ...], prefix: str, behind: str | None, named: frozenset[str]) -> str | None:
        """``named`` are the earlier steps whose results are there. That of a guarded one may be missing, which its readers provide for."""
        for number, step in enumerate(steps):
            at = f"{prefix}{number}"
            after = f"{prefix}{number + 1}" if number + 1 < len(steps) else behind
            inner = (("then", step.then), ("else", step.otherwise), ("on_timeout", step.on_timeout), ("on_failure", step.on_failure))
            branches = {name: self._lay(branch, f"{at}/{name}/", after, named) for name, branch in inner if branch}
            read = roots(step.condition.term) if step.condition is not None else frozenset()
            texts = (roots(expression.term) for template in templates_of(step.content) for expression in template.expressions)
            self.nodes[at] = Node(
                at=at,
                step=step,
                holds=to_function(step.condition.term) if step.condition is not None else None,
                needs=of_step(step, self._definitions, self._sure) | named & read.union(*texts),
                act=Act(automation=self.automation, at=at, step=step),
                after=after,
                branches={name: first for name, first in branches.items() if first is not None},
                blocks=step.name is not None or bool(step.on_failure),
            )
            if step.name is not None and step.condition is None:
                named |= {step.name}
        return f"{prefix}0" if steps else None

    def acts(self, scope: Mapping[str, object], passed: list[tuple[str, str]], note: Note | None = None) -> list[Act]:
        """The actions of an `immediate` automation, in order. Those that are passed over go to ``passed``: origin, reason."""
        found = []
        at = self.first
        while at is not None:
            node = self.nodes[at]
            reason = node.why_not(scope)
            if reason is None and node.step.action != "if":
                _tell(note, node, node.step.action)
                if node.step.action == "stop":
                    break
                found.append(node.act)
                at = node.after
                continue
            _tell(note, node, reason or "then")
            if reason is not None and (node.step.action != "if" or reason != "if"):
                passed.append((node.act.origin, reason))
            at = node.onwards(reason)
        return found


def _all(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        for branch in (step.then, step.otherwise, step.on_timeout, step.on_failure):
            yield from _all(branch)


def begin(
    flow: Flow,
    *,
    id: str,
    deployment: int,
    subject: str | None,
    type: str,
    time: dt.datetime,
    data: Mapping[str, Any],
    subjects: Mapping[str, str],
    event: int | None = None,
    depth: int = 0,
    queued: bool = False,
) -> Run:
    """A run before its first step. The condition of the automation held; whether it may start now, ``rules.decide`` says."""
    return Run(
        id=id,
        automation=flow.automation.name,
        deployment=deployment,
        subject=subject,
        type=type,
        time=time,
        data=data,
        subjects=subjects,
        event=event,
        depth=depth,
        state=RunState.QUEUED if queued else RunState.READY,
        at=flow.first,
    )


def advance(flow: Flow, run: Run, read: Read, do: Do, now: dt.datetime, zone: ZoneInfo, note: Note | None = None) -> Run:
    """Take the steps of a READY run until it is blocked or over; any other run stays as it is.

    ``note`` is told what became of each step that was looked at.
    """
    while run.state is RunState.READY:
        if run.at is None:
            return replace(run, state=RunState.DONE)
        node = flow.nodes[run.at]
        reason = node.why_not(_scope(flow, run, read)) if node.needs or node.holds is not None else None
        if reason is None and node.step.action != "if":
            run = _judged(_take(flow, run, node, do, now, zone, note))
        else:
            _tell(note, node, reason or "then")
            run = replace(run, at=node.onwards(reason))
    return run


def _scope(flow: Flow, run: Run, read: Read) -> Mapping[str, object]:
    """The names of the moment, the results of earlier steps among them; the newest where two steps have one name."""
    results = results_of(flow, run)
    return {**read(), **results} if results else read()


def results_of(flow: Flow, run: Run) -> dict[str, Mapping[str, Any]]:
    """What steps with `as:` gave, by that name: a part of the scope of the run's texts."""
    found = {}
    for at, result in run.results.items():
        name, status = flow.nodes[at].step.name, run.statuses.get(at)
        if name is not None:
            found[name] = result if status is None else {**result, "status": status}
    return found


def _tell(note: Note | None, node: Node, what: str) -> None:
    if note is not None:
        note(node.at, what)


def _take(flow: Flow, run: Run, node: Node, do: Do, now: dt.datetime, zone: ZoneInfo, note: Note | None) -> Run:
    step = node.step
    match step.action:
        case "stop":
            reason = step.content.get("reason")
            _tell(note, node, "stop")
            return replace(run, state=RunState.DONE, at=None, reason=reason if isinstance(reason, str) else None)
        case "wait":
            assert step.duration is not None
            until = step.duration.after(now, zone, flow.works)
            _tell(note, node, f"wait until {until.isoformat(timespec='seconds')}")
            return replace(run, state=RunState.WAITING, until=until) if until > now else replace(run, at=node.after)
        case "wait_for":
            return _listen(flow, run, node, now, zone, note)
    if step.action == "emit" and run.depth >= MAX_DEPTH:
        _tell(note, node, "the chain of emitted events is too long")
        return _failed(run, node, f"more than {MAX_DEPTH} events were emitted one by another: they go round in a circle")
    _tell(note, node, step.action)
    outcome = do(node.act)
    return replace(run, state=RunState.WAITING) if node.blocks and outcome is None else _settled(run, node, outcome)


def _listen(flow: Flow, run: Run, node: Node, now: dt.datetime, zone: ZoneInfo, note: Note | None) -> Run:
    """Wait for an event, unless it happened to a step of ours already, or never can."""
    step = node.step
    newest = {flow.nodes[at].step.name: at for at in run.results}
    possible = []
    for event in step.events:
        name, verb = flow.step_events.get(event, (None, ""))
        if name is None:
            possible.append(event)
        elif name in newest and verb in run.happened.get(newest[name], ()):
            _tell(note, node, f"{event} happened before")
            return replace(run, at=node.after, happened=_taken(run, newest[name], verb))
        elif name in newest:
            possible.append(event)
    if not possible:
        _tell(note, node, f"no {step.events[0].split('.')[0]}")
        return replace(run, at=node.after)
    assert step.at_most is not None
    _tell(note, node, f"wait for {' or '.join(possible)}")
    return replace(run, state=RunState.WAITING, until=step.at_most.after(now, zone, flow.works), events=tuple(possible))


def _taken(run: Run, at: str, verb: str) -> dict[str, tuple[str, ...]]:
    """An event ends one wait: a later wait for the same waits for the next one."""
    return {**run.happened, at: tuple(known for known in run.happened[at] if known != verb)}


def _settled(run: Run, node: Node, outcome: Outcome | None) -> Run:
    """Behind an action whose outcome is known, or is not waited for."""
    certain = node.step.name is not None and node.step.action in _FOR_CERTAIN
    results = run.results
    match outcome:
        case Died(_, reason):
            return _failed(run, node, reason)
        case Skipped(_, reason) if certain:
            return _failed(run, node, reason)
    if node.step.name is not None and isinstance(outcome, Delivered):
        # The newest last: where two steps have one name, that one is meant.
        results = {**{at: found for at, found in results.items() if at != node.at}, node.at: outcome.result}
    return replace(_to(run, node.after), results=results, dead=tuple(at for at in run.dead if at != node.at))


def _to(run: Run, at: str | None) -> Run:
    """A run that can take the step at ``at``."""
    return replace(run, state=RunState.READY, at=at, until=None, events=())


def _failed(run: Run, node: Node, reason: str) -> Run:
    if "on_failure" in node.branches:
        return _to(run, node.branches["on_failure"])
    return replace(_to(run, node.at), dead=tuple(dict.fromkeys((*run.dead, node.at))), failure=reason)


def _judged(run: Run) -> Run:
    """A run is failed as long as an effect of it is given up, wherever it stands meanwhile."""
    if not run.dead:
        return run if run.failure is None else replace(run, failure=None)
    return run if run.state is RunState.FAILED else replace(run, state=RunState.FAILED, before=run.state)


# -- what happens to a run that is stored -----------------------------------------------------------------------------------


def resume(flow: Flow, run: Run, what: Happening) -> Run:
    """Where a run stands after something happened; the same run where that does not concern it."""
    live = run if run.before is None else replace(run, state=run.before, before=None)
    moved = _resumed(flow, live, what)
    if moved is live:
        return run
    if run.state is RunState.FAILED and not run.dead:  # the engine failed at it: only `retried` takes it up again
        return replace(moved, state=RunState.FAILED, before=moved.state)
    return _judged(moved)


def _resumed(flow: Flow, run: Run, what: Happening) -> Run:
    waiting = run.state is RunState.WAITING and run.at is not None
    match what:
        case Due(now) if waiting and run.until is not None and run.until <= now:
            node = flow.nodes[run.at or ""]
            return _to(run, node.branches.get("on_timeout", node.after))
        case Happened(type_) if waiting and type_ in run.events and type_ not in flow.step_events:
            return _to(run, flow.nodes[run.at or ""].after)
        case Replied() if run.state not in OVER:
            return _replied(flow, run, what)
        case Delivered() | Skipped() | Died() if run.state not in (RunState.CANCELLED, RunState.QUEUED):
            return _told(flow, run, what)
    return run


def _told(flow: Flow, run: Run, outcome: Outcome) -> Run:
    """The outcome of an effect that was on its way, or of one that was given up and sent again."""
    node, known = flow.nodes.get(outcome.at), outcome.at in run.dead
    if node is None or (known and isinstance(outcome, Died)):
        return run
    if node.blocks and run.at == outcome.at:
        return _settled(run, node, outcome)
    if isinstance(outcome, Died) and not node.blocks:
        return replace(run, dead=(*run.dead, outcome.at), failure=outcome.reason)
    return replace(run, dead=tuple(at for at in run.dead if at != outcome.at)) if known else run


def _replied(flow: Flow, run: Run, reply: Replied) -> Run:
    name = flow.nodes[reply.at].step.name if reply.at in flow.nodes else None
    if name is None:
        return run
    before = run.statuses.get(reply.at) or run.results.get(reply.at, {}).get("status")
    verbs = [reply.verb]
    if reply.status is not None and reply.status != before:
        verbs += ["updated", *(["solved"] if reply.status == "solved" else [])]
        verbs += ["closed"] if reply.status in _CLOSED and before not in _CLOSED else []
        run = replace(run, statuses={**run.statuses, reply.at: reply.status})
    run = replace(run, happened={**run.happened, reply.at: tuple(dict.fromkeys([*run.happened.get(reply.at, ()), *verbs]))})
    for verb in verbs if run.state is RunState.WAITING and run.at is not None else ():
        if f"{name}.{verb}" in run.events:
            return replace(_to(run, flow.nodes[run.at or ""].after), happened=_taken(run, reply.at, verb))
    return run


def listens(run: Run, kind: EventType) -> str | None:
    """KIND/KEY of the object to which an event must happen for the run: that of the run, else what its own event was about too."""
    if run.subject is not None:
        return run.subject
    for name in (*kind.objects, "contact", "company"):
        if name in run.subjects:
            return f"{name}/{run.subjects[name]}"
    return None


def released(run: Run) -> Run:
    """A queued run whose turn has come."""
    return replace(run, state=RunState.READY) if run.state is RunState.QUEUED else run


def cancelled(run: Run, reason: str) -> Run:
    """A run that goes no further; what of its effects is not sent yet, the caller drops from the outbox."""
    return run if run.state in OVER else replace(run, state=RunState.CANCELLED, until=None, events=(), reason=reason)


def retried(flow: Flow, run: Run) -> tuple[Run, tuple[Act, ...]]:
    """A failed run as it goes on, and the effects to send again besides that of the step where it stands.

    They are the same effects, with the same idempotency keys. Any other run stays as it is.
    """
    if run.state is not RunState.FAILED or run.before is None:
        return run, ()
    again = tuple(flow.nodes[at].act for at in run.dead if at != run.at)
    return replace(run, state=run.before, before=None, dead=(), failure=None), again

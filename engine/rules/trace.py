"""Why an event led to what it led to: for each rule that waits for it the condition, the values that it read, and what decided.

The decision is made by ``rules.decide`` as ever; this only looks at it again, rule by rule, so it costs nothing where nobody asks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from engine.dsl.expressions import tree as p
from engine.dsl.expressions.interpret import evaluate, load
from engine.dsl.expressions.meaning import now
from engine.dsl.expressions.parse import parse
from engine.dsl.expressions.unparse import unparse
from engine.model import terms as t
from engine.model.definitions import Automation, Cadence, address
from engine.model.runs import Delivered, Outcome, Run
from engine.model.span import Span
from engine.rules.compile import Candidate, RuleSet
from engine.rules.decide import NO_SUBJECTS, Active, Decision, decide, nobody
from engine.rules.eligibility import no_address, reaching
from engine.rules.flow import Act, Flow, advance, begin
from engine.rules.needs import absent, templates_of
from engine.rules.scope import Situation
from engine.rules.steps import action_text

_HEADINGS = ("to", "subject", "title")
Scope = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """The smallest part of a condition that decided its value, with what it read."""

    text: str
    at: Span
    holds: bool
    read: Mapping[str, object]  # path → value, None where it is missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A condition, and what made it hold or not."""

    key: str  # if, where, may_ask
    text: str
    at: Span
    holds: bool
    decided: tuple[Operand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTrace:
    number: str  # its position: 0, or 2/then/0 for one within another
    action: str
    at: Span
    text: str  # the step on one line: `ticket via desk as case`
    says: Mapping[str, str]  # whom it would reach and under which heading, as it is written: to, subject, title
    outcome: str  # would be sent, then, else, passed over, wait …; and why, where no condition says it
    condition: Judged | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrace:
    address: str
    at: Span
    fired: bool
    reason: str | None  # why not; of a cadence that fired, what the sending would say now
    conditions: tuple[Judged, ...]
    steps: tuple[StepTrace, ...]
    due: dt.datetime | None = None  # of an invitation
    cancels: bool = False  # a cadence that takes back what it has not sent


def explain(
    rules: RuleSet,
    event_type: str,
    there: Situation,
    zone: ZoneInfo,
    *,
    time: dt.datetime,
    subjects: Mapping[str, str] = NO_SUBJECTS,
    active: Active = nobody,
) -> tuple[RuleTrace, ...]:
    """Every rule that waits for an event, in the situation that the event met: cadences that take back first, then in address order."""
    scope = there.scope
    decision = decide(rules, event_type, scope, subjects, active)
    taken_back = (
        RuleTrace(address=address(cadence), at=cadence.at, fired=True, reason=None, conditions=(), steps=(), cancels=True)
        for cadence in rules.cancelling(event_type)
    )
    return (*taken_back, *(_rule(rules, candidate, decision, scope, zone, time, subjects) for candidate in rules.candidates(event_type)))


def _rule(
    rules: RuleSet,
    candidate: Candidate,
    decision: Decision,
    scope: Scope,
    zone: ZoneInfo,
    time: dt.datetime,
    subjects: Mapping[str, str],
) -> RuleTrace:
    rule, fired = candidate.rule, candidate.address in decision.fired
    reason = dict(decision.skipped).get(candidate.address)
    conditions = []
    lacking = absent(candidate.needs, scope)
    if rule.condition is not None and lacking is None:
        conditions.append(judged("if", rule.condition, scope))
    if not fired and reason is None:
        reason = lacking or "if"
    steps: tuple[StepTrace, ...] = ()
    due = None
    if isinstance(rule, Automation):
        steps = _steps(rules.flow(rule.name), scope, zone) if fired else ()
    elif reason is None or reason not in ("if", lacking):
        conditions += _asked(rules, rule, scope)
        if fired:
            due = max(rule.after.after(time, zone, rules.definitions.project.works) if rule.after is not None else time, now(scope))
            reason = rules.eligibility.refusal(rule, scope, subjects)
            if due <= now(scope) and _is_out_of_reach(rules, rule, scope):
                fired, due, reason = False, None, no_address(rule.via)
    return RuleTrace(
        address=candidate.address,
        at=rule.condition.at if rule.condition is not None else rule.at,
        fired=fired,
        reason=reason,
        conditions=tuple(conditions),
        steps=steps,
        due=due,
    )


def _is_out_of_reach(rules: RuleSet, cadence: Cadence, scope: Scope) -> bool:
    """Whether an invitation that is due at once is not even planned by the runtime. Of a later one the address may be known by then."""
    contact = scope.get("contact")
    return isinstance(contact, Mapping) and reaching(rules.definitions, cadence.via, contact) is None


def _asked(rules: RuleSet, cadence: Cadence, scope: Scope) -> list[Judged]:
    """Consent and audience, which are judged again when it is sent."""
    policy, audience = rules.definitions.project.may_ask, rules.definitions.audiences[cadence.audience]
    found = [] if policy is None or scope.get("contact") is None else [judged("may_ask", policy, scope)]
    if audience.where is not None and scope.get(audience.of) is not None:
        found.append(judged("where", audience.where, scope))
    return found


def _steps(flow: Flow, scope: Scope, zone: ZoneInfo) -> tuple[StepTrace, ...]:
    """The steps that are taken at once, up to where the run has to wait. What they would change is not changed."""
    notes: list[tuple[str, str]] = []

    def note(at: str, what: str) -> None:
        notes.append((at, what))

    def do(act: Act) -> Outcome | None:
        return Delivered(act.at) if act.step.via is None else None

    instant = now(scope)
    run: Run = begin(flow, id="", deployment=0, subject=None, type="", time=instant, data={}, subjects={})
    run = advance(flow, run, lambda: scope, do, instant, zone, note)
    return tuple(_step(flow, at, what, scope, waits=run.at == at) for at, what in notes)


def _step(flow: Flow, at: str, what: str, scope: Scope, *, waits: bool) -> StepTrace:
    node = flow.nodes[at]
    step = node.step
    if step.action == "if":
        outcome = what if what == "then" else "else" if step.otherwise else "passed over"
    elif what == step.action:
        outcome = "the run would end" if what == "stop" else "would be done" if step.via is None else "would be sent"
        outcome += "; the next steps wait until it is delivered" if waits and node.blocks else ""
    elif what.startswith("wait"):
        outcome = what
    else:
        outcome = "passed over" if what == "if" else f"passed over: {what}"
    guard = step.condition
    readable = guard is not None and absent(node.needs, scope) is None
    return StepTrace(
        number=at,
        action=step.action,
        at=step.at,
        text=action_text(step),
        says={key: template.text for key in _HEADINGS for template in [*templates_of(step.content.get(key))][:1]},
        outcome=outcome,
        condition=judged("if", guard, scope) if guard is not None and readable else None,
    )


def judged(key: str, expression: t.Expression, scope: Scope) -> Judged:
    """A condition with the smallest operands that decided it."""
    return Judged(
        key=key,
        text=expression.text,
        at=expression.at,
        holds=bool(evaluate(expression.term, scope)),
        decided=tuple(_decided(expression, parse(expression.text), expression.term, scope)),
    )


def _decided(expression: t.Expression, tree: p.Node, term: t.Term, scope: Scope) -> list[Operand]:
    """Of `and` the first operand that does not hold, of `or` the first that does; else all of them together decided."""
    match tree, term:
        case p.Logic(_, _, parts), (t.And(operands=operands) | t.Or(operands=operands)) if len(parts) == len(operands):
            decisive = isinstance(term, t.Or)
            for part, operand in zip(parts, operands, strict=True):
                if bool(evaluate(operand, scope)) is decisive:
                    return _decided(expression, part, operand, scope)
            return [one for part, operand in zip(parts, operands, strict=True) for one in _decided(expression, part, operand, scope)]
        case p.Unary(_, "not", part), t.Not(operand=operand) if isinstance(part, p.Logic | p.Unary):
            return _decided(expression, part, operand, scope)
    read = {".".join(path): load(scope, path) for path in dict.fromkeys(t.paths(term))}
    return [Operand(text=unparse(tree), at=expression.place(term.offset), holds=bool(evaluate(term, scope)), read=read)]

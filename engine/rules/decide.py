"""What follows from one event: pure, and the same for `decide`, a test, a simulation and the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.dsl.expressions.interpret import evaluate
from engine.model.definitions import Automation, Cadence, Step
from engine.rules.compile import RuleSet
from engine.rules.eligibility import may_ask
from engine.rules.needs import absent


@dataclass(frozen=True, slots=True)
class Ask:
    """Plan an invitation."""

    cadence: Cadence


@dataclass(frozen=True, slots=True)
class Act:
    """Carry out one step of an automation."""

    automation: Automation
    number: int  # of the step, from 0
    step: Step

    @property
    def origin(self) -> str:
        return f"automation.{self.automation.name}/{self.number}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule that waited for the event, or a step of one, that did nothing, with the reason."""

    address: str  # automation.rescue; of its first step automation.rescue/0
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    effects: tuple[Ask | Act, ...]
    fired: tuple[str, ...]  # addresses, in order
    skipped: tuple[Skipped, ...]


_NOTHING = Decision((), (), ())


def decide(rules: RuleSet, event_type: str, scope: Mapping[str, object]) -> Decision:
    """The effects of an event in the situation that ``scope`` describes."""
    candidates = rules.candidates(event_type)
    if not candidates:
        return _NOTHING
    effects: list[Ask | Act] = []
    fired: list[str] = []
    skipped: list[Skipped] = []
    holding = rules.holding(event_type, scope)
    for candidate in holding:
        rule = candidate.rule
        if isinstance(rule, Cadence):
            verdict = absent(candidate.steps[0], scope) or _pre_filter(rules, rule, scope)
            if verdict is not None:
                skipped.append(Skipped(candidate.address, verdict))
                continue
            effects.append(Ask(rule))
        else:
            for number, step in enumerate(rule.then):
                act = Act(rule, number, step)
                lacking = absent(candidate.steps[number], scope)
                if lacking is None and (step.condition is None or evaluate(step.condition.term, scope)):
                    effects.append(act)
                else:
                    skipped.append(Skipped(act.origin, lacking or "if"))
        fired.append(candidate.address)
    if len(holding) < len(candidates):
        there = {candidate.address for candidate in holding}
        passed_over = (candidate for candidate in candidates if candidate.address not in there)
        skipped += (Skipped(candidate.address, absent(candidate.needs, scope) or "if") for candidate in passed_over)
    return Decision(tuple(effects), tuple(fired), tuple(skipped))


def _pre_filter(rules: RuleSet, cadence: Cadence, scope: Mapping[str, object]) -> str | None:
    """A cadence that sends later is judged later: what is said no to here, the claim would refuse as well."""
    if scope.get("contact") is None:
        return "no contact"
    if cadence.after is not None and cadence.after.count:
        return None
    return may_ask(rules.definitions, cadence, scope).reason

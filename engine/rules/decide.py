"""What follows from one event: pure, and the same for `decide`, a test, a simulation and the daemon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.dsl.expressions.meaning import now
from engine.model.definitions import Cadence
from engine.model.policies import RunMode
from engine.rules.compile import RuleSet
from engine.rules.flow import Act, Flow
from engine.rules.needs import absent

NO_SUBJECTS: Mapping[str, str] = {}
Active = Callable[[str, str], bool]  # whether a run of the automation goes on, or is queued, for KIND/KEY


@dataclass(frozen=True, slots=True)
class Ask:
    """Plan an invitation."""

    cadence: Cadence


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """Begin a run (``rules.flow``)."""

    flow: Flow
    subject: str | None  # KIND/KEY of what it is for; none: its event alone
    queued: bool = False  # behind those of its subject
    replaces: bool = False  # those of its subject are cancelled: their waits, and what they have not sent


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take back the invitations of a cadence to the event's contact that are not on their way yet."""

    cadence: Cadence


Effect = Ask | Act | Begin | Cancel


@dataclass(frozen=True, slots=True)
class Decision:
    """Of the rules that waited for the event, those that are neither in ``fired`` nor in ``skipped`` have a condition that did not hold."""

    effects: tuple[Effect, ...]
    fired: tuple[str, ...]  # addresses, in order
    skipped: tuple[tuple[str, str], ...]  # rules, and steps as automation.rescue/0, that did nothing all the same: address, reason


_NOTHING = Decision((), (), ())


def nobody(automation: str, subject: str) -> bool:
    """No run goes on: the state of a decision by itself."""
    return False


def decide(
    rules: RuleSet,
    event_type: str,
    scope: Mapping[str, object],
    subjects: Mapping[str, str] = NO_SUBJECTS,
    active: Active = nobody,
) -> Decision:
    """The effects of an event in the situation that ``scope`` describes, whose objects have the keys in ``subjects``."""
    holding = rules.holding(event_type, scope)
    cancelling = rules.cancelling(event_type)
    if not holding and not cancelling:
        return _NOTHING
    effects: list[Effect] = [Cancel(cadence) for cadence in cancelling]  # first, so that what the event itself begins is not taken back
    fired: list[str] = []
    skipped: list[tuple[str, str]] = []
    for candidate in holding:
        rule, address = candidate.rule, candidate.address
        if isinstance(rule, Cadence):
            verdict = absent(candidate.says, scope) or _refusal(rules, rule, scope, subjects)
            if verdict is not None:
                skipped.append((address, verdict))
                continue
            effects.append(Ask(rule))
        else:
            flow = rules.flow(rule.name)
            if flow.immediate:
                effects += flow.acts(scope, skipped)
            else:
                begun = _begun(flow, rule.run, subjects, active)
                if begun is None:
                    skipped.append((address, f"run: one goes on for this {rule.run.per}"))
                    continue
                effects.append(begun)
        fired.append(address)
    return Decision(tuple(effects), tuple(fired), tuple(skipped))


def _begun(flow: Flow, run: RunMode, subjects: Mapping[str, str], active: Active) -> Begin | None:
    """How a run begins beside those of its object that go on; None where it does not."""
    key = subjects.get(run.per)
    if key is None:  # per event; or there is no such object, and nothing to be one of
        return Begin(flow=flow, subject=None)
    subject = f"{run.per}/{key}"
    if run.mode == "parallel" or not active(flow.automation.name, subject):
        return Begin(flow=flow, subject=subject)
    if run.mode == "single":
        return None
    return Begin(flow=flow, subject=subject, queued=run.mode == "queue", replaces=run.mode == "restart")


def _refusal(rules: RuleSet, cadence: Cadence, scope: Mapping[str, object], subjects: Mapping[str, str]) -> str | None:
    """A cadence that sends later is judged later: what is said no to here, the claim would refuse as well."""
    if scope.get("contact") is None:
        return "no contact"
    if cadence.after is not None and cadence.after.count:
        return None
    return rules.eligibility.pre_filter(cadence, scope, subjects, now(scope))

"""A trace for people, and as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import click

from engine.dsl.expressions.meaning import text_of
from engine.dsl.nearest import did_you_mean
from engine.model.events import Event
from engine.rules.compile import RuleSet
from engine.rules.scope import Situation
from engine.rules.trace import Judged, Operand, RuleTrace, StepTrace


def as_text(event: Event, there: Situation | None, traced: Sequence[RuleTrace], rules: RuleSet) -> str:
    lines = [click.style(f"{event.type}  {event.id}  {_instant(event.time)}", bold=True)]
    if there is None:
        hint = did_you_mean(event.type, rules.events)
        lines.append(f"there is no event `{event.type}` in this project{f': {hint}' if hint else ''}")
        return "\n".join(lines)
    lines += (f"{misfit}{'' if misfit.required else ': taken as missing'}" for misfit in there.misfits)
    if there.refused and not traced and rules.candidates(event.type):
        lines.append("so the event is quarantined, and nothing is decided")
    elif not traced:
        lines.append("no rule waits for it")
    for trace in traced:
        lines += ["", *_rule(trace)]
    return "\n".join(lines)


def _rule(trace: RuleTrace) -> Iterator[str]:
    asks = trace.address.startswith("cadence.")
    done = click.style("asks" if asks else "fires", fg="green") if trace.fired else click.style("does nothing", fg="yellow")
    why = f": {_why(trace.reason)}" if not trace.fired and trace.reason is not None else ""
    if trace.cancels:
        yield f"{click.style(trace.address, bold=True)} takes back what it has not sent to this contact   {trace.at}"
        return
    yield f"{click.style(trace.address, bold=True)} {done}{why}   {trace.at}"
    for condition in trace.conditions:
        yield from _condition(condition, "  ")
    for step in trace.steps:
        yield f"  {step.number} {step.text} → {step.outcome}   {step.at}"
        yield from (f"    {key}: {text}" for key, text in step.says.items())
        if step.condition is not None:
            yield from _condition(step.condition, "    ")
    if trace.due is not None:
        yield f"  an invitation, due {_instant(trace.due)}; judged again when it is sent" + (
            f", which would say no now: {trace.reason}" if trace.reason is not None else ""
        )


def _why(reason: str) -> str:
    return "its condition does not hold" if reason == "if" else reason


def _condition(judged: Judged, indent: str) -> Iterator[str]:
    alone = [operand.text for operand in judged.decided] == [judged.text]
    yield f"{indent}{judged.key}: {judged.text}" + (_verdict(judged.decided[0]) if alone else "")
    for operand in judged.decided if not alone else ():
        yield f"{indent}  {operand.text}{_verdict(operand)}   {operand.at}"


def _verdict(operand: Operand) -> str:
    mark = click.style("holds", fg="green") if operand.holds else click.style("does not hold", fg="red")
    return f" → {mark}" + "".join(f", {path} is {_shown(value)}" for path, value in operand.read.items())


def _instant(at: dt.datetime) -> str:
    return at.isoformat(timespec="seconds")


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    if value == ():
        return "empty"
    if isinstance(value, dt.datetime):
        return _instant(value)
    return f'"{value}"' if isinstance(value, str) else text_of(value)


def as_json(event: Event, there: Situation | None, traced: Sequence[RuleTrace], *, known: bool) -> dict[str, Any]:
    misfits = there.misfits if there is not None else []
    return {
        "event": event.id,
        "type": event.type,
        "known": known,
        "misfits": [{"path": m.path, "wanted": m.wanted, "got": m.got, "required": m.required} for m in misfits],
        "rules": [_rule_json(trace) for trace in traced],
    }


def _rule_json(trace: RuleTrace) -> dict[str, Any]:
    return {
        "address": trace.address,
        **_place(trace),
        "fired": trace.fired,
        "reason": trace.reason,
        "cancels": trace.cancels,
        "due": trace.due.isoformat() if trace.due is not None else None,
        "conditions": [_condition_json(judged) for judged in trace.conditions],
        "steps": [
            {
                "step": step.number,
                "action": step.action,
                "text": step.text,
                "says": dict(step.says),
                **_place(step),
                "outcome": step.outcome,
                "condition": _condition_json(step.condition) if step.condition is not None else None,
            }
            for step in trace.steps
        ],
    }


def _condition_json(judged: Judged) -> dict[str, Any]:
    return {
        "key": judged.key,
        "text": judged.text,
        **_place(judged),
        "holds": judged.holds,
        "decided": [
            {
                "text": operand.text,
                **_place(operand),
                "holds": operand.holds,
                "read": {path: _plain(value) for path, value in operand.read.items()},
            }
            for operand in judged.decided
        ],
    }


def _place(of: RuleTrace | StepTrace | Judged | Operand) -> dict[str, Any]:
    return {"file": of.at.file, "line": of.at.line, "column": of.at.column}


def _plain(value: object) -> object:
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value

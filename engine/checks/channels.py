"""SND809: a channel for which the data contract has no address."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.checks.walk import steps
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.dsl.uses import USES
from engine.model.definitions import Automation, Cadence, Project, Step, address
from engine.model.span import Span
from engine.rules.eligibility import ADDRESS_FIELDS


def _one(definition: Cadence | Automation, project: Project) -> Iterator[Diagnostic]:
    match definition:
        case Cadence():
            for name in definition.via:
                yield from _judge(definition, project, name, definition.places.get(f"via.{name}", definition.at))
        case Automation():
            for step in steps(definition.then):
                yield from _of_step(definition, step, project)


def _of_step(automation: Automation, step: Step, project: Project) -> Iterator[Diagnostic]:
    named = step.content.get("via")
    if step.action == "ask" and isinstance(named, tuple):
        for name in named:
            yield from _judge(automation, project, name, step.places.get(f"via.{name}", step.at))
    elif step.action in ("email", "sms") and step.via is not None and "to" not in step.content:
        yield from _judge(automation, project, step.via, step.places.get("via", step.at))


def _judge(definition: Cadence | Automation, project: Project, connection: str, span: Span) -> Iterator[Diagnostic]:
    channel = USES[project.connections[connection].use].channel
    field = ADDRESS_FIELDS.get(channel or "")
    contact = project.objects.get("contact")
    if field is None or contact is None or field in contact.fields:
        return
    yield Diagnostic(
        code=CHECK.code,
        severity=CHECK.severity,
        message=f"`{connection}` reaches a contact by `contact.{field}`, which the data contract does not have",
        file=span.file,
        span=span,
        hint=f"declare it: `{field}: optional {field}`",
        address=address(definition),
    )


_PROJECT = """project: shop
objects: {contact: {email: optional email}}
connections:
  mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}
  sms: {use: twilio, account: AC1, token: {env: TWILIO_TOKEN}, from: "+15005550006"}
---
survey: visit
metric: nps
questions: {score: {type: nps, ask: Would you recommend us?}}
---
audience: all
of: contact
---
cadence: visits
survey: visit
audience: all
when: deal.won
"""
CHECK = Check(
    code="SND809",
    severity=Severity.WARNING,
    title="a channel that reaches nobody",
    explanation=(
        "An e-mail goes to `contact.email`, an SMS to `contact.phone`. Where the data contract has no such field, no contact can have an "
        "address, and what is sent that way is always skipped."
    ),
    kinds=(Cadence, Automation),
    one=_one,
    fails=_PROJECT + "via: [sms, mail]\n",
    passes=_PROJECT + "via: [mail]\n",
)

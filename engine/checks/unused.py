"""SND207: a template or an audience that nothing uses."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.checks.walk import steps
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Audience, Definitions, MessageTemplate, address


def _run(definitions: Definitions) -> Iterator[Diagnostic]:
    used = {f"audience.{cadence.audience}" for cadence in definitions.cadences.values()}
    used |= {f"template.{cadence.invite}" for cadence in definitions.cadences.values() if cadence.invite is not None}
    used |= {f"template.{cadence.remind.template}" for cadence in definitions.cadences.values() if cadence.remind is not None}
    used |= {f"audience.{name}" for audience in definitions.audiences.values() for name in audience.exclude}
    for automation in definitions.automations.values():
        for step in steps(automation.then):
            used |= {f"template.{step.content[key]}" for key in ("template", "invite") if key in step.content}
            used |= {f"audience.{step.content[key]}" for key in ("audience",) if key in step.content}
    declared: list[Audience | MessageTemplate] = [*definitions.audiences.values(), *definitions.templates.values()]
    for definition in declared:
        name = address(definition)
        if name not in used:
            yield Diagnostic(
                code=CHECK.code,
                severity=CHECK.severity,
                message=f"nothing uses `{name}`",
                file=definition.at.file,
                span=definition.at,
                hint="use it or delete it",
                address=name,
            )


CHECK = Check(
    code="SND207",
    severity=Severity.INFO,
    title="a definition that nothing uses",
    explanation="An audience no cadence asks and a template no message is made of do nothing. Often a name was mistyped elsewhere.",
    run=_run,
)

"""SND207: a template or an audience that nothing uses. Inputs of blueprints are looked at where these are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.checks.check import Check
from engine.checks.walk import steps
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Audience, Automation, Cadence, Definition, MessageTemplate, Project, address
from engine.model.span import Span

_USED = None  # the fact of an address that something uses; one that is declared has its place


def _facts(definition: Definition, _project: Project) -> Iterator[tuple[str, Span | None]]:
    match definition:
        case Audience():
            yield address(definition), definition.at
            yield from ((f"audience.{name}", _USED) for name in definition.exclude)
        case MessageTemplate():
            yield address(definition), definition.at
        case Cadence():
            yield f"audience.{definition.audience}", _USED
            if definition.invite is not None:
                yield f"template.{definition.invite}", _USED
            if definition.remind is not None and definition.remind.template is not None:
                yield f"template.{definition.remind.template}", _USED
        case Automation():
            for step in steps(definition.then):
                yield from ((f"template.{step.content[key]}", _USED) for key in ("template", "invite") if key in step.content)
                if "audience" in step.content:
                    yield f"audience.{step.content['audience']}", _USED


def _judge(group: str, facts: Sequence[Span | None], _project: Project) -> Iterator[Diagnostic]:
    if _USED in facts:
        return
    for at in facts:
        if at is not None:
            yield Diagnostic(
                code=CHECK.code,
                severity=CHECK.severity,
                message=f"nothing uses `{group}`",
                file=at.file,
                span=at,
                hint="use it or delete it",
                address=group,
            )


CHECK = Check(
    code="SND207",
    severity=Severity.INFO,
    title="a definition that nothing uses",
    explanation=(
        "An audience no cadence asks, a template no message is made of, and an input that its blueprint reads nowhere do nothing. "
        "Often a name was mistyped elsewhere."
    ),
    kinds=(Audience, MessageTemplate, Cadence, Automation),
    facts=_facts,
    judge=_judge,
    whole=True,
)

"""SND601: personal data on their way out of the house."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.checks.walk import steps, templates
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.dsl.uses import USES
from engine.model import terms as t
from engine.model.definitions import Automation, Project, Step, address


def _goes_outside(project: Project, step: Step) -> bool:
    """To chats and webhooks, and to an address other than the contact's own. Desks and CRMs are inside."""
    if step.via is None:
        return False
    connection = project.connections.get(step.via)
    if connection is None or USES[connection.use].inside:
        return False
    return step.action in ("message", "webhook") or "to" in step.content


def _one(automation: Automation, project: Project) -> Iterator[Diagnostic]:
    for step in steps(automation.then):
        if not _goes_outside(project, step):
            continue
        for template in templates(step.content):
            for expression in template.expressions:
                for load in t.loads(expression.term):
                    if load.type.personal:
                        path = ".".join(load.path)
                        span = expression.place(load.offset, len(path))
                        yield Diagnostic(
                            code=CHECK.code,
                            severity=CHECK.severity,
                            message=f"`{path}` is personal, and `{step.via}` is outside",
                            file=span.file,
                            span=span,
                            hint="leave it out, link to the case instead, or declare the field `personal: false`",
                            address=address(automation),
                        )


_PROJECT = """project: example
objects: {contact: {email: optional email, name: text}}
connections: {chat: {use: slack, url: {env: CHAT_URL}}}
---
survey: example
metric: nps
questions:
  score: {type: nps, ask: "Would you recommend us?"}
---
"""
CHECK = Check(
    code="SND601",
    severity=Severity.WARNING,
    title="personal data flow outside",
    explanation=(
        "E-mail addresses, phone numbers and text answers are personal. A chat or a webhook keeps what it is sent beyond the reach of "
        "retention and erasure. Desks and CRMs count as inside."
    ),
    kinds=(Automation,),
    one=_one,
    fails=_PROJECT
    + "automation: tell\nwhen: survey.example.answered\n"
    + """then: [{message: {via: chat, text: "{{ contact.email|default('-') }}: {{ score }}"}}]\n""",
    passes=_PROJECT
    + 'automation: tell\nwhen: survey.example.answered\nthen: [{message: {via: chat, text: "{{ contact.name }}: {{ score }}"}}]\n',
)

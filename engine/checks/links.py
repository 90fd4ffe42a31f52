"""SND405: an invitation without its link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.checks.check import Check
from engine.checks.walk import steps
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Automation, Cadence, MessageTemplate, Project, address
from engine.model.span import Span
from engine.model.terms import paths
from engine.model.texts import Template

_Fact = Span | str  # where a text lacks the link, or what invites with the template


def _facts(definition: Cadence | Automation | MessageTemplate, _project: Project) -> Iterator[tuple[str, _Fact]]:
    match definition:
        case MessageTemplate():
            lacking = [text.at for text in definition.text.by_language.values() if not _links(text)]
            yield from ((definition.name, at) for at in lacking)
        case Cadence() if definition.invite is not None:
            yield definition.invite, address(definition)
        case Automation():
            for step in steps(definition.then):
                if step.action == "ask" and step.content.get("invite") is not None:
                    yield str(step.content["invite"]), address(definition)


def _links(text: Template) -> bool:
    return "link" in text.text and any(path[0] == "link" for expression in text.expressions for path in paths(expression.term))


def _judge(template: str, facts: Sequence[_Fact], _project: Project) -> Iterator[Diagnostic]:
    user = next((fact for fact in facts if isinstance(fact, str)), None)
    for span in [fact for fact in facts if not isinstance(fact, str)] if user is not None else ():
        yield Diagnostic(
            code=CHECK.code,
            severity=CHECK.severity,
            message=f"`{user}` invites with this text, but it has no link: nobody could answer",
            file=span.file,
            span=span,
            hint="write {{ link }} where the survey is to be opened",
            address=f"template.{template}",
        )


_CADENCE = "cadence: again\nsurvey: nps_delivery\naudience: buyers\nwhen: order.delivered\nvia: [mail]\ninvite: delivery\n---\n"
CHECK = Check(
    code="SND405",
    severity=Severity.ERROR,
    title="an invitation without its link",
    explanation=(
        "A survey is opened by the link in its invitation, which `{{ link }}` stands for, in every language. A reminder may do without: "
        "the invitation came before it."
    ),
    kinds=(Cadence, Automation, MessageTemplate),
    facts=_facts,
    judge=_judge,
    fails=_CADENCE + 'template: delivery\nsubject: How was it?\ntext: "Dear {{ contact.name }}, please tell us."\n',
    passes=_CADENCE + 'template: delivery\nsubject: How was it?\ntext: "Dear {{ contact.name }}, please tell us: {{ link }}"\n',
)

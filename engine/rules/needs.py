"""The objects without which a rule can be neither judged nor said: the types promise them, but an event may come without a link."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.model import terms as t
from engine.model.definitions import Cadence, Definitions, EventType, MessageTemplate, Step, Survey
from engine.model.texts import Template, Text

Needs = frozenset[str]  # kinds of object
_NONE: Needs = frozenset()


def answered_survey(definitions: Definitions, event_type: str) -> Survey | None:
    """The survey that an `answered` or `edited` event is about."""
    parts = event_type.split(".")
    if len(parts) == 3 and parts[0] == "survey" and parts[2] in ("answered", "edited"):
        return definitions.surveys.get(parts[1])
    return None


def roots(term: t.Term) -> frozenset[str]:
    """The names of the scope that a term reads."""
    return frozenset(path[0] for path in t.paths(term))


def promised(definitions: Definitions, event: EventType) -> Needs:
    """The objects that are always there behind an event, by their types (``dsl/scopes.py``)."""
    survey = answered_survey(definitions, event.name)
    perhaps = {"company", "contact"} if survey is not None and survey.open else {"company"}
    return frozenset(definitions.project.objects) - (perhaps - set(event.objects))


def carried(definitions: Definitions, event: EventType) -> Needs:
    """The objects that an event from outside has to bring, or is linked to: no rule may run as though it were about nothing."""
    survey = answered_survey(definitions, event.name)
    if survey is not None:
        named = _NONE if survey.open or survey.anonymous else frozenset({"contact"})
    else:
        named = _NONE if event.name.startswith(("survey.", "metric.")) else frozenset(event.objects)
    return named & definitions.project.objects.keys()


def absent(needs: Needs, scope: Mapping[str, object]) -> str | None:
    """The reason why a rule that needs these objects is passed over; None where all of them are linked."""
    missing = sorted(need for need in needs if scope.get(need) is None)
    return f"no {missing[0]}" if missing else None


def of_cadence(cadence: Cadence, definitions: Definitions, sure: Needs) -> Needs:
    """What its condition, its invitation and its reminders need."""
    condition = roots(cadence.condition.term) & sure if cadence.condition is not None else _NONE
    names = (cadence.invite, cadence.remind.template if cadence.remind is not None else None)
    templates = [definitions.templates.get(name) for name in names if name is not None]
    return condition.union(*(_words(_message(template), definitions, sure) for template in templates))


def of_step(step: Step, definitions: Definitions, sure: Needs) -> Needs:
    """What a step needs itself; the steps of its branches have needs of their own."""
    guard = roots(step.condition.term) & sure if step.condition is not None else _NONE
    if step.action == "update":
        return guard | frozenset(step.content) | _words(templates_of(step.content), definitions, sure)
    name = step.content.get("invite" if step.action == "ask" else "template")
    message = definitions.templates.get(name) if isinstance(name, str) else None
    return guard | _words([*templates_of(step.content), *_message(message)], definitions, sure)


def _words(templates: Iterable[Template], definitions: Definitions, sure: Needs) -> Needs:
    """Objects of which a text reads a field that is always there. What may be missing anyway, the text has a way with."""
    objects = definitions.project.objects
    return frozenset(
        path[0]
        for template in templates
        for expression in template.expressions
        for path in t.paths(expression.term)
        if path[0] in sure and len(path) > 1 and not objects[path[0]].fields[path[1]].optional
    )


def _message(template: MessageTemplate | None) -> Iterator[Template]:
    for text in (template.subject, template.text) if template is not None else ():
        if text is not None:
            yield from text.by_language.values()


def templates_of(content: object) -> Iterator[Template]:
    if isinstance(content, Template):
        yield content
    elif isinstance(content, Text):
        yield from content.by_language.values()
    elif isinstance(content, Mapping):
        for value in content.values():
            yield from templates_of(value)

"""What a project declares, typed and frozen: the outcome of reading YAML, and what a deployed version stores.

``at`` is where the definition stands; it is no part of its meaning, so moving a file changes no definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.types import Type
from engine.schedule.durations import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Text with ``{{ }}``: literal pieces and checked expressions in turn.

    ``body`` is the text as Jinja2 reads it, with the n-th expression replaced by the call ``_(n)``; it is None where the
    text has no markup. A template that is one expression and nothing else keeps that expression's type.
    """

    text: str  # as written
    body: str | None
    expressions: tuple[Expression, ...] = ()
    at: Span = field(compare=False)

    @property
    def only(self) -> Expression | None:
        """The expression, where the template is one ``{{ … }}`` and nothing else."""
        return self.expressions[0] if self.body == "{{ _(0) }}" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Text for people: one template a language, or one for all under the key ``""``."""

    by_language: Mapping[str, Template]
    at: Span = field(compare=False)

    def pick(self, language: str, fallback: str) -> Template:
        """The template for ``language``, else for ``fallback`` (the project's first language), else the only one there is."""
        found = self.by_language.get(language) or self.by_language.get(fallback) or self.by_language.get("")
        return found if found is not None else next(iter(self.by_language.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret is found; never the secret itself."""

    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    name: str
    use: str  # what kind of system: smtp, zendesk, bitrix24, …
    settings: Mapping[str, object]  # literals, lists, mappings, and Secret
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    name: str  # order.delivered
    objects: tuple[str, ...]  # what it carries, by name
    fields: Mapping[str, Type]  # its own data
    at: Span | None = field(default=None, compare=False)  # none: built in


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    name: str
    languages: tuple[str, ...]  # the first is the default
    timezone: str  # IANA
    public_url: str | Secret | None
    objects: Mapping[str, Type]  # the data contract
    identity: tuple[str, ...]  # contact fields that make two records one person
    events: Mapping[str, EventType]  # declared and built in
    may_ask: Expression | None
    connections: Mapping[str, Connection]
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    id: str
    type: str  # nps, csat, …
    ask: Text
    options: Mapping[str, Text]  # in order; empty unless the type has options
    other: bool  # offers "other" with a text of its own
    scale: tuple[int, int] | None  # lowest and highest, of a scored question
    required: bool
    show_if: Expression | None
    labels: Mapping[str, Text]  # of the ends of a scale: low, high
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thanks:
    condition: Expression | None
    text: Text
    link: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    name: str
    metric: str  # nps, csat, ces, gcr, none
    metric_question: str | None
    about: str  # the object that an answer is linked to
    title: Text | None
    questions: tuple[Question, ...]  # in order
    pages: tuple[tuple[str, ...], ...]
    thanks: tuple[Thanks, ...]  # the first that holds is shown
    at: Span = field(compare=False)

    def question(self, name: str) -> Question | None:
        return next((q for q in self.questions if q.id == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    name: str
    of: str  # the object that it selects
    where: Expression | None
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    name: str
    survey: str
    audience: str
    when: tuple[str, ...]  # event types
    condition: Expression | None  # `if`
    after: Duration | None  # behind the event
    via: tuple[str, ...]  # connections, the first that reaches the contact
    invite: str | None  # a template; the bundled one where none
    expires: Duration | None  # behind the sending
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an automation: an action and what it says."""

    action: str  # ticket, email, webhook, update
    via: str | None  # the connection that does it
    condition: Expression | None  # the guard `if`
    content: Mapping[str, object]  # Template, Text, literal, or a mapping of these
    at: Span = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    name: str
    when: tuple[str, ...]
    condition: Expression | None
    then: tuple[Step, ...]
    at: Span = field(compare=False)
    condition_at: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTemplate:
    """A `template:` of the project: an invitation, a reminder, any message."""

    name: str
    subject: Text | None
    text: Text
    at: Span = field(compare=False)


Definition = Project | Survey | Audience | Cadence | Automation | MessageTemplate

KINDS: Mapping[str, type] = {
    "project": Project,
    "survey": Survey,
    "audience": Audience,
    "cadence": Cadence,
    "automation": Automation,
    "template": MessageTemplate,
}
KIND_OF: Mapping[type, str] = {cls: kind for kind, cls in KINDS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definitions:
    """A whole project: what validates, what is applied, what the daemon runs."""

    project: Project
    surveys: Mapping[str, Survey] = field(default_factory=dict)
    audiences: Mapping[str, Audience] = field(default_factory=dict)
    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    automations: Mapping[str, Automation] = field(default_factory=dict)
    templates: Mapping[str, MessageTemplate] = field(default_factory=dict)

    def by_address(self) -> dict[str, Definition]:
        """Every definition under its address, ``survey.nps_relationship``, in a stable order."""
        groups: tuple[Mapping[str, Definition], ...] = (self.surveys, self.audiences, self.cadences, self.automations, self.templates)
        found: dict[str, Definition] = {f"project.{self.project.name}": self.project}
        for group in groups:
            for name in sorted(group):
                found[address(group[name])] = group[name]
        return found


def address(definition: Definition) -> str:
    """``kind.name``: how everything is called, everywhere."""
    return f"{KIND_OF[type(definition)]}.{definition.name}"

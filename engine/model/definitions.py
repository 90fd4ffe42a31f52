"""What a project declares, typed and frozen: the outcome of reading YAML, and what a deployed version stores.

``at`` is where the definition stands; it is no part of its meaning, so moving a file changes no definition.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import field

from engine.model.frozen import frozen
from engine.model.policies import (
    Annotation,
    Benchmark,
    Brand,
    Calendar,
    Environment,
    Expected,
    FrequencyCap,
    Incentive,
    Quiet,
    Quota,
    Reminder,
    RunMode,
    SegmentLimit,
    Theme,
)
from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.texts import Text
from engine.model.types import Type
from engine.schedule.calendars import WorkingDay, working_days
from engine.schedule.durations import Duration
from engine.schedule.windows import TimeRange


@frozen
class Secret:
    """Where a secret is found; never the secret itself."""

    env: str | None = None
    file: str | None = None


@frozen
class Connection:
    name: str
    use: str  # what kind of system: smtp, zendesk, bitrix24, …
    settings: Mapping[str, object]  # literals, lists, mappings, and Secret
    at: Span = field(compare=False)


@frozen
class EventType:
    name: str  # order.delivered
    objects: tuple[str, ...]  # what it carries, by name
    fields: Mapping[str, Type]  # its own data
    at: Span | None = field(default=None, compare=False)  # none: built in


@frozen
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
    calendars: Mapping[str, Calendar] = field(default_factory=dict)  # "" is the project's own
    environments: Mapping[str, Environment] = field(default_factory=dict)
    only_to: tuple[str, ...] = ()  # of the environment that it is applied to: patterns of addresses, nobody else is written to
    frequency: tuple[FrequencyCap, ...] = ()
    quiet: Quiet | None = None
    limits: Mapping[str, int] = field(default_factory=dict)  # sends_per_hour
    retention: Mapping[str, Duration] = field(default_factory=dict)  # identifiers, answers, raw
    anonymity: int = 5  # no group smaller than this is shown
    theme: Theme | None = None
    brands: Mapping[str, Brand] = field(default_factory=dict)
    annotations: tuple[Annotation, ...] = ()
    benchmarks: tuple[Benchmark, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)  # code → off, info, warning, error
    renamed_from: str | None = None
    at: Span = field(compare=False)

    @property
    def works(self) -> WorkingDay:
        """Which days are business days."""
        own = self.calendars.get("")
        return working_days(own.country if own is not None else None)


@frozen
class Question:
    id: str
    type: str  # nps, csat, …
    ask: Text
    options: Mapping[str, Text]  # in order; empty unless the type has options
    other: bool  # offers "other" with a text of its own
    scale: tuple[int, int] | None  # lowest and highest, of a scored question
    required: bool
    show_if: Expression | None
    key_at: Span | None = field(default=None, compare=False)  # of its name
    labels: Mapping[str, Text]  # of the ends of a scale: low, high
    rows: Mapping[str, Text] = field(default_factory=dict)  # of a matrix, in order
    validate: Expression | None = None  # must hold for an answer
    randomise: bool = False  # the order of the options
    shown_as: str | None = None  # numbers, stars, smileys, words
    renamed_from: str | None = None
    renamed_options: Mapping[str, str] = field(default_factory=dict)  # option → its earlier name
    at: Span = field(compare=False)


@frozen
class Thanks:
    condition: Expression | None
    text: Text
    link: str | None


@frozen
class Survey:
    name: str
    metric: str  # nps, csat, ces, gcr, none
    metric_question: str | None
    about: str  # the object that an answer is linked to
    title: Text | None
    questions: tuple[Question, ...]  # in order
    pages: tuple[tuple[str, ...], ...]
    thanks: tuple[Thanks, ...]  # the first that holds is shown
    partial: Duration | None = None  # silence after a posted page counts as answered
    edit: str = "until_closed"  # or never
    incentive: Incentive | None = None
    quotas: tuple[Quota, ...] = ()
    variants: Mapping[str, float] = field(default_factory=dict)  # name → share, 0…1
    version: int | None = None
    breaks_trend: bool = False
    anonymous: bool = False  # stores no contact
    open: bool = False  # may be answered by somebody unknown
    brand: str | None = None
    renamed_from: str | None = None
    at: Span = field(compare=False)
    metric_at: Span | None = field(default=None, compare=False)  # of the value of `metric`

    def question(self, name: str) -> Question | None:
        return next((q for q in self.questions if q.id == name), None)


@frozen
class Audience:
    name: str
    of: str  # the object that it selects
    where: Expression | None
    exclude: tuple[str, ...] = ()  # other audiences
    sample: float | None = None  # share, 0…1
    rotate: Duration | None = None  # the next slice of the sample
    limit: SegmentLimit | None = None
    expect: Expected | None = None
    renamed_from: str | None = None
    at: Span = field(compare=False)


@frozen
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
    every: Duration | None = None
    cron: str | None = None
    start: dt.date | None = None  # `from`, of an `every` that no calendar aligns
    cancel_on: tuple[str, ...] = ()
    spread: Duration | None = None
    between: TimeRange | None = None
    remind: Reminder | None = None
    again: Duration | None = None  # not the same survey to the same contact sooner
    priority: int = 0
    renamed_from: str | None = None
    at: Span = field(compare=False)
    places: Mapping[str, Span] = field(default_factory=dict, compare=False)  # of the values of `every`, `cron`, and `via.NAME`


@frozen
class Step:
    """One step of an automation: an action and what it says, or a turn of the flow.

    ``action`` is an action's name, or `wait`, `wait_for`, `stop`, or `if` for a step that only branches.
    """

    action: str
    via: str | None  # the connection that does it
    condition: Expression | None  # the guard `if`
    content: Mapping[str, object]  # Template, Text, literal, or a mapping of these
    name: str | None = None  # `as`
    duration: Duration | None = None  # of `wait`
    events: tuple[str, ...] = ()  # of `wait_for`
    at_most: Duration | None = None
    on_timeout: tuple[Step, ...] = ()
    then: tuple[Step, ...] = ()  # of `if`
    otherwise: tuple[Step, ...] = ()
    on_failure: tuple[Step, ...] = ()
    at: Span = field(compare=False)
    places: Mapping[str, Span] = field(default_factory=dict, compare=False)  # of what it names: `event`, `survey`, `via`, `wait_for.NAME`


@frozen
class Automation:
    name: str
    when: tuple[str, ...]
    condition: Expression | None
    then: tuple[Step, ...]
    run: RunMode = RunMode()  # frozen
    renamed_from: str | None = None
    at: Span = field(compare=False)
    condition_at: Span | None = field(default=None, compare=False)


@frozen
class MessageTemplate:
    """A `template:` of the project: an invitation, a reminder, any message."""

    name: str
    subject: Text | None
    text: Text
    renamed_from: str | None = None
    at: Span = field(compare=False)


@frozen
class Report:
    name: str
    every: Duration
    surveys: tuple[str, ...]
    segments: tuple[str, ...]  # paths of the data contract: contact.tier
    show: tuple[str, ...]
    to: tuple[Mapping[str, str], ...]  # each {email: address} or {connection: destination}
    title: Text | None = None
    renamed_from: str | None = None
    at: Span = field(compare=False)


@frozen
class Scenario:
    """A test of the project on a virtual clock: what happens, and what is expected of it."""

    name: str
    title: str | None
    start: dt.datetime
    contacts: Mapping[str, Mapping[str, object]]
    timeline: tuple[Mapping[str, object], ...]
    renamed_from: str | None = None
    at: Span = field(compare=False)


Definition = Project | Survey | Audience | Cadence | Automation | MessageTemplate | Report | Scenario

KINDS: Mapping[str, type] = {
    "project": Project,
    "survey": Survey,
    "audience": Audience,
    "cadence": Cadence,
    "automation": Automation,
    "template": MessageTemplate,
    "report": Report,
    "scenario": Scenario,
}
KIND_OF: Mapping[type, str] = {cls: kind for kind, cls in KINDS.items()}


@frozen
class Definitions:
    """A whole project: what validates, what is applied, what the daemon runs."""

    project: Project
    surveys: Mapping[str, Survey] = field(default_factory=dict)
    audiences: Mapping[str, Audience] = field(default_factory=dict)
    cadences: Mapping[str, Cadence] = field(default_factory=dict)
    automations: Mapping[str, Automation] = field(default_factory=dict)
    templates: Mapping[str, MessageTemplate] = field(default_factory=dict)
    reports: Mapping[str, Report] = field(default_factory=dict)
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)

    def by_address(self) -> dict[str, Definition]:
        """Every definition under its address, ``survey.nps_relationship``, in a stable order."""
        groups: tuple[Mapping[str, Definition], ...] = (
            self.surveys,
            self.audiences,
            self.cadences,
            self.automations,
            self.templates,
            self.reports,
            self.scenarios,
        )
        found: dict[str, Definition] = {f"project.{self.project.name}": self.project}
        for group in groups:
            for name in sorted(group):
                found[address(group[name])] = group[name]
        return found


def address(definition: Definition) -> str:
    """``kind.name``: how everything is called, everywhere."""
    return f"{KIND_OF[type(definition)]}.{definition.name}"

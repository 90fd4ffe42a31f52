"""What every builder uses: checked expressions, templates, texts, literals and references, each with its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from engine.dsl.contract import SURVEY_EVENTS, metric_event, object_events, survey_event
from engine.dsl.diagnostics import Findings, Severity
from engine.dsl.expressions.check import Facts
from engine.dsl.expressions.codes import wrong_literal
from engine.dsl.expressions.comparing import Problem
from engine.dsl.expressions.once import check_condition, judge_condition, parsed
from engine.dsl.expressions.parse import ParseError
from engine.dsl.expressions.tree import Literal
from engine.dsl.expressions.unparse import unparse
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence, Shifted
from engine.dsl.others import Names, Others
from engine.dsl.templates import scan
from engine.dsl.uses import USES
from engine.model.definitions import Connection, EventType, Secret
from engine.model.policies import Brand
from engine.model.span import Span, Stretches
from engine.model.terms import Expression
from engine.model.texts import Template, Text
from engine.model.types import Type
from engine.schedule.durations import Duration

NOTHING: Facts = frozenset()
_DAYS = {"s": 1 / 86400, "m": 1 / 1440, "h": 1 / 24, "d": 1, "bd": 1.4, "w": 7, "mo": 31, "q": 92, "y": 366}
_LONGEST = 36_600  # days; beyond that the calendar ends


@dataclass(frozen=True, slots=True)
class Absent:
    """What is said where a name is read that is known, but not here."""

    code: str
    message: str
    hint: str | None = None


SILENCE = Absent("", "")  # nothing is said: it follows from what is said elsewhere


def _nothing_absent(_name: str) -> Absent | None:
    return None


@dataclass(slots=True)
class Bench:
    """The state of a build: what the project declares, what other definitions are there, and what was found wrong."""

    findings: Findings = field(default_factory=Findings)  # of the definition being built
    languages: tuple[str, ...] = ()
    objects: dict[str, Type] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    events: dict[str, EventType] = field(default_factory=dict)
    brands: dict[str, Brand] = field(default_factory=dict)
    others: Others = field(default_factory=Others)  # the definitions that it may refer to
    scopes: list[tuple[str, Names]] = field(default_factory=list)  # templates that it uses, with what can be read there
    # What is said of a name that cannot be read where the next expression stands, though it is known elsewhere.
    absent: Callable[[str], Absent | None] = _nothing_absent
    blueprint: str = ""  # that it is made of, in words for its findings
    address: str = ""  # of the definition being built
    _known: Stretches = field(default_factory=Stretches)  # where the errors stand
    _errors: int = 0
    _counted: int = 0  # findings that these two have taken in

    def readable(self) -> None:
        """From here on, whatever is not known is not known at all."""
        self.absent = _nothing_absent

    def begin(self, findings: Findings, address: str) -> None:
        self.findings, self.address, self.blueprint = findings, address, ""
        self.scopes, self.others.noted, self.absent = [], {}, _nothing_absent
        self._known, self._errors, self._counted = Stretches(), 0, 0

    def error(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        """An error, unless it stands around one that is known: then it may only follow from that."""
        if not self.errors or not self._known.any_within(span):
            message = f"{message} ({self.blueprint})" if self.blueprint else message
            self.findings.error(code, message, span, hint=hint, address=self.address)

    @property
    def errors(self) -> int:
        """How many errors the definition being built has so far."""
        items = self.findings.items
        if self._counted < len(items):
            for found in items[self._counted :]:
                if found.severity is Severity.ERROR:
                    self._errors += 1
                    if found.span is not None:
                        self._known.add(found.span)
            self._counted = len(items)
        return self._errors

    def expression(self, node: Node, names: Names, known: Facts = NOTHING) -> tuple[Expression, Facts, Facts] | None:
        """A condition, what is known wherever it holds, and wherever it does not."""
        assert isinstance(node, Scalar)
        try:
            if isinstance(node.data, (bool, int, float)):
                tree = Literal(0, node.data, len(node.text))
                text, checked = unparse(tree), judge_condition(tree, names, known)
            else:
                text, checked = parsed(node.text).text, check_condition(node.text, names, known)
        except ParseError as error:
            self._report(node, Problem("SND301", error.message, error.offset, 1, error.hint))
            return None
        for problem in checked.problems:
            self._report(node, problem)
        if checked.term is None:
            return None
        return Expression(text=text, term=checked.term, at=node.place, origin=node), checked.holds, checked.otherwise

    def template(self, node: Node, names: Names, known: Facts = NOTHING, *, keeps_type: bool = False) -> Template | None:
        """One text with its `{{ }}` checked. With ``keeps_type`` one that is a single `{{ }}` may be missing: whoever asks judges it."""
        assert isinstance(node, Scalar)
        if "{" not in node.text:  # most texts
            return Template(text=node.text, body=None, at=node.place)
        body, found, problems = scan(node.text, names, known, keeps_type=keeps_type)
        for problem in problems:
            self._report(node, problem)
        if problems:
            return None
        expressions = []
        for text, term, offset, begin in found:
            origin = Shifted(node, begin, offset)
            expressions.append(Expression(text=text, term=term, at=origin.place, origin=origin))
        return Template(text=node.text, body=body, expressions=tuple(expressions), at=node.place)

    def text(self, node: Node, names: Names, known: Facts = NOTHING) -> Text | None:
        """A text for people: one string, or one a language."""
        if not isinstance(node, Mapping):
            only = self.template(node, names, known)
            return Text(by_language={"": only}, at=node.place) if only is not None else None
        built = {language: self.template(value, names, known) for language, (_, value) in node.entries.items()}
        sound = {language: template for language, template in built.items() if template is not None}
        if len(sound) < len(built):
            return None
        strange = {language: key.span for language, (key, _) in node.entries.items() if language not in self.languages}
        return Text(by_language=sound, at=node.place, strange=strange)

    def literal(self, node: Node) -> str:
        """Text that is taken as it stands."""
        assert isinstance(node, Scalar)
        if "{{" in node.text:
            self.error("SND402", "this is taken as it stands: `{{ }}` has no meaning here", node.within(node.text.index("{{"), 2))
        return node.text

    def earlier_name(self, node: Mapping) -> str | None:
        """What `renamed_from` says."""
        named = node.get("renamed_from")
        return self.literal(named) if named is not None else None

    def literals(self, node: Node) -> tuple[str, ...]:
        assert isinstance(node, Sequence)
        return tuple(self.literal(item) for item in node.items)

    def reference(self, kind: str, node: Node) -> str | None:
        """The name of a definition of ``kind`` that is there and sound; a refused one is passed over in silence."""
        return self.reference_at(kind, self.literal(node), node)

    def reference_at(self, kind: str, name: str, node: Node) -> str | None:
        standing = self.others.standing(kind, name)
        if standing == "unknown" and not self.others.is_incomplete():
            hint = did_you_mean(name, self.others.all_names(kind)) or f"declare it: `{kind}: {name}`"
            self.error("SND201", f"there is no {kind} `{name}`", node.span, hint)
        return name if standing == "sound" else None

    def event(self, name: str) -> EventType | None:
        """An event that the project declares, or one that is always there. Those of a survey that was refused are not."""
        found = self.events.get(name) or object_events().get(name)
        if found is not None:
            return found
        match name.split("."):
            case ["survey", survey, verb] if verb in SURVEY_EVENTS:
                face = self.others.survey(survey)
                return survey_event(survey, verb, face.about) if face is not None else None
            case ["metric", survey, "changed"]:
                face = self.others.survey(survey)
                return metric_event(survey) if face is not None and face.metric != "none" else None
        return None

    def event_names(self) -> list[str]:
        """The events that a mistyped one may have meant."""
        surveys = [f"survey.{name}.answered" for name in self.others.all_names("survey")]
        return [*object_events(), *self.events, *surveys, "survey.*.answered"]

    def setting(self, node: Node, *, secret_only: bool) -> object:
        """A connection's setting: a literal, or a reference to where the value is kept."""
        if isinstance(node, Mapping):
            env, file = node.get("env"), node.get("file")
            return Secret(env=self.literal(env) if env else None, file=self.literal(file) if file else None)
        if secret_only:
            hint = "write {env: NAME} or {file: PATH}, and keep the value there"
            self.error("SND501", "a secret never stands in a file", node.span, hint)
            return None
        assert isinstance(node, Scalar)
        self.literal(node)
        return node.data if isinstance(node.data, (bool, int, float)) else node.text

    def check_literal(self, kind: str, node: Node) -> None:
        """A country, language, time zone, … where it is written."""
        assert isinstance(node, Scalar)
        wrong = wrong_literal(kind, node.text)
        if wrong is not None:
            self.error("SND306", wrong[0], node.span, did_you_mean(node.text, wrong[1]))

    def channel(self, node: Node) -> str:
        """A channel that some connection serves."""
        name = self.literal(node)
        known = {channel for c in self.connections.values() if (channel := USES[c.use].channel) is not None}
        if name not in known:
            self.error("SND204", f"no connection serves the channel `{name}`", node.span, did_you_mean(name, known))
        return name

    def duration(self, node: Node | None, *, repeats: bool = False) -> Duration | None:
        """``repeats``: something comes again each time that it is over, so it takes some time."""
        if node is None:
            return None
        duration = Duration.parse(self.literal(node))
        if duration is not None and duration.count * _DAYS[duration.unit] > _LONGEST:
            self.error("SND103", f"`{duration}` is longer than a hundred years", node.span)
        if duration is not None and repeats and not duration.count:
            self.error("SND103", f"`{duration}` is no time at all, so this would never end", node.span, "as 1d, or longer")
        return duration

    def _report(self, node: Scalar, problem: Problem) -> None:
        span = node.within(problem.offset, problem.length) if node.text.strip() else node.span
        name = node.text[problem.offset : problem.offset + problem.length]
        asked = problem.code == "SND302" or node.text.endswith("answer.", 0, problem.offset)
        absent = self.absent(name) if asked else None
        if absent is None:
            self.error(problem.code, problem.message, span, problem.hint)
        elif absent is not SILENCE:
            self.error(absent.code, absent.message, span, absent.hint)

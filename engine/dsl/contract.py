"""The data contract: field types as written, the types of answers, and the events that are always there."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping as MappingT
from dataclasses import replace
from functools import cache

from engine.dsl.diagnostics import Findings
from engine.dsl.expressions.codes import CURRENCIES
from engine.dsl.expressions.functions import CALLABLE, FILTERS, KEYWORDS
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.others import SurveyFace
from engine.model.definitions import EventType, Question, Survey
from engine.model.types import BOOLEAN, INTEGER, NUMBER, SCALAR_KINDS, TEXT, Type, object_type

PERSONAL_KINDS = frozenset({"email", "phone"})
LIFECYCLE = ("created", "updated", "closed", "deleted")
LIFECYCLE_OBJECTS = ("contact", "company", "deal", "ticket", "task")
DEAL_EVENTS = ("won", "lost", "stage_changed")
SURVEY_EVENTS = ("sent", "delivered", "bounced", "opened", "started", "answered", "edited", "expired", "unsubscribed")
# STEP.VERB: what can happen to that which a step with `as:` brought about.
STEP_EVENTS: MappingT[str, tuple[str, ...]] = {
    "ticket": ("updated", "solved", "closed"),
    "task": ("updated", "solved", "closed"),
    "ask": ("sent", "answered", "expired"),
}

CATEGORIES: MappingT[str, tuple[str, ...]] = {
    "nps": ("promoter", "passive", "detractor"),
    "csat": ("positive", "neutral", "negative"),
    "ces": ("positive", "neutral", "negative"),
    "gcr": ("yes", "partly", "no"),
}
# Names that have a meaning wherever expressions stand: no object and no question is called so.
RESERVED = frozenset({"answer", "event", "invitation", "link", "contains", "matches", *FILTERS, *CALLABLE, *KEYWORDS})
SENTIMENTS = ("positive", "neutral", "negative")
SCALES: MappingT[str, tuple[int, int]] = {
    "nps": (0, 10),
    "csat": (1, 5),
    "ces": (1, 7),
    "scale": (1, 5),
    "stars": (1, 5),
    "smileys": (1, 5),
}
_MONEY: MappingT[str, Type] = {"amount": NUMBER, "currency": TEXT}
# Fields of `contact` whose meaning the engine itself relies on.
FIXED_FIELDS: MappingT[str, frozenset[str]] = {
    "email": frozenset({"email", "text"}),
    "phone": frozenset({"phone", "text"}),
    "language": frozenset({"language", "text", "one_of"}),
    "timezone": frozenset({"timezone", "text", "one_of"}),
    "opted_out": frozenset({"boolean"}),
}


def field_type(node: Node, findings: Findings, address: str) -> Type | None:
    """`optional email`, `[standard, vip]`, `list of text`, `money RUB`, or the long form."""
    if isinstance(node, Sequence):
        return _one_of(node, findings, address)
    if isinstance(node, Mapping):
        inner = node.get("type")
        kind = field_type(inner, findings, address) if inner is not None else None
        if kind is None:
            return None
        optional, personal = node.data.get("optional"), node.data.get("personal")
        kind = kind.maybe() if optional else kind
        return replace(kind, personal=bool(personal)) if personal is not None else kind
    assert isinstance(node, Scalar)
    words = node.text.split()
    optional = bool(words) and words[0] == "optional"
    kind = _named(words[1:] if optional else words)
    if kind is None:
        hint = did_you_mean(words[-1] if words else "", [*SCALAR_KINDS, "money", "list of text"])
        if words[-2:-1] == ["money"]:
            hint = did_you_mean(words[-1].upper(), CURRENCIES) or "a currency is a code of ISO 4217, as `money RUB`"
        findings.error("SND107", f"`{node.text}` is no field type", node.span, hint=hint, address=address)
        return None
    return kind.maybe() if optional else kind


def _one_of(node: Sequence, findings: Findings, address: str) -> Type:
    options: list[str] = []
    for item in node.items:
        assert isinstance(item, Scalar)
        option = unicodedata.normalize("NFC", item.text)
        if option in options:
            findings.error("SND104", f"`{option}` is an option already", item.span, address=address)
        options.append(option)
    return Type("one_of", options=tuple(options))


def _named(words: list[str]) -> Type | None:
    match words:
        case [kind] if kind in SCALAR_KINDS:
            return Type(kind, personal=kind in PERSONAL_KINDS)
        case ["money"]:
            return Type("money", fields=_MONEY)
        case ["money", currency] if currency in CURRENCIES:
            return Type("money", fields=_MONEY, currency=currency)
        case ["list", "of", *rest]:
            item = _named(rest)
            return Type("list", item=item, personal=item.personal) if item else None
        case [shape, *rest] if shape.startswith("["):
            options = tuple(option.strip() for option in " ".join([shape, *rest]).strip("[]").split(","))
            return Type("one_of", options=options) if all(options) else None
    return None


def answer_type(question: Question) -> Type | None:
    """What an answer to the question holds; None for `info`. A question that may be hidden or left empty may be missing."""
    kind: Type
    sure = question.show_if is None
    match question.type:
        case "info":
            return None
        case "single" | "dropdown":
            kind = Type("one_of", options=tuple(question.options) + (("other",) if question.other else ()))
        case "ranking":
            listing = Type("list", item=Type("one_of", options=tuple(question.options)))
            return listing if sure and question.required else listing.maybe()
        case "matrix":
            columns = Type("one_of", options=tuple(question.options)) if question.options else INTEGER
            cell = columns if sure and question.required else columns.maybe()
            return object_type(dict.fromkeys(question.rows, cell), optional=not sure)
        case "multiple":
            options = tuple(question.options) + (("other",) if question.other else ())
            listing = Type("list", item=Type("one_of", options=options))
            return listing if sure else listing.maybe()
        case "consent":
            return BOOLEAN if sure else BOOLEAN.maybe()
        case _:
            return _type_of(question.type, question.scale, optional=not (sure and question.required))
    return kind if sure and question.required else kind.maybe()


@cache
def _type_of(question: str, scale: tuple[int, int] | None, *, optional: bool) -> Type:
    """Of the questions that differ in nothing else, there are many."""
    match question:
        case "gcr":
            return Type("one_of", optional, options=CATEGORIES["gcr"])
        case "yes_no":
            return replace(BOOLEAN, optional=optional)
        case "text" | "email" | "phone":
            return Type(question, optional, personal=True)
        case "number" | "date":
            return Type(question, optional)
    return replace(INTEGER, optional=optional, range=scale)


def answer_types(survey: Survey) -> dict[str, Type]:
    """Each name that an answer to the survey may hold, with its type."""
    found: dict[str, Type] = {}
    for question in survey.questions:
        found.update(answers_to(question))
    return found


def answers_to(question: Question) -> dict[str, Type]:
    """The names that an answer to one question may hold: its own, and that of the words behind `other`."""
    kind = answer_type(question)
    found = {question.id: kind} if kind is not None else {}
    if question.other:
        found[f"{question.id}_other"] = _type_of("text", None, optional=True)
    return found


def face_of(survey: Survey) -> SurveyFace:
    """What other definitions see of a survey."""
    answers = answer_types(survey)
    return SurveyFace(
        name=survey.name,
        metric=survey.metric,
        about=survey.about,
        anonymous=survey.anonymous,
        open=survey.open,
        answers=answers,
        answer=_answer_object(survey, dict(answers)),
        invitation=invitation_object(survey),
    )


def _answer_object(survey: Survey, fields: dict[str, Type]) -> Type:
    """`answer`: the answers by question, with the category and sentiment where the survey has a metric."""
    if survey.metric != "none" and survey.metric_question is not None:
        sure = not fields[survey.metric_question].optional
        for name, options in (("category", CATEGORIES[survey.metric]), ("sentiment", SENTIMENTS)):
            fields[name] = Type("one_of", options=options, optional=not sure)
    return object_type(fields)


INVITATION = object_type(
    {
        "channel": Type("one_of", options=("email", "sms", "telegram", "web", "widget", "link", "qr")),
        "language": Type("language"),
        "variant": TEXT.maybe(),
        "sent_at": Type("datetime", optional=True),
    }
)


def invitation_object(survey: Survey) -> Type:
    """`invitation`: its variant is one of the survey's."""
    if not survey.variants:
        return INVITATION
    return object_type({**INVITATION.fields, "variant": Type("one_of", options=tuple(survey.variants), optional=True)})


@cache
def object_events() -> MappingT[str, EventType]:
    """The events of objects that need no declaration: `deal.won`."""
    found: dict[str, EventType] = {}

    def event(name: str, carries: tuple[str, ...], fields: MappingT[str, Type]) -> None:
        found[name] = EventType(name=name, objects=carries, fields=fields)

    for kind in LIFECYCLE_OBJECTS:
        for verb in LIFECYCLE:
            event(f"{kind}.{verb}", (kind,), {"changed": Type("list", item=TEXT)} if verb == "updated" else {})
    for verb in DEAL_EVENTS:
        event(f"deal.{verb}", ("deal",), {})
    return found


def survey_event(survey: str, verb: str, about: str) -> EventType:
    """`survey.NAME.answered` and the like."""
    return EventType(name=f"survey.{survey}.{verb}", objects=() if about == "contact" else (about,), fields={})


def metric_event(survey: str) -> EventType:
    """`metric.SURVEY.changed`, of a survey that has a metric."""
    return EventType(name=f"metric.{survey}.changed", objects=(), fields={"change": NUMBER, "p": NUMBER, "segment": TEXT.maybe()})


def built_in_events(surveys: MappingT[str, Survey]) -> dict[str, EventType]:
    """The events that need no declaration; what they carry is readable where the data contract has it."""
    found = dict(object_events())
    for survey in surveys.values():
        made = [survey_event(survey.name, verb, survey.about) for verb in SURVEY_EVENTS]
        made += [metric_event(survey.name)] if survey.metric != "none" else []
        found.update((event.name, event) for event in made)
    return found

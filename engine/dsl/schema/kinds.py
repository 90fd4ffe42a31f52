"""The JSON Schema (2020-12) of every kind of document.

A plain scalar is its source text where text is expected, so "text" admits what YAML reads as a number or a boolean.
Every subschema with a ``title`` is explained by it: "expected <title>".
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from engine.dsl.uses import LATER_USES, USES

Schema = dict[str, Any]

NAME_PATTERN = "^[a-z][a-z0-9_]*$"
EVENT_PATTERN = r"^[a-z][a-z0-9_]*(\.([a-z][a-z0-9_]*|\*))+$"
DURATION_PATTERN = "^[0-9]{1,6}(s|m|h|d|w|mo|q|y|bd)$"
QUESTION_TYPES = (
    "nps",
    "csat",
    "ces",
    "gcr",
    "scale",
    "stars",
    "smileys",
    "single",
    "multiple",
    "dropdown",
    "yes_no",
    "text",
    "number",
    "email",
    "phone",
    "date",
    "info",
    "consent",
)
METRICS = ("nps", "csat", "ces", "gcr", "none")
LABELS = ("low", "high")


def _object(title: str, properties: Mapping[str, Schema], required: tuple[str, ...] = (), **more: Any) -> Schema:
    return {
        "title": title,
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def _map_of(title: str, values: Schema, keys: str = NAME_PATTERN, **more: Any) -> Schema:
    return {"title": title, "type": "object", "propertyNames": {"title": "a name", "pattern": keys}, "additionalProperties": values, **more}


def _choice(title: str, *values: str) -> Schema:
    return {"title": title, "enum": list(values)}


SCALAR: Schema = {"title": "text", "type": ["string", "number", "boolean"]}
NAME: Schema = {"title": "a name (a-z, 0-9 and _, a letter first)", "type": "string", "pattern": NAME_PATTERN}
DURATION: Schema = {"title": "a duration, as 30s 15m 4h 3d 2w 1mo 1q 1y 2bd", "type": "string", "pattern": DURATION_PATTERN}
EXPRESSION: Schema = {"title": "an expression", "type": ["string", "boolean", "number"]}
BOOLEAN: Schema = {"title": "true or false", "type": "boolean"}
PEOPLE_TEXT: Schema = {  # one string for every language, or a map of language to string
    "title": "text, or a map of language to text",
    "type": ["string", "number", "boolean", "object"],
    "propertyNames": {"title": "a language code", "pattern": "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"},
    "additionalProperties": SCALAR,
    "minProperties": 1,
}
REFERENCE: Schema = _object(
    "a reference to a secret: {env: NAME} or {file: PATH}", {"env": SCALAR, "file": SCALAR}, minProperties=1, maxProperties=1
)
SCALAR_OR_REFERENCE: Schema = {
    "title": "text, or a reference: {env: NAME} or {file: PATH}",
    "type": ["string", "number", "boolean", "object"],
    "properties": {"env": SCALAR, "file": SCALAR},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
FIELD: Schema = {
    "title": "a field type, as `optional text`, `[a, b]` or {type: text, optional: true}",
    "type": ["string", "array", "object"],
    "items": SCALAR,
    "minItems": 1,
    "properties": {"type": {"type": ["string", "array"], "items": SCALAR}, "optional": BOOLEAN, "personal": BOOLEAN},
    "required": ["type"],
    "additionalProperties": False,
}
EVENTS: Schema = {
    "title": "an event, a list of events, or {survey.*.answered: {metric: …}}",
    "type": ["string", "array", "object"],
    "items": {"title": "an event", "type": "string"},
    "minItems": 1,
    "additionalProperties": _object("a filter, as {metric: nps}", {"metric": _choice("a metric", *METRICS)}, ("metric",)),
    "minProperties": 1,
    "maxProperties": 1,
}
NAMES: Schema = {"title": "a list of names", "type": "array", "items": SCALAR, "minItems": 1}


def _connection() -> Schema:
    keys = sorted(set().union(*(use.keys for use in USES.values())))
    values: dict[str, Schema] = dict.fromkeys(keys, SCALAR_OR_REFERENCE)
    values["use"] = _choice("a kind of system", *USES)
    values["fields"] = _map_of("a map of our field to theirs", SCALAR, r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")
    values["allow_private"] = BOOLEAN
    return _object("a connection", values, ("use",))


def _question() -> Schema:
    return _object(
        "a question",
        {
            "type": _choice("a question type", *QUESTION_TYPES),
            "ask": PEOPLE_TEXT,
            "options": _map_of("a map of option to its text", PEOPLE_TEXT, minProperties=1),
            "other": BOOLEAN,
            "required": BOOLEAN,
            "show_if": EXPRESSION,
            "scale": {"title": "a scale, as 1-10", "type": "string", "pattern": "^[0-9]{1,2}-[0-9]{1,2}$"},
            "labels": _object("the words at the ends of a scale", dict.fromkeys(LABELS, PEOPLE_TEXT)),
            "renamed_from": NAME,
        },
        ("type", "ask"),
    )


def _content(*keys: str, required: tuple[str, ...], **more: Schema) -> Schema:
    return _object("what the action says", {"via": SCALAR, **dict.fromkeys(keys, PEOPLE_TEXT), **more}, required)


def _step() -> Schema:
    actions: dict[str, Schema] = {
        "ticket": _content(
            "title", "body", required=("title",), priority=_choice("a priority", "low", "normal", "high", "urgent"), tags=NAMES
        ),
        "email": _content("subject", "body", required=(), template=NAME),
        "webhook": _content(required=("data",), data=_map_of("the data to send", SCALAR)),
        "update": _map_of("a map of object to its new field values", _map_of("new field values", SCALAR), minProperties=1),
    }
    return _object("a step", {**actions, "if": EXPRESSION})


@cache
def kind_schemas() -> Mapping[str, Schema]:
    """The schema of each kind, by name."""
    return {
        "project": _object(
            "a project",
            {
                "project": NAME,
                "languages": {**NAMES, "title": "a list of languages"},
                "timezone": SCALAR,
                "public_url": SCALAR_OR_REFERENCE,
                "objects": _map_of("the objects of the data contract", _map_of("the fields of an object", FIELD)),
                "identity": _object("what makes two records one person", {"contact": NAMES}),
                "events": _map_of("events", _map_of("an event: {object: …, field: type}", FIELD), r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$"),
                "may_ask": EXPRESSION,
                "connections": _map_of("connections", _connection()),
            },
            ("project",),
        ),
        "survey": _object(
            "a survey",
            {
                "survey": NAME,
                "metric": {
                    "title": f"a metric ({', '.join(METRICS)}), or {{metric: question}}",
                    "type": ["string", "object"],
                    "additionalProperties": NAME,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
                "about": NAME,
                "title": PEOPLE_TEXT,
                "questions": _map_of("questions", _question(), minProperties=1),
                "pages": {"title": "a list of pages, each a list of questions", "type": "array", "items": NAMES, "minItems": 1},
                "thanks": {
                    "title": "a list of thanks",
                    "type": "array",
                    "items": _object("a thanks", {"if": EXPRESSION, "text": PEOPLE_TEXT, "link": SCALAR}, ("text",)),
                    "minItems": 1,
                },
                "renamed_from": NAME,
            },
            ("survey", "metric", "questions"),
        ),
        "audience": _object("an audience", {"audience": NAME, "of": NAME, "where": EXPRESSION, "renamed_from": NAME}, ("audience", "of")),
        "cadence": _object(
            "a cadence",
            {
                "cadence": NAME,
                "survey": NAME,
                "audience": NAME,
                "when": EVENTS,
                "if": EXPRESSION,
                "after": DURATION,
                "via": {**NAMES, "title": "a list of connections or channels"},
                "invite": NAME,
                "expires": DURATION,
                "renamed_from": NAME,
            },
            ("cadence", "survey", "audience", "via", "when"),
        ),
        "automation": _object(
            "an automation",
            {
                "automation": NAME,
                "when": EVENTS,
                "if": EXPRESSION,
                "then": {"title": "a list of steps", "type": "array", "items": _step(), "minItems": 1},
                "renamed_from": NAME,
            },
            ("automation", "when", "then"),
        ),
        "template": _object(
            "a template", {"template": NAME, "subject": PEOPLE_TEXT, "text": PEOPLE_TEXT, "renamed_from": NAME}, ("template", "text")
        ),
    }


KINDS = ("project", "survey", "audience", "cadence", "automation", "template")
LATER_KINDS = frozenset({"report", "scenario", "blueprint"})
# Keys of the language page that this version does not execute: refused by name rather than called unknown.
LATER_KEYS: Mapping[str, frozenset[str]] = {
    "a project": frozenset(
        "calendar calendars environments frequency quiet limits retention anonymity theme brands annotations benchmarks paths".split()
    ),
    "a survey": frozenset("partial edit incentive quotas variants version breaks_trend anonymous open".split()),
    "an audience": frozenset("exclude sample rotate limit expect".split()),
    "a cadence": frozenset("every cron from cancel_on spread between remind again priority".split()),
    "an automation": frozenset("run use with".split()),
    "a step": frozenset(
        "task sms message comment ask incentive suppress emit wait wait_for stop then else as at_most on_timeout on_failure".split()
    ),
    "a question": frozenset("validate randomise".split()),
    "a connection": frozenset("dkim rate account".split()),
}
# Values that are not executed, with what they are called and the key that has them; other keys of theirs are not known yet.
LATER_VALUES: Mapping[str, tuple[str, str, frozenset[str]]] = {
    "a question": ("a question type", "type", frozenset({"ranking", "matrix"})),
    "a connection": ("a kind of system", "use", LATER_USES),
}

"""The pieces that schemas are made of.

A plain scalar is its source text where text is expected, so "text" admits what YAML reads as a number or a boolean.
Every subschema with a ``title`` is explained by it: "expected <title>".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

NAME_PATTERN = "^[a-z][a-z0-9_]*$"
EVENT_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$"
PATH_PATTERN = r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$"
LANGUAGE_PATTERN = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


def mapping(title: str, properties: Mapping[str, Schema], required: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with these keys and no others."""
    return {
        "title": title,
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
        **more,
    }


def map_of(title: str, values: Schema, keys: Schema | None = None, **more: Any) -> Schema:
    """An object whose keys are the author's: names, unless ``keys`` says otherwise."""
    return {"title": title, "type": "object", "propertyNames": keys or NAME, "additionalProperties": values, **more}


def list_of(title: str, items: Schema, **more: Any) -> Schema:
    return {"title": title, "type": "array", "items": items, "minItems": 1, **more}


def choice(title: str, *values: str) -> Schema:
    return {"title": title, "enum": list(values)}


def pattern(title: str, expression: str) -> Schema:
    return {"title": title, "type": "string", "pattern": expression}


def integer(title: str, least: int, most: int = 2**31) -> Schema:
    return {"title": title, "type": "integer", "minimum": least, "maximum": most}


SCALAR: Schema = {"title": "text", "type": ["string", "number", "boolean"]}
NUMBER: Schema = {"title": "a number", "type": "number"}
BOOLEAN: Schema = {"title": "true or false", "type": "boolean"}
NAME = pattern("a name (a-z, 0-9 and _, a letter first)", NAME_PATTERN)
EVENT_NAME = pattern("the name of an event, as order.delivered", EVENT_PATTERN)
FIELD_PATH = pattern("a field of the data contract, as contact.tier", PATH_PATTERN)
# What others call their options is kept: a country is `NO`, a grade is `5`.
OPTION_NAME = pattern("the name of an option (letters, digits, _ and -)", "^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$")
ANY_KEY: Schema = {"title": "a key", "minLength": 1}
DURATION = pattern("a duration, as 30s 15m 4h 3d 2w 1mo 1q 1y 2bd", "^[0-9]{1,6}(s|m|h|d|w|mo|q|y|bd)$")
TIME_RANGE = pattern("a time range, as 09:00-18:00", "^([01]?[0-9]|2[0-3]):[0-5][0-9]-([01]?[0-9]|2[0-4]):[0-5][0-9]$")
PERCENT = pattern("a percentage, as 25%", r"^(100|[0-9]{1,2}(\.[0-9]{1,3})?)%$")
DATE = pattern("a date, as 2026-03-01", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
INSTANT = pattern(
    "an instant, as 2026-03-02T09:00:00Z", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"
)
COLOUR = pattern('a colour, as "#006633"', "^#[0-9a-fA-F]{6}$")
EXPRESSION: Schema = {"title": "an expression", "type": ["string", "boolean", "number"]}
NAMES = list_of("a list of names", SCALAR)
PEOPLE_TEXT: Schema = {  # one string for every language, or a map of language to string
    "title": "text, or a map of language to text",
    "type": ["string", "number", "boolean", "object"],
    "propertyNames": {"title": "a language code", "pattern": LANGUAGE_PATTERN},
    "additionalProperties": SCALAR,
    "minProperties": 1,
}
SCALAR_OR_REFERENCE: Schema = {
    "title": "text, or a reference: {env: NAME} or {file: PATH}",
    "type": ["string", "number", "boolean", "object"],
    "properties": {"env": SCALAR, "file": SCALAR},
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}
METRICS = ("nps", "csat", "ces", "gcr", "none")
EVENTS: Schema = {
    "title": "an event, a list of events, or {survey.*.answered: {metric: …}}",
    "type": ["string", "array", "object"],
    "items": {"title": "an event", "type": "string"},
    "minItems": 1,
    "additionalProperties": mapping("a filter, as {metric: nps}", {"metric": choice("a metric", *METRICS)}, ("metric",)),
    "minProperties": 1,
    "maxProperties": 1,
}
LIMIT = mapping("a limit, as {max: 3, of: company}", {"max": integer("a whole number from 1", 1), "of": SCALAR}, ("max", "of"))

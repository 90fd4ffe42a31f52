"""The schema of `survey:`."""

from __future__ import annotations

from engine.dsl.schema.parts import (
    BOOLEAN,
    DURATION,
    EXPRESSION,
    NAME,
    NAMES,
    OPTION_NAME,
    PEOPLE_TEXT,
    PERCENT,
    SCALAR,
    Schema,
    choice,
    integer,
    list_of,
    map_of,
    mapping,
    pattern,
)

QUESTION_TYPES = (
    *("nps", "csat", "ces", "gcr", "scale", "stars", "smileys", "single", "multiple", "dropdown", "yes_no", "text", "number"),
    *("email", "phone", "date", "ranking", "matrix", "info", "consent"),
)
LABELS = ("low", "middle", "high")
LOOKS = ("numbers", "stars", "smileys", "words")


def _option() -> Schema:
    """An option's text, or the long form that remembers an earlier name."""
    return {
        **PEOPLE_TEXT,
        "title": "text, a map of language to text, or {text: …, renamed_from: …}",
        "propertyNames": {"title": "a language code", "pattern": "^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*|text|renamed_from)$"},
        "properties": {"text": PEOPLE_TEXT, "renamed_from": NAME},
    }


def _question() -> Schema:
    return mapping(
        "a question",
        {
            "type": choice("a question type", *QUESTION_TYPES),
            "ask": PEOPLE_TEXT,
            "options": map_of("a map of option to its text", _option(), OPTION_NAME, minProperties=1),
            "rows": map_of("a map of row to its text", PEOPLE_TEXT, minProperties=1),
            "other": BOOLEAN,
            "required": BOOLEAN,
            "show_if": EXPRESSION,
            "validate": EXPRESSION,
            "scale": pattern("a scale, as 1-10", "^[0-9]{1,2}-[0-9]{1,2}$"),
            "shown_as": choice("a look", *LOOKS),
            "labels": mapping("the words of a scale", dict.fromkeys(LABELS, PEOPLE_TEXT)),
            "randomise": BOOLEAN,
            "renamed_from": NAME,
        },
        ("type", "ask"),
    )


def survey_schema() -> Schema:
    return mapping(
        "a survey",
        {
            "survey": NAME,
            "metric": {
                "title": "a metric (nps, csat, ces, gcr, none), or {metric: question}",
                "type": ["string", "object"],
                "additionalProperties": NAME,
                "minProperties": 1,
                "maxProperties": 1,
            },
            "about": NAME,
            "title": PEOPLE_TEXT,
            "questions": map_of("questions", _question(), minProperties=1),
            "pages": list_of("a list of pages, each a list of questions", NAMES),
            "partial": DURATION,
            "edit": choice("until_closed or never", "until_closed", "never"),
            "thanks": list_of("a list of thanks", mapping("a thanks", {"if": EXPRESSION, "text": PEOPLE_TEXT, "link": SCALAR}, ("text",))),
            "incentive": mapping(
                "an incentive, as {pool: codes, one_per: contact}",
                {"pool": NAME, "draw": NAME, "offer": PEOPLE_TEXT, "one_per": choice("contact or invitation", "contact", "invitation")},
            ),
            "quotas": list_of(
                "a list of quotas, as {max: 500, if: …}",
                mapping("a quota", {"max": integer("a whole number from 1", 1), "if": EXPRESSION}, ("max",)),
            ),
            "variants": map_of("shares by variant, as {a: 50%, b: 50%}", PERCENT, minProperties=2),
            "version": integer("a whole number from 1", 1),
            "breaks_trend": BOOLEAN,
            "anonymous": BOOLEAN,
            "open": BOOLEAN,
            "brand": NAME,
            "renamed_from": NAME,
        },
        ("survey", "metric", "questions"),
    )

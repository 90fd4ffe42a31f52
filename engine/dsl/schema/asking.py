"""The schemas of `audience:`, `cadence:`, `template:` and `report:`."""

from __future__ import annotations

from engine.dsl.schema.parts import (
    DATE,
    DURATION,
    EVENTS,
    EXPRESSION,
    LIMIT,
    NAME,
    NAMES,
    NUMBER,
    PEOPLE_TEXT,
    PERCENT,
    SCALAR,
    TIME_RANGE,
    Schema,
    choice,
    integer,
    list_of,
    map_of,
    mapping,
)

SHOWN = ("kpis", "trend", "distribution", "segments", "themes", "drivers", "map", "benchmarks", "closed_loop")


def audience_schema() -> Schema:
    return mapping(
        "an audience",
        {
            "audience": NAME,
            "of": NAME,
            "where": EXPRESSION,
            "exclude": {"title": "a list of audiences", "type": "array", "items": SCALAR},
            "sample": PERCENT,
            "rotate": DURATION,
            "limit": LIMIT,
            "expect": mapping(
                "what is expected, as {min: 50, max: 5000}",
                {"min": integer("a whole number", 0), "max": integer("a whole number", 0), "margin": NUMBER, "response": PERCENT},
                minProperties=1,
            ),
            "renamed_from": NAME,
        },
        ("audience", "of"),
    )


def cadence_schema() -> Schema:
    return mapping(
        "a cadence",
        {
            "cadence": NAME,
            "survey": NAME,
            "audience": NAME,
            "when": EVENTS,
            "every": DURATION,
            "cron": SCALAR,
            "from": DATE,
            "if": EXPRESSION,
            "cancel_on": EVENTS,
            "after": DURATION,
            "spread": DURATION,
            "between": TIME_RANGE,
            "via": list_of("a list of connections or channels", SCALAR),
            "invite": NAME,
            "remind": mapping(
                "reminders, as {every: 3d, max: 2, with: template}",
                {"every": DURATION, "max": integer("a whole number from 1", 1, 100), "with": NAME},
                ("every", "max"),
            ),
            "expires": DURATION,
            "again": DURATION,
            "priority": integer("a whole number", -1_000_000, 1_000_000),
            "renamed_from": NAME,
        },
        ("cadence", "survey", "audience", "via"),
    )


def template_schema() -> Schema:
    return mapping(
        "a template", {"template": NAME, "subject": PEOPLE_TEXT, "text": PEOPLE_TEXT, "renamed_from": NAME}, ("template", "text")
    )


def report_schema() -> Schema:
    return mapping(
        "a report",
        {
            "report": NAME,
            "title": PEOPLE_TEXT,
            "every": DURATION,
            "surveys": NAMES,
            "segments": list_of("a list of fields, as contact.tier", SCALAR),
            "show": list_of("a list of parts", choice("a part of a report", *SHOWN)),
            "to": list_of(
                "a list of recipients, as {email: cx@acme.test}", map_of("a recipient", SCALAR, minProperties=1, maxProperties=1)
            ),
            "renamed_from": NAME,
        },
        ("report",),
    )

"""The schema of `project:`."""

from __future__ import annotations

from engine.dsl.schema.parts import (
    BOOLEAN,
    COLOUR,
    DATE,
    DURATION,
    EVENT_NAME,
    EXPRESSION,
    FIELD_PATH,
    NAME,
    NAMES,
    NUMBER,
    PEOPLE_TEXT,
    SCALAR,
    SCALAR_OR_REFERENCE,
    TIME_RANGE,
    Schema,
    choice,
    integer,
    list_of,
    map_of,
    mapping,
    pattern,
)
from engine.dsl.uses import USES
from engine.schedule.windows import WEEKDAYS

FIELD: Schema = {
    "title": "a field type, as `optional text`, `[a, b]` or {type: text, optional: true}",
    "type": ["string", "array", "object"],
    "items": SCALAR,
    "minItems": 1,
    "properties": {"type": {"type": ["string", "array"], "items": SCALAR}, "optional": BOOLEAN, "personal": BOOLEAN},
    "required": ["type"],
    "additionalProperties": False,
}
THEME = mapping(
    "a theme",
    {
        "accent": COLOUR,
        "background": COLOUR,
        "text": COLOUR,
        "logo": SCALAR,
        "font": SCALAR,
        "radius": integer("a radius in pixels", 0, 64),
    },
)
CALENDAR = mapping('a calendar, as {country: RU, hours: "09:00-18:00"}', {"country": SCALAR, "hours": TIME_RANGE})
SEVERITIES = ("off", "info", "warning", "error")
RETAINED = ("identifiers", "answers", "raw")


def _settings() -> dict[str, Schema]:
    keys = sorted(set().union(*(use.keys for use in USES.values())))
    values: dict[str, Schema] = dict.fromkeys(keys, SCALAR_OR_REFERENCE)
    values["fields"] = map_of("a map of our field to theirs", SCALAR, FIELD_PATH)
    values["allow_private"] = BOOLEAN
    values["dkim"] = mapping("a DKIM key, as {selector: s1, key: {file: dkim.pem}}", {"selector": SCALAR, "key": SCALAR_OR_REFERENCE})
    return {**values, "use": choice("a kind of system", *USES)}


def project_schema() -> Schema:
    settings = _settings()
    return mapping(
        "a project",
        {
            "project": NAME,
            "renamed_from": NAME,
            "paths": list_of("a list of folders", SCALAR),
            "languages": list_of("a list of languages", SCALAR),
            "timezone": SCALAR,
            "calendar": CALENDAR,
            "calendars": map_of("calendars by name", CALENDAR),
            "public_url": SCALAR_OR_REFERENCE,
            "objects": map_of("the objects of the data contract", map_of("the fields of an object", FIELD)),
            "identity": mapping("what makes two records one person", {"contact": NAMES}),
            "events": map_of("events", map_of("an event: {object: …, field: type}", FIELD), EVENT_NAME),
            "may_ask": EXPRESSION,
            "connections": map_of("connections", mapping("a connection", settings, ("use",))),
            "environments": map_of(
                "environments by name",
                mapping(
                    "an environment",
                    {
                        "only_to": list_of("a list of address patterns", SCALAR),
                        "connections": map_of("settings by connection", mapping("settings of a connection", settings)),
                    },
                ),
            ),
            "frequency": list_of(
                "a list of caps, as {max: 1, per: 30d, of: contact}",
                mapping(
                    "a cap",
                    {
                        "max": integer("a whole number from 1", 1),
                        "per": DURATION,
                        "of": SCALAR,
                        "channel": SCALAR,
                        "count": choice("what is counted", "invitations", "messages"),
                        "if": EXPRESSION,
                    },
                    ("max", "per", "of"),
                ),
            ),
            "quiet": mapping(
                'quiet hours, as {between: "21:00-09:00", days: [sat, sun]}',
                {"between": TIME_RANGE, "days": list_of("a list of days", choice("a day (mon to sun)", *WEEKDAYS))},
                minProperties=1,
            ),
            "limits": mapping("limits", {"sends_per_hour": integer("a whole number from 1", 1)}),
            "retention": mapping("how long things are kept", dict.fromkeys(RETAINED, DURATION)),
            "anonymity": integer("a whole number from 2", 2, 1000),
            "theme": THEME,
            "brands": map_of("brands by name", mapping("a brand", {"theme": THEME, "from": SCALAR})),
            "annotations": list_of(
                "a list of annotations, as {date: 2026-03-01, text: …}",
                mapping("an annotation", {"date": DATE, "text": PEOPLE_TEXT}, ("date", "text")),
            ),
            "benchmarks": list_of(
                "a list of benchmarks",
                mapping(
                    "a benchmark",
                    {
                        "metric": choice("a metric", "nps", "csat", "ces", "gcr"),
                        "value": NUMBER,
                        "n": integer("a number of answers", 1),
                        "date": DATE,
                        "source": SCALAR,
                    },
                    ("metric", "value", "date", "source"),
                ),
            ),
            "checks": map_of("severities by check", choice("a severity", *SEVERITIES), pattern("a code, as SND310", "^SND[0-9]{3}$")),
        },
        ("project",),
    )

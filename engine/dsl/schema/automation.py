"""The schemas of `automation:` and `scenario:`."""

from __future__ import annotations

from engine.dsl.schema.parts import (
    ANY_KEY,
    DURATION,
    EVENTS,
    EXPRESSION,
    INSTANT,
    NAME,
    NAMES,
    PEOPLE_TEXT,
    SCALAR,
    Schema,
    choice,
    list_of,
    map_of,
    mapping,
)

PRIORITIES = ("low", "normal", "high", "urgent")
PRIORITY = choice("a priority", *PRIORITIES)
RUN = mapping(
    "a run mode, as {per: contact, mode: single}",
    {"per": NAME, "mode": choice("a mode", "single", "restart", "queue", "parallel")},
)
STEPS: Schema = {"title": "a list of steps", "type": "array", "items": {"$ref": "#/$defs/step"}, "minItems": 1}
VIA: Schema = {"title": "a connection or channel, or a list of them", "type": ["string", "array"], "items": SCALAR, "minItems": 1}
ACTIONS: dict[str, tuple[tuple[str, ...], dict[str, Schema]]] = {
    # action → the keys that it needs, and all that it takes
    "ticket": (("title",), {"title": PEOPLE_TEXT, "body": PEOPLE_TEXT, "priority": PRIORITY, "tags": NAMES}),
    "task": (("title",), {"title": PEOPLE_TEXT, "body": PEOPLE_TEXT, "due": DURATION, "priority": PRIORITY, "assignee": SCALAR}),
    "email": ((), {"subject": PEOPLE_TEXT, "body": PEOPLE_TEXT, "template": NAME, "to": SCALAR}),
    "sms": (("text",), {"text": PEOPLE_TEXT, "to": SCALAR}),
    "message": (("text",), {"text": PEOPLE_TEXT, "to": SCALAR}),
    "webhook": (("data",), {"data": map_of("the data to send", SCALAR, ANY_KEY)}),
    "comment": (("text",), {"text": PEOPLE_TEXT, "on": NAME}),
    "ask": (("survey",), {"survey": NAME, "via": VIA, "after": DURATION, "expires": DURATION, "invite": NAME, "audience": NAME}),
    "incentive": (("pool",), {"pool": NAME, "template": NAME, "subject": PEOPLE_TEXT, "body": PEOPLE_TEXT}),
    "suppress": ((), {"channel": SCALAR, "for": DURATION, "reason": SCALAR}),
    "emit": (
        ("event",),
        {"event": SCALAR, "data": map_of("the event's data", {"title": "a value", "type": ["string", "number", "boolean", "object"]})},
    ),
}
FLOW = ("wait", "wait_for", "stop")


def _step() -> Schema:
    actions = {name: mapping(f"the content of `{name}`", {"via": SCALAR, **keys}, needed) for name, (needed, keys) in ACTIONS.items()}
    actions["update"] = map_of("a map of object to its new field values", map_of("new field values", SCALAR), minProperties=1)
    return mapping(
        "a step",
        {
            **actions,
            "if": EXPRESSION,
            "then": STEPS,
            "else": STEPS,
            "wait": DURATION,
            "wait_for": EVENTS,
            "at_most": DURATION,
            "on_timeout": STEPS,
            "stop": {"title": "true, or the reason", "type": ["boolean", "string"]},
            "as": NAME,
            "on_failure": STEPS,
        },
    )


def automation_schema() -> Schema:
    return mapping(
        "an automation",
        {
            "automation": NAME,
            "when": EVENTS,
            "if": EXPRESSION,
            "then": STEPS,
            "run": RUN,
            "use": NAME,
            "with": map_of("inputs", SCALAR),
            "renamed_from": NAME,
        },
        ("automation", "when", "then"),
        **{"$defs": {"step": _step()}},
    )


def scenario_schema() -> Schema:
    anything: Schema = {}
    return mapping(
        "a scenario",
        {
            "scenario": NAME,
            "title": SCALAR,
            "renamed_from": NAME,
            "start": INSTANT,
            "contacts": map_of("contacts by name", map_of("a contact's fields", anything)),
            "timeline": list_of(
                "a timeline: a list of entries, each with `at`",
                mapping(
                    "an entry of the timeline",
                    {
                        "at": DURATION,
                        "event": SCALAR,
                        "answer": NAME,
                        "contact": NAME,
                        "data": map_of("the event's data", anything),
                        "answers": map_of("answers by question", anything),
                        "expect": {
                            "title": "a list of effects, as {ticket: {priority: high}}",
                            "type": "array",
                            "items": map_of("an effect", anything, minProperties=1, maxProperties=1),
                        },
                    },
                    ("at",),
                ),
            ),
        },
        ("scenario", "start", "timeline"),
    )

"""The schemas as one document for editors: what `sounding schema` prints, and what the repository holds."""

from __future__ import annotations

import copy
from typing import Any

from engine.dsl.blueprints import KINDS as BLUEPRINT_KINDS
from engine.dsl.schema.kinds import kind_schemas
from engine.dsl.schema.parts import NAME, Schema, map_of

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def published(kind: str | None = None) -> Schema:
    """The schema of one kind, or of any document: the kind whose key a document has decides what else it may have.

    The key that names a kind comes first in a document; a JSON Schema cannot say that, so `validate` does.
    """
    schemas = {name: copy.deepcopy(schema) for name, schema in kind_schemas().items()}
    schemas["blueprint"] = _blueprint()
    definitions: dict[str, Any] = {}
    for schema in schemas.values():
        definitions.update(schema.pop("$defs", {}))
    automation = schemas["automation"]
    # An automation made by a blueprint has neither `when` nor `then` of its own.
    automation["required"] = ["automation"]
    automation["if"] = {"not": {"required": ["use"]}}
    automation["then"] = {"required": ["when", "then"]}
    cadence = schemas["cadence"]
    cadence["properties"] |= {"use": NAME, "with": map_of("inputs", {"type": ["string", "number", "boolean"]})}
    cadence["required"] = ["cadence"]
    if kind is not None:
        return {"$schema": DRAFT, "title": f"Sounding: {kind}", "$defs": definitions, **schemas[kind]}
    return {
        "$schema": DRAFT,
        "title": "Sounding: a document of a feedback project",
        "type": "object",
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in schemas],
        "$defs": {**schemas, **definitions},
    }


def _blueprint() -> Schema:
    # What a hole stands for is not known here, so the body is any mapping; `validate` judges it where it is used.
    bodies = {kind: {"title": f"the {kind}, with `$name` where an input goes", "type": "object"} for kind in BLUEPRINT_KINDS}
    return {
        "title": "a blueprint",
        "type": "object",
        "properties": {
            "blueprint": NAME,
            "renamed_from": NAME,
            "inputs": map_of("inputs by name", {"type": ["string", "array", "object"]}),
            **bodies,
        },
        "required": ["blueprint"],
        "additionalProperties": False,
    }

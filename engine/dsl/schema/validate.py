"""Judges a document by its kind's schema: jsonschema-rs as the gate, jsonschema to explain what the gate stopped."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import jsonschema_rs

from engine.dsl.diagnostics import Findings
from engine.dsl.nearest import did_you_mean, nearest
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.schema.kinds import KINDS, kind_schemas
from engine.dsl.schema.parts import EXPRESSION, Schema
from engine.dsl.schema.remains import Remains, refused_parts
from engine.model.span import Span

_NAMES = {dict: "a map", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number", type(None): "nothing"}


@cache
def _gate(kind: str) -> Any:
    return jsonschema_rs.Draft202012Validator(kind_schemas()[kind])


@cache
def _explainer(kind: str) -> Any:
    import jsonschema  # slow to import, and needed only where something is wrong

    return jsonschema.Draft202012Validator(kind_schemas()[kind])


def fitting(kind: str, document: Mapping, findings: Findings, address: str) -> Mapping:
    """The document where it fits its schema; else what remains of it, and what does not fit is a finding."""
    gate = _gate(kind)
    if gate.is_valid(document.data):
        return document
    schema = kind_schemas()[kind]
    data = _as_meant(document, schema, schema)
    if gate.is_valid(data):
        return document
    errors = list(_explainer(kind).iter_errors(data))
    _explain_all(errors, kind, document, data, findings, address)
    remains = Remains(document)
    while remains.entries and not gate.is_valid(data):
        paths = {path for error in errors for path in refused_parts(error)}
        remains.leave_out(paths or {tuple(error.instance_path) for error in gate.iter_errors(data)})
        data = _as_meant(remains, schema, schema)
        errors = list(_explainer(kind).iter_errors(data))
    return remains


def _explain_all(errors: list[Any], kind: str, document: Mapping, data: Any, findings: Findings, address: str) -> None:
    before = len(findings.items)
    trapped = _commas(document, findings, address)
    for error in errors:
        if not (isinstance(error.instance, str) and error.instance in trapped) and not trapped.intersection(list(error.absolute_path)[-1:]):
            _explain(error, document, findings, address, trapped)
    if len(findings.items) == before:  # the two read patterns a little differently, and the gate's word counts
        for error in _gate(kind).iter_errors(data):
            findings.error("SND103", error.message, _at(document, list(error.instance_path)).span, address=address)


def _as_meant(node: Node, schema: Schema, root: Schema) -> Any:
    """The data with the source text of plain scalars where text or a name is expected: `survey: true` has the name `true`.

    `.inf` and `.nan` are text everywhere: JSON has no such numbers.
    """
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if isinstance(node, Mapping):
        known, other = schema.get("properties", {}), schema.get("additionalProperties")
        rest: Schema = other if isinstance(other, dict) else {}
        return {key: _as_meant(value, known.get(key, rest), root) for key, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [_as_meant(item, schema.get("items", {}), root) for item in node.items]
    assert isinstance(node, Scalar)
    if isinstance(node.data, float) and not math.isfinite(node.data):
        return node.text
    kinds = schema.get("type", ())
    if kinds == "string":
        return node.text if node.text else node.data
    # A number or a boolean is admitted there as it is; only what YAML reads as nothing is not.
    return node.text if node.data is None and node.text and "string" in kinds and schema is not EXPRESSION else node.data


def meant_kind(kind: str, document: Mapping) -> str | None:
    """The kind that a document was meant to be where it begins with the wrong one of its keys: a cadence with `survey:`."""
    schemas = kind_schemas()
    for other in KINDS:
        if other in document.entries and other not in schemas[kind]["properties"] and kind in schemas[other]["properties"]:
            return other
    looks_like_cadence = kind == "survey" and not {"metric", "questions"} & set(document.entries)
    return "cadence" if looks_like_cadence and {"audience", "via"} & set(document.entries) else None


def _commas(node: Node, findings: Findings, address: str) -> set[str]:
    """Keys that are the rest of a text which a comma cut off: `{ask: Hello, there}` has the key `there` without a value."""
    found: set[str] = set()
    if isinstance(node, Sequence):
        for item in node.items:
            found |= _commas(item, findings, address)
    if isinstance(node, Mapping):
        for position, (key, (key_node, value)) in enumerate(node.entries.items()):
            found |= _commas(value, findings, address)
            bare = isinstance(value, Scalar) and value.plain and value.text == "" and value.start == key_node.end
            if bare and position and key_node.file.text[key_node.end : key_node.end + 1] != ":":
                found.add(key)
                message = f"`{key}` is no key: a comma cut it off from the text before it"
                findings.error(
                    "SND101", message, key_node.span, hint="quote it: inside { } a text with a comma stands in quotes", address=address
                )
    return found


def _explain(error: Any, document: Mapping, findings: Findings, address: str, trapped: set[str]) -> None:
    path = list(error.absolute_path)
    node = _at(document, path)
    title = error.schema.get("title", "")
    match error.validator:
        case "additionalProperties" if isinstance(node, Mapping):
            for key in node.entries:
                if key not in error.schema["properties"] and key not in trapped:
                    _unknown_key(key, node, error.schema, title, findings, address)
        case "propertyNames" if isinstance(node, Mapping):
            wrong = error.instance
            findings.error("SND106", f"`{wrong}` is not {title or 'a name'}", node.key_span(wrong), address=address)
        case "pattern" if isinstance(node, Mapping) and isinstance(error.instance, str) and error.instance in node.entries:
            findings.error("SND106", f"`{error.instance}` is not {title or 'a name'}", node.key_span(error.instance), address=address)
        case "required" if isinstance(node, Mapping):
            missing = next(name for name in error.validator_value if name not in node.entries and repr(name) in error.message)
            known = error.schema["properties"]
            if not any(nearest(key, known) == missing for key in node.entries if key not in known):  # misspelt, it is not missing
                findings.error("SND102", f"{_short(title)} needs `{missing}`", _holder(document, path), address=address)
        case _ if isinstance(node, Scalar) and "{{" in node.text:  # whatever was expected, it is not worked out here
            message = f"expected {title or 'a literal'}, which is taken as it stands: `{{{{ }}}}` has no meaning here"
            findings.error("SND402", message, node.within(node.text.index("{{"), 2), address=address)
        case "enum":
            value = str(error.instance) if not isinstance(error.instance, (dict, list)) else _NAMES[type(error.instance)]
            known = [str(v) for v in error.validator_value]
            findings.error("SND103", f"`{value}` is not {title}", node.span, hint=did_you_mean(value, known), address=address)
        case "minItems" | "minProperties":
            lacks = f"at least {error.validator_value} are needed" if error.instance else "it is empty"
            findings.error("SND103", f"expected {title}, but {lacks}", node.span, address=address)
        case "pattern":
            findings.error("SND103", f"expected {title}, but got `{error.instance}`", node.span, address=address)
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            findings.error("SND103", f"expected {title}, but got {error.instance}", node.span, address=address)
        case _:
            got = _NAMES.get(type(error.instance), "something else")
            where = _holder(document, path) if error.instance is None and path else node.span
            hint = _trap(node, error.schema.get("type", ()))
            findings.error("SND103", f"expected {title or 'something else'}, but got {got}", where, hint=hint, address=address)


def _unknown_key(key: str, node: Mapping, schema: dict[str, Any], title: str, findings: Findings, address: str) -> None:
    span = node.key_span(key)
    findings.error("SND101", f"{_short(title)} has no key `{key}`", span, hint=did_you_mean(key, schema["properties"]), address=address)


def _short(title: str) -> str:
    """A title without its example."""
    return title.partition(", as ")[0]


def _trap(node: Node, wanted: Any) -> str | None:
    """How to write what YAML reads in another way than it was meant."""
    bare = isinstance(node, Mapping) and any(isinstance(value, Mapping) or value.data is None for _, value in node.entries.values())
    if bare and "string" in wanted:
        return "quote the text if it was meant as text"
    if isinstance(node, Mapping) and wanted == "array":
        return "begin each item of a list with `- `, or put the list in [ ]"
    if isinstance(node, Scalar) and wanted == "array" and node.text:
        return "put it in [ ]: it is a list of one"
    if isinstance(node, Scalar) and node.data is None and "string" in wanted:
        behind = node.file.text[node.end :].partition("\n")[0].lstrip(" ")
        if behind.startswith("#"):
            return "quote what begins with `#`: it is a comment from there on"
    return None


def _at(document: Mapping, path: list[Any]) -> Node:
    node: Node = document
    for step in path:
        if isinstance(node, Mapping):
            node = node.entries[step][1]
        elif isinstance(node, Sequence):
            node = node.items[step]
    return node


def _holder(document: Mapping, path: list[Any]) -> Span:
    """Where a missing key is missed: the key that should hold it, in a list item or a document its first key."""
    if path and isinstance(path[-1], str):
        parent = _at(document, path[:-1])
        if isinstance(parent, Mapping):
            return parent.key_span(path[-1])
    node = _at(document, path)
    return node.first_key if isinstance(node, Mapping) else node.span

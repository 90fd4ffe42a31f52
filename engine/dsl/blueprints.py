"""Blueprints: an automation or cadence with typed holes. `$name` is filled in before anything is checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from engine.dsl.diagnostics import Findings, Severity
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.model.span import Span

HOLE = re.compile(r"\$([a-z][a-z0-9_]*)")
KINDS = ("automation", "cadence")
_REFERENCES = frozenset({"survey", "audience", "template", "connection", "event"})
_TYPES = (*sorted(_REFERENCES), "text", "integer", "number", "boolean", "duration")
_DURATION = re.compile(r"[0-9]{1,6}(s|m|h|d|w|mo|q|y|bd)")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class _Input:
    kind: str
    options: tuple[str, ...]
    default: str | None

    def __str__(self) -> str:
        return " or ".join(self.options) or self.kind


@dataclass(frozen=True, slots=True)
class Blueprint:
    """``body`` is the automation or cadence as written, with its holes."""

    name: str
    kind: str
    inputs: dict[str, _Input]
    body: Mapping


def read_blueprint(document: Mapping, findings: Findings) -> Blueprint | None:
    """A `blueprint:` document. What is wrong with it is a finding."""
    name = str(document.data["blueprint"])
    address = f"blueprint.{name}"
    before = len(findings.items)
    if not _NAME.fullmatch(name):
        findings.error("SND106", f"`{name}` is not a name", document.entries["blueprint"][1].span, address=address)
    bodies = [key for key in document.entries if key in KINDS]
    for key in document.entries:
        if key not in ("blueprint", "inputs", "renamed_from", *KINDS):
            hint = did_you_mean(key, ["inputs", "renamed_from", *KINDS])
            findings.error("SND101", f"a blueprint has no key `{key}`", document.key_span(key), hint=hint, address=address)
    body = document.get(bodies[0]) if len(bodies) == 1 else None
    if not isinstance(body, Mapping):
        findings.error("SND102", "a blueprint holds one `automation` or `cadence`", document.first_key, address=address)
        return None
    inputs = {key: _input(value, findings, address) for key, value in _entries(document.get("inputs"))}
    holes = _holes(body)
    for hole, span in holes:
        if hole not in inputs:
            findings.error("SND109", f"the blueprint has no input `{hole}`", span, hint=did_you_mean(hole, inputs), address=address)
    if any(d.severity == "error" for d in findings.items[before:]):
        return None
    declared, used = document.get("inputs"), {hole for hole, _ in holes}
    for unused in [key for key in inputs if key not in used]:
        assert isinstance(declared, Mapping)
        hint = f"write `${unused}` where it belongs, or delete it"
        findings.add(Severity.INFO, "SND207", f"nothing uses the input `{unused}`", declared.key_span(unused), hint, address)
    return Blueprint(name, bodies[0], {key: value for key, value in inputs.items() if value is not None}, body)


def _entries(node: Node | None) -> list[tuple[str, Node]]:
    return [(key, value) for key, (_, value) in node.entries.items()] if isinstance(node, Mapping) else []


def _input(node: Node, findings: Findings, address: str) -> _Input | None:
    default = None
    if isinstance(node, Mapping):
        for key in node.entries:
            if key not in ("type", "default"):
                hint = did_you_mean(key, ["type", "default"])
                findings.error("SND101", f"an input has no key `{key}`", node.key_span(key), hint=hint, address=address)
        default = node.get("default")
        inner = node.get("type")
        node = inner if inner is not None else node
    wanted = None
    if isinstance(node, Sequence):
        wanted = _Input("option", tuple(item.text for item in node.items if isinstance(item, Scalar)), None)
    elif isinstance(node, Scalar) and node.text in _TYPES:
        wanted = _Input(node.text, (), None)
    if wanted is not None and default is not None and (not isinstance(default, Scalar) or not _fits(wanted, default)):
        findings.error("SND304", f"the default is not {wanted}", default.span, address=address)
        return None
    if wanted is not None:
        return replace(wanted, default=default.text) if isinstance(default, Scalar) else wanted
    written = node.text if isinstance(node, Scalar) else "this"
    findings.error("SND107", f"`{written}` is no type of input", node.span, hint=did_you_mean(written, _TYPES), address=address)
    return None


def _holes(node: Node) -> list[tuple[str, Span]]:
    if isinstance(node, Scalar):
        return [(found[1], node.within(found.start(), len(found[0]))) for found in HOLE.finditer(node.text)]
    if isinstance(node, Sequence):
        return [hole for item in node.items for hole in _holes(item)]
    if isinstance(node, Mapping):
        return [hole for key, value in node.entries.values() for part in (key, value) for hole in _holes(part)]
    return []


def expand(use: Mapping, kind: str, blueprints: dict[str, Blueprint | None], findings: Findings) -> Mapping | None:
    """The document that a `use:` stands for. Its nodes are the blueprint's, so findings point there; what is given is checked here.

    A blueprint that was refused is None, and its use is passed over in silence.
    """
    address = f"{kind}.{use.data[kind]}"
    target = use.entries["use"][1]
    if not isinstance(target, Scalar):
        findings.error("SND103", "expected the name of a blueprint", target.span, address=address)
        return None
    blueprint = blueprints.get(target.text)
    if blueprint is None:
        if target.text not in blueprints:
            hint = did_you_mean(target.text, blueprints)
            findings.error("SND201", f"there is no blueprint `{target.text}`", target.span, hint=hint, address=address)
        return None
    before = len(findings.items)
    if blueprint.kind != kind:
        findings.error("SND201", f"`{target.text}` makes no {kind}: it holds `{blueprint.kind}:`", target.span, address=address)
    for key in use.entries:
        if key not in (kind, "use", "with", "renamed_from"):
            findings.error("SND101", f"with `use`, `{key}` comes from the blueprint", use.key_span(key), address=address)
    values = _values(use, blueprint, findings, address)
    if any(d.severity == "error" for d in findings.items[before:]):
        return None
    body = _filled(blueprint.body, values)
    assert isinstance(body, Mapping)
    own = {key: use.entries[key] for key in (kind, "renamed_from") if key in use.entries}
    entries = {**own, **body.entries}
    return Mapping({key: node.data for key, (_, node) in entries.items()}, entries, body.file, body.start, body.end)


def _values(use: Mapping, blueprint: Blueprint, findings: Findings, address: str) -> dict[str, Scalar | str]:
    found: dict[str, Scalar | str] = {name: wanted.default for name, wanted in blueprint.inputs.items() if wanted.default is not None}
    given = use.get("with")
    for name, (key, value) in given.entries.items() if isinstance(given, Mapping) else ():
        wanted = blueprint.inputs.get(name)
        if wanted is None:
            hint = did_you_mean(name, blueprint.inputs)
            findings.error("SND101", f"the blueprint `{blueprint.name}` has no input `{name}`", key.span, hint=hint, address=address)
        elif not isinstance(value, Scalar) or not _fits(wanted, value):
            findings.error("SND304", f"the input `{name}` is {wanted}, but this is not", value.span, address=address)
        else:
            found[name] = value
    if given is not None and not isinstance(given, Mapping):
        findings.error("SND103", "expected inputs, as {survey: nps_delivery}", given.span, address=address)
        return found
    missing = [name for name in blueprint.inputs if name not in found and (given is None or name not in given.entries)]
    if missing and given is None:
        needed = ", ".join(f"`{name}`" for name in missing)
        findings.error("SND102", f"the blueprint `{blueprint.name}` needs `with`, and in it {needed}", use.first_key, address=address)
        return found
    for name in missing:
        findings.error("SND102", f"the blueprint `{blueprint.name}` needs `{name}`", use.key_span("with"), address=address)
    return found


def _fits(wanted: _Input, value: Scalar) -> bool:
    match wanted.kind:
        case "option":
            return value.text in wanted.options
        case "integer":
            return isinstance(value.data, int) and not isinstance(value.data, bool)
        case "number":
            return isinstance(value.data, (int, float)) and not isinstance(value.data, bool)
        case "boolean":
            return isinstance(value.data, bool)
        case "duration":
            return _DURATION.fullmatch(value.text) is not None
        case "event":
            return bool(value.text)
        case "text":
            return True
    return _NAME.fullmatch(value.text) is not None


def _filled(node: Node, values: dict[str, Scalar | str]) -> Node:
    if isinstance(node, Scalar):
        return _scalar(node, values)
    if isinstance(node, Sequence):
        items = [_filled(item, values) for item in node.items]
        return Sequence([item.data for item in items], items, node.file, node.start, node.end)
    assert isinstance(node, Mapping)
    entries = {}
    for key, value in node.entries.values():
        filled = _scalar(key, values)
        entries[filled.text] = (filled, _filled(value, values))
    return Mapping({key: value.data for key, (_, value) in entries.items()}, entries, node.file, node.start, node.end)


def _scalar(node: Scalar, values: dict[str, Scalar | str]) -> Scalar:
    whole = HOLE.fullmatch(node.text)
    if whole is not None:
        value = values[whole[1]]
        data, text = (value.data, value.text) if isinstance(value, Scalar) else (value, value)
        return Scalar(data, text, node.plain, node.file, node.start, node.end)

    def fill(found: re.Match[str]) -> str:
        value = values[found[1]]
        return value.text if isinstance(value, Scalar) else value

    text = HOLE.sub(fill, node.text)
    return node if text == node.text else Scalar(text, text, node.plain, node.file, node.start, node.end)

"""What an action says: texts, data to send, new field values."""

from __future__ import annotations

import math

from engine.dsl.build.bench import Bench
from engine.dsl.expressions.check import Facts
from engine.dsl.expressions.codes import is_decimal, is_instant, wrong_literal
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar
from engine.dsl.others import Names
from engine.dsl.uses import USES
from engine.model.texts import Template
from engine.model.types import Type

_LITERALS = frozenset({"priority", "assignee", "on", "pool", "channel", "reason"})
_CHANNELS = frozenset(use.channel for use in USES.values() if use.channel is not None)
_DURATIONS = frozenset({"due", "for", "after", "expires"})


def content_of(bench: Bench, action: str, node: Mapping, here: Scalar, names: Names, known: Facts) -> dict[str, object]:
    if action == "update":
        return _update(bench, node, names, known)
    found: dict[str, object] = {}
    for key, (_, value) in node.entries.items():
        if key == "via":
            continue
        if key in _LITERALS:
            found[key] = bench.literal(value)
            if key == "channel" and found[key] not in _CHANNELS:
                bench.error("SND204", f"there is no channel `{found[key]}`", value.span, did_you_mean(str(found[key]), _CHANNELS))
        elif key in _DURATIONS:
            found[key] = bench.duration(value)
        elif key == "tags":
            found[key] = bench.literals(value)
        elif key == "template":
            template = bench.reference("template", value)
            if template is not None:
                bench.scopes.append((template, names))
                found[key] = template
        elif key == "data":
            assert isinstance(value, Mapping)
            found[key] = {name: bench.template(inner, names, known) for name, (_, inner) in value.entries.items()}
        else:
            found[key] = text = bench.text(value, names, known)
            if key == "to" and action == "email" and text is not None and all(one.body is None for one in text.by_language.values()):
                bench.check_literal("email", value)
    if action in ("email", "incentive"):
        _check_mail(bench, action, node, here)
    if action == "comment":
        on = node.get("on")
        name = str(found.get("on"))
        if on is not None and name not in names:
            bench.error("SND201", f"there is no `{name}` here to comment on", on.span, did_you_mean(name, names))
        elif on is not None and names[name].optional and (name,) not in known:
            bench.error("SND305", f"`{name}` may be missing, so it cannot be commented on", on.span, f"add `if: {name} is not none`")
    return found


def _check_mail(bench: Bench, action: str, node: Mapping, here: Scalar) -> None:
    """Its words come from a template, or stand here; an incentive may also go with the thanks."""
    own = [key for key in ("subject", "body") if key in node.entries]
    if "template" in node.entries and own:
        bench.error("SND101", f"an e-mail with a `template` has no `{own[0]}` of its own", node.key_span(own[0]))
    elif "template" not in node.entries and len(own) < 2 and (own or action == "email"):
        missing = " and ".join(f"`{key}`" for key in ("subject", "body") if key not in own)
        bench.error("SND102", f"an e-mail needs {missing}", here.span, None if own else "or a `template`")


def _update(bench: Bench, node: Mapping, names: Names, known: Facts) -> dict[str, object]:
    """New values by object and field; each must fit the field's type."""
    found: dict[str, object] = {}
    for kind, (key, fields) in node.entries.items():
        assert isinstance(fields, Mapping)
        if kind not in names or kind not in bench.objects:
            here = [k for k in names if k in bench.objects]
            bench.error("SND201", f"there is no `{kind}` here to update", key.span, did_you_mean(kind, here))
            continue
        values: dict[str, Template] = {}
        for field, (field_key, value) in fields.entries.items():
            wanted = bench.objects[kind].fields.get(field)
            if wanted is None:
                bench.error("SND303", f"`{kind}` has no `{field}`", field_key.span, did_you_mean(field, bench.objects[kind].fields))
                continue
            template = bench.template(value, names, known, keeps_type=True)
            if template is not None and fits(bench, template, value, wanted):
                values[field] = template
        found[kind] = values
    return found


def fits(bench: Bench, template: Template, node: Node, wanted: Type) -> bool:
    """Whether what the template gives is a value of the field; a misfit is a finding."""
    assert isinstance(node, Scalar)
    hint = None
    if template.only is not None:
        given = template.only.term.type
        good = _assignable(given, wanted)
        message = f"the field is {wanted.required()}, but the value is {given}"
        if good and given.optional and not wanted.optional:
            only = template.only
            assert only.origin is not None  # it was read from a file
            where = only.origin.within(only.term.offset, len(only.text))
            bench.error("SND305", f"`{only.text}` may be missing, but the field may not", where, "add `|default(…)`")
            return False
    elif template.body is not None:
        good, message = wanted.kind == "text", f"the field is {wanted.required()}, but the value is text"
    else:
        good = literal_fits(node, wanted)
        message = f"the field is {wanted.required()}, but the value is `{node.text}`"
        hint = did_you_mean(node.text, wanted.options) if wanted.options else None
    if not good:
        bench.error("SND304", message, node.span, hint)
    return good


def _assignable(given: Type, wanted: Type) -> bool:
    if given.kind == wanted.kind == "one_of":
        return set(given.options) <= set(wanted.options)
    if given.kind == "integer" and wanted.kind == "number":
        return True
    return given.kind == wanted.kind or (given.is_text and wanted.kind == "text")


def literal_fits(node: Scalar, wanted: Type) -> bool:
    """Whether what is written is a value of a type."""
    match wanted.kind:
        case "boolean":
            return isinstance(node.data, bool)
        case "integer":
            low, high = wanted.range or (-math.inf, math.inf)
            return type(node.data) is int and is_decimal(node.text) and low <= node.data <= high
        case "number":
            return type(node.data) in (int, float) and is_decimal(node.text)
        case "one_of":
            return node.text in wanted.options
        case "date" | "datetime":
            return is_instant(node.text, wanted.kind)
    return wanted.is_text and wrong_literal(wanted.kind, node.text) is None

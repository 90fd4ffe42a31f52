"""`automation:` — when, if, then."""

from __future__ import annotations

from engine.dsl.build.bench import NOTHING, Bench
from engine.dsl.build.events import events_of, names_behind
from engine.dsl.expressions.check import Facts
from engine.dsl.expressions.codes import is_decimal, is_instant, wrong_literal
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.schema.validate import actions_of
from engine.dsl.scopes import Names
from engine.dsl.uses import ACTIONS, USES, reaching
from engine.model.definitions import Automation, Step
from engine.model.span import Span
from engine.model.texts import Template
from engine.model.types import Type


def build_automation(bench: Bench, document: Mapping, name: str) -> Automation | None:
    when, condition_node, then = document.get("when"), document.get("if"), document.get("then")
    assert when is not None
    assert isinstance(then, Sequence)
    events = events_of(bench, when)
    if events is None:
        return None
    names = names_behind(bench, events)
    checked = bench.expression(condition_node, names) if condition_node is not None else None
    if condition_node is not None and checked is None:
        return None
    known = checked[1] if checked else NOTHING
    steps = [_step(bench, item, names, known) for item in then.items]
    if any(step is None for step in steps):
        return None
    return Automation(
        name=name,
        when=events,
        condition=checked[0] if checked else None,
        then=tuple(step for step in steps if step is not None),
        at=document.span,
        condition_at=condition_node.span if condition_node is not None else None,
    )


def _step(bench: Bench, node: Node, names: Names, known: Facts) -> Step | None:
    assert isinstance(node, Mapping)
    actions = list(actions_of(node))
    if len(actions) != 1:
        message = "a step has one action, but here " + (f"are {', '.join(f'`{a}`' for a in actions)}" if actions else "is none")
        place = node.key_span(actions[1]) if actions else node.first_key
        bench.error("SND108", message, place, "make a step of each" if actions else "one of: " + ", ".join(f"`{a}`" for a in ACTIONS))
        return None
    guard_node = node.get("if")
    guard = bench.expression(guard_node, names, known) if guard_node is not None else None
    if guard_node is not None and guard is None:
        return None
    action, content_node = actions[0], node.get(actions[0])
    assert isinstance(content_node, Mapping)
    inner = known | guard[1] if guard else known
    before = len(bench.errors)
    here = node.key_span(action)
    via = _via(bench, action, content_node, here) if action != "update" else None
    content = _update(bench, content_node, names, inner) if action == "update" else _content(bench, action, content_node, names, inner)
    if action == "email":
        _check_email(bench, content_node, here)
    if len(bench.errors) > before:
        return None
    return Step(action=action, via=via, condition=guard[0] if guard else None, content=content, at=here)


def _via(bench: Bench, action: str, content: Mapping, here: Span) -> str | None:
    """The connection that carries the action out: the one named, or the only one that can."""
    able = [name for name, connection in bench.connections.items() if action in USES[connection.use].actions]
    node = content.get("via")
    if node is None:
        if len(able) != 1:
            found = "no connection can do that" if not able else f"several connections can do that: {', '.join(able)}"
            hint = "add a connection with `use: " + " or ".join(reaching(action)) + "`" if not able else "name one with `via`"
            bench.error("SND204", f"`{action}` has no `via`, and {found}", here, hint)
            return None
        return able[0]
    name = bench.literal(node)
    if name not in bench.connections:
        bench.error("SND204", f"there is no connection `{name}`", node.span, did_you_mean(name, bench.connections))
    elif name not in able:
        bench.error(
            "SND204",
            f"`{name}` is a {bench.connections[name].use} connection: it cannot do `{action}`",
            node.span,
            did_you_mean(name, able),
        )
    return name


def _content(bench: Bench, action: str, node: Mapping, names: Names, known: Facts) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, (_, value) in node.entries.items():
        match key:
            case "via":
                continue
            case "priority":
                found[key] = bench.literal(value)
            case "tags":
                found[key] = bench.literals(value)
            case "template":
                template = bench.reference("template", value)
                if template is not None:
                    bench.template_scopes.setdefault(template, []).append(names)
                    found[key] = template
            case "data":
                assert isinstance(value, Mapping)
                found[key] = {name: bench.template(inner, names, known) for name, (_, inner) in value.entries.items()}
            case _:
                found[key] = bench.text(value, names, known)
    return found


def _check_email(bench: Bench, content: Mapping, here: Span) -> None:
    """Its words come from a template, or stand here."""
    own = [key for key in ("subject", "body") if key in content.entries]
    if "template" in content.entries and own:
        bench.error("SND101", f"an e-mail with a `template` has no `{own[0]}` of its own", content.key_span(own[0]))
    elif "template" not in content.entries and len(own) < 2:
        missing = " and ".join(f"`{key}`" for key in ("subject", "body") if key not in own)
        bench.error("SND102", f"an e-mail needs {missing}", here, None if own else "or a `template`")


def _update(bench: Bench, node: Mapping, names: Names, known: Facts) -> dict[str, object]:
    """New values by object and field; each must fit the field's type."""
    found: dict[str, object] = {}
    for kind, (key, fields) in node.entries.items():
        assert isinstance(fields, Mapping)
        target = names.get(kind)
        if target is None or kind not in bench.objects:
            bench.error(
                "SND201", f"there is no `{kind}` here to update", key.span, did_you_mean(kind, [k for k in names if k in bench.objects])
            )
            continue
        values: dict[str, Template] = {}
        for field, (field_key, value) in fields.entries.items():
            wanted = bench.objects[kind].fields.get(field)
            if wanted is None:
                bench.error("SND303", f"`{kind}` has no `{field}`", field_key.span, did_you_mean(field, bench.objects[kind].fields))
                continue
            template = bench.template(value, names, known)
            if template is not None and _fits(bench, template, value, wanted):
                values[field] = template
        found[kind] = values
    return found


def _fits(bench: Bench, template: Template, node: Node, wanted: Type) -> bool:
    assert isinstance(node, Scalar)
    if template.only is not None:
        given = template.only.term.type
        fits = (
            given.kind == wanted.kind or (given.is_text and wanted.kind == "text") or (given.kind == "integer" and wanted.kind == "number")
        )
        if given.kind == wanted.kind == "one_of":
            fits = set(given.options) <= set(wanted.options)
        message = f"the field is {wanted.required()}, but the value is {given}"
    elif template.body is not None:
        fits, message = wanted.kind == "text", f"the field is {wanted.required()}, but the value is text"
    else:
        fits = _literal_fits(node, wanted)
        message = f"the field is {wanted.required()}, but the value is `{node.text}`"
    if not fits:
        bench.error("SND304", message, node.span)
    return fits


def _literal_fits(node: Scalar, wanted: Type) -> bool:
    match wanted.kind:
        case "boolean":
            return isinstance(node.data, bool)
        case "integer":
            return type(node.data) is int and is_decimal(node.text)
        case "number":
            return type(node.data) in (int, float) and is_decimal(node.text)
        case "one_of":
            return node.text in wanted.options
        case "date" | "datetime":
            return is_instant(node.text, wanted.kind)
    return wanted.is_text and wrong_literal(wanted.kind, node.text) is None

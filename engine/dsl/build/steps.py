"""`then:` — actions, waits and branches, each checked with what is known where it stands."""

from __future__ import annotations

from collections.abc import Mapping as MappingT
from dataclasses import dataclass, replace
from typing import Any

from engine.dsl.build.asking import carries_subject, connections_of, places_of, via_places
from engine.dsl.build.bench import NOTHING, Bench
from engine.dsl.build.content import content_of, fits
from engine.dsl.build.events import events_of
from engine.dsl.contract import STEP_EVENTS
from engine.dsl.expressions.check import Facts
from engine.dsl.expressions.functions import FUNCTIONS, KEYWORDS
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.others import Names
from engine.dsl.schema.automation import ACTIONS, FLOW
from engine.dsl.uses import OWN_ACTIONS, USES, reaching
from engine.model.definitions import Step
from engine.model.types import TEXT, Type, object_type
from engine.schedule.durations import Duration

ALL = (*ACTIONS, "update")
STATUS = Type("one_of", options=("open", "pending", "solved", "closed"))
RESULTS = {  # what a step's `as:` name reads
    "ticket": object_type({"id": TEXT, "url": TEXT, "status": STATUS}),
    "task": object_type({"id": TEXT, "url": TEXT, "status": STATUS}),
    "incentive": object_type({"code": TEXT}),
}
_PLAIN = object_type({"id": TEXT.maybe()})
_NO_CONTENT: MappingT[str, object] = {}
_FROZEN = frozenset({"answer", "event", "invitation"})


@dataclass(slots=True)
class Place:
    """Where the next step stands: what it may read, what is known there, and the steps behind it by name."""

    names: Names
    known: Facts
    events: tuple[str, ...]  # that began the run
    step_events: set[str]

    def behind_a_wait(self, objects: frozenset[str]) -> None:
        """Objects are read anew, so what was known of them is not known any more."""
        self.known = frozenset(path for path in self.known if path[0] not in objects)


def build_steps(bench: Bench, node: Node, place: Place) -> tuple[Step, ...] | None:
    """The steps in order; None where one was refused. A name given by `as:` is readable from the next step on."""
    assert isinstance(node, Sequence)
    built = [_step(bench, item, place) for item in node.items]
    return tuple(step for step in built if step is not None) if all(step is not None for step in built) else None


def _branch(bench: Bench, node: Node | None, place: Place, known: Facts) -> tuple[Step, ...] | None:
    if node is None:
        return ()
    return build_steps(bench, node, Place(dict(place.names), place.known | known, place.events, set(place.step_events)))


def _step(bench: Bench, node: Node, place: Place) -> Step | None:
    assert isinstance(node, Mapping)
    kind = _kind(bench, node)
    if kind is None:
        return None
    before = bench.errors
    guard_node = node.get("if")
    guard = bench.expression(guard_node, place.names, place.known) if guard_node is not None else None
    if guard_node is not None and guard is None:
        return None
    holds, otherwise = (guard[1], guard[2]) if guard else (NOTHING, NOTHING)
    then = _branch(bench, node.get("then"), place, holds)
    other = _branch(bench, node.get("else"), place, otherwise)
    here = Place(place.names, place.known | holds, place.events, place.step_events) if holds else place
    step = _turn(bench, kind, node, here) if kind != "if" else _flow(kind, next(iter(node.entries.values()))[0])
    if kind in ("wait", "wait_for") or "as" in node.entries or _waits(then) or _waits(other):
        place.behind_a_wait(frozenset(bench.objects))
    on_timeout = _branch(bench, node.get("on_timeout"), place, NOTHING)
    on_failure = _branch(bench, node.get("on_failure"), place, NOTHING)
    name = _name(bench, node, kind, place)
    if bench.errors > before or step is None or then is None or other is None or on_timeout is None or on_failure is None:
        return None
    said = {
        "condition": guard[0] if guard else None,
        "name": name,
        "then": then,
        "otherwise": other,
        "on_timeout": on_timeout,
        "on_failure": on_failure,
        "at_most": bench.duration(node.get("at_most")),
    }
    # Most steps say nothing of this, and a copy takes as long as all the rest.
    given: dict[str, Any] = {key: value for key, value in said.items() if value}
    return replace(step, **given) if given else step


def _waits(steps: tuple[Step, ...] | None) -> bool:
    return any(s.action in ("wait", "wait_for") or _waits(s.then) or _waits(s.otherwise) for s in steps or ())


def _flow(kind: str, at: Scalar, content: MappingT[str, object] = _NO_CONTENT, duration: Duration | None = None) -> Step:
    return Step(action=kind, via=None, condition=None, content=content, duration=duration, at=at.place)


def _kind(bench: Bench, node: Mapping) -> str | None:
    """The one action or flow key that a step has."""
    found = [key for key in node.entries if key in ALL or key in FLOW]
    if not found and "if" in node.entries and ("then" in node.entries or "else" in node.entries):
        if "then" not in node.entries:
            bench.error("SND102", "a branch needs `then`", node.first_key, "to act where it does not hold, write `if: not (…)`")
            return None
        return "if"
    if len(found) != 1:
        message = "a step has one action or flow key, but here " + (f"are {', '.join(f'`{a}`' for a in found)}" if found else "is none")
        place = node.key_span(found[1]) if found else node.first_key
        bench.error("SND108", message, place, "make a step of each" if found else "one of: " + ", ".join(f"`{a}`" for a in (*ALL, *FLOW)))
        return None
    kind = found[0]
    for key, owner in (("then", "if"), ("else", "if"), ("on_timeout", "wait_for"), ("at_most", "wait_for")):
        if key in node.entries and kind != owner:
            where = "a step that only branches" if owner == "if" else f"`{owner}`"
            bench.error("SND108", f"`{key}` belongs to {where}, not to `{kind}`", node.key_span(key))
            return None
    return kind


def _name(bench: Bench, node: Mapping, kind: str, place: Place) -> str | None:
    named = node.get("as")
    if named is None:
        return None
    name = bench.literal(named)
    if name in place.names or name in FUNCTIONS or name in KEYWORDS or name in bench.objects or name in _FROZEN:
        bench.error("SND106", f"`{name}` has a meaning here already", named.span, f"call it `{name}_{kind}`")
        return name
    result = RESULTS.get(kind, _PLAIN)
    # Where the guard does not hold the step is passed over, and there is no result.
    place.names[name] = result.maybe() if "if" in node.entries else result
    place.step_events |= {f"{name}.{verb}" for verb in STEP_EVENTS.get(kind, ())}
    return name


def _turn(bench: Bench, kind: str, node: Mapping, place: Place) -> Step | None:
    match kind:
        case "wait":
            return _flow(kind, node.key(kind), duration=bench.duration(node.get("wait")))
        case "wait_for":
            return _wait_for(bench, node, place)
        case "stop":
            reason = node.data["stop"]
            return _flow(kind, node.key(kind), {"reason": str(reason)} if reason is not True else {})
    return _action(bench, kind, node, place)


def _wait_for(bench: Bench, node: Mapping, place: Place) -> Step | None:
    events = node.get("wait_for")
    assert events is not None
    found = events_of(bench, events, place.step_events)
    if "at_most" not in node.entries:
        bench.error("SND102", "`wait_for` needs `at_most`: no wait goes on for ever", node.first_key)
    if found is None:
        return None
    items = events.items if isinstance(events, Sequence) else [events]
    places = {f"wait_for.{item.data}": item.span for item in items if isinstance(item, Scalar)}
    return Step(
        action="wait_for",
        via=None,
        condition=None,
        content={},
        events=found,
        at=node.key("wait_for").place,
        places=places,
    )


def _action(bench: Bench, action: str, node: Mapping, place: Place) -> Step | None:
    content = node.get(action)
    assert isinstance(content, Mapping)
    via = None
    if action == "ask":
        found = _ask(bench, content, place)
    elif action == "emit":
        found = _emit(bench, content, node.key(action), place)
    else:
        here = node.key(action)
        via = _via(bench, action, content, here) if action not in OWN_ACTIONS else None
        found = content_of(bench, action, content, here, place.names, place.known)
    places = places_of(content, "event", "survey", "via")
    named = found.get("via")
    if isinstance(named, tuple) and isinstance(content.get("via"), Sequence):
        places |= via_places(named, content.get("via"))
    return Step(action=action, via=via, condition=None, content=found, at=node.key(action).place, places=places)


def _via(bench: Bench, action: str, content: Mapping, here: Scalar) -> str | None:
    """The connection that carries the action out: the one named, or the only one that can."""
    able = [name for name, connection in bench.connections.items() if action in USES[connection.use].actions]
    node = content.get("via")
    if node is None:
        if len(able) != 1:
            found = "no connection can do that" if not able else f"several connections can do that: {', '.join(able)}"
            hint = "add a connection with `use: " + " or ".join(reaching(action)) + "`" if not able else "name one with `via`"
            bench.error("SND204", f"`{action}` has no `via`, and {found}", here.span, hint)
            return None
        return able[0]
    name = bench.literal(node)
    if name in bench.connections and name not in able:
        message = f"`{name}` is a {bench.connections[name].use} connection: it cannot do `{action}`"
        bench.error("SND204", message, node.span, did_you_mean(name, able))
    elif name not in bench.connections:
        bench.error("SND204", f"there is no connection `{name}`", node.span, did_you_mean(name, bench.connections))
    return name


def _ask(bench: Bench, node: Mapping, place: Place) -> dict[str, object]:
    """Another survey for the same contact."""
    survey_node, invite, via = node.get("survey"), node.get("invite"), node.get("via")
    assert survey_node is not None
    survey = bench.reference("survey", survey_node)
    if survey is not None:
        carries_subject(bench, survey, None, place.events, survey_node)
    found: dict[str, object] = {
        "survey": survey,
        "after": bench.duration(node.get("after")),
        "expires": bench.duration(node.get("expires")),
    }
    if invite is not None:
        template = bench.reference("template", invite)
        if template is not None:
            bench.scopes.append((template, {**place.names, "link": TEXT}))
        found["invite"] = template
    if via is not None:
        found["via"] = connections_of(bench, via)
    return found


def _emit(bench: Bench, node: Mapping, here: Scalar, place: Place) -> dict[str, object]:
    """An event of the project's own: what it declares must be given, or carried on."""
    event_node, data = node.get("event"), node.get("data")
    assert isinstance(event_node, Scalar)
    name = bench.literal(event_node)
    event = bench.event(name)
    if event is None or event.at is None:
        why = (
            f"there is no event `{name}`"
            if event is None
            else f"`{name}` is built in: only events that the project declares can be emitted"
        )
        bench.error("SND202", why, event_node.span, did_you_mean(name, bench.events))
        return {}
    given = data.entries if isinstance(data, Mapping) else {}
    values: dict[str, object] = {}
    for key, (key_node, value) in given.items():
        wanted = event.fields.get(key)
        if wanted is None and key in event.objects:
            continue
        if wanted is None:
            bench.error("SND303", f"`{name}` has no `{key}`", key_node.span, did_you_mean(key, [*event.fields, *event.objects]))
            continue
        template = bench.template(value, place.names, place.known, keeps_type=True)
        if template is not None and fits(bench, template, value, wanted):
            values[key] = template
    holder = node.key("data") if data is not None else here
    for field, wanted in event.fields.items():
        if field not in given and not wanted.optional:
            bench.error("SND102", f"`{name}` needs `{field}`", holder.span)
    for kind in event.objects:
        if kind not in given and kind not in place.names:
            bench.error("SND203", f"`{name}` carries a {kind}, but there is none here", event_node.span, "give it in `data`")
    objects = tuple(key for key in given if key in event.objects)
    return {"event": name, "data": values, **({"objects": objects} if objects else {})}

"""`audience:`, `cadence:` and `template:` — whom, when and with which words."""

from __future__ import annotations

from engine.dsl.build.bench import Bench
from engine.dsl.build.events import events_of, names_behind
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Sequence
from engine.dsl.scopes import Names, of_audience, of_contact, shared
from engine.dsl.uses import USES
from engine.model.definitions import Audience, Cadence, MessageTemplate
from engine.model.types import TEXT
from engine.schedule.durations import Duration

_DAYS = {"s": 1 / 86400, "m": 1 / 1440, "h": 1 / 24, "d": 1, "bd": 1.4, "w": 7, "mo": 31, "q": 92, "y": 366}
_LONGEST = 36_600  # days; beyond that the calendar ends


def build_audience(bench: Bench, document: Mapping, name: str) -> Audience | None:
    of_node, where = document.get("of"), document.get("where")
    assert of_node is not None
    of = bench.literal(of_node)
    if of not in bench.objects:
        bench.error("SND201", f"the data contract has no object `{of}`", of_node.span, did_you_mean(of, bench.objects))
        return None
    condition = bench.expression(where, of_audience(bench.objects, of)) if where is not None else None
    if where is not None and condition is None:
        return None
    return Audience(name=name, of=of, where=condition[0] if condition else None, at=document.span)


def build_cadence(bench: Bench, document: Mapping, name: str, audiences: dict[str, Audience]) -> Cadence | None:
    survey_node, audience_node, when = document.get("survey"), document.get("audience"), document.get("when")
    assert survey_node is not None
    assert audience_node is not None
    assert when is not None
    survey, audience = bench.reference("survey", survey_node), bench.reference("audience", audience_node)
    events = events_of(bench, when)
    via = _via(bench, document.get("via"))
    invite_node = document.get("invite")
    invite = bench.reference("template", invite_node) if invite_node is not None else None
    names = names_behind(bench, events) if events is not None else None
    condition_node = document.get("if")
    checked = bench.expression(condition_node, names) if condition_node is not None and names is not None else None
    after, expires = _duration(bench, document.get("after")), _duration(bench, document.get("expires"))
    if survey is None or audience is None or events is None or names is None or via is None:
        return None
    _check_subject(bench, survey, audiences.get(audience), events, when)
    if bench.errors or (invite_node is not None and invite is None):
        return None
    if invite is not None:
        bench.template_scopes.setdefault(invite, []).append({**names, "link": TEXT})
    return Cadence(
        name=name,
        survey=survey,
        audience=audience,
        when=events,
        condition=checked[0] if checked else None,
        after=after,
        via=via,
        invite=invite,
        expires=expires,
        at=document.span,
    )


def _check_subject(bench: Bench, survey: str, audience: Audience | None, events: tuple[str, ...], node: Node) -> None:
    """A survey about X needs an event that carries X, or an audience of X."""
    about = bench.surveys[survey].about
    if about in ("contact", "company") or (audience is not None and audience.of == about):
        return
    for name in events:
        if about not in bench.events[name].objects:
            place = next((item for item in node.items if item.data == name), node) if isinstance(node, Sequence) else node
            message = f"`{name}` carries no {about}, but the survey `{survey}` is about one"
            bench.error("SND203", message, place.span, f"use an event that carries a {about}, or an audience of {about}")
            return


def _via(bench: Bench, node: Node | None) -> tuple[str, ...] | None:
    """The connections, each by its name or by a channel that one connection serves."""
    assert isinstance(node, Sequence)
    found: list[str] = []
    channels: dict[str, list[str]] = {}
    for connection in bench.connections.values():
        channel = USES[connection.use].channel
        if channel is not None:
            channels.setdefault(channel, []).append(connection.name)
    for item in node.items:
        name = bench.literal(item)
        serving = channels.get(name, [])
        if name in bench.connections:
            if USES[bench.connections[name].use].channel is None:
                use = bench.connections[name].use
                bench.error("SND204", f"`{name}` is a {use} connection: it brings no invitation to a contact", item.span)
                return None
            found.append(name)
        elif len(serving) == 1:
            found.append(serving[0])
        elif serving:
            bench.error("SND204", f"several connections serve `{name}`: {', '.join(serving)}", item.span, "name one of them")
            return None
        else:
            known = [n for n, c in bench.connections.items() if USES[c.use].channel] + list(channels)
            bench.error("SND204", f"there is no connection or channel `{name}`", item.span, did_you_mean(name, known))
            return None
    return tuple(found)


def _duration(bench: Bench, node: Node | None) -> Duration | None:
    if node is None:
        return None
    duration = Duration.parse(bench.literal(node))
    assert duration is not None
    if duration.count * _DAYS[duration.unit] > _LONGEST:
        bench.error("SND103", f"`{duration}` is longer than a hundred years", node.span)
    return duration


def build_template(bench: Bench, document: Mapping, name: str) -> MessageTemplate | None:
    """Checked against what every place that uses it can read."""
    scopes = bench.template_scopes.get(name)
    if not scopes and (bench.incomplete or any(address.startswith(("cadence.", "automation.")) for address in bench.broken)):
        return None  # what it may read, the definition that uses it would say, and that one was refused
    names: Names = shared(scopes) if scopes else {**of_contact(bench.objects), "link": TEXT}
    subject_node, text_node = document.get("subject"), document.get("text")
    assert text_node is not None
    subject = bench.text(subject_node, names) if subject_node is not None else None
    text = bench.text(text_node, names)
    if text is None or (subject_node is not None and subject is None):
        return None
    return MessageTemplate(name=name, subject=subject, text=text, at=document.span)

"""`audience:`, `cadence:`, `template:` and `report:` — whom, when, with which words, and what is told of it."""

from __future__ import annotations

import datetime as dt

from engine.dsl.build.bench import Bench
from engine.dsl.build.events import events_of, names_behind
from engine.dsl.build.policies import date, entity, time_range
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.others import AudienceFace, Names
from engine.dsl.scopes import of_audience, of_contact, shared
from engine.dsl.uses import USES
from engine.model.definitions import Audience, Cadence, MessageTemplate, Report
from engine.model.policies import Expected, Reminder, SegmentLimit
from engine.model.span import Span
from engine.model.types import TEXT, object_type
from engine.schedule.durations import Duration

_ANY_DAY = dt.datetime(2026, 1, 1)  # noqa: DTZ001  # only the expression is judged, not when it fires
_CRON_FIELDS = 5
_BEGINNINGS = {"after": ("when",), "spread": ("every", "cron"), "from": ("every",)}  # what only some beginnings of a cadence take
_ALIGNED = frozenset({"1d", "1w", "1mo", "1q", "1y"})  # `every` that the calendar aligns


def build_audience(bench: Bench, document: Mapping, name: str) -> Audience | None:
    of_node, where = document.get("of"), document.get("where")
    assert of_node is not None
    of = bench.literal(of_node)
    if of not in bench.objects:
        bench.error("SND201", f"the data contract has no object `{of}`", of_node.span, did_you_mean(of, bench.objects))
        return None
    condition = bench.expression(where, of_audience(bench.objects, of)) if where is not None else None
    excluded = document.get("exclude")
    exclude = [bench.reference("audience", item) for item in excluded.items] if isinstance(excluded, Sequence) else []
    for item in excluded.items if isinstance(excluded, Sequence) else ():
        if item.data == name:
            bench.error("SND108", f"`{name}` excludes itself, so nobody would be in it", item.span)
    limit, expect, sample = document.get("limit"), document.data.get("expect"), document.data.get("sample")
    limited = SegmentLimit(max=limit.data["max"], of=entity(bench, limit.get("of"))) if isinstance(limit, Mapping) else None
    if "rotate" in document.entries and sample is None:
        bench.error("SND102", "`rotate` turns the sample, so the audience needs `sample`", document.first_key)
    if sample is not None and share(sample) == 0:
        bench.error("SND103", f"a sample of {sample} is nobody", document.entries["sample"][1].span, "leave `sample` out to ask everybody")
    if expect is not None and expect.get("min", 0) > expect.get("max", 2**31):
        bench.error("SND103", "`min` is larger than `max`", document.entries["expect"][1].span)
    if bench.errors:
        return None
    return Audience(
        name=name,
        of=of,
        where=condition[0] if condition else None,
        exclude=tuple(item for item in exclude if item is not None),
        sample=share(sample) if sample is not None else None,
        rotate=bench.duration(document.get("rotate")),
        limit=limited,
        expect=_expected(document.get("expect")),
        renamed_from=bench.earlier_name(document),
        at=document.span,
    )


def _expected(node: Node | None) -> Expected | None:
    if not isinstance(node, Mapping):
        return None
    data, margin = node.data, node.get("margin")
    return Expected(
        min=data.get("min"),
        max=data.get("max"),
        margin=data.get("margin"),
        response=share(data["response"]) if "response" in data else None,
        margin_at=margin.span if margin is not None else None,
    )


def share(percent: object) -> float:
    """`25%` as 0.25."""
    return float(str(percent).rstrip("%")) / 100


def build_cadence(bench: Bench, document: Mapping, name: str) -> Cadence | None:
    survey_node, audience_node, when = document.get("survey"), document.get("audience"), document.get("when")
    assert survey_node is not None
    assert audience_node is not None
    survey, audience = bench.reference("survey", survey_node), bench.reference("audience", audience_node)
    _one_start(bench, document)
    every = bench.duration(document.get("every"), repeats=True)
    events = events_of(bench, when) if when is not None else ()
    cancel_node = document.get("cancel_on")
    cancel = events_of(bench, cancel_node) if cancel_node is not None else ()
    via = connections_of(bench, document.get("via"))
    invite = _template(bench, document.get("invite"))
    face = bench.others.audience(audience) if audience is not None else None
    names = _names(bench, events, face)
    condition_node = document.get("if")
    checked = bench.expression(condition_node, names) if condition_node is not None and names is not None else None
    between = time_range(bench, document.get("between"))
    remind = _remind(bench, document.get("remind"), names)
    sound = None not in (survey, audience, events, cancel, via, names) and not bench.errors
    if not sound or survey is None or audience is None or events is None or cancel is None or via is None or names is None:
        return None
    if not carries_subject(bench, survey, face, events, when if when is not None else survey_node):
        return None
    if invite is not None:
        bench.scopes.append((invite, {**names, "link": TEXT}))
    return Cadence(
        name=name,
        survey=survey,
        audience=audience,
        when=events,
        condition=checked[0] if checked else None,
        after=bench.duration(document.get("after")),
        via=via,
        invite=invite,
        expires=bench.duration(document.get("expires")),
        every=every,
        cron=document.data.get("cron"),
        start=date(bench, document.get("from")),
        cancel_on=cancel,
        spread=bench.duration(document.get("spread")),
        between=between,
        remind=remind,
        again=bench.duration(document.get("again")),
        priority=document.data.get("priority", 0),
        renamed_from=bench.earlier_name(document),
        at=document.span,
        places=places_of(document, "every", "cron") | via_places(via, document.get("via")),
    )


def places_of(node: Mapping, *keys: str) -> dict[str, Span]:
    """Where the values of these keys stand, of those that are there."""
    return {key: node.entries[key][1].span for key in keys if key in node.entries}


def via_places(via: tuple[str, ...], node: Node | None) -> dict[str, Span]:
    """Where each connection of a list is named, by its own name or by its channel."""
    assert isinstance(node, Sequence)
    return {f"via.{name}": item.span for name, item in zip(via, node.items, strict=True)}


def _one_start(bench: Bench, document: Mapping) -> None:
    """A cadence begins with an event or by the calendar, not both."""
    starts = [key for key in document.entries if key in ("when", "every", "cron")]
    if not starts:
        bench.error("SND102", "a cadence needs one of `when`, `every` and `cron`", document.first_key)
    elif len(starts) > 1:
        bench.error(
            "SND108", f"a cadence has one of `when`, `every` and `cron`, but here is `{starts[0]}` too", document.key_span(starts[1])
        )
    for key, owners in _BEGINNINGS.items():
        if key in document.entries and len(starts) == 1 and starts[0] not in owners:
            wanted = " or ".join(f"`{owner}`" for owner in owners)
            bench.error("SND108", f"`{key}` goes with {wanted}, and this cadence begins with `{starts[0]}`", document.key_span(key))
    every, cron = document.get("every"), document.get("cron")
    if every is not None and str(every.data) not in _ALIGNED and "from" not in document.entries:
        bench.error("SND102", f"`every: {every.data}` is aligned to no calendar, so it needs `from`", document.first_key)
    if isinstance(cron, Scalar):
        from cronsim import CronSim, CronSimError  # needed only where somebody writes cron

        try:
            if len(cron.text.split()) > _CRON_FIELDS:
                raise CronSimError(f"it has more than {_CRON_FIELDS} fields")
            CronSim(cron.text, _ANY_DAY)
        except CronSimError as error:
            bench.error(
                "SND103", f"`{cron.text}` is no cron expression: {error}", cron.span, 'as "0 9 * * mon": minute hour day month weekday'
            )


def _names(bench: Bench, events: tuple[str, ...] | None, audience: AudienceFace | None) -> Names | None:
    """What `if` and the words of a cadence read: what its events carry; of a wave, the audience's object."""
    if events is None:
        return None
    if events:
        return names_behind(bench, events)
    of = audience.of if audience is not None else "contact"
    return {**of_contact(bench.objects), **of_audience(bench.objects, of), "event": object_type({})}


def _template(bench: Bench, node: Node | None) -> str | None:
    return bench.reference("template", node) if node is not None else None


def _remind(bench: Bench, node: Node | None, names: Names | None) -> Reminder | None:
    if not isinstance(node, Mapping):
        return None
    template = _template(bench, node.get("with"))
    if template is not None and names is not None:
        bench.scopes.append((template, {**names, "link": TEXT}))
    every = bench.duration(node.get("every"), repeats=True)
    assert every is not None
    return Reminder(every=every, max=node.data["max"], template=template)


def carries_subject(bench: Bench, survey: str, audience: AudienceFace | None, events: tuple[str, ...], node: Node) -> bool:
    """A survey about X needs an event that carries X, or an audience of X."""
    face = bench.others.survey(survey)
    about = face.about if face is not None else "contact"
    if about in ("contact", "company") or (audience is not None and audience.of == about):
        return True
    without = next((name for name in events if (event := bench.event(name)) is None or about not in event.objects), None)
    if without is None and events:
        return True
    place = next((item for item in node.items if item.data == without), node) if isinstance(node, Sequence) else node
    what = f"`{without}` carries no {about}" if without is not None else f"a wave carries no {about}"
    hint = f"use an event that carries a {about}, or an audience of {about}"
    bench.error("SND203", f"{what}, but the survey `{survey}` is about one", place.span, hint)
    return False


def connections_of(bench: Bench, node: Node | None) -> tuple[str, ...] | None:
    """The connections, each by its name or by a channel that one connection serves."""
    assert node is not None
    found: list[str] = []
    channels: dict[str, list[str]] = {}
    for connection in bench.connections.values():
        channel = USES[connection.use].channel
        if channel is not None:
            channels.setdefault(channel, []).append(connection.name)
    for item in node.items if isinstance(node, Sequence) else [node]:
        name = bench.literal(item)
        serving = channels.get(name, [])
        if name in bench.connections:
            use = bench.connections[name].use
            if USES[use].channel is None:
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
        if found[-1] in found[:-1]:
            hint = "the first that reaches a contact is used, so once is enough"
            bench.error("SND104", f"`{found[-1]}` is in the list already", item.span, hint)
            return None
    return tuple(found)


def build_template(bench: Bench, document: Mapping, name: str) -> MessageTemplate | None:
    """Checked against what every place that uses it can read."""
    scopes = bench.others.scopes_of(name)
    if not scopes and (bench.others.is_incomplete() or bench.others.any_refused("cadence") or bench.others.any_refused("automation")):
        return None  # what it may read, the definition that uses it would say, and that one was refused
    names: Names = shared(scopes) if scopes else {**of_contact(bench.objects), "link": TEXT}
    subject_node, text_node = document.get("subject"), document.get("text")
    assert text_node is not None
    subject = bench.text(subject_node, names) if subject_node is not None else None
    text = bench.text(text_node, names)
    if text is None or (subject_node is not None and subject is None):
        return None
    return MessageTemplate(name=name, subject=subject, text=text, renamed_from=bench.earlier_name(document), at=document.span)


def _recipients(bench: Bench, node: Node | None) -> tuple[dict[str, str], ...]:
    """Each is an e-mail address, or a destination of a connection that can post a message."""
    able = [name for name, connection in bench.connections.items() if "message" in USES[connection.use].actions]
    found = []
    for item in node.items if isinstance(node, Sequence) else ():
        assert isinstance(item, Mapping)
        for way, (key, value) in item.entries.items():
            if way == "email":
                bench.check_literal("email", value)
            elif way not in able:
                bench.error(
                    "SND204",
                    f"a report goes by `email` or a connection that posts messages, not by `{way}`",
                    key.span,
                    did_you_mean(way, [*able, "email"]),
                )
            found.append({way: bench.literal(value)})
    return tuple(found)


def build_report(bench: Bench, document: Mapping, name: str) -> Report | None:
    surveys_node, segments = document.get("surveys"), document.get("segments")
    if isinstance(surveys_node, Sequence):
        surveys = [found for item in surveys_node.items if (found := bench.reference("survey", item)) is not None]
    else:
        surveys = bench.others.surveys()
    for item in segments.items if isinstance(segments, Sequence) else ():
        path = bench.literal(item)
        kind, _, field = path.partition(".")
        known = bench.objects.get(kind)
        if known is None or field not in known.fields:
            paths = [f"{k}.{f}" for k, o in bench.objects.items() for f in o.fields]
            bench.error("SND303", f"the data contract has no `{path}`", item.span, did_you_mean(path, paths))
    to = _recipients(bench, document.get("to"))
    title_node = document.get("title")
    title = bench.text(title_node, {}) if title_node is not None else None
    every = bench.duration(document.get("every"), repeats=True)
    if bench.errors:
        return None
    return Report(
        name=name,
        title=title,
        every=every or Duration(1, "mo"),
        surveys=tuple(surveys),
        segments=bench.literals(segments) if segments is not None else (),
        show=tuple(document.data.get("show", ())),
        to=to,
        renamed_from=bench.earlier_name(document),
        at=document.span,
    )

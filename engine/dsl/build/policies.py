"""What `project:` says once for everything: caps, calendars, quiet hours, looks, environments."""

from __future__ import annotations

import datetime as dt

from engine.dsl.build.bench import Bench
from engine.dsl.build.connections import check_mailbox
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.schema.project import RETAINED
from engine.dsl.scopes import of_contact
from engine.model.policies import Annotation, Benchmark, Brand, Calendar, FrequencyCap, Quiet, Theme
from engine.schedule.durations import Duration
from engine.schedule.windows import WEEKDAYS, TimeRange


def time_range(bench: Bench, node: Node | None) -> TimeRange | None:
    if not isinstance(node, Scalar):
        return None
    found = TimeRange.parse(node.text)
    if found is None:
        bench.error("SND103", f"expected a time range, as 09:00-18:00, but got `{node.text}`", node.span)
    return found


def date(bench: Bench, node: Node | None) -> dt.date | None:
    if not isinstance(node, Scalar):
        return None
    try:
        return dt.date.fromisoformat(node.text)
    except ValueError:
        bench.error("SND103", f"`{node.text}` is no date", node.span)
        return None


def entity(bench: Bench, node: Node | None) -> str:
    """What a cap or a limit counts over: an object, or a field of one."""
    assert node is not None
    name = bench.literal(node)
    kind, _, field = name.partition(".")
    known = bench.objects.get(kind)
    if known is None or (field and field not in known.fields):
        paths = [f"{k}.{f}" for k, o in bench.objects.items() for f in o.fields]
        bench.error("SND303", f"the data contract has no `{name}`", node.span, did_you_mean(name, [*bench.objects, *paths]))
    return name


def calendars(bench: Bench, document: Mapping) -> dict[str, Calendar]:
    found: dict[str, Calendar] = {}
    own = document.get("calendar")
    if isinstance(own, Mapping):
        found[""] = _calendar(bench, own)
    named = document.get("calendars")
    for name, (_, node) in named.entries.items() if isinstance(named, Mapping) else ():
        assert isinstance(node, Mapping)
        found[name] = _calendar(bench, node)
    return found


def _calendar(bench: Bench, node: Mapping) -> Calendar:
    country = node.get("country")
    code = bench.literal(country) if country is not None else None
    if country is not None and code is not None:
        bench.check_literal("country", country)
    return Calendar(country=code, hours=time_range(bench, node.get("hours")))


def frequency(bench: Bench, node: Node | None) -> tuple[FrequencyCap, ...]:
    found = []
    for item in node.items if isinstance(node, Sequence) else ():
        assert isinstance(item, Mapping)
        channel, condition = item.get("channel"), item.get("if")
        checked = bench.expression(condition, of_contact(bench.objects)) if condition is not None else None
        per = bench.duration(item.get("per"), repeats=True)
        assert per is not None
        found.append(
            FrequencyCap(
                max=item.data["max"],
                per=per,
                of=entity(bench, item.get("of")),
                channel=bench.channel(channel) if channel is not None else None,
                count=item.data.get("count", "invitations"),
                condition=checked[0] if checked else None,
                at=item.span,
            )
        )
    return tuple(found)


def quiet(bench: Bench, node: Node | None) -> Quiet | None:
    if not isinstance(node, Mapping):
        return None
    days = node.get("days")
    if days is not None and set(days.data) == set(WEEKDAYS):
        bench.error("SND103", "every day is quiet, so nothing would ever be sent", days.span)
    return Quiet(between=time_range(bench, node.get("between")), days=tuple(node.data.get("days", ())))


def durations(node: Node | None) -> dict[str, Duration]:
    """How long each kind of data is kept, in an order of our own: the author's means nothing, and enters no fingerprint."""
    entries = node.data if isinstance(node, Mapping) else {}
    parsed = {name: Duration.parse(str(entries[name])) for name in RETAINED if name in entries}
    return {name: duration for name, duration in parsed.items() if duration is not None}


def theme(bench: Bench, node: Node | None) -> Theme | None:
    if not isinstance(node, Mapping):
        return None
    texts = {key: bench.literal(value) for key, (_, value) in node.entries.items() if key != "radius"}
    return Theme(
        accent=texts.get("accent"),
        background=texts.get("background"),
        text=texts.get("text"),
        logo=texts.get("logo"),
        font=texts.get("font"),
        radius=node.data.get("radius"),
        at=node.span,
        places={key: value.span for key, (_, value) in node.entries.items()},
    )


def brands(bench: Bench, node: Node | None) -> dict[str, Brand]:
    found = {}
    for name, (_, brand) in node.entries.items() if isinstance(node, Mapping) else ():
        assert isinstance(brand, Mapping)
        sender = brand.get("from")
        if isinstance(sender, Scalar):
            check_mailbox(bench, sender)
        found[name] = Brand(theme=theme(bench, brand.get("theme")), sender=bench.literal(sender) if sender is not None else None)
    return found


def marks(bench: Bench, node: Node | None) -> tuple[Annotation, ...]:
    found = []
    for item in node.items if isinstance(node, Sequence) else ():
        assert isinstance(item, Mapping)
        day, text_node = date(bench, item.get("date")), item.get("text")
        assert text_node is not None
        text = bench.text(text_node, {})
        if day is not None and text is not None:
            found.append(Annotation(date=day, text=text))
    return tuple(found)


def benchmarks(bench: Bench, node: Node | None) -> tuple[Benchmark, ...]:
    found = []
    for item in node.items if isinstance(node, Sequence) else ():
        assert isinstance(item, Mapping)
        day, source = date(bench, item.get("date")), item.get("source")
        assert source is not None
        if day is not None:
            data = item.data
            found.append(
                Benchmark(metric=data["metric"], value=float(data["value"]), n=data.get("n"), date=day, source=bench.literal(source))
            )
    return tuple(found)

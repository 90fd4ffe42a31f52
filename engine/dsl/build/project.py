"""`project:` — the data contract, connections, and what holds for everything."""

from __future__ import annotations

from engine.dsl.build import policies
from engine.dsl.build.bench import Bench
from engine.dsl.build.connections import check_address, connections, environments
from engine.dsl.contract import FIXED_FIELDS, RESERVED, field_type, object_events
from engine.dsl.expressions.codes import is_language, is_timezone
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.scopes import of_contact
from engine.dsl.source import leads_inside
from engine.model.definitions import EventType, Project, Secret
from engine.model.types import TEXT, Type, object_type


def build_project(bench: Bench, document: Mapping, name: str) -> Project | None:
    languages = bench.languages = _languages(bench, document.get("languages"))
    zone = _timezone(bench, document.get("timezone"))
    _check_paths(bench, document.get("paths"))
    _objects(bench, document.get("objects"))
    may_ask = document.get("may_ask")
    # What is wrong with it may follow from what is wrong with the fields that it reads.
    condition = bench.expression(may_ask, of_contact(bench.objects)) if may_ask is not None and not bench.errors else None
    bench.connections = connections(bench, document.get("connections"))
    _events(bench, document.get("events"))
    url = document.get("public_url")
    public_url = bench.setting(url, secret_only=False) if url is not None else None
    if isinstance(url, Scalar):
        check_address(bench, url)
    identity = _identity(bench, document.get("identity"))
    calendars = policies.calendars(bench, document)
    frequency = policies.frequency(bench, document.get("frequency"))
    quiet = policies.quiet(bench, document.get("quiet"))
    theme = policies.theme(bench, document.get("theme"))
    bench.brands = policies.brands(bench, document.get("brands"))
    annotations = policies.marks(bench, document.get("annotations"))
    benchmarks = policies.benchmarks(bench, document.get("benchmarks"))
    elsewhere = environments(bench, document.get("environments"), bench.connections)
    if bench.errors:
        return None
    return Project(
        name=name,
        languages=languages,
        timezone=zone,
        public_url=public_url if isinstance(public_url, (str, Secret)) else None,
        objects=dict(bench.objects),
        identity=identity,
        events=dict(bench.events),
        may_ask=condition[0] if condition else None,
        connections=dict(bench.connections),
        calendars=calendars,
        environments=elsewhere,
        frequency=frequency,
        quiet=quiet,
        limits=document.data.get("limits", {}),
        retention=policies.durations(document.get("retention")),
        anonymity=document.data.get("anonymity", 5),
        theme=theme,
        brands=bench.brands,
        annotations=annotations,
        benchmarks=benchmarks,
        checks=document.data.get("checks", {}),
        renamed_from=bench.earlier_name(document),
        at=document.span,
    )


def _languages(bench: Bench, node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ("en",)
    assert isinstance(node, Sequence)
    found: list[str] = []
    for item in node.items:
        language = bench.literal(item)
        if not is_language(language):
            bench.error("SND103", f"`{language}` is no language code (ISO 639-1, as `ru`, `uk`, `en`)", item.span)
        elif language in found:
            bench.error("SND104", f"`{language}` is a language of the project already", item.span)
        found.append(language)
    return tuple(found)


def _check_paths(bench: Bench, node: Node | None) -> None:
    for item in node.items if isinstance(node, Sequence) else ():
        if not leads_inside(bench.literal(item)):
            bench.error("SND103", f"`{item.data}` leads out of the project", item.span, "name a folder below the one of sounding.yaml")


def _timezone(bench: Bench, node: Node | None) -> str:
    if node is None:
        return "UTC"
    zone = bench.literal(node)
    if not is_timezone(zone):
        bench.error("SND103", f"`{zone}` is no time zone of the IANA database, as `Europe/Moscow`", node.span)
    return zone


def _objects(bench: Bench, node: Node | None) -> None:
    entries = node.entries if isinstance(node, Mapping) else {}
    for kind, (kind_key, fields) in entries.items():
        types: dict[str, Type] = {"id": TEXT}
        if kind in RESERVED:
            bench.error("SND106", f"`{kind}` has a meaning of its own and cannot be an object", kind_key.span)
        assert isinstance(fields, Mapping)
        for name, (key, value) in fields.entries.items():
            found = field_type(value, bench.findings, bench.address)
            if found is None:
                types[name] = TEXT  # for those that only ask whether the field is there
                continue
            fixed = FIXED_FIELDS.get(name) if kind == "contact" else None
            if fixed is not None and found.kind not in fixed:
                wanted = " or ".join(sorted(fixed - {"one_of"}))
                bench.error("SND107", f"`contact.{name}` has a fixed meaning and is {wanted}, not {found.required()}", key.span)
            types[name] = found
        bench.objects[kind] = object_type(types)


def _identity(bench: Bench, node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ("email", "phone")
    assert isinstance(node, Mapping)
    found = []
    known = {"crm.id", *bench.objects["contact"].fields} if "contact" in bench.objects else {"crm.id"}
    listing = node.get("contact")
    for item in listing.items if isinstance(listing, Sequence) else ():
        name = bench.literal(item)
        if name not in known:
            bench.error("SND303", f"`contact` has no `{name}`", item.span, did_you_mean(name, known))
        found.append(name)
    return tuple(found)


def _events(bench: Bench, node: Node | None) -> None:
    entries = node.entries if isinstance(node, Mapping) else {}
    built_in = object_events()
    for name, (key, value) in entries.items():
        assert isinstance(value, Mapping)
        carries: list[str] = []
        fields: dict[str, Type] = {}
        if name in built_in or name.split(".")[0] in ("survey", "metric"):
            what = "is built in already" if name in built_in else "would be an event of a survey, and those are built in"
            bench.error("SND106", f"`{name}` {what}", key.span, "call it something else, as `order.delivered`")
        for field, (field_key, inner) in value.entries.items():
            if field in bench.objects:
                hint = f"an event carries an object by `object: {field}`"
                bench.error("SND106", f"`{field}` is an object, and stands beside the event's own data", field_key.span, hint)
            if field == "object":
                objects = inner.items if isinstance(inner, Sequence) else [inner]
                carries += _carried(bench, objects)
                continue
            kind = field_type(inner, bench.findings, bench.address)
            if kind is not None:
                fields[field] = kind
        bench.events[name] = EventType(name=name, objects=tuple(carries), fields=fields, at=key.span)


def _carried(bench: Bench, nodes: list[Node]) -> list[str]:
    found = []
    for node in nodes:
        if not isinstance(node, Scalar):
            bench.error("SND103", "expected an object, or a list of objects", node.span)
            continue
        kind = bench.literal(node)
        if kind not in bench.objects:
            bench.error("SND201", f"the data contract has no object `{kind}`", node.span, did_you_mean(kind, bench.objects))
        found.append(kind)
    return found

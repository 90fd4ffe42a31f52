"""The order of keys, as the language page and the schemas document them.

Only keys of a fixed set are put in order. What an author lists (questions, options, fields, connections, languages) keeps its
order, and so do a connection's settings and what an action says: their order enters a version's fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.dsl.format.tree import Collection, Entry, Node, Scalar


@dataclass(frozen=True, slots=True)
class Shape:
    """The order of a map's keys, and the shapes of what is in it; keys without a place stand behind, as they came."""

    keys: tuple[str, ...] = ()
    inner: Mapping[str, Shape] = field(default_factory=dict)
    each: Shape | None = None  # of every value of the map, whatever its key
    items: Shape | None = None  # of every item, where it is a list


def _shape(keys: str, **inner: Shape) -> Shape:
    return Shape(tuple(keys.split()), inner)


def _each(shape: Shape) -> Shape:
    return Shape(each=shape)


def _items(shape: Shape) -> Shape:
    return Shape(items=shape)


_ANY = Shape()
_FIELD = _shape("type optional personal")
_CALENDAR = _shape("country hours")
_THEME = _shape("accent background text logo font radius")

PROJECT = _shape(
    "project paths languages timezone calendar calendars public_url objects identity events may_ask connections environments"
    " frequency quiet limits retention anonymity theme brands annotations benchmarks checks renamed_from",
    calendar=_CALENDAR,
    calendars=_each(_CALENDAR),
    objects=_each(_each(_FIELD)),
    events=_each(Shape(("object",), each=_FIELD)),
    environments=_each(_shape("only_to connections")),
    frequency=_items(_shape("max per of channel count if")),
    quiet=_shape("between days"),
    retention=_shape("identifiers answers raw"),
    theme=_THEME,
    brands=_each(_shape("theme from", theme=_THEME)),
    annotations=_items(_shape("date text")),
    benchmarks=_items(_shape("metric value n date source")),
)
QUESTION = _shape(
    "type ask options rows other required show_if validate scale shown_as labels randomise renamed_from",
    options=_each(_shape("text renamed_from")),
)
SURVEY = _shape(
    "survey metric about title questions pages partial edit thanks incentive quotas variants version breaks_trend anonymous open brand"
    " renamed_from",
    questions=_each(QUESTION),
    thanks=_items(_shape("if text link")),
    incentive=_shape("pool draw offer one_per"),
    quotas=_items(_shape("max if")),
)
AUDIENCE = _shape(
    "audience of where exclude sample rotate limit expect renamed_from",
    limit=_shape("max of"),
    expect=_shape("min max margin response"),
)
CADENCE = _shape(
    "cadence use with survey audience when every cron from if cancel_on after spread between via invite remind expires again priority"
    " renamed_from",
    remind=_shape("every max with"),
)
TEMPLATE = _shape("template subject text renamed_from")
# What a step does stands first, whether it does it behind that.
_STEP_KEYS = (
    "ticket task email sms message webhook comment ask incentive suppress emit update wait wait_for at_most on_timeout stop"
    " if then else as on_failure"
)
_STEPS: dict[str, Shape] = {}  # of each key of a step that holds steps; filled below, since steps hold steps
STEP = Shape(tuple(_STEP_KEYS.split()), _STEPS)
_STEPS.update(dict.fromkeys(("then", "else", "on_timeout", "on_failure"), _items(STEP)))
AUTOMATION = _shape("automation use with when if then run renamed_from", then=_items(STEP), run=_shape("per mode"))
KINDS: Mapping[str, Shape] = {
    "project": PROJECT,
    "survey": SURVEY,
    "audience": AUDIENCE,
    "cadence": CADENCE,
    "automation": AUTOMATION,
    "template": TEMPLATE,
    "report": _shape("report title every surveys segments show to renamed_from"),
    "scenario": _shape(
        "scenario title start contacts timeline renamed_from",
        timeline=_items(_shape("at event answer contact data answers expect")),
    ),
    "blueprint": _shape(
        "blueprint inputs automation cadence", inputs=_each(_shape("type default")), automation=AUTOMATION, cadence=CADENCE
    ),
}


def arrange(root: Node) -> None:
    """Put the keys of a document in order. Its first key tells its kind, and is first already."""
    if isinstance(root, Collection) and root.mapping and root.entries:
        shape = KINDS.get(_key(root.entries[0]))
        if shape is not None:
            _arrange(root, shape)


def _arrange(node: Node, shape: Shape) -> None:
    if not isinstance(node, Collection):
        return
    if not node.mapping:
        for entry in node.entries:
            _arrange(entry.value, shape.items or _ANY)
        return
    for entry in node.entries:
        inner = shape.inner.get(_key(entry), shape.each)
        if inner is not None:
            _arrange(entry.value, inner)
    places = {key: place for place, key in enumerate(shape.keys)}
    ordered = sorted(node.entries, key=lambda entry: places.get(_key(entry), len(places)))
    moved = any(new is not old for new, old in zip(ordered, node.entries, strict=True))
    # An alias means the anchor before it: entries that hold one or the other do not pass each other.
    if moved and [id(entry) for entry in ordered if _refers(entry)] == [id(entry) for entry in node.entries if _refers(entry)]:
        node.entries = ordered


def _key(entry: Entry) -> str:
    return entry.key.value if entry.key is not None else ""


def _refers(entry: Entry) -> bool:
    return any(_has_reference(node) for node in (entry.key, entry.value) if node is not None)


def _has_reference(node: Node) -> bool:
    if node.properties:
        return True
    if isinstance(node, Scalar):
        return node.style is None and node.text.startswith("*")
    return any(_refers(entry) for entry in node.entries)

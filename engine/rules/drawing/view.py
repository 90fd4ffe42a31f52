"""What is shown of a graph: boxes and arrows, few enough to be read.

An automation is one box with its steps as lines. A survey's own events are labels of the arrows that lead away from it. Where there
are more than ``MOST`` automations, those that the same leads to and that lead to the same are one box with counts.
"""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from engine.dsl.nearest import did_you_mean
from engine.errors import UsageError

MOST = 40  # automations that are shown one by one
_LINES = 12  # of a box
_NAMED = 28  # letters of a line with the names of several automations
_QUIET = frozenset({"triggers", "selects", "asks"})  # what the boxes at both ends say already
_NAMES = {"ends": "ends a wait", "is left out of": "left out of"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    id: str  # an address, or that of the first automation of several
    kind: str  # event, survey, audience, cadence, automation, automations
    title: str
    lines: tuple[str, ...] = ()
    at: str = ""  # file:line:column
    cluster: str = ""  # the survey that it belongs to


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    source: str
    target: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def focused(graph: nx.DiGraph[str], focus: str) -> nx.DiGraph[str]:
    """What leads to a node and what it leads to. An event may be named without `event.`. Raises UsageError for an unknown node."""
    node = focus if focus in graph else f"event.{focus}"
    if node not in graph:
        known = [name for name, data in graph.nodes(data=True) if data["kind"] not in ("action", "condition")]
        named = [f"`{name}`" for name in known if name.partition(".")[2] == focus]
        hint = f"did you mean {' or '.join(named)}?" if named else did_you_mean(focus, known)
        raise UsageError(f"there is no `{focus}` in this project's graph" + (f"; {hint}" if hint else ""))
    around = {node} | nx.ancestors(graph, node) | nx.descendants(graph, node)
    # An automation is shown whole.
    owners = {_owner(name) for name in around if graph.nodes[name]["kind"] == "action"}
    around |= {name for name in graph if graph.nodes[name]["kind"] == "action" and _owner(name) in owners} | owners
    found: nx.DiGraph[str] = nx.DiGraph()  # in the graph's own order
    found.add_nodes_from((name, data) for name, data in graph.nodes(data=True) if name in around)
    found.add_edges_from((a, b, data) for a, b, data in graph.edges(data=True) if a in around and b in around)
    return found


def view_of(graph: nx.DiGraph[str], most: int = MOST) -> View:
    """``most``: of more automations than this, those around which the same stands are one box."""
    arrows = list(dict.fromkeys(_arrows(graph)))
    boxes = [box for name in graph if (box := _box(graph, name)) is not None]
    if sum(box.kind == "automation" for box in boxes) > most:
        boxes, arrows = _collapsed(graph, boxes, arrows)
    return View(boxes=tuple(_clustered(boxes, arrows)), arrows=tuple(arrows))


def _owner(name: str) -> str:
    return name.split("/")[0]


def _arrows(graph: nx.DiGraph[str]) -> Iterator[Arrow]:
    for source, target, data in graph.edges(data=True):
        means = str(data["means"])
        kinds = graph.nodes[source]["kind"], graph.nodes[target]["kind"]
        own_event = kinds[0] == "event" and "/" in source
        if "condition" in kinds or "template" in kinds or own_event or _survey_of(graph, target):
            continue
        start, end = _owner(source), _owner(target)
        if start == end:
            continue
        survey = _survey_of(graph, source)
        label = "" if means in _QUIET else _NAMES.get(means, means)
        if survey:
            verb = source.rpartition(".")[2]
            start, label = survey, f"{verb}, {label}" if label else verb
        yield Arrow(source=start, target=end, label=label if kinds[0] != "action" or means != "emits" else "emits")


def _survey_of(graph: nx.DiGraph[str], node: str) -> str:
    """The survey that brings an event about; empty where none does."""
    parts = node.split(".")
    survey = f"survey.{parts[2]}" if len(parts) == 4 and parts[:2] in (["event", "survey"], ["event", "metric"]) else ""
    return survey if survey in graph else ""


def _box(graph: nx.DiGraph[str], name: str) -> Box | None:
    data = graph.nodes[name]
    kind, at = data["kind"], str(data["at"] or "")
    if kind in ("action", "condition", "template") or "/" in name or _survey_of(graph, name):
        return None
    title = name.partition(".")[2]
    lines: tuple[str, ...] = (data["text"],) if data["text"] and kind != "event" else ()
    if kind == "cadence":
        lines = tuple(data["text"].split("; "))
    if kind == "automation":
        first = next((target for target in graph.successors(name) if graph.nodes[target]["kind"] == "action"), None)
        lines += tuple(_steps(graph, first)) if first is not None else ()
        if len(lines) > _LINES:
            lines = (*lines[: _LINES - 1], f"… {len(lines) - _LINES + 1} more")
    return Box(id=name, kind=kind, title=title, lines=lines, at=at)


def _steps(graph: nx.DiGraph[str], first: str, pad: str = "") -> Iterator[str]:
    """A step and those that follow it as lines, each branch below its own name; in the order in which they are written."""
    step: str | None = first
    while step is not None:
        yield pad + graph.nodes[step]["text"]
        following = None
        for target in graph.successors(step):
            means = graph.edges[step, target]["means"]
            if means == "next":
                following = target
            elif target.startswith(f"{step}/"):
                below, branch = list(_steps(graph, target, f"{pad}    ")), means.replace("_", " ")
                yield from [f"{pad}  {branch}: {below[0].strip()}"] if len(below) == 1 else [f"{pad}  {branch}:", *below]
        step = following


def _collapsed(graph: nx.DiGraph[str], boxes: Iterable[Box], arrows: Iterable[Arrow]) -> tuple[list[Box], list[Arrow]]:
    around: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for arrow in arrows:
        around[arrow.source].append(("to", arrow.target, arrow.label))
        around[arrow.target].append(("from", arrow.source, arrow.label))
    groups: dict[object, list[Box]] = {}
    audiences = {arrow.target: arrow.source.partition(".")[2] for arrow in arrows if arrow.source.startswith("audience.")}
    for box in boxes:
        if box.kind == "audience" or not around[box.id]:
            continue  # an audience is a line of its cadences; what stands alone is passed over
        key = tuple(sorted(around[box.id])) if box.kind == "automation" else box.id
        groups.setdefault(key, []).append(box)
    merged: dict[str, str] = {}
    found = []
    for group in groups.values():
        first = group[0]
        merged |= {box.id: first.id for box in group}
        if len(group) > 1:
            found.append(
                Box(id=first.id, kind="automations", title=f"{len(group)} automations", lines=(*_names(group), *_counts(graph, group)))
            )
        elif first.kind == "cadence":
            lines = (f"audience {audiences[first.id]}", *first.lines) if first.id in audiences else first.lines
            found.append(Box(id=first.id, kind=first.kind, title=first.title, lines=lines, at=first.at))
        else:
            found.append(first)
    kept = (
        Arrow(source=merged[arrow.source], target=merged[arrow.target], label=arrow.label)
        for arrow in arrows
        if arrow.source in merged and arrow.target in merged
    )
    return found, list(dict.fromkeys(kept))


def _names(group: Sequence[Box]) -> Iterator[str]:
    """The names of a group, as many as two lines hold."""
    names = [box.title for box in group]
    shown = next(n for n in range(len(names), 0, -1) if n == 1 or len(", ".join(names[:n])) <= 2 * _NAMED)
    more = f", … {len(names) - shown} more" if shown < len(names) else ""
    yield from textwrap.wrap(", ".join(names[:shown]) + more, _NAMED)


def _counts(graph: nx.DiGraph[str], group: Iterable[Box]) -> Iterator[str]:
    """How often each action is done by a group of automations, the most frequent first."""
    actions = Counter(graph.nodes[step]["action"] for box in group for step in _own_steps(graph, box.id))
    del actions["if"]
    yield from (f"{count} × {action}" for action, count in sorted(actions.items(), key=lambda item: (-item[1], item[0])))


def _own_steps(graph: nx.DiGraph[str], automation: str) -> Iterator[str]:
    waiting = [automation]
    while waiting:
        for target in graph.successors(waiting.pop()):
            if target.startswith(f"{automation}/") and graph.nodes[target]["kind"] == "action":
                yield target
                waiting.append(target)


def _clustered(boxes: Iterable[Box], arrows: Iterable[Arrow]) -> Iterator[Box]:
    """Each box with the survey that it belongs to: a cadence's, or that whose events an automation waits for."""
    clusters: Mapping[str, str] = {
        **{arrow.target: arrow.source for arrow in arrows if arrow.source.startswith("survey.")},
        **{arrow.source: arrow.target for arrow in arrows if arrow.source.startswith("cadence.")},
    }
    for box in boxes:
        cluster = box.id if box.kind == "survey" else clusters.get(box.id, "") if box.kind != "event" else ""
        yield Box(id=box.id, kind=box.kind, title=box.title, lines=box.lines, at=box.at, cluster=cluster.removeprefix("survey."))

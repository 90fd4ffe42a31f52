"""Boxes in layers from left to right, and arrows that go around them: a layered drawing after Sugiyama.

Each box stands in the layer behind the last of those that lead to it. An arrow over several layers keeps a lane of its own in each,
so no arrow runs through a box. Within a layer the order is that of the neighbours' medians, and positions are the closest to the
neighbours' middle that leave room for all (isotonic regression). Parts that nothing connects are laid out apart and put in columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from statistics import mean, median

import networkx as nx

_LANE = 14.0  # height of an arrow's lane between boxes
_ROW = 18.0  # between two boxes of a layer
_GAP = 110.0  # between two layers
_PART = 36.0  # between two parts
_ROUNDS = 7  # odd: the last one goes forward, so that what one box leads to stands together
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Places of the boxes' upper left corners, and each arrow's way: points in pairs, from right edges to left edges."""

    places: Mapping[str, Point]
    ways: Mapping[tuple[str, str], Sequence[Point]]
    width: float
    height: float


def lay_out(sizes: Mapping[str, Point], arrows: Iterable[tuple[str, str]]) -> Layout:
    """``sizes``: width and height of each box. An arrow from a box to itself has no way."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sizes)
    graph.add_edges_from((a, b) for a, b in arrows if a != b)
    order = {name: number for number, name in enumerate(sizes)}
    parts = sorted((sorted(part, key=order.__getitem__) for part in nx.weakly_connected_components(graph)), key=lambda part: order[part[0]])
    return _columns([_Part(part, sizes, graph).layout() for part in parts])


def _columns(parts: Sequence[Layout]) -> Layout:
    """The parts below each other, in as many columns as make the whole about as wide as high."""
    area = sum((part.width + _PART) * (part.height + _PART) for part in parts)
    limit = max([sqrt(area), *(part.height for part in parts)], default=0)
    places: dict[str, Point] = {}
    ways: dict[tuple[str, str], Sequence[Point]] = {}
    left, top, wide, high = 0.0, 0.0, 0.0, 0.0
    for part in parts:
        if top and top + part.height > limit:
            left, top, wide = left + wide + _PART, 0.0, 0.0
        places |= {name: (x + left, y + top) for name, (x, y) in part.places.items()}
        ways |= {edge: [(x + left, y + top) for x, y in way] for edge, way in part.ways.items()}
        wide, top = max(wide, part.width), top + part.height + _PART
        high = max(high, top - _PART)
    return Layout(places=places, ways=ways, width=left + wide, height=high)


class _Part:
    def __init__(self, names: Sequence[str], sizes: Mapping[str, Point], graph: nx.DiGraph[str]) -> None:
        self._size = {name: sizes[name] for name in names}
        edges = [(a, b) for a in names for b in graph.successors(a)]
        backward = _backward(names, edges)
        forward = [(b, a) if (a, b) in backward else (a, b) for a, b in edges]
        layer = _layers(names, forward)
        self._layers: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
        for name in names:
            self._layers[layer[name]].append(name)
        self._chains: dict[tuple[str, str], list[str]] = {}
        self._before: dict[str, list[str]] = {name: [] for name in names}
        self._behind: dict[str, list[str]] = {name: [] for name in names}
        for (a, b), edge in zip(forward, edges, strict=True):
            self._chain(a, b, edge, layer)

    def _chain(self, a: str, b: str, edge: tuple[str, str], layer: Mapping[str, int]) -> None:
        """The boxes and lanes that an arrow goes through, from left to right."""
        lanes = [f"{a} {b} {number}" for number in range(layer[a] + 1, layer[b])]
        for number, lane in enumerate(lanes, layer[a] + 1):
            self._layers[number].append(lane)
            self._size[lane] = (0.0, _LANE - _ROW)
            self._before[lane], self._behind[lane] = [], []
        chain = [a, *lanes, b]
        self._chains[edge] = chain
        for left, right in pairwise(chain):
            self._behind[left].append(right)
            self._before[right].append(left)

    def layout(self) -> Layout:
        self._sort()
        middles = self._middles()
        xs, x = [], 0.0
        for layer in self._layers:
            xs.append(x)
            x += max(self._size[name][0] for name in layer) + _GAP
        column = {name: number for number, layer in enumerate(self._layers) for name in layer}
        top = min(middles[name] - self._size[name][1] / 2 for name in column)
        places = {name: (xs[column[name]], middles[name] - self._size[name][1] / 2 - top) for name in column}
        ways = {edge: self._way(edge, chain, column, xs, middles, top) for edge, chain in self._chains.items()}
        boxes = {name: place for name, place in places.items() if self._size[name][0]}
        bottom = max(place[1] + self._size[name][1] for name, place in boxes.items())
        lowest = max((y for way in ways.values() for _, y in way), default=0.0)
        return Layout(places=boxes, ways=ways, width=x - _GAP, height=max(bottom, lowest))

    def _way(
        self,
        edge: tuple[str, str],
        chain: Sequence[str],
        column: Mapping[str, int],
        xs: Sequence[float],
        middles: Mapping[str, float],
        top: float,
    ) -> list[Point]:
        points: list[Point] = []
        for name in chain:
            number, y = column[name], middles[name] - top
            right = (xs[number + 1] if number + 1 < len(xs) else xs[number] + self._size[name][0] + _GAP) - _GAP
            points += [(xs[number], y), (xs[number] + self._size[name][0], y), (right, y)]
        # From the first box's right edge to the last one's left edge; between them along each lane.
        points = points[1:-2]
        return points if chain[0] == edge[0] else points[::-1]

    def _sort(self) -> None:
        """Neighbours near each other: by medians, forward and backward."""
        for number in range(_ROUNDS):
            forward = number % 2 == 0
            layers = self._layers if forward else self._layers[::-1]
            place = {name: float(at) for layer in self._layers for at, name in enumerate(layer)}
            for layer in layers[1:]:
                near = self._before if forward else self._behind
                # What has no neighbour there keeps its place: its number says nothing beside theirs.
                moved = iter(sorted((n for n in layer if near[n]), key=lambda name: median(place[other] for other in near[name])))
                layer[:] = [next(moved) if near[name] else name for name in layer]
                place |= {name: float(at) for at, name in enumerate(layer)}

    def _middles(self) -> dict[str, float]:
        """The height of each box's middle."""
        middles: dict[str, float] = {}
        for layer in self._layers:
            y = 0.0
            for name in layer:
                middles[name] = y + self._size[name][1] / 2
                y += self._size[name][1] + _ROW
        for number in range(_ROUNDS):
            for layer in self._layers if number % 2 == 0 else self._layers[::-1]:
                wanted = [mean([middles[other] for other in self._before[name] + self._behind[name]] or [middles[name]]) for name in layer]
                middles |= zip(layer, _placed(wanted, [self._size[name][1] + _ROW for name in layer]), strict=True)
        return middles


def _placed(wanted: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The middles closest to those wanted, by least squares, of boxes of these heights that stand in this order."""
    offsets, y = [], 0.0
    for height in heights:
        offsets.append(y + height / 2)
        y += height
    blocks: list[tuple[float, int]] = []  # where a run of touching boxes begins, and how many they are
    for want, offset in zip(wanted, offsets, strict=True):
        start, count = want - offset, 1
        while blocks and blocks[-1][0] >= start:
            before, many = blocks.pop()
            start, count = (before * many + start * count) / (many + count), many + count
        blocks.append((start, count))
    starts = [start for start, count in blocks for _ in range(count)]
    return [start + offset for start, offset in zip(starts, offsets, strict=True)]


def _backward(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Edges that close a cycle, found in depth-first order; turned round, they leave none."""
    behind: dict[str, list[str]] = {name: [] for name in names}
    into = {b for _, b in edges}
    for a, b in edges:
        behind[a].append(b)
    found: set[tuple[str, str]] = set()
    open_: set[str] = set()
    done: set[str] = set()
    for root in sorted(names, key=lambda name: name in into):
        stack = [(root, iter(behind[root]))] if root not in done else []
        open_ |= {root} if stack else set()
        while stack:
            name, rest = stack[-1]
            child = next(rest, None)
            if child is None:
                stack.pop()
                open_.discard(name)
                done.add(name)
            elif child in open_:
                found.add((name, child))
            elif child not in done:
                open_.add(child)
                stack.append((child, iter(behind[child])))
    return found


def _layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Each name's layer: behind all that lead to it; what nothing leads to stands right before what it leads to."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(names)
    graph.add_edges_from(edges)
    layer = {name: number for number, generation in enumerate(nx.topological_generations(graph)) for name in generation}
    for name in names:
        if not graph.in_degree(name) and graph.out_degree(name):
            layer[name] = min(layer[other] for other in graph.successors(name)) - 1
    return layer

"""A view as a picture that any browser shows, on a light page and on a dark one."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

from engine.rules.drawing.forms import cut
from engine.rules.drawing.layout import Point, lay_out
from engine.rules.drawing.view import Box, View

_LETTER = 6.65  # width of a letter, at 11 px of a monospaced font
_SMALL = 6.05  # at 10 px
_LINE = 16  # height of a line
_PAD = 10
_MARGIN = 16
_COLUMNS = 46  # letters of a line
_STYLE = """
:root{color-scheme:light dark}
.box{fill-opacity:.10;stroke-width:1.3;rx:6}
.event .box{fill:#b7791f;stroke:#b7791f;rx:16}
.audience .box{fill:#718096;stroke:#718096;stroke-dasharray:5 3}
.cadence .box{fill:#0f8a8a;stroke:#0f8a8a}
.survey .box{fill:#2b6cb0;stroke:#2b6cb0;stroke-width:2}
.automation .box,.automations .box{fill:#7c4dbd;stroke:#7c4dbd}
text{font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#24292f}
.kind{fill:#6a737d}.name{font-weight:700}
.way{fill:none;stroke:#8a929b;stroke-width:1.2}.head{fill:#8a929b}
.label{font-size:10px;fill:#6a737d;paint-order:stroke;stroke:Canvas;stroke-width:3px}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.kind,.label{fill:#9aa4ae}.box{fill-opacity:.22}}
"""


def as_svg(view: View) -> str:
    sizes = {box.id: _size(box) for box in view.boxes}
    layout = lay_out(sizes, ((arrow.source, arrow.target) for arrow in view.arrows))
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<title>The rule graph</title><style>{_STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
        '<path class="head" d="M0,0 L8,4 L0,8 z"/></marker></defs>',
        f'<g transform="translate({_MARGIN} {_MARGIN})">',
    ]
    labels: dict[tuple[str, str], list[str]] = {}
    for arrow in view.arrows:
        labels.setdefault((arrow.source, arrow.target), []).append(arrow.label)
    arrows = [(", ".join(filter(None, labels[edge])), way) for edge, way in layout.ways.items()]
    parts += [_way(label, way) for label, way in arrows]
    # Above the ways of other arrows; and once where several arrows end at one place.
    parts += dict.fromkeys(_label(label, way) for label, way in arrows if label)
    parts += [_drawn(box, layout.places[box.id], sizes[box.id]) for box in view.boxes]
    return "\n".join([*parts, "</g>", "</svg>"])


def _lines(box: Box) -> list[str]:
    return [cut(line, _COLUMNS) for line in box.lines]


def _size(box: Box) -> Point:
    head = len(box.title) + (0 if box.kind == "automations" else len(box.kind) + 1)
    widest = max(map(_width, [cut(" " * head, _COLUMNS), *_lines(box)]))
    return widest * _LETTER + 2 * _PAD, (len(box.lines) + 1) * _LINE + _PAD


def _width(text: str) -> int:
    """How many letters wide: those of East Asia and pictograms take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _drawn(box: Box, at: Point, size: Point) -> str:
    x, y = at
    kind = "" if box.kind == "automations" else f'<tspan class="kind">{box.kind}</tspan> '
    name = cut(box.title, _COLUMNS - len(box.kind) - 1)
    said = "\n".join(filter(None, (box.id, box.at, *box.lines)))
    parts = [
        f'<g class="{box.kind}"><title>{escape(said)}</title>',
        f'<rect class="box" x="{x:.1f}" y="{y:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"/>',
        f'<text x="{x + _PAD:.1f}" y="{y + _LINE:.1f}">{kind}<tspan class="name">{escape(name)}</tspan></text>',
    ]
    for number, line in enumerate(_lines(box), 2):
        parts.append(f'<text x="{x + _PAD:.1f}" y="{y + number * _LINE:.1f}" xml:space="preserve">{escape(line)}</text>')
    return "".join([*parts, "</g>"])


def _way(label: str, way: Sequence[Point]) -> str:
    """Straight along its row, its lanes and its label, curved in the gaps between layers."""
    drawn = [f"M{way[0][0]:.1f},{way[0][1]:.1f}"]
    (before, _), (x, y) = way[-2:]
    room = (len(label) * _SMALL + 14) * (1 if before < x else -1) if label else 0
    for (x, y), (to_x, to_y) in pairwise([*way[:-1], (way[-1][0] - room, way[-1][1]), way[-1]]):
        if y == to_y:
            drawn.append(f"L{to_x:.1f},{to_y:.1f}")
        else:
            middle = (x + to_x) / 2
            drawn.append(f"C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}")
    return f'<path class="way" d="{" ".join(drawn)}" marker-end="url(#head)"/>'


def _label(label: str, way: Sequence[Point]) -> str:
    (before, _), (x, y) = way[-2:]
    anchor, x = ("end", x - 10) if before < x else ("start", x + 10)
    return f'<text class="label" text-anchor="{anchor}" x="{x:.1f}" y="{y - 4:.1f}">{escape(label)}</text>'

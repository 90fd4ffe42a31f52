"""A view as text for a terminal, as mermaid, and as dot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from engine.rules.drawing.view import Arrow, Box, View

WIDTH = 60  # characters of a line of a box; what is longer is cut
_SHAPES = {"event": ("([", "])"), "survey": ("[[", "]]"), "audience": ("[/", "/]")}


def cut(line: str, width: int = WIDTH) -> str:
    return line if len(line) <= width else line[: width - 1] + "…"


def as_text(view: View) -> str:
    """Indented from what nothing leads to; what was shown before is only named."""
    leads: dict[str, list[Arrow]] = defaultdict(list)
    led = set()
    for arrow in view.arrows:
        leads[arrow.source].append(arrow)
        led.add(arrow.target)
    by_id = {box.id: box for box in view.boxes}
    shown: set[str] = set()
    lines: list[str] = []

    def show(box: Box, depth: int, label: str) -> None:
        pad = "  " * depth
        head = f"{pad}{label + ' → ' if label else ''}{_title(box)}"
        if box.id in shown:
            lines.append(f"{head}  (above)")
            return
        shown.add(box.id)
        lines.append(f"{head}  {box.at}".rstrip())
        lines.extend(f"{pad}    {line}" for line in box.lines)
        for arrow in leads[box.id]:
            show(by_id[arrow.target], depth + 1, arrow.label)

    for box in sorted(view.boxes, key=lambda box: box.kind != "event"):
        if box.id not in led:
            show(box, 0, "")
    for box in view.boxes:  # cycles, which nothing leads into
        if box.id not in shown:
            show(box, 0, "")
    return "\n".join(lines)


def _title(box: Box) -> str:
    return box.title if box.kind == "automations" else f"{box.kind} {box.title}"


def as_mermaid(view: View) -> str:
    """A flowchart for whatever renders mermaid, GitHub among others."""
    names = {box.id: f"n{number}" for number, box in enumerate(view.boxes)}

    def node(box: Box) -> str:
        before, behind = _SHAPES.get(box.kind, ("[", "]"))
        label = "<br/>".join(map(_mermaid_text, (_title(box), *map(cut, box.lines))))
        return f'{names[box.id]}{before}"{label}"{behind}'

    lines = ["flowchart LR"]
    for cluster, boxes in _clusters(view):
        lines += _nested(boxes, node, f'subgraph s_{cluster} ["{cluster}"]' if cluster else "", "end")
    for arrow in view.arrows:
        label = f'|"{_mermaid_text(arrow.label)}"|' if arrow.label else ""
        lines.append(f"  {names[arrow.source]} -->{label} {names[arrow.target]}")
    return "\n".join(lines)


def _mermaid_text(text: str) -> str:
    """Mermaid reads markup and entities in labels, and lays them out without their indents; all that is not plain is an entity."""
    plain = text.lstrip(" ")
    return "#160;" * (len(text) - len(plain)) + "".join(c if c.isalnum() or c in " .,_-:/=()…×" else f"#{ord(c)};" for c in plain)


def as_dot(view: View) -> str:
    """For Graphviz."""

    def node(box: Box) -> str:
        shape = {"event": "oval", "survey": "box3d", "audience": "folder"}.get(box.kind, "box")
        label = "".join(f"{_dot_text(line)}\\l" for line in (_title(box), *map(cut, box.lines)))
        return f'"{_dot_text(box.id)}" [shape={shape}, label="{label}"];'

    lines = [
        "digraph rules {",
        "  rankdir=LR;",
        '  node [fontname="monospace", fontsize=10];',
        '  edge [fontname="monospace", fontsize=9];',
    ]
    for cluster, boxes in _clusters(view):
        lines += _nested(boxes, node, f'subgraph "cluster_{cluster}" {{ label="{cluster}";' if cluster else "", "}")
    for arrow in view.arrows:
        label = f' [label="{_dot_text(arrow.label)}"]' if arrow.label else ""
        lines.append(f'  "{_dot_text(arrow.source)}" -> "{_dot_text(arrow.target)}"{label};')
    return "\n".join([*lines, "}"])


def _dot_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _clusters(view: View) -> Iterator[tuple[str, list[Box]]]:
    found: dict[str, list[Box]] = defaultdict(list)
    for box in view.boxes:
        found[box.cluster].append(box)
    yield from found.items()


def _nested(boxes: list[Box], node: Callable[[Box], str], opens: str, closes: str) -> Iterator[str]:
    if opens:
        yield f"  {opens}"
    yield from (f"{'    ' if opens else '  '}{node(box)}" for box in boxes)
    if opens:
        yield f"  {closes}"

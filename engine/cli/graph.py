"""`sounding graph`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.options import format_option, project_argument, project_option

if TYPE_CHECKING:
    import networkx as nx


@click.command("graph")
@project_option
@project_argument
@click.option(
    "--focus", metavar="ADDRESS", help="Only what leads to this and what it leads to: survey.nps, automation.rescue, order.delivered."
)
@format_option("text", "json", "mermaid", "dot", "svg")
def command(project: Path, folder: Path | None, focus: str | None, format_: str) -> int:
    """Show what leads to what: events, cadences, surveys, automations with their steps, and the events that they emit.

    Of more than 40 automations those behind the same event are one box; with --focus each is shown. JSON has every node and every
    edge. The SVG needs no other program, and suits a light page and a dark one.
    """
    from engine.cli.project import sound
    from engine.rules.graph import build_graph, fingerprint_of

    definitions = sound(folder or project)
    graph = build_graph(definitions)
    if focus is not None:
        from engine.rules.drawing.view import focused

        graph = focused(graph, focus)
    click.echo(_json(graph, fingerprint_of(definitions)) if format_ == "json" else _drawn(graph, format_, whole=focus is None))
    return 0


def _drawn(graph: nx.DiGraph[str], format_: str, *, whole: bool) -> str:
    from engine.rules.drawing.view import MOST, view_of

    view = view_of(graph, MOST if whole else graph.number_of_nodes())
    if format_ == "svg":
        from engine.rules.drawing.svg import as_svg

        return as_svg(view)
    from engine.rules.drawing.forms import as_dot, as_mermaid, as_text

    return {"text": as_text, "mermaid": as_mermaid, "dot": as_dot}[format_](view)


def _json(graph: nx.DiGraph[str], fingerprint: str) -> str:
    import json

    nodes: list[dict[str, Any]] = []
    for name, data in graph.nodes(data=True):
        at = data["at"]
        place = {"file": at.file, "line": at.line, "column": at.column} if at is not None else {"file": None, "line": None, "column": None}
        nodes.append({"address": name, "kind": data["kind"], "text": data["text"], **place})
    edges = [{"from": source, "to": target, "means": data["means"]} for source, target, data in graph.edges(data=True)]
    return json.dumps({"fingerprint": fingerprint, "nodes": nodes, "edges": edges}, indent=2, ensure_ascii=False)

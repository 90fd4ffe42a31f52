"""What is shown of a graph, and how: nothing is lost, nothing overlaps, no arrow runs through a box, odd names stay names."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.cli.main import cli
from engine.errors import UsageError
from engine.model.span import Span
from engine.rules.drawing.forms import as_dot, as_mermaid, as_text
from engine.rules.drawing.layout import Layout, lay_out
from engine.rules.drawing.svg import as_svg
from engine.rules.drawing.view import MOST, Arrow, Box, View, focused, view_of

ROOT = Path(__file__).parents[3]
EVERYTHING = ROOT / "tests" / "fixtures" / "good" / "everything"
ODD = 'if contact.name == "<b> & \\ {{ x }} | #1; `y`" -->'


def rules(automations: int, surveys: int = 1) -> nx.DiGraph[str]:
    """Surveys asked after one event, and automations in turn behind their answers."""
    graph: nx.DiGraph[str] = nx.DiGraph()

    def node(name: str, text: str = "", **more: str) -> None:
        graph.add_node(name, kind=name.split(".")[0] if not more else "action", at=Span("a.yaml", 1, 1, 1, 2), text=text, **more)

    node("event.order.delivered")
    for number in range(surveys):
        for name in (f"survey.s{number}", f"cadence.c{number}", f"event.survey.s{number}.answered"):
            node(name)
        graph.add_edge("event.order.delivered", f"cadence.c{number}", means="triggers")
        graph.add_edge(f"cadence.c{number}", f"survey.s{number}", means="asks")
        graph.add_edge(f"survey.s{number}", f"event.survey.s{number}.answered", means="emits")
    for number in range(automations):
        me = f"automation.a{number}"
        node(me, ODD)
        node(f"{me}/0", "ticket via desk" if number % 3 else "email via mail", action="ticket" if number % 3 else "email")
        graph.add_edge(f"event.survey.s{number % surveys}.answered", me, means="triggers")
        graph.add_edge(me, f"{me}/0", means="does")
    return graph


def test_few_automations_are_boxes_with_their_steps_and_events_of_surveys_are_labels() -> None:
    view = view_of(rules(2))
    assert {box.id: box.lines for box in view.boxes if box.kind == "automation"} == {
        "automation.a0": (ODD, "email via mail"),
        "automation.a1": (ODD, "ticket via desk"),
    }
    assert Arrow(source="survey.s0", target="automation.a0", label="answered") in view.arrows
    assert [box.id for box in view.boxes if box.kind == "event"] == ["event.order.delivered"]


def test_many_automations_behind_one_event_are_one_box_with_counts() -> None:
    view = view_of(rules(500, surveys=5))
    groups = [box for box in view.boxes if box.kind == "automations"]
    assert [box.title for box in groups] == ["100 automations"] * 5
    assert groups[0].lines[-2:] == ("66 × ticket", "34 × email")
    assert " ".join(groups[0].lines[:-2]) == "a0, a5, a10, a15, a20, a25, a30, a35, a40, a45, a50, a55, … 88 more"
    assert sum(int(box.title.split()[0]) for box in groups) == 500
    assert sum(int(line.split()[0]) for box in groups for line in box.lines[-2:]) == 500


def test_a_focus_shows_what_was_collapsed() -> None:
    graph = rules(500, surveys=50)
    assert all(box.kind != "automation" for box in view_of(graph).boxes)
    view = view_of(focused(graph, "automation.a7"))
    assert {box.id for box in view.boxes} == {"event.order.delivered", "cadence.c7", "survey.s7", "automation.a7"}
    assert sum(box.kind == "automation" for box in view_of(focused(graph, "survey.s7")).boxes) == 500 // 50 <= MOST


def test_a_focus_shows_each_automation_however_many_there_are(tmp_path: Path) -> None:
    survey = BRANCHES[: BRANCHES.index("automation: a")]
    automations = "---\n".join(f"automation: a{n}\nwhen: survey.nps.answered\nthen: [{{stop: true}}]\n" for n in range(MOST + 1))
    (tmp_path / "sounding.yaml").write_text(survey + automations, encoding="utf-8")
    whole = CliRunner().invoke(cli, ["graph", str(tmp_path)]).output
    assert (f"{MOST + 1} automations" in whole, "automation a7 " in whole) == (True, False)
    for form in ("text", "svg", "mermaid", "dot"):
        shown = CliRunner().invoke(cli, ["graph", str(tmp_path), "--focus", "survey.nps", "--format", form]).output
        found = set(re.findall(r"\ba[0-9]+\b", shown))
        assert {f"a{n}" for n in range(MOST + 1)} <= found, form


def test_a_bare_name_is_answered_with_the_addresses_that_have_it() -> None:
    with pytest.raises(UsageError, match=r"`a2` in this project's graph; did you mean `automation\.a2`\?"):
        focused(rules(3), "a2")


def test_what_one_box_leads_to_stands_together_also_where_some_of_it_leads_on() -> None:
    sizes = dict.fromkeys(("s0", "s1", "s2", *(f"a{n}" for n in range(12)), "e"), (80.0, 40.0))
    edges = [(f"s{n % 3}", f"a{n}") for n in range(12)] + [("a1", "e"), ("a5", "e"), ("a9", "e"), ("a11", "e")]
    places = lay_out(sizes, edges).places
    column = sorted((places[f"a{n}"][1], n % 3) for n in range(12))
    assert len([1 for (_, one), (_, other) in pairwise(column) if one != other]) == 2


def test_a_label_that_many_arrows_share_at_one_place_is_drawn_once_and_above_all_ways() -> None:
    boxes = tuple(Box(id=name, kind="automation", title=name) for name in "abcd")
    svg = as_svg(View(boxes=boxes, arrows=tuple(Arrow(source=name, target="d", label="emits") for name in "abc")))
    assert svg.count(">emits</text>") == 1
    assert svg.rindex('class="way"') < svg.index(">emits</text>")


def test_an_event_is_found_by_its_own_name_and_an_unknown_address_by_the_nearest() -> None:
    graph = rules(3)
    assert focused(graph, "order.delivered").number_of_nodes() == graph.number_of_nodes()
    with pytest.raises(UsageError, match=r"there is no `survey.s00` in this project's graph; did you mean `survey.s0`"):
        focused(graph, "survey.s00")


def test_the_steps_of_branches_are_indented_in_the_order_they_are_written(tmp_path: Path) -> None:
    found = CliRunner().invoke(cli, ["graph", str(EVERYTHING)])
    assert found.exit_code == 0
    lines = [line.strip() for line in found.output.splitlines()]
    first = lines.index("ticket via desk as case")
    assert lines[first : first + 7] == [
        "ticket via desk as case",
        "update contact.last_nps",
        "wait_for case.closed, at most 2bd",
        "on timeout: message via slack to #cs-leads",
        'if case.status in ["solved", "closed"]',
        "then: email via mail",
        "else: task via crm",
    ]


def test_each_branch_stands_below_its_name_and_a_stop_says_its_reason(tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text(BRANCHES, encoding="utf-8")
    found = CliRunner().invoke(cli, ["graph", str(tmp_path), "--format", "json"])
    graph = {node["address"]: node["text"] for node in json.loads(found.output)["nodes"]}
    assert (graph["automation.a/0/else/1"], graph["automation.a/1"]) == ("stop: enough if score < 5", "stop")
    lines = CliRunner().invoke(cli, ["graph", str(tmp_path)]).output.splitlines()
    first = next(number for number, line in enumerate(lines) if line.endswith("if score < 3"))
    pad = len(lines[first]) - len(lines[first].lstrip())
    assert [line[pad:] for line in lines[first : first + 9]] == [
        "if score < 3",
        "  then: email via mail",
        "  else:",
        "    wait 2d",
        "    stop: enough if score < 5",
        "    if score > 8",
        "      then: stop",
        "    email via mail",
        "stop",
    ]
    mermaid = CliRunner().invoke(cli, ["graph", str(tmp_path), "--format", "mermaid"]).output
    assert "<br/>#160;#160;else:<br/>#160;#160;#160;#160;wait 2d<br/>" in mermaid


def test_json_has_every_node_and_edge_with_places() -> None:
    found = CliRunner().invoke(cli, ["graph", str(EVERYTHING), "--format", "json"])
    graph = json.loads(found.output)
    assert set(graph) == {"fingerprint", "nodes", "edges"}
    nodes = {node["address"]: node for node in graph["nodes"]}
    assert nodes["automation.rescue_detractor/2/on_timeout/0"]["line"] == 11
    assert {"from": "survey.nps_delivery", "to": "event.survey.nps_delivery.answered", "means": "emits"} in graph["edges"]
    assert {edge[end] for edge in graph["edges"] for end in ("from", "to")} <= set(nodes)


def test_a_project_with_errors_is_shown_as_far_as_it_is_sound(tmp_path: Path) -> None:
    text = (EVERYTHING / "sounding.yaml").read_text(
        encoding="utf-8"
    ) + "---\naudience: some\nof: contakt\n---\n{audience: others, of: contact}\n"
    (tmp_path / "sounding.yaml").write_text(text, encoding="utf-8")
    found = CliRunner().invoke(cli, ["graph", str(tmp_path)])
    assert (found.exit_code, "audience others" in found.stdout) == (0, True)
    assert "contakt" in found.stderr


BRANCHES = """project: shop
languages: [en]
objects: {contact: {email: optional email}}
connections: {mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}}
---
survey: nps
metric: nps
questions: {score: {type: nps, ask: Score?}}
---
automation: a
when: survey.nps.answered
then:
  - if: score < 3
    then: [{email: {subject: Sorry, body: Sorry}}]
    else:
      - wait: 2d
      - {stop: enough, if: score < 5}
      - {if: score > 8, then: [{stop: true}]}
      - email: {subject: Thanks, body: Thanks}
  - stop: true
"""
ODD_VIEW = View(
    boxes=(
        Box(id='a"\\', kind="event", title='x"\\ <y>'),
        Box(id="b", kind="automation", title="b", lines=(ODD, "日本 👍" * 30), cluster="s"),
    ),
    arrows=(Arrow(source='a"\\', target="b", label='"&<'), Arrow(source="b", target='a"\\'), Arrow(source="b", target="b", label="emits")),
)


def test_mermaid_has_nothing_but_plain_letters_and_entities_in_its_labels() -> None:
    text = as_mermaid(ODD_VIEW)
    labels = re.findall(r'"([^"\n]*)"', text)
    assert labels
    for label in labels:
        assert re.fullmatch(r"(?:[\w .,:/=()…×-]|#\d+;|<br/>)*", label), label
    lines = text.splitlines()
    assert lines[0] == "flowchart LR"
    assert all(re.fullmatch(r' *(n\d+\W.*|subgraph s_\w+ \["\w+"\]|end)', line) for line in lines[1:])


def test_dot_quotes_what_it_must() -> None:
    text = as_dot(ODD_VIEW)
    rest = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text)
    assert set(rest) <= set('digraph ules{nkd=LR;fotmcpzw[]",\n->}0123456789SbxvyT_ ' + "abcdefghijklmnopqrstuvwxyzLR")
    assert rest.count("{") == rest.count("}")


def test_text_names_again_what_it_showed_before() -> None:
    lines = as_text(ODD_VIEW).splitlines()
    assert sum(line.endswith("(above)") for line in lines) == 2


def test_an_svg_tells_the_browser_that_it_has_a_dark_form_so_that_the_page_below_it_is_dark_too() -> None:
    style = as_svg(ODD_VIEW).partition("<style>")[2].partition("</style>")[0]
    assert ":root{color-scheme:light dark}" in style
    assert "@media (prefers-color-scheme:dark)" in style


def test_an_svg_is_well_formed_and_holds_every_box_inside() -> None:
    for view in (ODD_VIEW, view_of(rules(5)), view_of(rules(500, surveys=50)), View(boxes=(), arrows=())):
        root = ElementTree.fromstring(as_svg(view))
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        boxes = root.findall(".//{http://www.w3.org/2000/svg}rect")
        assert len(boxes) == len(view.boxes)
        for box in boxes:
            x, y, w, h = (float(box.attrib[key]) for key in ("x", "y", "width", "height"))
            assert 0 <= x <= x + w <= width
            assert 0 <= y <= y + h <= height


NAMES = [f"n{number}" for number in range(9)]
EDGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=18)


@settings(deadline=None)
@given(EDGES, st.lists(st.tuples(st.integers(20, 300), st.integers(20, 200)), min_size=9, max_size=9))
def test_boxes_do_not_overlap_and_no_arrow_runs_through_one(edges: list[tuple[str, str]], measures: list[tuple[int, int]]) -> None:
    sizes = {name: (float(w), float(h)) for name, (w, h) in zip(NAMES, measures, strict=True)}
    layout = lay_out(sizes, edges)
    assert set(layout.places) == set(NAMES)
    assert set(layout.ways) == {edge for edge in edges if edge[0] != edge[1]}
    for one, other in ((a, b) for a in NAMES for b in NAMES if a < b):
        assert not _within(layout, sizes, one, other)
    for edge, way in layout.ways.items():
        for x, y in _samples(way):
            for name in NAMES:
                left, top = layout.places[name]
                inside = left + 0.1 < x < left + sizes[name][0] - 0.1 and top < y < top + sizes[name][1]
                assert not inside, (edge, name)


def _within(layout: Layout, sizes: dict[str, tuple[float, float]], one: str, other: str) -> bool:
    (x, y), (w, h) = layout.places[one], sizes[one]
    (x2, y2), (w2, h2) = layout.places[other], sizes[other]
    return x < x2 + w2 - 0.1 and x2 < x + w - 0.1 and y < y2 + h2 - 0.1 and y2 < y + h - 0.1


def _samples(way: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Points along the curves that are drawn: in a gap both control points lie half way, so a curve stays between its ends."""
    found = []
    for (x, y), (to_x, to_y) in pairwise(way):
        for part in (0.01, 0.25, 0.5, 0.75, 0.99):
            a, b, c, d = (1 - part) ** 3, 3 * part * (1 - part) ** 2, 3 * part**2 * (1 - part), part**3
            middle = (x + to_x) / 2
            found.append((a * x + (b + c) * middle + d * to_x, (a + b) * y + (c + d) * to_y))
    return found

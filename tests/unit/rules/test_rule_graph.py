"""One graph of a project: all that can lead to something else, the same wherever it stands and however it is laid out."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest

from engine.checks.run import check_project
from engine.model.definitions import Definitions
from engine.model.span import Span
from engine.rules.graph import build_graph, fingerprint_of

ROOT = Path(__file__).parents[3]
GOOD = ROOT / "tests" / "fixtures" / "good"
PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, email: optional email, tier: [standard, vip], opted_out: boolean}
  deal: {title: text}
events:
  order.delivered: {object: deal}
  case.reviewed: {object: contact, grade: integer}
may_ask: not contact.opted_out
connections:
  mail: {use: smtp, host: smtp.shop.test, from: "Shop <cx@shop.test>"}
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
"""
SURVEYS = """survey: nps
metric: nps
questions: {score: {type: nps, ask: "Would you?"}}
---
survey: why
metric: none
questions: {reason: {type: text, ask: "Why?"}}
---
audience: staff
of: contact
---
audience: buyers
of: contact
exclude: [staff]
---
cadence: after_delivery
survey: nps
audience: buyers
when: order.delivered
cancel_on: deal.lost
via: [mail]
invite: invitation
---
template: invitation
text: "{{ link }}"
"""
AUTOMATIONS = """automation: rescue
when: survey.nps.answered
if: score <= 6 and contact.tier == "vip"
then:
  - ticket: {title: "{{ contact.name }}"}
    as: case
  - wait_for: [case.closed, deal.won]
    at_most: 2d
    on_timeout:
      - emit: {event: case.reviewed, data: {grade: 1}}
      - stop: it is late
  - if: contact.opted_out
    then: [{ask: {survey: why}}]
    else: [{update: {contact: {tier: vip}}}]
---
automation: praise
when: survey.nps.answered
if: contact.tier == "vip" and score >= 9
then: [{email: {subject: "Thank you", body: "Thank you."}}]
---
automation: graded
when: case.reviewed
if: event.grade > 3 and contact.tier == "vip"
then: [{update: {contact: {tier: standard}}}]
"""


def load(root: Path, files: dict[str, str]) -> Definitions:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    loaded = check_project(root)
    assert loaded.definitions is not None
    assert not loaded.findings.errors, loaded.findings.items
    return loaded.definitions


def shop(root: Path) -> Definitions:
    return load(root, {"sounding.yaml": PROJECT, "surveys/all.yaml": SURVEYS, "automations/all.yaml": AUTOMATIONS})


def shape(graph: nx.DiGraph[str]) -> object:
    """All of a graph but where things stand, in its order."""
    nodes = [(name, {key: value for key, value in data.items() if key != "at"}) for name, data in graph.nodes(data=True)]
    return nodes, list(graph.edges(data=True))


def edges(graph: nx.DiGraph[str], node: str) -> set[tuple[str, str]]:
    return {(data["means"], target) for _, target, data in graph.out_edges(node, data=True)}


def test_an_event_leads_over_cadence_and_survey_to_actions_and_on(tmp_path: Path) -> None:
    graph = build_graph(shop(tmp_path))
    assert edges(graph, "event.order.delivered") == {("triggers", "cadence.after_delivery")}
    assert edges(graph, "cadence.after_delivery") == {("asks", "survey.nps")}
    assert edges(graph, "survey.nps") == {("emits", "event.survey.nps.answered")}
    assert edges(graph, "event.survey.nps.answered") == {("triggers", "automation.rescue"), ("triggers", "automation.praise")}
    assert nx.has_path(graph, "event.order.delivered", "automation.graded/0")


def test_audiences_templates_and_cancelling_events_lead_to_the_cadence(tmp_path: Path) -> None:
    graph = build_graph(shop(tmp_path))
    found = {(source, data["means"]) for source, _, data in graph.in_edges("cadence.after_delivery", data=True)}
    assert found >= {("audience.buyers", "selects"), ("template.invitation", "words"), ("event.deal.lost", "cancels")}
    assert edges(graph, "audience.staff") == {("is left out of", "audience.buyers")}


def test_every_step_is_a_node_by_its_position(tmp_path: Path) -> None:
    graph = build_graph(shop(tmp_path))
    actions = [name for name, data in graph.nodes(data=True) if data["kind"] == "action"]
    steps = [name.removeprefix("automation.rescue/") for name in actions if name.startswith("automation.rescue/")]
    assert sorted(steps) == ["0", "1", "1/on_timeout/0", "1/on_timeout/1", "2", "2/else/0", "2/then/0"]
    me = "automation.rescue"
    assert edges(graph, me) == {("does", f"{me}/0")}
    assert edges(graph, f"{me}/1") == {("next", f"{me}/2"), ("on_timeout", f"{me}/1/on_timeout/0")}
    assert edges(graph, f"{me}/2") == {("then", f"{me}/2/then/0"), ("else", f"{me}/2/else/0")}
    assert graph.nodes[f"{me}/0"]["text"] == "ticket via desk as case"


def test_a_step_emits_what_is_declared_what_it_asks_and_its_own_events(tmp_path: Path) -> None:
    graph = build_graph(shop(tmp_path))
    me = "automation.rescue"
    assert edges(graph, f"{me}/0") == {("next", f"{me}/1"), ("emits", f"{me}/case.closed")}
    assert edges(graph, f"{me}/case.closed") == {("ends", f"{me}/1")}
    assert edges(graph, "event.deal.won") == {("ends", f"{me}/1")}
    assert ("emits", "event.case.reviewed") in edges(graph, f"{me}/1/on_timeout/0")
    assert edges(graph, f"{me}/2/then/0") == {("asks", "survey.why")}


def test_an_update_emits_nothing(tmp_path: Path) -> None:
    graph = build_graph(shop(tmp_path))
    assert edges(graph, "automation.rescue/2/else/0") == set()
    assert "event.contact.updated" not in graph


def test_a_condition_is_shared_by_rules_behind_the_same_event(tmp_path: Path) -> None:
    graph = build_graph(shop(tmp_path))
    shared = {data["text"]: edges(graph, name) for name, data in graph.nodes(data=True) if data["kind"] == "condition"}
    assert shared == {
        "not contact.opted_out": {("guards", "cadence.after_delivery")},
        'contact.tier == "vip"': {("guards", "automation.rescue"), ("guards", "automation.praise")},
    }


def test_nodes_know_where_they_stand(tmp_path: Path) -> None:
    graph = build_graph(shop(tmp_path))
    assert graph.nodes["automation.rescue/1/on_timeout/0"]["at"] == Span("automations/all.yaml", 10, 9, 10, 13)
    assert str(graph.nodes["event.case.reviewed"]["at"]) == "sounding.yaml:8:3"
    assert graph.nodes["event.deal.lost"]["at"] is None


@pytest.mark.parametrize("project", [ROOT, GOOD / "everything", GOOD / "narrowing"])
def test_the_same_project_gives_the_same_graph(project: Path) -> None:
    first, second = (check_project(project).definitions for _ in range(2))
    assert first is not None
    assert second is not None
    assert shape(build_graph(first)) == shape(build_graph(second))
    assert fingerprint_of(first) == fingerprint_of(second)


def test_moving_files_changes_neither_graph_nor_fingerprint(tmp_path: Path) -> None:
    before = shop(tmp_path / "before")
    documents = [*SURVEYS.split("---\n"), *AUTOMATIONS.split("---\n")]
    files = {f"automations/{90 - number}/file.yaml": text for number, text in enumerate(documents)}
    after = load(tmp_path / "after", {"sounding.yaml": PROJECT, **files})
    assert list(after.automations) != list(before.automations)
    assert shape(build_graph(after)) == shape(build_graph(before))
    assert fingerprint_of(after) == fingerprint_of(before)


def test_reformatting_changes_neither_graph_nor_fingerprint(tmp_path: Path) -> None:
    before = shop(tmp_path / "before")
    after = load(
        tmp_path / "after",
        {
            "sounding.yaml": "# The shop.\n" + PROJECT.replace("[standard, vip]", "[ 'standard',\n      vip]"),
            "surveys/all.yaml": SURVEYS.replace("of: contact\n", 'of:   "contact"   # everybody\n'),
            "automations/all.yaml": AUTOMATIONS.replace(
                'score <= 6 and contact.tier == "vip"', ">-\n  (score<=6)\n  and contact.tier == ('vip')\n"
            ).replace("[{update: {contact: {tier: vip}}}]", "\n      - update:\n          contact: {tier: vip}"),
        },
    )
    assert shape(build_graph(after)) == shape(build_graph(before))
    assert fingerprint_of(after) == fingerprint_of(before)


def test_another_meaning_has_another_fingerprint(tmp_path: Path) -> None:
    before = shop(tmp_path / "before")
    files = {"sounding.yaml": PROJECT, "surveys/all.yaml": SURVEYS, "automations/all.yaml": AUTOMATIONS.replace("score <= 6", "score <= 5")}
    assert fingerprint_of(load(tmp_path / "after", files)) != fingerprint_of(before)

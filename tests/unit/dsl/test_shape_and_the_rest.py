"""An error of shape hides nothing that stands on its own in the same document, and nothing is reported that only follows from it."""

from __future__ import annotations

import copy
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from engine.checks.run import check_project
from engine.checks.validate import validate
from engine.dsl.diagnostics import Findings, Severity
from engine.dsl.outline import outline
from engine.dsl.source import parse

PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, email: optional email, tier: [standard, vip], mrr: optional number}
  deal: {title: text}
connections:
  mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
---
survey: nps
metric: nps
questions:
  score: {type: nps, ask: Score?}
---
"""
BLUEPRINT = """blueprint: rescue
inputs: {desk: connection}
automation:
  when: survey.nps.answered
  if: scor <= 6
  run: {mode: twice}
  then: [{ticket: {via: $desk, title: Hello}}]
---
"""
EVERYTHING = Path(__file__).parents[2] / "fixtures" / "good" / "everything"


def found_in(root: Path, text: str) -> list[tuple[str, str]]:
    """The code of each finding, and what it underlines."""
    (root / "sounding.yaml").write_text(text, encoding="utf-8")
    lines = text.split("\n")
    found = check_project(root).findings.sorted()
    assert list(validate(root, workers=1).diagnostics) == found
    return [(one.code, lines[one.span.line - 1][one.span.column - 1 : one.span.end_column - 1]) for one in found if one.span is not None]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        # several errors of shape, and a condition that reads what is not there
        (
            "audience: vips\nof: contact\nwhere: contact.teir == 'vip'\nlimt: 3\nexpect: {min: many}\n",
            [("SND303", "teir"), ("SND101", "limt"), ("SND103", "many")],
        ),
        # a question that is refused: its answer is not called unknown, but what nobody declared is
        (
            "survey: visit\nmetric: none\nquestions:\n  size: {typ: single, ask: Size?, options: {s: S}}\n"
            "  why: {type: text, ask: Why?, show_if: size == 's' and scor > 6}\n  who: {type: text, ask: '{{ contact.nam }}'}\n",
            [("SND101", "typ"), ("SND302", "scor"), ("SND303", "nam")],
        ),
        # a wrong name
        (
            "automation: Rescue\nwhen: survey.nps.answered\nthen: [{ticket: {title: '{{ scor }}'}}]\n",
            [("SND103", "Rescue"), ("SND302", "scor")],
        ),
        # a step that is refused: its result is not called unknown, nor is what its event tells
        (
            "automation: rescue\nwhen: survey.nps.answered\nthen:\n- ticket: {titel: x}\n  as: case\n"
            "- {wait_for: case.closed, at_most: 1d}\n- ticket: {title: '{{ case.url }}{{ cas.url }}'}\n- email: {body: Hello}\n",
            [("SND101", "titel"), ("SND302", "cas"), ("SND102", "email")],
        ),
        # a guard that is refused: what it may have ruled out is not called missing
        (
            "automation: rescue\nwhen: survey.nps.answered\nif: [contact.mrr is not none]\nthen:\n"
            "- ticket: {title: '{{ contact.mrr }}', via: dsk}\n",
            [("SND103", "[contact.mrr is not none]"), ("SND204", "dsk")],
        ),
        # in a cadence, whose `when` may be what was meant by the key that is unknown
        (
            "audience: all\nof: contact\n---\ncadence: ask\nsurvey: nps\naudience: all\nwhn: contact.created\nif: deal.title == 'x'\n"
            "via: [mial]\n",
            [("SND101", "whn")],
        ),
        # a share that is no share: the others are not said to be too little
        (
            "survey: visit\nmetric: none\nquestions: {why: {type: text, ask: '{{ nam }}'}}\nvariants: {a: 50%, b: half}\n",
            [("SND302", "nam"), ("SND103", "half")],
        ),
    ],
)
def test_what_stands_on_its_own_is_reported(tmp_path: Path, document: str, expected: list[tuple[str, str]]) -> None:
    assert found_in(tmp_path, PROJECT + document) == expected


def test_what_a_blueprint_makes_is_judged_likewise(tmp_path: Path) -> None:
    use = "automation: help\nuse: rescue\nwith: {desk: desk}\n"
    codes = [code for code, _ in found_in(tmp_path, PROJECT + BLUEPRINT + use)]
    assert codes == ["SND302", "SND103"]


def test_a_project_is_judged_though_a_part_of_it_is_refused(tmp_path: Path) -> None:
    text = PROJECT.replace("languages:", "langauges: [en]\nmay_ask: contact.teir == 'vip'\nlanguages:").replace(
        "host: smtp.shop.test", "hst: x"
    )
    assert found_in(tmp_path, text) == [("SND101", "langauges"), ("SND303", "teir"), ("SND101", "hst")]


def test_of_two_with_one_name_the_later_is_one_too_many_though_the_first_is_refused(tmp_path: Path) -> None:
    text = PROJECT + "audience: vips\nof: contact\nlimt: 3\n---\naudience: vips\nof: contact\n"
    assert found_in(tmp_path, text) == [("SND101", "limt"), ("SND104", "vips")]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document that holds a value."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    return [place for key, inner in items for place in ((value, key), *places(inner))]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_reported_that_follows_from_an_error_of_shape(tmp_path: Path, seed: int) -> None:
    """In a project that is sound otherwise, whatever is left out at any place."""
    chance = Random(seed)
    documents = [
        document.data for path in sorted(EVERYTHING.rglob("*.yaml")) for document in parse(path.read_bytes(), path.name, Findings())[0]
    ]
    refused = 0
    for _ in range(60):
        damaged = copy.deepcopy(documents)
        holder, key = chance.choice([place for document in damaged for place in places(document)])
        match chance.randrange(4), holder:
            case 0, dict():
                items = [(f"{name}_x" if name == key else name, value) for name, value in holder.items()]
                holder.clear()
                holder.update(items)
            case 1, _:
                del holder[key]
            case 2, _:
                holder[key] = [[[holder[key]]]]
            case _:
                holder[key] = {"x!": {"a": [holder[key]]}}
        text = yaml.safe_dump_all(damaged, sort_keys=False, allow_unicode=True)
        shape = Findings()
        if any(one.refused for one in outline(parse(text.encode(), "sounding.yaml", shape)[0], shape).declared):
            refused += 1
            (tmp_path / "sounding.yaml").write_text(text, encoding="utf-8")
            errors = [finding for finding in check_project(tmp_path).findings.items if finding.severity is Severity.ERROR]
            assert errors == shape.items
    assert refused > 10


@pytest.mark.parametrize("condition", ["[contact.mrr is not none]", "scor <= 6", "scor <="])
def test_a_refused_condition_hides_no_error_in_the_steps_but_what_it_may_guard(tmp_path: Path, condition: str) -> None:
    text = (
        f"automation: rescue\nwhen: survey.nps.answered\nif: {condition}\nthen:\n- ticket: {{title: '{{{{ contact.mrr }}}}'}}\n"
        "- ticket: {title: '{% for tag in deal.tags %}{{ tag }}{% endfor %}'}\n- ticket: {title: '{{ contact.nam }}'}\n"
    )
    project = PROJECT.replace("deal: {title: text}", "deal: {title: text, tags: optional list of text}").replace(
        "metric: nps", "metric: nps\nabout: deal"
    )
    assert [written for _, written in found_in(tmp_path, project + text)][1:] == ["nam"]

"""Definitions as JSON and back; the fingerprint is the meaning's: not the place's, not the layout's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.checks.run import check_project
from engine.dsl.expressions.interpret import evaluate
from engine.model.codec import decode, encode, fingerprint
from engine.model.definitions import Automation, Definition, Definitions

ROOT = Path(__file__).parents[3]
PROJECTS = [ROOT, ROOT / "tests" / "fixtures" / "good" / "everything", ROOT / "tests" / "fixtures" / "good" / "narrowing"]

BLOCK = """project: shop
languages: [en]
objects:
  contact:
    name: text
    tier: [standard, vip]
connections:
  desk:
    use: zendesk
    url: https://shop.zendesk.test
    user: {env: U}
    token: {env: T}
---
survey: nps
metric: nps
questions:
  score:
    type: nps
    ask: How likely are you to recommend us?
  reason:
    type: text
    ask: Why?
    show_if: score <= 6 and not contact.tier == "vip"
---
automation: rescue
when: survey.nps.answered
if: score <= 6 and (contact.tier == "vip" or reason is not none)
then:
  - ticket:
      title: "{{ contact.name }}: {{ score }}"
      body: |
        Call now.
        Really.
      priority: high
---
audience: vips
of: contact
where: contact.tier == "vip"
"""
PROJECT_FLOW = """# The same shop.
project: "shop"   # its name
languages: ["en"]
objects: {contact: {name: "text", tier: ["standard", 'vip']}}
connections: {desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: "U"}, token: {env: 'T'}}}
"""
SURVEY_FLOW = """survey: nps
questions: {score: {ask: "How likely are you to recommend us?", type: nps}, reason: {show_if: "score<=6 and  not (contact.tier=='vip')",
  ask: 'Why?', type: text}}
metric: nps
"""
AUTOMATION_FLOW = """---
automation: rescue
then:
  - {ticket: {title: '{{ contact.name }}: {{ score }}', body: "Call now.\\nReally.\\n", priority: high}}
if: >-
  (score <= 6)
  and (contact.tier == 'vip' or reason is not none)
when: [survey.nps.answered]
"""
AUDIENCE_FLOW = "audience: vips\nwhere: contact.tier == ('vip')\nof: contact\n"


def load(root: Path, files: dict[str, str]) -> Definitions:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    loaded = check_project(root)
    assert not loaded.findings.errors, loaded.findings.items
    assert loaded.definitions is not None
    return loaded.definitions


def fingerprints(definitions: Definitions) -> dict[str, str]:
    return {address: fingerprint(definition) for address, definition in definitions.by_address().items()}


def stored(definition: Definition) -> Definition:
    """What comes back from where it was stored."""
    found = decode(json.loads(json.dumps(encode(definition))))
    assert type(found) is type(definition)
    return found


@pytest.mark.parametrize("root", PROJECTS, ids=lambda root: root.name)
def test_what_was_stored_is_what_was_declared(root: Path) -> None:
    definitions = check_project(root).definitions
    assert definitions is not None
    for definition in definitions.by_address().values():
        back = stored(definition)
        assert back == definition
        assert encode(back) == encode(definition)  # places too, which do not count in comparisons
        assert fingerprint(back) == fingerprint(definition)


def test_a_stored_condition_still_decides(tmp_path: Path) -> None:
    rule = stored(load(tmp_path, {"sounding.yaml": BLOCK}).automations["rescue"])
    assert isinstance(rule, Automation)
    assert rule.condition is not None
    assert evaluate(rule.condition.term, {"score": 3, "contact": {"tier": "vip"}}) is True
    assert evaluate(rule.condition.term, {"score": 7, "contact": {"tier": "vip"}}) is False


def test_neither_moving_nor_reformatting_changes_a_fingerprint(tmp_path: Path) -> None:
    block = load(tmp_path / "block", {"sounding.yaml": BLOCK})
    files = {
        "sounding.yaml": PROJECT_FLOW,
        "automations/deep/down/rescue.yml": AUTOMATION_FLOW.replace("\n", "\r\n"),
        "surveys/nps.yaml": "\ufeff" + SURVEY_FLOW,
        "templates/vips.yaml": AUDIENCE_FLOW,
    }
    assert fingerprints(load(tmp_path / "flow", files)) == fingerprints(block)


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("if: score <= 6 and (", "if: score <= 5 and (", {"automation.rescue"}),
        ("if: score <= 6 and (", "if: score < 6 and (", {"automation.rescue"}),
        ('contact.tier == "vip" or', 'contact.tier == "standard" or', {"automation.rescue"}),
        ("Call now.", "Call soon.", {"automation.rescue"}),
        ("priority: high", "priority: urgent", {"automation.rescue"}),
        ("ask: Why?", "ask: Why not?", {"survey.nps"}),
        ("show_if: score <= 6", "show_if: score <= 7", {"survey.nps"}),
        ('where: contact.tier == "vip"', 'where: contact.tier != "vip"', {"audience.vips"}),
        ("{env: T}", "{env: TOKEN}", {"project.shop"}),
        ("languages: [en]", "languages: [en]\ntimezone: Europe/Kyiv", {"project.shop"}),
    ],
)
def test_a_changed_meaning_changes_the_fingerprint_of_its_definition_alone(tmp_path: Path, old: str, new: str, changed: set[str]) -> None:
    assert BLOCK.count(old) == 1
    before = fingerprints(load(tmp_path / "before", {"sounding.yaml": BLOCK}))
    after = fingerprints(load(tmp_path / "after", {"sounding.yaml": BLOCK.replace(old, new)}))
    assert {address for address in before if before[address] != after[address]} == changed


def test_the_order_of_questions_and_steps_is_part_of_the_meaning(tmp_path: Path) -> None:
    swapped = BLOCK.replace("score:\n    type: nps", "first: {type: info, ask: Hello}\n  score:\n    type: nps")
    after = BLOCK.replace("---\nautomation", "  last: {type: info, ask: Hello}\n---\nautomation").replace("last:", "first:")
    one, two = (load(tmp_path / name, {"sounding.yaml": text}) for name, text in (("one", swapped), ("two", after)))
    assert fingerprint(one.surveys["nps"]) != fingerprint(two.surveys["nps"])


def test_a_fingerprint_without_places_is_short_text_for_json() -> None:
    definitions = check_project(PROJECTS[1]).definitions
    assert definitions is not None
    for definition in definitions.by_address().values():
        assert len(fingerprint(definition)) == 32
        assert '"Span"' not in json.dumps(encode(definition, places=False))

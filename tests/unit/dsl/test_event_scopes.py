"""What may be read behind an event, or behind several; and what an update may set."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.checks.run import check_project
from engine.dsl.diagnostics import Severity
from engine.rules.compile import RuleSet

PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, email: optional email, tier: [standard, vip], since: optional date, seen: optional datetime, mrr: optional number,
    visits: optional integer, country: optional country, trusted: optional boolean}
  company: {name: text}
  deal: {title: text}
events:
  order.placed: {object: deal, warehouse: text, boxes: integer}
  order.sent: {object: deal, warehouse: optional text, boxes: text}
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
  crm: {use: bitrix24, url: {env: B}, token: {env: K}}
---
survey: nps_a
metric: nps
questions:
  score: {type: nps, ask: Score?}
  why: {type: single, ask: Why?, options: {price: Price, speed: Speed}}
  more: {type: text, ask: More?, required: true}
---
survey: nps_b
metric: nps
questions:
  score: {type: nps, ask: Score?}
  why: {type: single, ask: Why?, options: {price: Price, other_thing: Else}}
  more: {type: text, ask: More?}
---
survey: csat_c
metric: csat
questions:
  score: {type: csat, ask: Score?, scale: 1-10}
---
survey: talk
metric: none
questions:
  more: {type: text, ask: More?}
"""


def codes(root: Path, automation: str) -> list[str]:
    text = f"{PROJECT}---\nautomation: a\n{automation}"
    (root / "sounding.yaml").write_text(text, encoding="utf-8")
    return [finding.code for finding in check_project(root).findings.items if finding.severity is Severity.ERROR]


def reading(events: str, condition: str) -> str:
    return f"when: {events}\nif: >-\n  {condition}\nthen: [{{ticket: {{title: x}}}}]\n"


@pytest.mark.parametrize(
    ("events", "condition"),
    [
        ("survey.nps_a.answered", 'score > 3 and answer.score > 3 and answer.category == "passive" and more != ""'),
        ("survey.nps_a.edited", "score > 3"),
        ("survey.*.answered", "contact.tier == 'vip' and invitation.channel == 'sms'"),
        ("{survey.*.answered: {metric: nps}}", "score > 3 and answer.sentiment == 'neutral' and more is not none"),
        ("{survey.*.answered: {metric: none}}", "more is not none and more|length > 2"),
        # an answer is one value, by its bare id and behind `answer`
        ("{survey.*.answered: {metric: none}}", "answer.more is not none and more|length > 2"),
        ("{survey.*.answered: {metric: none}}", "more is not none and answer.more|length > 2"),
        (
            "{survey.*.answered: {metric: none}}",
            "answer.more is none or more|length > 2",
        ),
        ("{survey.*.answered: {metric: none}}", "answer.more != none and 'a' == more and more|length > 2"),
        ("[survey.nps_a.answered, survey.csat_c.answered]", "answer.sentiment == 'neutral'"),
        ("[order.placed, order.sent]", "event.warehouse is not none and event.warehouse == 'x' and deal.title != ''"),
        ("order.placed", "event.boxes > 2 and event.warehouse != '' and company.name is not none"),
        ("deal.won", "deal.title != ''"),
        ("contact.updated", "'tier' in event.changed"),
        ("company.updated", "company.name|length > 3"),
        ("ticket.closed", "contact.tier == 'vip'"),
        ("[survey.nps_a.sent, deal.lost, task.created]", "contact.tier == 'vip'"),
    ],
)
def test_what_all_events_have_with_one_type_may_be_read(tmp_path: Path, events: str, condition: str) -> None:
    assert codes(tmp_path, reading(events, condition)) == []


@pytest.mark.parametrize(
    ("events", "condition", "code"),
    [
        ("survey.*.answered", "score > 3", "SND302"),  # one survey has no score
        ("{survey.*.answered: {metric: nps}}", "why == 'price'", "SND302"),  # not the same options
        ("{survey.*.answered: {metric: nps}}", "more|length > 2", "SND305"),  # required in one of them only
        ("[survey.nps_a.answered, survey.csat_c.answered]", "answer.category == 'passive'", "SND303"),
        ("[order.placed, order.sent]", "event.boxes > 2", "SND303"),
        ("[order.placed, order.sent]", "event.warehouse|length > 2", "SND305"),
        ("[order.placed, survey.nps_a.answered]", "deal.title != ''", "SND302"),
        ("[order.placed, survey.nps_a.answered]", "score > 3", "SND302"),
        ("survey.nps_a.sent", "score > 3", "SND302"),
        ("ticket.closed", "ticket.subject == ''", "SND302"),
        ("order.placed", "company.name|length > 3", "SND305"),
        ("survey.talk.answered", "answer.category == 'x'", "SND303"),
    ],
)
def test_what_some_event_has_not_may_not(tmp_path: Path, events: str, condition: str, code: str) -> None:
    assert codes(tmp_path, reading(events, condition)) == [code]


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ("survey.*.answred", "SND202"),
        ("survey.nps_a.answred", "SND202"),
        ("survey.nobody.answered", "SND201"),
        ("{survey.*.answered: {metric: gcr}}", "SND202"),
        ("{order.placed: {metric: nps}}", "SND202"),
        ("order.*", "SND202"),
        ("order", "SND202"),
        ("[order.placed, order.lost]", "SND202"),
    ],
)
def test_an_event_that_cannot_be_is_refused(tmp_path: Path, events: str, code: str) -> None:
    assert codes(tmp_path, reading(events, "contact.tier == 'vip'")) == [code]


@pytest.mark.parametrize(
    ("field", "value", "fits"),
    [
        ("since", "2026-03-02", True),
        ("since", '"{{ today() }}"', True),
        ("since", "yesterday", False),
        ("since", "20260302", False),
        ("seen", "2026-03-02T09:00:00Z", True),
        ("seen", "2026-03-02T09:00:00", False),
        ("seen", '"{{ today() }}"', False),
        ("visits", "5", True),
        ("visits", "-5", True),
        ("visits", '"5"', False),
        ("visits", "5.5", False),
        ("visits", "0x1F", False),
        ("visits", "true", False),
        ("visits", '"{{ score }}"', True),
        ("visits", '"{{ score * 0.5 }}"', False),
        ("visits", '"about {{ score }}"', False),
        ("mrr", "5", True),
        ("mrr", "1e3", True),
        ("mrr", ".inf", False),
        ("mrr", '"{{ score }}"', True),
        ("tier", "vip", True),
        ("tier", "gold", False),
        ("tier", "\"{{ contact.tier|default('vip') }}\"", True),
        ("tier", '"{{ contact.name }}"', False),
        ("trusted", "false", True),
        ("trusted", '"false"', False),
        ("trusted", "no", False),
        ("country", "UA", True),
        ("country", "Ukraine", False),
        ("email", "cx@shop.test", True),
        ("email", "cx at shop", False),
        ("email", '"{{ contact.name }}"', False),
        ("name", '"{{ contact.name }}, {{ score }}"', True),
        ("name", "012", True),
        ("email", '"{{ contact.email }}"', True),
        ("mrr", '"{{ contact.visits }}"', True),
        ("visits", '"{{ contact.mrr }}"', False),
    ],
)
def test_a_new_value_fits_the_type_of_its_field(tmp_path: Path, field: str, value: str, fits: bool) -> None:
    found = codes(tmp_path, f"when: survey.nps_a.answered\nthen: [{{update: {{contact: {{{field}: {value}}}}}}}]\n")
    assert found == ([] if fits else ["SND304"])


def test_what_may_be_missing_fits_a_field_that_may_be_and_is_printed_nowhere(tmp_path: Path) -> None:
    """One `{{ … }}` keeps its type; in a longer text it is printed."""

    def said(field: str, value: str) -> list[str]:
        return codes(tmp_path, f"when: survey.nps_b.answered\nthen: [{{update: {{contact: {{{field}: {value}}}}}}}]\n")

    assert said("email", '"{{ contact.email }}"') == []
    assert said("tier", '"{{ why }}"') == ["SND304"]
    assert said("email", '"{{ none }}"') == ["SND305"]
    assert said("name", '"{{ more }}"') == ["SND305"]
    assert said("email", '"x{{ contact.email }}"') == ["SND305"]


GUARDED = "  - ticket: {title: x}\n    if: contact.tier == 'vip'\n    as: case\n"


@pytest.mark.parametrize(
    ("behind", "found"),
    [
        ("  - ticket: {title: '{{ case.url }}'}\n", ["SND305"]),
        ("  - if: case.status in ['open']\n    then: [{ticket: {title: '{{ case.url }}'}}]\n", ["SND305"]),
        ("  - comment: {on: case, text: x}\n", ["SND305"]),
        ("  - comment: {on: case, text: x}\n    if: case is not none\n", []),
        ("  - ticket: {title: '{{ case.url }}'}\n    if: case is not none\n", []),
        ("  - {wait: 1d}\n  - ticket: {title: \"{{ case.url|default('-') }}\"}\n", []),
        ("  - if: case is not none\n    then: [{wait: 1d}, {ticket: {title: '{{ case.url }}'}}]\n", []),
    ],
)
def test_the_result_of_a_step_with_a_guard_may_be_missing(tmp_path: Path, behind: str, found: list[str]) -> None:
    assert codes(tmp_path, f"when: survey.nps_a.answered\nthen:\n{GUARDED}{behind}") == found


def test_where_a_missing_result_is_read_is_told_to_the_character(tmp_path: Path) -> None:
    behind = "  - ticket: {title: 'See {{ case.url }}'}\n  - comment: {on: case, text: x}\n"
    codes(tmp_path, f"when: survey.nps_a.answered\nthen:\n{GUARDED}{behind}")
    lines = (tmp_path / "sounding.yaml").read_text(encoding="utf-8").split("\n")
    begin = lines.index("  - ticket: {title: x}") + 1
    spans = [finding.span for finding in check_project(tmp_path).findings.sorted() if finding.code == "SND305"]
    assert [(span.line - begin, span.column, span.end_column) for span in spans if span is not None] == [(3, 29, 37), (4, 19, 23)]


def test_a_star_stands_for_every_survey_with_a_metric_where_one_changes(tmp_path: Path) -> None:
    starts = "then: [{ticket: {title: '{{ event.change }}'}}]\n"
    assert codes(tmp_path, f"when: metric.*.changed\n{starts}") == []
    definitions = check_project(tmp_path).definitions
    assert definitions is not None
    assert definitions.automations["a"].when == ("metric.csat_c.changed", "metric.nps_a.changed", "metric.nps_b.changed")
    assert codes(tmp_path, f"when: {{metric.*.changed: {{metric: csat}}}}\n{starts}") == []
    assert codes(tmp_path, f"when: {{metric.*.changed: {{metric: none}}}}\n{starts}") == ["SND202"]
    assert codes(tmp_path, f"when: metric.*.chnged\n{starts}") == ["SND202"]


def test_an_event_may_have_a_name_without_a_dot(tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text(
        "project: shop\nobjects: {contact: {name: text}}\nevents: {checkout: {sum: number}}\n"
        'connections: {hook: {use: webhook, url: "https://shop.test/hook"}}\n---\n'
        "automation: high\nwhen: checkout\nif: event.sum > 5\nthen: [{webhook: {data: {sum: '{{ event.sum }}'}}}, "
        "{wait_for: checkout, at_most: 1d}]\n",
        encoding="utf-8",
    )
    loaded = check_project(tmp_path)
    assert [finding.code for finding in loaded.findings.items if finding.severity is Severity.ERROR] == []
    assert loaded.definitions is not None
    held = RuleSet(loaded.definitions).holding("checkout", {"event": {"sum": 6}, "contact": {"name": "Ada"}})
    assert [candidate.rule.name for candidate in held] == ["high"]

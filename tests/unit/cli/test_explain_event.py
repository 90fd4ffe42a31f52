"""`sounding explain EVENT`: what the rules make of an event, and why, as a person reads it and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.cli.explain import command
from engine.errors import UsageError

PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, tier: [standard, vip], mrr: optional number, email: optional email, opted_out: boolean}
  deal: {title: text}
events:
  order.delivered: {object: deal, boxes: optional integer}
may_ask: not contact.opted_out
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
  mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}
---
survey: nps
metric: nps
questions:
  score: {type: nps, ask: Score?}
---
audience: buyers
of: contact
where: contact.tier == "vip" or contact.mrr is not none
---
cadence: after_delivery
survey: nps
audience: buyers
when: order.delivered
via: [mail]
---
automation: rescue
when: survey.nps.answered
if: score <= 6 and (contact.tier == "vip" or contact.mrr is not none and contact.mrr > 100)
then:
  - {ticket: {title: "{{ contact.name }}"}, as: case}
  - wait_for: case.closed
    at_most: 1d
---
automation: thank
when: survey.nps.answered
if: not (score < 9)
then:
  - {email: {subject: Thanks, body: Thanks}, if: contact.tier == "vip"}
---
automation: late
when: order.delivered
if: deal.title != ""
then: [{ticket: {title: "{{ deal.title }}"}}]
"""
ADA = {"id": "1", "name": "Ada", "tier": "standard", "mrr": 50, "email": "ada@example.test", "opted_out": False}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


def event(type_: str, **data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "e1", "source": "shop", "type": type_, "time": "2026-03-02T09:00:00Z", "data": data}


def run(project: Path, *events: dict[str, Any], as_: str = "text") -> Result:
    file = project / "events.jsonl"
    file.write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    return CliRunner().invoke(command, ["-C", str(project), "--format", as_, str(file)], standalone_mode=False, catch_exceptions=False)


def rules(project: Path, one: dict[str, Any]) -> dict[str, Any]:
    return {rule["address"]: rule for rule in json.loads(run(project, one, as_="json").stdout)["rules"]}


def decided(rule: dict[str, Any]) -> list[tuple[str, bool, dict[str, Any]]]:
    return [(part["text"], part["holds"], part["read"]) for condition in rule["conditions"] for part in condition["decided"]]


def test_the_operand_that_decided_is_named_with_the_values_that_it_read(project: Path) -> None:
    found = rules(project, event("survey.nps.answered", contact=ADA, answers={"score": 3}))
    assert [address for address, rule in found.items() if rule["fired"]] == []
    assert decided(found["automation.rescue"]) == [
        ('contact.tier == "vip"', False, {"contact.tier": "standard"}),
        ("contact.mrr > 100", False, {"contact.mrr": 50}),
    ]
    assert decided(found["automation.thank"]) == [("not score < 9", False, {"score": 3})]
    where = found["automation.rescue"]["conditions"][0]["decided"][1]
    assert (where["file"], PROJECT.splitlines()[where["line"] - 1][where["column"] - 1 :]) == ("sounding.yaml", "contact.mrr > 100)")


def test_what_a_rule_that_fires_does_is_shown_up_to_where_it_waits(project: Path) -> None:
    found = rules(project, event("survey.nps.answered", contact={**ADA, "tier": "vip"}, answers={"score": 3}))
    assert [text for text, _, _ in decided(found["automation.rescue"])] == ["score <= 6", 'contact.tier == "vip"']
    steps = [(step["step"], step["action"], step["outcome"]) for step in found["automation.rescue"]["steps"]]
    assert steps == [("0", "ticket", "would be sent; the next steps wait until it is delivered")]


def test_a_step_says_what_it_would_send_to_whom_and_that_nothing_is_sent(project: Path) -> None:
    steps = """then:
  - {ticket: {title: "{{ contact.name }}"}, as: case}
  - {if: score > 2, then: [{stop: enough}], else: [{email: {to: cx@shop.test, subject: Low, body: Low}}, {wait: 90m}]}
"""
    text = PROJECT[: PROJECT.index("then:")] + steps + PROJECT[PROJECT.index("---\nautomation: thank") :]
    (project / "sounding.yaml").write_text(text.replace(", as: case", ""), encoding="utf-8")
    low = event("survey.nps.answered", contact={**ADA, "tier": "vip"}, answers={"score": 1})
    lines = [line.partition("   sounding.yaml")[0] for line in run(project, low).stdout.splitlines()]
    first = lines.index("  0 ticket via desk → would be sent")
    assert lines[first : first + 7] == [
        "  0 ticket via desk → would be sent",
        "    title: {{ contact.name }}",
        "  1 if → else",
        "    if: score > 2 → does not hold, score is 1",
        "  1/else/0 email via mail to cx@shop.test → would be sent",
        "    to: cx@shop.test",
        "    subject: Low",
    ]
    high = event("survey.nps.answered", contact={**ADA, "tier": "vip"}, answers={"score": 5})
    assert "  1/then/0 stop: enough → the run would end" in run(project, high).stdout


def test_instants_end_with_their_seconds_and_a_list_without_items_is_empty(project: Path) -> None:
    text = PROJECT.replace("boxes: optional integer", "boxes: optional integer, tags: list of text")
    text = text.replace('if: deal.title != ""', "if: \"'x' in event.tags\"")
    (project / "sounding.yaml").write_text(text, encoding="utf-8")
    one = event("order.delivered", contact=ADA, deal={"id": "d", "title": "Coat"}, tags=[])
    shown = run(project, {**one, "time": "2026-03-02T09:00:00.123456Z"}).stdout
    assert "event.tags is empty" in shown
    assert "2026-03-02T09:00:00+00:00" in shown
    assert "123456" not in shown


def test_a_step_that_is_passed_over_says_why(project: Path) -> None:
    found = rules(project, event("survey.nps.answered", contact=ADA, answers={"score": 10}))
    (step,) = found["automation.thank"]["steps"]
    assert (step["outcome"], step["condition"]["holds"]) == ("passed over", False)


@pytest.mark.parametrize(
    ("contact", "fired", "reason"),
    [
        ({"tier": "vip"}, True, None),
        ({"mrr": None}, False, 'audience.buyers: contact.tier == "vip" or contact.mrr is not none'),
        ({"opted_out": True}, False, "contact.opted_out"),
        ({"tier": "vip", "email": None}, False, "no address for mail"),
        (None, False, "no contact"),
    ],
)
def test_a_cadence_says_whom_it_asks_and_why_not(project: Path, contact: dict[str, Any] | None, fired: bool, reason: str | None) -> None:
    carried = {"contact": {**ADA, **contact}} if contact is not None else {}
    rule = rules(project, event("order.delivered", deal={"id": "d", "title": "Coat"}, **carried))["cadence.after_delivery"]
    assert (rule["fired"], rule["reason"]) == (fired, reason)
    assert rule["due"] == ("2026-03-02T09:00:00+00:00" if fired else None)


def test_a_cadence_that_takes_back_says_so(project: Path) -> None:
    text = PROJECT.replace("when: order.delivered\nvia", "when: order.delivered\ncancel_on: [deal.lost]\nvia")
    (project / "sounding.yaml").write_text(text, encoding="utf-8")
    lost = event("deal.lost", contact=ADA, deal={"id": "d", "title": "Coat"})
    assert rules(project, lost)["cadence.after_delivery"]["cancels"] is True
    assert "cadence.after_delivery takes back what it has not sent to this contact" in run(project, lost).stdout


def test_a_rule_that_reads_what_is_not_linked_says_so(project: Path) -> None:
    assert rules(project, event("order.delivered", deal={"id": "d", "title": "Coat"}))["cadence.after_delivery"]["reason"] == "no contact"


def test_an_event_without_the_object_that_it_is_declared_with_is_quarantined(project: Path) -> None:
    text = run(project, event("order.delivered", contact=ADA)).stdout
    assert "deal must be an object, but is missing\nso the event is quarantined" in text


@pytest.mark.parametrize("id_", ["\\ud800", "a\\udfffb"])
@pytest.mark.parametrize("as_", ["text", "json"])
def test_half_a_surrogate_pair_is_no_event_and_what_follows_is_explained(project: Path, id_: str, as_: str) -> None:
    odd = json.dumps(event("deal.lost")).replace('"e1"', f'"{id_}"')
    (project / "events.jsonl").write_text(f"{odd}\n{json.dumps(event('deal.lost'))}\n", encoding="ascii")
    found = CliRunner().invoke(command, ["-C", str(project), str(project / "events.jsonl"), "--format", as_], standalone_mode=False)
    assert (found.exception, found.return_value) == (None, 1)
    assert found.stderr.startswith("line 1: it is no JSON in UTF-8")
    assert "deal.lost" in found.stdout


def test_an_event_that_is_the_whole_file_is_refused_as_a_whole(project: Path) -> None:
    odd = json.dumps(event("deal.lost"), indent=2).replace('"e1"', "NaN")
    (project / "events.jsonl").write_text(odd, encoding="ascii")
    found = CliRunner().invoke(command, ["-C", str(project), str(project / "events.jsonl")], standalone_mode=False)
    assert (found.return_value, found.stderr) == (1, "it is no JSON: NaN is no JSON number\n")


def test_a_person_reads_the_rule_its_place_the_values_and_the_verdict(project: Path) -> None:
    text = run(project, event("survey.nps.answered", contact=ADA, answers={"score": 3})).stdout
    assert text.splitlines()[:6] == [
        "survey.nps.answered  e1  2026-03-02T09:00:00+00:00",
        "",
        "automation.rescue does nothing: its condition does not hold   sounding.yaml:30:5",
        '  if: score <= 6 and (contact.tier == "vip" or contact.mrr is not none and contact.mrr > 100)',
        '    contact.tier == "vip" → does not hold, contact.tier is "standard"   sounding.yaml:30:21',
        "    contact.mrr > 100 → does not hold, contact.mrr is 50   sounding.yaml:30:74",
    ]
    assert "  if: not score < 9 → does not hold, score is 3\n" in text


def test_an_event_that_nobody_declared_or_waits_for_and_one_that_does_not_fit(project: Path) -> None:
    texts = run(project, event("oder.delivered"), event("deal.lost"), event("order.delivered", contact={**ADA, "tier": "gold"})).stdout
    assert "did you mean `order.delivered`?" in texts
    assert "no rule waits for it" in texts
    assert "contact.tier must be one of standard, vip, but is another text" in texts
    assert "so the event is quarantined, and nothing is decided" in texts


def test_a_line_that_is_no_event_is_named_and_the_others_are_explained(project: Path) -> None:
    (project / "events.jsonl").write_text('{"x": 1}\nnothing\n' + json.dumps(event("deal.lost")), encoding="utf-8")
    found = CliRunner().invoke(command, ["-C", str(project), str(project / "events.jsonl")], standalone_mode=False)
    assert found.return_value == 1
    assert [line.split(":")[0] for line in found.stderr.splitlines()] == ["line 1", "line 2"]
    assert "no rule waits for it" in found.stdout


def test_events_come_from_standard_input_too_one_or_a_list(project: Path) -> None:
    for given in (event("deal.lost"), [event("deal.lost"), event("deal.lost")]):
        found = CliRunner().invoke(command, ["-C", str(project), "-"], input=json.dumps(given, indent=1), standalone_mode=False)
        assert found.stdout.count("no rule waits for it") == (len(given) if isinstance(given, list) else 1)


def test_a_code_is_explained_as_ever_and_what_is_neither_is_said() -> None:
    shown = CliRunner().invoke(command, ["snd310", "--format", "json"], standalone_mode=False, catch_exceptions=False)
    assert json.loads(shown.stdout)["code"] == "SND310"
    with pytest.raises(UsageError, match=r"no file `missing\.json`"):
        CliRunner().invoke(command, ["missing.json"], standalone_mode=False, catch_exceptions=False)

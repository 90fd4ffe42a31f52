"""`sounding decide`: for each event of a file, in its order, the automations whose `if` holds, in the order of their addresses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from engine.cli.decide import command
from engine.errors import SoundingError

PROJECT = """project: shop
languages: [en]
timezone: Europe/Moscow
objects:
  contact: {name: text, tier: [standard, vip], mrr: optional number, last_purchase: optional date}
  deal: {title: text, amount: optional number}
events:
  order.delivered: {object: deal, warehouse: text, boxes: optional integer}
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
  mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}
---
survey: nps
metric: nps
questions:
  score: {type: nps, ask: Score?}
  reason: {type: text, ask: Why?, show_if: score <= 6}
---
automation: b_always
when: [survey.nps.answered, order.delivered]
then: [{ticket: {title: "{{ contact.name }}"}}]
---
automation: c_vip
when: survey.nps.answered
if: score <= 6 and contact.tier == "vip"
then: [{ticket: {title: "{{ contact.name }}"}}]
---
automation: a_reason
when: survey.nps.answered
if: reason is not none and answer.category == "detractor"
then: [{ticket: {title: "{{ reason }}"}}]
---
automation: a_b
when: order.delivered
if: event.boxes is not none and event.boxes > 2 and deal.title != ""
then: [{ticket: {title: "{{ deal.title }}"}}]
---
automation: recent
when: order.delivered
if: contact.last_purchase is not none and days_since(contact.last_purchase) <= 1
then: [{ticket: {title: "{{ contact.name }}"}}]
---
audience: all
of: contact
---
cadence: a_cadence
survey: nps
audience: all
when: order.delivered
via: [mail]
"""
ADA = {"id": "c1", "name": "Ada", "tier": "vip"}
COAT = {"id": "d1", "title": "Coat"}


def event(name: str, kind: str, **data: object) -> dict[str, Any]:
    return {"specversion": "1.0", "id": name, "source": "shop", "type": kind, "time": "2026-03-02T09:00:00Z", "data": data}


def answered(name: str, **answers: object) -> dict[str, Any]:
    return event(name, "survey.nps.answered", contact=ADA, answers=answers)


def delivered(name: str, **data: object) -> dict[str, Any]:
    return event(name, "order.delivered", **{"contact": ADA, "deal": COAT, "warehouse": "east", **data})


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


def decide(root: Path, *lines: object, options: tuple[str, ...] = ()) -> Result:
    """Runs over a file of these lines; bytes are written as they are."""
    data = b"".join(line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
    (root / "events.jsonl").write_bytes(data)
    result = CliRunner().invoke(command, ["-C", str(root), "--events", str(root / "events.jsonl"), *options], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result


def decisions(root: Path, *events: object) -> list[tuple[str, list[str]]]:
    result = decide(root, *events)
    assert (result.return_value, result.stderr) == (0, "")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(list(one) == ["event", "automations"] for one in found)
    return [(one["event"], one["automations"]) for one in found]


def test_events_come_in_their_order_and_names_in_the_order_of_addresses(shop: Path) -> None:
    found = decisions(
        shop,
        answered("z", score=3, reason="slow"),
        answered("a", score=9),
        answered("m", score=6),
        delivered("z2", boxes=3),
        delivered("ч", boxes=2),
        delivered("z2"),
    )
    assert found == [
        ("z", ["a_reason", "b_always", "c_vip"]),
        ("a", ["b_always"]),
        ("m", ["b_always", "c_vip"]),
        ("z2", ["a_b", "b_always"]),
        ("ч", ["b_always"]),
        ("z2", ["b_always"]),
    ]


def test_a_type_that_nothing_waits_for_or_nobody_knows_gives_none(shop: Path) -> None:
    unknown = [
        event("1", "order.lost"),
        event("2", "survey.nps.sent", contact=ADA),
        event("3", "survey.gone.answered", answers={"score": 1}),
    ]
    assert decisions(shop, *unknown, event("4", "contact.updated", contact=ADA)) == [("1", []), ("2", []), ("3", []), ("4", [])]


def test_no_event_knows_of_another(shop: Path) -> None:
    first = event("1", "order.delivered", contact={**ADA, "last_purchase": "2026-03-02"}, deal=COAT, warehouse="east")
    assert decisions(shop, first, delivered("2")) == [("1", ["b_always", "recent"]), ("2", ["b_always"])]


def test_now_is_the_time_of_the_event_in_the_zone_of_the_project(shop: Path) -> None:
    bought = {**ADA, "last_purchase": "2026-03-01"}
    late = {**delivered("late", contact=bought), "time": "2026-03-02T22:00:00Z"}  # in Moscow it is the 3rd already
    assert decisions(shop, delivered("early", contact=bought), late) == [("early", ["b_always", "recent"]), ("late", ["b_always"])]


def test_an_automation_that_reads_an_object_which_is_not_there_does_not_hold(shop: Path) -> None:
    without = event("1", "order.delivered", warehouse="east", boxes=9)
    assert decisions(shop, without) == [("1", ["b_always"])]


def test_texts_are_compared_in_their_composed_form(shop: Path) -> None:
    (shop / "sounding.yaml").write_text(PROJECT.replace('deal.title != ""', 'deal.title == "Cafe\u0301"'), encoding="utf-8")
    assert decisions(shop, delivered("1", boxes=3, deal={**COAT, "title": "Caf\u00e9"})) == [("1", ["a_b", "b_always"])]


def test_empty_lines_count_for_nothing(shop: Path) -> None:
    assert decisions(shop, b"\n", delivered("1"), b"  \r\n", b"\n") == [("1", ["b_always"])]
    assert decisions(shop) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{no json}\n", "no JSON"),
        (b"\xff\xfe\n", "no JSON in UTF-8: invalid start byte"),
        (b"[1, 2]\n", "an event is a JSON object"),
        (b"[" * 100_000 + b"\n", "nested too deeply"),
        (delivered("x", boxes=float("nan")), "NaN is no JSON number"),
        (delivered("x", boxes=float("inf")), "Infinity is no JSON number"),
        (json.dumps(delivered("x")).replace('"x"', '"\\ud800"').encode() + b"\n", "no JSON in UTF-8"),
        ({"id": "x"}, "`specversion` must be"),
        ({**delivered("x"), "id": ""}, "`id` is missing"),
        ({**delivered("x"), "type": 5}, "`type` is missing"),
        ({**delivered("x"), "time": "yesterday"}, "`time` must be an instant"),
        ({**delivered("x"), "data": [1]}, "`data` must be a JSON object"),
        (
            delivered("x", contact={"id": "c1", "name": "Ada", "tier": "gold"}),
            "contact.tier must be one of standard, vip, but is another text",
        ),
        (delivered("x", contact={"id": "c1", "tier": "vip"}), "contact.name must be text, but is missing"),
        (delivered("x", contact="c1"), "contact must be an object, but is text"),
        (delivered("x", deal=[1]), "deal must be an object, but is a list"),
        (event("x", "survey.nps.answered", contact=ADA, answers=[3]), "answers must be an object, but is a list"),
        (delivered("x", warehouse=5), "event.warehouse must be text, but is a number"),
        (answered("x", score="3"), "answer.score must be a whole number from 0 to 10, but is text"),
        (answered("x"), "answer.score must be a whole number from 0 to 10, but is missing"),
    ],
)
def test_a_line_that_is_no_event_goes_to_stderr_and_the_rest_is_decided(shop: Path, line: object, says: str) -> None:
    result = decide(shop, delivered("1"), line, delivered("2"))
    assert result.return_value == 1
    assert [json.loads(one)["event"] for one in result.stdout.splitlines()] == ["1", "2"]
    assert result.stderr.startswith("line 2: ")
    assert says in result.stderr


@pytest.mark.parametrize("mrr", ["x", True, 10**400, [1], {"a": 1}])
def test_a_misfit_in_an_optional_field_is_a_missing_value(shop: Path, mrr: object) -> None:
    line = json.dumps(delivered("1", contact={**ADA, "mrr": mrr})).encode() + b"\n"
    assert decide(shop, line).return_value == 0


def test_a_project_with_errors_decides_nothing(shop: Path) -> None:
    (shop / "sounding.yaml").write_text(PROJECT.replace("score <= 6 and", "scor <= 6 and"), encoding="utf-8")
    with pytest.raises(SoundingError):
        decide(shop, delivered("1"))


def test_either_format_is_a_line_an_event(shop: Path) -> None:
    text, json_ = (decide(shop, delivered("1"), options=("--format", name)).stdout for name in ("text", "json"))
    assert text == json_ == '{"event": "1", "automations": ["b_always"]}\n'


def test_as_a_program_it_reads_standard_input(shop: Path) -> None:
    lines = json.dumps(delivered("1", boxes=3)) + "\nnot an event\n" + json.dumps(event("2", "x.y")) + "\n"
    sounding = Path(sys.executable).parent / "sounding"
    done = subprocess.run(
        [str(sounding), "decide", "--events", "-", str(shop)], input=lines, capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == '{"event": "1", "automations": ["a_b", "b_always"]}\n{"event": "2", "automations": []}\n'
    assert done.stderr.startswith("line 2: ")

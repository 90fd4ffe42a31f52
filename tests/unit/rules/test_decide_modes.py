"""What an event leads to beside runs that go on, and that deciding by itself needs no state."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.checks.run import check_project
from engine.rules.compile import RuleSet
from engine.rules.decide import Begin, decide
from engine.rules.flow import Act

PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, vip: boolean}
  company: {name: text}
  deal: {title: text}
events:
  order.delivered: {object: deal}
connections:
  slack: {use: slack, url: {env: S}}
---
automation: rescue
when: order.delivered
then:
  - {message: {text: vip}, if: contact.vip}
  - wait: 1d
  - message: {text: hello}
run: RUN
---
automation: shout
when: order.delivered
then:
  - {message: {text: vip}, if: contact.vip}
  - message: {text: hello}
"""
SCOPE = {"contact": {"name": "Ada", "vip": False}, "deal": {"title": "Coat"}}
SUBJECTS = {"contact": "c1", "deal": "d1"}


def rules(folder: Path, run: str = "{per: event}") -> RuleSet:
    (folder / "sounding.yaml").write_text(PROJECT.replace("RUN", run), encoding="utf-8")
    loaded = check_project(folder)
    assert not loaded.findings.errors, loaded.findings.items
    assert loaded.definitions is not None
    return RuleSet(loaded.definitions)


def begun(folder: Path, run: str, active: frozenset[tuple[str, str]]) -> Begin | str:
    """How `rescue` begins, or why it does not."""
    decision = decide(rules(folder, run), "order.delivered", SCOPE, SUBJECTS, lambda name, subject: (name, subject) in active)
    found = [effect for effect in decision.effects if isinstance(effect, Begin)]
    return found[0] if found else dict(decision.skipped)["automation.rescue"]


def test_an_automation_that_never_waits_acts_at_once_and_says_what_it_passed_over(tmp_path: Path) -> None:
    decision = decide(rules(tmp_path), "order.delivered", SCOPE, SUBJECTS)
    assert [effect.origin for effect in decision.effects if isinstance(effect, Act)] == ["automation.shout/1"]
    assert decision.fired == ("automation.rescue", "automation.shout")
    assert decision.skipped == (("automation.shout/0", "if"),)


MINE, OTHER = ("rescue", "contact/c1"), ("rescue", "contact/c2")


@pytest.mark.parametrize(
    ("run", "active", "subject", "queued", "replaces"),
    [
        ("{per: event}", {MINE}, None, False, False),
        ("{per: contact, mode: parallel}", {MINE}, "contact/c1", False, False),
        ("{per: contact, mode: single}", {OTHER, ("shout", "contact/c1")}, "contact/c1", False, False),
        ("{per: deal, mode: single}", {MINE}, "deal/d1", False, False),
        ("{per: company, mode: single}", {("rescue", "company/f")}, None, False, False),
        ("{per: contact, mode: queue}", {OTHER}, "contact/c1", False, False),
        ("{per: contact, mode: queue}", {MINE}, "contact/c1", True, False),
        ("{per: contact, mode: restart}", {OTHER}, "contact/c1", False, False),
        ("{per: contact, mode: restart}", {MINE}, "contact/c1", False, True),
    ],
)
def test_a_run_begins_as_its_mode_says(
    tmp_path: Path, run: str, active: set[tuple[str, str]], subject: str | None, queued: bool, replaces: bool
) -> None:
    found = begun(tmp_path, run, frozenset(active))
    assert isinstance(found, Begin)
    assert (found.subject, found.queued, found.replaces) == (subject, queued, replaces)


@pytest.mark.parametrize("per", ["contact", "deal"])
def test_a_single_run_drops_the_newcomer_and_says_so(tmp_path: Path, per: str) -> None:
    there = f"{per}/{SUBJECTS[per]}"
    assert begun(tmp_path, f"{{per: {per}, mode: single}}", frozenset({("rescue", there)})) == f"run: one goes on for this {per}"

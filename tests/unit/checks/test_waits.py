"""Waits for what never comes: by whom an event is brought."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import PROJECT, findings, marked_places

from engine.checks.run import check_project

SURVEYS = """---
survey: kept
metric: nps
edit: never
open: true
questions: {score: {type: nps, ask: S?}}
---
survey: mended
metric: nps
open: true
questions: {score: {type: nps, ask: S?}}
---
automation: follow
when: deal.won
then:
  - {wait_for: WAIT, at_most: 7d, on_timeout: [{ticket: {title: A}}]}
"""
OWN = "case.reviewed"
DECLARED = f"  {OWN}: {{object: contact}}\nconnections:"
FEED = "connections:\n  feed: {use: events, token: {env: T}}"
EMITTED = f"---\nautomation: review\nwhen: deal.lost\nthen: [{{emit: {{event: {OWN}}}}}]\n"


@pytest.mark.parametrize(
    ("event", "feed", "behind", "never"),
    [
        # The help desk and the customer database post what they have, and nothing of the project's own.
        (OWN, "connections:", "", "no automation emits it and no connection brings it"),
        (OWN, FEED, "", None),
        (OWN, "connections:", EMITTED, None),
        ("deal.lost", "connections:", "", None),
        ("survey.kept.edited", FEED, "", "answers to this survey cannot be edited"),
        ("survey.kept.answered", "connections:", "", None),
        ("survey.mended.edited", "connections:", "", None),
    ],
)
def test_a_wait_is_found_where_nothing_brings_its_event(tmp_path: Path, event: str, feed: str, behind: str, never: str | None) -> None:
    project = PROJECT.replace("connections:", DECLARED).replace("connections:", feed)
    wait = SURVEYS.replace("WAIT", f"⟦{event}⟧" if never else event)
    text, places = marked_places(project + wait + behind)
    found = findings(tmp_path, text)
    assert [(code, place) for code, place in found if code == "SND806"] == [("SND806", place) for place in places]
    if never:
        assert never in next(item.message for item in check_project(tmp_path).findings.items if item.code == "SND806")

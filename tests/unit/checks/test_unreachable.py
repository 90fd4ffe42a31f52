"""Questions that nobody is asked and thank-yous that nobody sees: what is reported, where, and what only follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import PROJECT, findings, marked_places

SURVEY = """---
survey: s
metric: nps
questions:
  score: {type: nps, ask: S?}
  reason: {type: single, ask: A, options: {p: P, s: S}, show_if: score <= 6}
"""
ASKED_WITH = "  d: {{type: yes_no, ask: D, show_if: {}}}\n"


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        (ASKED_WITH.format("⟦reason == 'p'⟧ and score >= 9"), "SND211"),
        (ASKED_WITH.format("⟦answer.reason is not none⟧ and answer.score >= 9"), "SND211"),
        (ASKED_WITH.format("reason == 'p' and score >= 3"), None),
        (ASKED_WITH.format("reason is none and score >= 9"), None),
        (ASKED_WITH.format("reason == 'p' and contact.tier == 'vip'"), None),
        # What depends on it follows from it.
        (ASKED_WITH.format("⟦reason == 'p'⟧ and score >= 9") + "  e: {type: text, ask: E, show_if: d == true}\n", "SND211"),
        ("thanks: [{text: A}, {if: ⟦score > 3⟧, text: B}]\n", "SND212"),
        ("thanks: [{if: score > 3, text: A}, {if: ⟦score > 5⟧, text: B}, {text: C}]\n", "SND212"),
        ("thanks: [{if: score > 3, text: A}, {text: C}, {text: ⟦D⟧}]\n", "SND212"),
        ("thanks: [{if: reason == 'p', text: A}, {if: ⟦score <= 6 and reason == 'p'⟧, text: B}]\n", "SND212"),
        ("thanks: [{if: score > 3, text: A}, {if: score <= 3, text: B}, {text: C}]\n", None),
        ("thanks: [{if: contact.tier == 'vip' and score > 8, text: A}, {if: contact.tier == 'vip', text: C}, {text: D}]\n", None),
        # That it never holds is reported as that.
        ("thanks: [{if: ⟦score > 30⟧, text: A}, {text: C}]\n", "SND310"),
    ],
)
def test_what_nobody_sees_is_found_once(tmp_path: Path, rest: str, code: str | None) -> None:
    text, places = marked_places(PROJECT + SURVEY + rest)
    assert findings(tmp_path, text) == [(code, place) for place in places]
    assert bool(places) == (code is not None)

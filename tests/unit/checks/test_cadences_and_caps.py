"""How often a cadence comes round, against how often anyone may be asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.checks.run import check_project

PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, email: optional email, phone: optional phone, country: optional country, vip: boolean}
  company: {name: text}
connections:
  mail: {use: smtp, host: smtp.shop.test, from: "Shop <cx@shop.test>"}
  text: {use: sms_gateway, url: {env: SMS_URL}}
"""
REST = """---
survey: nps
metric: nps
questions: {score: {type: nps, ask: "Would you?"}}
---
{audience: all, of: contact}
---
cadence: often
survey: nps
audience: all
"""


def codes(root: Path, frequency: str, cadence: str) -> list[str]:
    text = f"{PROJECT}frequency: [{frequency}]\n{REST}{cadence}\n"
    (root / "sounding.yaml").write_text(text, encoding="utf-8")
    found = check_project(root).findings
    assert not found.errors, found.items
    return [item.code for item in found.sorted()]


@pytest.mark.parametrize(
    ("frequency", "cadence"),
    [
        ("{max: 1, per: 30d, of: contact}", "every: 1w\nvia: [mail]"),
        ("{max: 1, per: 30d, of: contact}", "every: 1w\nagain: 29d\nvia: [mail]"),
        ("{max: 9, per: 1w, of: contact}, {max: 2, per: 1q, of: contact}", "every: 1mo\nvia: [mail]"),
        ("{max: 1, per: 1q, of: company}", "every: 1mo\nvia: [mail]"),
        ("{max: 1, per: 1q, of: contact.country}", "cron: '0 9 1 * *'\nvia: [mail]"),
        ("{max: 1, per: 1q, of: contact, channel: email}", "every: 1mo\nvia: [mail]"),
        ("{max: 1, per: 2d, of: contact}", "cron: '*/5 * * * *'\nvia: [mail]"),
    ],
)
def test_a_cadence_that_repeats_faster_than_the_strictest_cap_is_found(tmp_path: Path, frequency: str, cadence: str) -> None:
    assert codes(tmp_path, frequency, cadence) == ["SND807"]


@pytest.mark.parametrize(
    ("frequency", "cadence"),
    [
        ("{max: 1, per: 30d, of: contact}", "every: 1q\nvia: [mail]"),
        ("{max: 1, per: 30d, of: contact}", "every: 1mo\nvia: [mail]"),
        ("{max: 3, per: 1q, of: contact}", "every: 1mo\nvia: [mail]"),
        ("{max: 1, per: 30d, of: contact}", "every: 1w\nagain: 30d\nvia: [mail]"),
        ("{max: 1, per: 30d, of: contact, if: contact.vip}", "every: 1w\nvia: [mail]"),
        ("{max: 1, per: 30d, of: contact, channel: email}", "every: 1w\nvia: [mail, text]"),
        ("{max: 1, per: 30d, of: contact}", "when: deal.won\nvia: [mail]"),
        ("{max: 1, per: 30d, of: contact}", "cron: '0 9 29 2 *'\nvia: [mail]"),
    ],
)
def test_a_cadence_that_keeps_the_caps_or_may_keep_them_is_not(tmp_path: Path, frequency: str, cadence: str) -> None:
    assert codes(tmp_path, frequency, cadence) == []

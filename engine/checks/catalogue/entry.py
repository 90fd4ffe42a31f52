"""What the catalogue says of one code, and the project that its examples stand in."""

from __future__ import annotations

from dataclasses import dataclass

from engine.dsl.diagnostics import Severity

STAGE = """\
project: shop
objects:
  contact:
    email: optional email
    name: text
    tier: [standard, vip]
    country: optional country
    last_nps: optional integer
    opted_out: boolean
  deal: {title: text, amount: optional number}
events:
  order.delivered: {object: deal, warehouse: text}
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: ZD_USER}, token: {env: ZD_TOKEN}}
  mail: {use: smtp, host: smtp.shop.test, from: "Shop <cx@shop.test>"}
---
survey: nps_delivery
metric: nps
about: deal
questions:
  score: {type: nps, ask: Would you recommend us?}
  reason: {type: text, ask: What went wrong?}
---
audience: buyers
of: contact
---
cadence: after_delivery
survey: nps_delivery
audience: buyers
when: order.delivered
via: [mail]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """``fails`` and ``passes`` are YAML that stands in the example project, or a whole project (`project: …` first)."""

    code: str
    title: str
    explanation: str
    fails: str
    passes: str
    severity: Severity = Severity.ERROR
    is_check: bool = False  # a check: a project may turn it off or weigh it differently
    encoding: str = "utf-8"  # that the failing example is saved in


def example_files(example: str) -> dict[str, str]:
    """An example as the files of a project."""
    if example.startswith("project:"):
        return {"sounding.yaml": example}
    return {"sounding.yaml": STAGE, "surveys/example.yaml": example}

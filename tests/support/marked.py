"""Projects with the places of their defects marked: `sample: ⟦25⟧` is wrong from the 2 to before the bracket."""

from __future__ import annotations

import re
from pathlib import Path

from engine.checks.run import check_project
from engine.dsl.diagnostics import Severity

PROJECT = """project: acme
languages: [en]
timezone: Europe/Moscow
objects:
  contact:
    email: optional email
    phone: optional phone
    name: text
    tier: [standard, vip]
    mrr: optional number
    age: integer
    joined: date
    employee: boolean
    tags: list of text
  company: {name: text, size: optional integer}
  deal: {title: text, amount: optional number}
events:
  order.delivered: {object: deal, warehouse: text}
connections:
  crm: {use: bitrix24, url: {env: B24_URL}, token: {env: B24_TOKEN}}
  desk: {use: zendesk, url: "https://acme.zendesk.test", user: {env: ZD_USER}, token: {env: ZD_TOKEN}}
  slack: {use: slack, url: {env: SLACK_URL}}
  mail: {use: smtp, host: smtp.acme.test, from: "Acme <cx@acme.test>"}
"""
SURVEY = """---
survey: nps
metric: nps
about: deal
questions:
  score: {type: nps, ask: Score?}
  reason: {type: text, ask: Why?, show_if: score <= 6}
"""
_MARK = re.compile("[⟦⟧]")


def marked_places(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without its marks, and the line and column of each opening one."""
    places, line, column = [], 1, 1
    for char in text:
        if char == "⟦":
            places.append((line, column))
        elif char != "⟧":
            line, column = (line + 1, 1) if char == "\n" else (line, column + 1)
    return _MARK.sub("", text), places


def findings(folder: Path, text: str) -> list[tuple[str, tuple[int, int] | None]]:
    """The code and place of each finding above info in a project of one file."""
    (folder / "sounding.yaml").write_text(text, encoding="utf-8")
    found = check_project(folder).findings.sorted()
    return [(d.code, (d.span.line, d.span.column) if d.span else None) for d in found if d.severity is not Severity.INFO]

"""A small project that uses every action and connection: what the tests of the runtime run on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.checks.run import check_project
from engine.dsl.diagnostics import Severity
from engine.model.definitions import Definitions

PROJECT = """\
project: shop
languages: [en]
timezone: Europe/Moscow
objects:
  contact:
    name: optional text
    email: optional email
    phone: optional phone
    language: optional language
    tier: {type: [standard, vip], optional: true}
    buyer: optional boolean
    opted_out: optional boolean
    revenue: optional number
    last_score: optional integer
  company: {name: optional text}
  deal: {title: text, amount: optional number, stage: optional text}
identity: {contact: [crm.id, email, phone]}
events:
  order.delivered: {object: deal, warehouse: optional text}
  visit.ended: {object: contact}
  help.wanted: {object: contact, topic: text}
may_ask: not contact.opted_out|default(false)
connections:
  mail: {use: smtp, host: {env: MAIL_HOST}, port: {env: MAIL_PORT}, tls: none, from: "Shop <cx@shop.test>", timeout: 5}
  desk: {use: zendesk, url: {env: DESK_URL}, user: agent@desk.test, token: {env: DESK_TOKEN}, allow_private: true}
  crm: {use: bitrix24, url: {env: B24_URL}, token: {env: B24_TOKEN}, allow_private: true}
  hook: {use: webhook, url: {env: HOOK_URL}, allow_private: true}
  feed: {use: events, token: {env: FEED_TOKEN}}
"""

RULES = """\
survey: nps_delivery
metric: nps
about: deal
questions:
  score: {type: nps, ask: Would you recommend us?}
  comment: {type: text, ask: Why?}
---
survey: csat_visit
metric: csat
questions:
  score: {type: csat, ask: How was your visit?}
---
audience: buyers
of: contact
where: contact.buyer|default(true)
---
cadence: after_delivery
survey: nps_delivery
audience: buyers
when: order.delivered
if: event.warehouse|default("") != "test"
via: [mail]
expires: 14d
---
cadence: after_visit
survey: csat_visit
audience: buyers
when: visit.ended
after: 2d
via: [mail]
expires: 7d
---
template: thank_you
subject: Thank you
text: "Dear {{ contact.name|default('friend') }}, thank you."
---
automation: help
when: help.wanted
then:
  - ticket: {via: desk, title: "{{ event.topic }}", body: "From {{ contact.name|default('someone') }}"}
---
automation: unhappy
when: survey.nps_delivery.answered
if: score <= 6
then:
  - ticket: {via: desk, title: "{{ score }}: {{ deal.title }}", body: "{{ comment|default('-') }}"}
---
automation: happy
when: survey.nps_delivery.answered
if: score >= 9
then:
  - email: {via: mail, template: thank_you}
---
automation: remember
when: survey.nps_delivery.answered
then:
  - update: {contact: {last_score: "{{ score }}"}}
---
automation: unanswered
when: survey.nps_delivery.expired
then:
  - webhook: {via: hook, data: {what: expired}}
---
automation: moved
when: deal.stage_changed
then:
  - webhook: {via: hook, data: {what: moved, stage: "{{ deal.stage|default('') }}"}}
---
automation: won
when: deal.won
then:
  - webhook: {via: hook, data: {what: won}}
---
automation: lost
when: deal.lost
then:
  - webhook: {via: hook, data: {what: lost}}
---
automation: repriced
when: deal.updated
if: '"amount" in event.changed'
then:
  - webhook: {via: hook, data: {what: repriced}}
"""


def write(root: Path, changes: Mapping[str, str] | None = None) -> Path:
    """The project as files below ``root``. ``changes`` replaces text by text; each must be there."""
    project, rules = PROJECT, RULES
    for old, new in (changes or {}).items():
        assert old in project + rules, old
        project, rules = project.replace(old, new), rules.replace(old, new)
    (root / "automations").mkdir(parents=True, exist_ok=True)
    (root / "sounding.yaml").write_text(project, encoding="utf-8")
    (root / "automations" / "rules.yaml").write_text(rules, encoding="utf-8")
    return root


def definitions(changes: Mapping[str, str] | None = None) -> Definitions:
    """The project as it is deployed."""
    return _definitions(tuple((changes or {}).items()))


def with_rules(rules: str, changes: Mapping[str, str] | None = None, *, despite: str | None = None) -> Definitions:
    """The project with further rules, ``despite`` errors of one code."""
    return _definitions(tuple((changes or {}).items()), rules, despite)


@cache
def _definitions(changes: tuple[tuple[str, str], ...], rules: str = "", despite: str | None = None) -> Definitions:
    with TemporaryDirectory() as folder:
        root = write(Path(folder), dict(changes))
        (root / "automations" / "further.yaml").write_text(rules, encoding="utf-8")
        loaded = check_project(root)
    errors = [str(d) for d in loaded.findings.sorted() if d.severity is Severity.ERROR and d.code != despite]
    assert not errors, errors
    assert loaded.definitions is not None
    return loaded.definitions

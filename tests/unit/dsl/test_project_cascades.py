"""What follows from a reported error is not reported; what stands on its own is."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.checks.run import check_project

PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, email: optional email, tier: [standard, vip], mrr: optional number}
  deal: {title: text}
events:
  order.delivered: {object: deal}
connections:
  mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
"""
SURVEY = """---
survey: nps
metric: nps
questions:
  score: {type: nps, ask: Score?}
  reason: {type: single, ask: Why?, options: {price: Price, speed: Speed}, show_if: score <= 6}
"""
REST = """---
audience: vips
of: contact
where: contact.tier == "vip"
---
cadence: after_delivery
survey: nps
audience: vips
when: order.delivered
via: [mail]
invite: invitation
---
template: invitation
text: "{{ contact.name }}: {{ deal.title }}, {{ link }}"
---
automation: rescue
when: survey.nps.answered
if: score <= 6 and answer.category == "detractor" and reason == "price"
then:
  - ticket: {via: desk, title: "{{ contact.name }}", body: "{{ reason }}"}
  - email: {template: sorry}
---
template: sorry
text: "{{ contact.name }}: {{ answer.category }}"
"""
WHOLE = PROJECT + SURVEY + REST


def findings(root: Path, text: str) -> list[tuple[str, str]]:
    """The code of each finding, and the line that it is in."""
    (root / "sounding.yaml").write_text(text, encoding="utf-8")
    found = check_project(root).findings.sorted()
    return [(finding.code, text.split("\n")[finding.span.line - 1].strip() if finding.span else "") for finding in found]


def test_the_project_is_sound_to_begin_with(tmp_path: Path) -> None:
    assert findings(tmp_path, WHOLE) == []


@pytest.mark.parametrize(
    ("good", "bad", "code"),
    [
        # the data contract: conditions, templates and conversions that read it
        ("mrr: optional number", "mrr: optional numbr", "SND107"),
        ("tier: [standard, vip]", "tier: [standard, vip, vip]", "SND104"),
        ("objects:\n", "may_ask: contact.tier == 'vip'\nobjects:\n  link: {x: text}\n", "SND106"),
        ("name: text,", "name: txt,", "SND107"),
        ("host: smtp.shop.test, ", "", "SND102"),
        ("use: smtp,", "use: smpt,", "SND103"),
        ("order.delivered: {object: deal}", "order.delivered: {object: dael}", "SND201"),
        # a survey: cadences, automations and templates that read its answers
        ("metric: nps", "metric: npss", "SND103"),
        ("metric: nps", "metric: csat", "SND205"),
        ("metric: nps", "metric: {nps: reason}", "SND205"),
        ("type: nps", "type: npz", "SND103"),
        ("ask: Score?", 'ask: "{{ scor }}"', "SND302"),
        ("show_if: score <= 6", "show_if: scor <= 6", "SND302"),
        ("options: {price: Price, speed: Speed}", 'options: {price: "{{ x }}", speed: Speed}', "SND302"),
        (", options: {price: Price, speed: Speed}", "", "SND102"),
        ("  reason:", "  event:", "SND106"),
        ("survey: nps\nmetric", "survey: Nps\nmetric", "SND103"),
        ("show_if: score <= 6}\n", "show_if: score <= 6}\npages: [[score], [raeson]]\n", "SND201"),
        ("show_if: score <= 6}\n", 'show_if: score <= 6}\nthanks: [{if: raeson is not none, text: "{{ reason }}"}]\n', "SND302"),
        # an audience: the cadence that asks it
        ('where: contact.tier == "vip"', 'where: contact.tier == "vipp"', "SND306"),
        ("of: contact\nwhere", "of: contcat\nwhere", "SND201"),
        # a cadence: the template that is its invitation
        ("when: order.delivered", "when: order.deliverd", "SND202"),
        ("via: [mail]\ninvite", "via: [post]\ninvite", "SND204"),
        ("cadence: after_delivery\n", "cadence: after_delivery\nevry: 1q\n", "SND101"),
        ("survey: nps\naudience: vips", "survey: npss\naudience: vips", "SND201"),
        ('text: "{{ contact.name }}: {{ deal.title }}, {{ link }}"', 'text: "{{ contact.name"', "SND401"),
        # an automation: the template of its message, and what its guard rules out
        ("if: score <= 6 and", "if: scor <= 6 and", "SND302"),
        ("when: survey.nps.answered", "when: survey.nsp.answered", "SND201"),
        ("when: survey.nps.answered", "when: survey.*.anwered", "SND202"),
        ("via: desk,", "via: disk,", "SND204"),
        ('and reason == "price"', "and reson is not none", "SND302"),
        ("{template: sorry}", "{template: sory}", "SND201"),
        ("{template: sorry}", '{template: "{{ sorry }}"}', "SND402"),
        ("when: survey.nps.answered", 'when: "{{ x }}"', "SND402"),
        ("audience: vips\nwhen", 'audience: "a{{ x }}"\nwhen', "SND402"),
        ("when: survey.nps.answered", "wehn: survey.nps.answered", "SND101"),
        ("  - ticket: {via: desk, title:", "  - tikcet: {via: desk, title:", "SND101"),
        ('title: "{{ contact.name }}", body', 'tilte: "{{ contact.name }}", body', "SND101"),
        ("{type: nps, ask: Score?}", "{typ: nps, ask: Score?}", "SND101"),
        ('text: "{{ contact.name }}: {{ answer.category }}"', 'txet: "{{ contact.name }}"', "SND101"),
        # documents
        ("survey: nps\nmetric", "servey: nps\nmetric", "SND105"),
        ("audience: vips\nof", "audiences: vips\nof", "SND105"),
        ("survey: nps\nmetric: nps", "survey: nps\nsurvey: nps\nmetric: nps", "SND002"),
        ("cadence: after_delivery\nsurvey: nps", "survey: nps\ncadence: after_delivery", "SND105"),
    ],
)
def test_one_mistake_is_one_finding(tmp_path: Path, good: str, bad: str, code: str) -> None:
    assert WHOLE.count(good) == 1 or good == "survey: nps\naudience: vips", good
    found = findings(tmp_path, WHOLE.replace(good, bad))
    assert [finding[0] for finding in found] == [code], found


def test_mistakes_of_their_own_are_all_found(tmp_path: Path) -> None:
    text = WHOLE.replace('where: contact.tier == "vip"', 'where: contact.tier == "vipp"').replace("via: desk,", "via: disk,")
    text = text.replace(
        "show_if: score <= 6}", "show_if: score <= 6}\nthanks: [{if: score > 8, text: '{{ nobody }}'}, {text: '{{ contact.nme }}'}]"
    )
    assert [code for code, _ in findings(tmp_path, text)] == ["SND302", "SND303", "SND306"]
    # The survey was refused, so its automation is not judged; mended, it is.
    assert [code for code, _ in findings(tmp_path, text.replace("{{ nobody }}", "").replace(".nme", ".name"))] == ["SND306", "SND204"]


def test_a_file_that_cannot_be_read_hides_what_it_declares(tmp_path: Path) -> None:
    (tmp_path / "surveys").mkdir()
    (tmp_path / "surveys" / "nps.yaml").write_text("survey: nps\nmetric: 'nps\n", encoding="utf-8")
    assert [code for code, _ in findings(tmp_path, PROJECT + REST)] == ["SND001"]


def test_without_a_sound_project_nothing_else_is_judged(tmp_path: Path) -> None:
    assert [code for code, _ in findings(tmp_path, WHOLE.replace("languages: [en]", "languages: [xx]"))] == ["SND103"]


def test_a_value_used_twice_by_alias_is_reported_once(tmp_path: Path) -> None:
    text = WHOLE.replace('body: "{{ reason }}"', 'body: &body "{{ raeson }}"').replace(
        "  - email: {template: sorry}", "  - email: {subject: Sorry, body: *body}"
    )
    assert [code for code, _ in findings(tmp_path, text)] == ["SND302"]


@pytest.mark.parametrize(
    ("document", "hint"),
    [
        ("survey: nps\ncadence: c\naudience: vips\nwhen: order.delivered\nvia: [mail]\n", "begin it with `cadence: name`"),
        ("survey: nps\naudience: vips\nwhen: order.delivered\nvia: [mail]\n", "begin it with `cadence: name`"),
        ("automatoin: a\nwhen: order.delivered\n", "did you mean `automation`?"),
    ],
)
def test_a_document_with_the_wrong_first_key_comes_with_a_hint(tmp_path: Path, document: str, hint: str) -> None:
    (tmp_path / "sounding.yaml").write_text(f"{PROJECT}---\n{document}", encoding="utf-8")
    (finding,) = check_project(tmp_path).findings.items
    assert (finding.code, finding.hint) == ("SND105", hint)
    assert finding.span is not None
    assert (finding.span.line, finding.span.column) == (PROJECT.count("\n") + 2, 1)

"""What automations on one survey's answers leave out, do twice or can never do; and what is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.checks.run import check_project

PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, email: optional email, tier: [standard, vip], last_nps: optional integer, mrr: optional number}
events:
  case.reviewed: {object: contact}
connections:
  mail: {use: smtp, host: smtp.shop.test, from: "Shop <cx@shop.test>"}
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
---
survey: nps
metric: nps
questions:
  score: {type: nps, ask: "Would you?"}
  reason: {type: text, ask: "Why?", show_if: score <= 6}
---
survey: site
metric: gcr
questions: {goal: {type: gcr, ask: "Did you reach your goal?"}}
"""
TICKET = "then: [{ticket: {title: '{{ contact.name }}'}}]"
MAIL = "then: [{email: {subject: Thanks, body: 'Thanks.'}}]"


def found(root: Path, *automations: str, when: str = "survey.nps.answered") -> list[tuple[str, str]]:
    documents = [
        f"automation: a{number}\n{'' if 'when:' in text else f'when: {when}'}\n{text}\n" for number, text in enumerate(automations)
    ]
    (root / "sounding.yaml").write_text("---\n".join([PROJECT, *documents]), encoding="utf-8")
    findings = check_project(root).findings
    assert not findings.errors, findings.items
    return [(item.code, item.address or "") for item in findings.sorted()]


def message(root: Path, code: str) -> str:
    return next(item.message for item in check_project(root).findings.items if item.code == code)


def test_scores_between_two_automations_are_named(tmp_path: Path) -> None:
    assert found(tmp_path, f"if: score <= 3\n{TICKET}", f"if: score in [5, 9, 10]\n{MAIL}") == [("SND801", "survey.nps")]
    assert message(tmp_path, "SND801") == "no automation handles a `score` of 4, 6 to 8"


def test_a_gap_is_one_of_categories_too(tmp_path: Path) -> None:
    automations = [f"if: goal == 'no'\n{TICKET}", f"if: answer.category == 'yes'\n{MAIL}"]
    assert found(tmp_path, *automations, when="survey.site.answered") == [("SND801", "survey.site")]
    assert message(tmp_path, "SND801") == 'no automation handles a `goal` of "partly"'


@pytest.mark.parametrize(
    "automations",
    [
        [f"if: score <= 6\n{TICKET}"],  # nothing to be between
        [f"if: score <= 6\n{TICKET}", "then: [{update: {contact: {last_nps: '{{ score }}'}}}]"],
        [f"if: score <= 6\n{TICKET}", f"if: answer.sentiment != 'negative'\n{MAIL}"],
        [f"if: score <= 6\n{TICKET}", f"if: score > 6 and contact.tier == 'vip'\n{MAIL}"],
        [f"if: score <= 6\n{TICKET}", f"if: days_since(today()) > 3\n{MAIL}"],
        [f"when: survey.*.answered\nif: answer.sentiment == 'negative'\n{TICKET}", f"if: score > 6\n{MAIL}"],
    ],
)
def test_no_gap_where_every_score_may_be_handled(tmp_path: Path, automations: list[str]) -> None:
    assert [code for code, _ in found(tmp_path, *automations)] == []


def test_an_overlap_is_found_in_branches_and_behind_waits(tmp_path: Path) -> None:
    first = "then:\n - wait: 1d\n - if: score <= 6\n   then: [{ticket: {title: A}}]"
    second = (
        "if: score >= 6\nthen:\n - if: contact.tier == 'vip'\n   then: [{ticket: {title: B}}]\n   else: [{email: {subject: A, body: B}}]"
    )
    assert found(tmp_path, first, second) == [("SND802", "automation.a1")]
    assert message(tmp_path, "SND802") == "for a `score` of 6, `automation.a0` holds too, and each does `ticket via desk`"


def test_each_later_automation_has_one_finding_that_names_the_earlier_ones(tmp_path: Path) -> None:
    automations = [f"if: score in [{n}, {n + 1}]\n{TICKET}" for n in range(3)]
    assert found(tmp_path, *automations) == [("SND801", "survey.nps"), ("SND802", "automation.a1"), ("SND802", "automation.a2")]


@pytest.mark.parametrize(
    "automations",
    [
        [f"if: score <= 6\n{TICKET}", f"if: score <= 6\n{MAIL}", f"if: score > 6\n{MAIL}"],
        [
            f"if: score <= 6\n{TICKET}",
            "if: score <= 9\nthen: [{stop: no, if: score <= 6}, {ticket: {title: A}}]",
            f"if: score > 9\n{MAIL}",
        ],
        [f"if: reason is not none\n{TICKET}", f"if: score > 6\n{TICKET}"],  # shown to detractors only
        ["then: [{update: {contact: {last_nps: '{{ score }}'}}}]"] * 2,  # the same value twice
        [
            f"if: contact.mrr is not none and contact.mrr / 2 > 3\n{TICKET}",
            f"if: contact.mrr is not none and contact.mrr * 2 < 3\n{TICKET}",
        ],
        [
            "then: [{ticket: {title: A}, as: case}, {wait_for: case.closed, at_most: 1d, on_timeout: [{email: {subject: A, body: B}}]}]",
            MAIL,
        ],
    ],
)
def test_no_overlap_where_actions_conditions_or_values_differ_or_nobody_can_tell(tmp_path: Path, automations: list[str]) -> None:
    assert [code for code, _ in found(tmp_path, *automations)] == []


def test_automations_behind_several_surveys_are_blamed_once(tmp_path: Path) -> None:
    every = f"when: survey.*.answered\nif: contact.tier == 'vip'\n{TICKET}"
    assert found(tmp_path, every, every) == [("SND803", "automation.a1")]
    assert message(tmp_path, "SND803").startswith("on `survey.nps.answered`: whenever ")


def test_an_automation_for_one_survey_is_blamed_where_that_for_every_survey_does_the_same_wherever_it_stands(tmp_path: Path) -> None:
    one = [f"when: survey.{name}.answered\n{TICKET}" for name in ("nps", "site")]
    every = f"when: survey.*.answered\nif: contact.tier == 'vip'\n{TICKET}"
    assert found(tmp_path, *one, every) == [("SND803", "automation.a0"), ("SND803", "automation.a1")]
    assert found(tmp_path, every, *one) == [("SND803", "automation.a1"), ("SND803", "automation.a2")]
    assert message(tmp_path, "SND803").startswith("on `survey.nps.answered`: whenever `automation.a0` holds, this holds too")


@pytest.mark.parametrize(
    ("first", "later", "said"),
    [
        # On an answer to `site` the first holds, and the other does not.
        ("[survey.nps.answered, survey.site.answered]", "survey.nps.answered", "on `survey.nps.answered`: whenever `automation.a0`"),
        ("survey.nps.answered", "[survey.nps.answered, case.reviewed]", "on `survey.nps.answered`: whenever this holds"),
        ("survey.nps.answered", "survey.nps.answered", "whenever "),
    ],
)
def test_one_automation_covers_another_only_on_the_event_that_starts_both(tmp_path: Path, first: str, later: str, said: str) -> None:
    wide, narrow = "if: contact.name == 'A'", "if: contact.name == 'A' and contact.tier == 'vip'"
    conditions = (narrow, wide) if said.endswith("`automation.a0`") else (wide, narrow)
    automations = [f"when: {when}\n{condition}\n{TICKET}" for when, condition in zip((first, later), conditions, strict=True)]
    assert found(tmp_path, *automations) == [("SND803", "automation.a1")]
    assert message(tmp_path, "SND803").startswith(said)


def test_what_one_survey_cannot_start_another_one_may(tmp_path: Path) -> None:
    sure = "---\nsurvey: sure\nmetric: nps\nquestions: {score: {type: nps, ask: A}, reason: {type: text, ask: B}}\n"
    both = f"when: [survey.nps.answered, survey.sure.answered]\nif: reason is not none and score > 6\n{TICKET}\n{sure}"
    assert found(tmp_path, both) == []


def test_what_is_known_of_an_object_ends_at_a_wait_and_at_an_update(tmp_path: Path) -> None:
    for between in ("wait: 1d", "update: {contact: {tier: vip}}", "ticket: {title: A}\n   as: case"):
        steps = f"then:\n - {between}\n - if: contact.tier == 'vip'\n   then: [{{email: {{subject: A, body: B}}}}]"
        assert found(tmp_path, f"if: contact.tier == 'standard'\n{steps}") == []
    assert found(tmp_path, "if: contact.tier == 'standard'\n" + steps.replace(between, "email: {subject: A, body: B}")) == [
        ("SND804", "automation.a0")
    ]


def test_a_guard_that_holds_anyway_is_no_finding_where_nothing_hangs_on_it(tmp_path: Path) -> None:
    assert found(tmp_path, "if: score <= 6\nthen: [{ticket: {title: A}, if: score <= 8}]") == []


@pytest.mark.parametrize(
    "condition",
    ["answer.score > 5 and score < 3", "score > 5 and (answer.score < 3 or answer.reason is none and reason is not none)"],
)
def test_an_answer_and_its_bare_id_are_one_value(tmp_path: Path, condition: str) -> None:
    assert found(tmp_path, f"if: {condition}\n{TICKET}") == [("SND310", "automation.a0")]
    # By itself it is constant, so nothing is said of where it stands.
    assert found(tmp_path, f"if: score < 9\nthen: [{{ticket: {{title: A}}, if: {condition}}}]") == [("SND310", "automation.a0")]
    questions = "score: {type: nps, ask: A?}\n  reason: {type: text, ask: B?, show_if: score < 9}"
    survey = f"survey: q\nmetric: nps\nquestions:\n  {questions}\n  why: {{type: text, ask: C?, show_if: {condition}}}\n"
    assert found(tmp_path, f"{TICKET}\n---\n{survey}") == [("SND310", "survey.q")]


def test_what_is_computed_from_a_score_alone_is_a_set_of_scores(tmp_path: Path) -> None:
    assert found(tmp_path, "if: contact.mrr is not none\n" + TICKET, f"if: score // -2 == 3\n{TICKET}") == [("SND310", "automation.a1")]
    assert found(tmp_path, f"if: score >= 1 and contact.tier == 'vip'\n{TICKET}", f"if: answer.score % 2 == 0\n{TICKET}") == [
        ("SND802", "automation.a1")
    ]
    assert message(tmp_path, "SND802").startswith("for a `score` of 2, 4, 6, 8, 10, `automation.a0` holds too")
    odd = f"if: score % 2 == 1\n{TICKET}"
    assert found(tmp_path, odd, f"if: score in [0, 4]\n{TICKET}") == [("SND801", "survey.nps")]
    # Divided by 0, it is missing.
    assert found(tmp_path, f"if: 10 / score == 20\n{TICKET}", f"if: 10 / score != 20\n{TICKET}") == [
        ("SND310", "automation.a0"),
        ("SND310", "automation.a1"),
    ]


def test_an_overlap_names_the_scores_that_any_of_the_earlier_ones_handles(tmp_path: Path) -> None:
    automations = [f"if: score in [5, 6, 7]\n{TICKET}", f"if: score <= 6 and contact.tier == 'vip'\n{TICKET}", f"if: score >= 6\n{TICKET}"]
    assert ("SND802", "automation.a2") in found(tmp_path, *automations)
    said = [item.message for item in check_project(tmp_path).findings.items if item.address == "automation.a2"]
    assert said == ["for a `score` of 6 to 7, `automation.a0`, `automation.a1` hold too, and each does `ticket via desk`"]


NOBODY = "contact.tier == 'vip' and contact.tier == 'standard'"


@pytest.mark.parametrize(
    ("own", "step", "code"),
    [
        (NOBODY, "contact.tier == 'vip'", "SND310"),
        ("contact.tier == 'vip'", NOBODY, "SND310"),
        ("contact.tier == 'vip'", "contact.tier == 'standard'", "SND804"),
        ("contact.tier == 'vip'", "contact.mrr is none", "SND805"),
    ],
)
def test_an_event_that_is_never_emitted_closes_no_cycle(tmp_path: Path, own: str, step: str, code: str) -> None:
    again = f"automation: a0\nwhen: case.reviewed\nif: {own}\nthen: [{{emit: {{event: case.reviewed}}, if: {step}}}]\n"
    (tmp_path / "sounding.yaml").write_text(f"{PROJECT}---\n{again}", encoding="utf-8")
    assert [item.code for item in check_project(tmp_path).findings.items] == [code]


@pytest.mark.parametrize(
    ("automation", "codes"),
    [
        (f"if: score <= 8 or answer.category == 'promoter'\n{TICKET}", ["SND310"]),
        (f"if: contact.tier == 'vip' and (score <= 6 or answer.sentiment in ['positive', 'neutral'])\n{TICKET}", ["SND310"]),
        (f"if: contact.tier == 'vip' or (score > 8 and answer.category == 'detractor')\n{TICKET}", ["SND310"]),
        (f"if: score > 8 and answer.category == 'detractor'\n{TICKET}", ["SND804"]),
        ("if: answer.category == 'detractor'\nthen: [{ticket: {title: A}, if: score > 8}]", ["SND804"]),
        (f"then: [{{if: score <= 8 or answer.category == 'promoter', {TICKET}}}]", ["SND310"]),
        (f"if: score <= 7 or answer.category == 'promoter'\n{TICKET}", []),
        ("if: answer.category == 'detractor'\nthen: [{ticket: {title: A}, if: score < 4}]", []),
        ("if: answer.category == 'detractor'\nthen: [{ticket: {title: A}, if: score < 8}]", []),
    ],
)
def test_which_scores_a_category_has_may_make_a_condition_constant(tmp_path: Path, automation: str, codes: list[str]) -> None:
    assert [code for code, _ in found(tmp_path, automation)] == codes


def test_an_automation_for_surveys_of_several_scales_is_judged_on_the_scale_of_each(tmp_path: Path) -> None:
    visit = "---\nsurvey: visit\nmetric: csat\nquestions: {score: {type: csat, ask: A}}\n"
    both = f"when: [survey.visit.answered, survey.nps.answered]\nif: score in [3, 5]\n{TICKET}"
    low = f"when: survey.visit.answered\nif: score <= 2\n{MAIL}\n{visit}"
    assert found(tmp_path, both, low) == [("SND801", "survey.visit")]
    assert message(tmp_path, "SND801") == "no automation handles a `score` of 4"

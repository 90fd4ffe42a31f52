"""What the language says, sentence by sentence: small projects, each defect found where it is marked, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from marked import PROJECT, SURVEY, findings, marked_places

from engine.checks.run import check_project

QUESTIONS = "---\nsurvey: s\nmetric: nps\nquestions:\n  score: {type: nps, ask: S?}\n"


def check(folder: Path, marked: str, code: str | None) -> None:
    text, places = marked_places(marked)
    assert findings(folder, text) == [(code, place) for place in places], marked
    assert bool(places) == (code is not None)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("{use: smtp, host: a, from: ⟦nonsense⟧}", "SND103"),
        ('{use: smtp, host: a, from: "A <a@b.test>", port: ⟦abc⟧}', "SND103"),
        ('{use: smtp, host: a, from: "A <a@b.test>", port: ⟦70000⟧}', "SND103"),
        ('{use: smtp, host: a, from: "A <a@b.test>", rate: ⟦50/fortnight⟧}', "SND103"),
        ('{use: smtp, host: a, from: "A <a@b.test>", rate: 50/s, timeout: 2.5, connections: 4}', None),
        ('{use: smtp, host: a, from: "A <a@b.test>", tls: ⟦stattls⟧}', "SND103"),
        ('{use: smtp, host: a, from: "A <a@b.test>", password: ⟦geheim⟧}', "SND501"),
        ("{use: smtp, host: {env: H}, from: {env: F}, port: {env: P}}", None),
        ('{use: zendesk, url: ⟦"ftp://x"⟧, user: me, token: {env: T}}', "SND103"),
        ("{use: twilio, account: AC1, token: {env: T}, from: +15005550006}", None),
        ("{use: bitrix24, url: {env: U}, token: {env: T}, fields: {⟦contact⟧: UF}}", "SND106"),
        ("{use: bitrix24, url: {env: U}, token: {env: T}, fields: {⟦contact.tierr⟧: UF}}", "SND303"),
    ],
)
def test_a_setting_has_the_form_that_it_needs(tmp_path: Path, written: str, code: str | None) -> None:
    check(tmp_path, f"{PROJECT}  other: {written}\n", code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ('{only_to: ["*@acme.test"], connections: {mail: {host: localhost, port: 2525}}}', None),
        ("{}", None),
        ("{connections: {⟦mial⟧: {host: localhost}}}", "SND201"),
        ("{connections: {mail: {⟦url⟧: localhost}}}", "SND101"),
        ("{connections: {mail: {⟦use⟧: zendesk}}}", "SND101"),
        ("{connections: {mail: {password: ⟦x⟧}}}", "SND501"),
        ("{connections: {mail: {port: ⟦x⟧}}}", "SND103"),
        ("{connections: {mail: {tls: ⟦x⟧}}}", "SND103"),
        ("{connections: {mail: {⟦dkim⟧: {selector: a}}}}", "SND102"),
        ("{connections: {crm: {fields: {⟦contact.x⟧: UF}}}}", "SND303"),
    ],
)
def test_what_an_environment_says_is_checked_as_what_it_replaces(tmp_path: Path, written: str, code: str | None) -> None:
    check(tmp_path, f"{PROJECT}environments: {{staging: {written}}}\n", code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("  ⟦deal.won⟧: {reason: text}", "SND106"),
        ("  ⟦survey.nps.answered⟧: {reason: text}", "SND106"),
        ("  order.lost: {⟦deal⟧: text}", "SND106"),
        ("  ⟦Order.lost⟧: {reason: text}", "SND106"),
        ("  checkout: {reason: text}", None),
        ("  order.lost: {object: [contact, ⟦dael⟧]}", "SND201"),
        ("  order.lost: {object: [contact, deal], reason: optional text}", None),
    ],
)
def test_an_event_is_beyond_the_built_in_ones(tmp_path: Path, written: str, code: str | None) -> None:
    check(tmp_path, PROJECT.replace("connections:", f"{written}\nconnections:"), code)


@pytest.mark.parametrize(
    ("languages", "written", "code"),
    [
        ("[en, uk]", "{en: S, uk: С}", None),
        ("[en, uk]", "Score", None),
        ("[en, uk]", "⟦{en: S}⟧", "SND403"),
        ("[en, uk]", "{en: S, ⟦ua⟧: С}", "SND404"),
        ("[en, uk]", "{en: S, uk: С, ⟦de⟧: N}", "SND404"),
        ("[en, ⟦en⟧]", "Score", "SND104"),
        ("[⟦english⟧]", "Score", "SND103"),
        ("[pt-BR, zh-Hant]", "Score", None),
    ],
)
def test_a_text_has_every_language_of_the_project_and_no_other(tmp_path: Path, languages: str, written: str, code: str | None) -> None:
    survey = f"---\nsurvey: s\nmetric: nps\nquestions:\n  score: {{type: nps, ask: {written}}}\n"
    check(tmp_path, PROJECT.replace("[en]", languages) + survey, code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("survey: true\nmetric: none\nquestions: {on: {type: yes_no, ask: A}}", None),
        ("survey: null\nmetric: none\nquestions: {no: {type: yes_no, ask: null}}", None),
        ("survey: s\nmetric: none\nquestions: {a: {type: single, ask: 5, options: {NO: Norway, 012: twelve, true: Yes}}}", None),
        ("⟦survey⟧:\nmetric: none\nquestions: {a: {type: yes_no, ask: A}}", "SND103"),
        ("survey: s\nmetric: none\nquestions: {a: {type: yes_no, ⟦ask⟧: }}", "SND103"),
        ("survey: s\nmetric: none\nrenamed_from: true\nquestions: {a: {type: yes_no, ask: A, renamed_from: no}}", None),
    ],
)
def test_where_text_or_a_name_is_expected_a_plain_scalar_is_its_source_text(tmp_path: Path, written: str, code: str | None) -> None:
    check(tmp_path, f"{PROJECT}---\n{written}\n", code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("a: {type: info, ask: A, ⟦required⟧: true}", "SND101"),
        ("a: {type: info, ask: A, ⟦validate⟧: score > 3}", "SND101"),
        ("a: {type: text, ask: A, ⟦labels⟧: {low: L, high: H}}", "SND101"),
        ("a: {type: csat, ask: A, labels: {⟦lo⟧: L, high: H}}", "SND101"),
        ("⟦category⟧: {type: text, ask: A}", "SND106"),
        ("⟦days_since⟧: {type: text, ask: A}", "SND106"),
        ("⟦deal⟧: {type: text, ask: A}", "SND106"),
        ("a: {type: stars, ask: A, scale: ⟦2-5⟧}", "SND103"),
        ("a: {type: nps, ask: A}", None),
    ],
)
def test_a_question_has_what_its_type_takes(tmp_path: Path, written: str, code: str | None) -> None:
    survey = QUESTIONS.replace("metric: nps", "metric: {nps: score}")
    check(tmp_path, f"{PROJECT}checks: {{SND701: off}}\n{survey}  {written}\n", code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ('if: invitation.variant == "a"\nthen: [stop: true]', None),
        ('if: invitation.variant == ⟦"c"⟧\nthen: [stop: true]', "SND306"),
        ('then: [{ticket: {title: "{{ ⟦invitation.variant⟧ }}"}}]', "SND305"),
        ('then: [{message: {to: "#{{ contact.tier }}", text: hi}}]', None),
        ("then: [{update: {contact: {tier: ⟦vipp⟧}}}]", "SND304"),
        ("then: [{suppress: {channel: ⟦emial⟧}}]", "SND204"),
        ("then: [{suppress: {channel: sms, for: 30d}}]", None),
        ("then: [{email: {subject: S, body: B, to: ⟦nobody⟧}}]", "SND306"),
        ("then: [{email: {subject: S, body: B, to: cx@acme.test}}]", None),
        ("then: [{ask: {survey: nps, via: [mail]}}]", None),
        ("then: [{ask: {survey: nps, via: ⟦mial⟧}}]", "SND204"),
        ("then: [{⟦if⟧: score > 3, else: [stop: true]}]", "SND102"),
        ("then: ⟦{stop: true}⟧", "SND103"),
        ("if: ⟦{score <= 6}⟧\nthen: [stop: true]", "SND103"),
        ('then: [{webhook: {via: hook, data: {customerId: "{{ contact.id }}"}}}]', None),
        ("then: [{⟦ticket⟧: {via: desk}}]", "SND102"),
    ],
)
def test_what_a_step_says_is_checked(tmp_path: Path, written: str, code: str | None) -> None:
    project = PROJECT + '  hook: {use: webhook, url: "https://acme.test/hook"}\n' + SURVEY + "variants: {a: 50%, b: 50%}\n"
    check(tmp_path, f"{project}---\nautomation: a\nwhen: survey.nps.answered\n{written}\n", code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("to: [{email: cx@acme.test}, {slack: '#cx'}]\nevery: 1mo", None),
        ("to: [{email: ⟦nobody⟧}]", "SND306"),
        ("to: [{⟦desk⟧: x}]", "SND204"),
        ("title: ⟦{en: A}⟧", "SND403"),
    ],
)
def test_a_report_goes_where_it_can(tmp_path: Path, written: str, code: str | None) -> None:
    check(tmp_path, PROJECT.replace("[en]", "[en, uk]") + f"---\nreport: r\n{written}\n", code)


def test_a_project_and_a_scenario_may_have_had_another_name(tmp_path: Path) -> None:
    scenario = "---\nscenario: s\nrenamed_from: t\nstart: 2026-01-01T00:00:00Z\ntimeline: [{at: 0d}]\n"
    check(tmp_path, PROJECT.replace("project: acme", "project: acme\nrenamed_from: emca") + scenario, None)


@pytest.mark.parametrize(
    ("questions", "code"),
    [
        ("a: {type: yes_no, ask: A, show_if: ⟦b⟧ == true}\n  b: {type: yes_no, ask: B}", "SND210"),
        ("a: {type: yes_no, ask: A, show_if: ⟦b⟧ == true}\n  b: {type: yes_no, ask: B, show_if: a == true}", "SND209"),
        ("a: {type: yes_no, ask: A, show_if: ⟦a⟧ == true}", "SND209"),
        ("a: {type: yes_no, ask: A, show_if: score > 3 and answer.⟦b⟧ == true}\n  b: {type: yes_no, ask: B, show_if: a == true}", "SND209"),
        (
            "a: {type: yes_no, ask: A, show_if: ⟦b⟧ == true}\n  b: {type: yes_no, ask: B, show_if: c == true}\n"
            "  c: {type: yes_no, ask: C, show_if: a == true}",
            "SND209",
        ),
        ('a: {type: yes_no, ask: "A {{ ⟦b⟧ }}"}\n  b: {type: yes_no, ask: B}', "SND210"),
        ("a: {type: number, ask: A, validate: ⟦b⟧ > 3}\n  b: {type: number, ask: B}", "SND210"),
        ("a: {type: info, ask: A}\n  b: {type: yes_no, ask: B, show_if: ⟦a⟧ == true}", "SND302"),
        ("a: {type: yes_no, ask: A}\n  b: {type: yes_no, ask: B, show_if: a == true}", None),
    ],
)
def test_a_question_reads_earlier_answers_alone(tmp_path: Path, questions: str, code: str | None) -> None:
    check(tmp_path, f"{PROJECT}{QUESTIONS}  {questions}\n", code)


BLUEPRINT = """---
blueprint: recovery
inputs: {survey: survey, threshold: {type: integer, default: 6}, desk: connection}
automation: {when: survey.$survey.answered, if: score <= $threshold, then: [{ticket: {via: $desk, title: "{{ contact.name }}"}}]}
"""
USE = "---\nautomation: r\nuse: recovery\nwith: {survey: nps, desk: desk}\n"


@pytest.mark.parametrize(
    ("blueprint", "use", "code"),
    [
        (BLUEPRINT, USE, None),
        (BLUEPRINT, USE.replace("desk}", "desk, threshold: ⟦four⟧}"), "SND304"),
        (BLUEPRINT, USE.replace(", desk: desk", "").replace("with", "⟦with⟧"), "SND102"),
        (BLUEPRINT, "---\n⟦automation⟧: r\nuse: recovery\n", "SND102"),
        (BLUEPRINT, USE.replace("recovery", "⟦recoverry⟧"), "SND201"),
        (BLUEPRINT, USE.replace("automation", "cadence").replace("recovery", "⟦recovery⟧"), "SND201"),
        (BLUEPRINT, USE + "⟦if⟧: score > 3\n", "SND101"),
        (BLUEPRINT, USE.replace("{survey: nps, desk: desk}", "⟦[a]⟧"), "SND103"),
        (BLUEPRINT, USE.replace("nps", "⟦npss⟧"), "SND201"),
        (BLUEPRINT, USE.replace("desk: desk", "desk: ⟦dsk⟧"), "SND204"),
        (BLUEPRINT.replace("$desk", "⟦$desk⟧"), USE.replace("desk: desk", "desk: mail"), "SND204"),
        (BLUEPRINT.replace("score", "⟦scor⟧"), USE, "SND302"),
        (BLUEPRINT.replace("ticket", "⟦tikcet⟧"), USE, "SND101"),
        (BLUEPRINT.replace("$threshold", "⟦$treshold⟧"), USE, "SND109"),
        (BLUEPRINT.replace(" survey,", " ⟦srvey⟧,"), USE, "SND107"),
        (BLUEPRINT.replace("default: 6", "default: ⟦six⟧"), USE, "SND304"),
        (BLUEPRINT.replace("default: 6", "⟦defalt⟧: 6"), USE, "SND101"),
        (BLUEPRINT + BLUEPRINT.replace("recovery", "⟦recovery⟧"), USE, "SND104"),
        (BLUEPRINT.replace("inputs", "renamed_from: rescue\ninputs"), USE, None),
    ],
)
def test_a_blueprint_is_filled_in_and_judged_where_it_is_used(tmp_path: Path, blueprint: str, use: str, code: str | None) -> None:
    text, places = marked_places(PROJECT + SURVEY + blueprint + use)
    assert findings(tmp_path, text) == [(code, place) for place in places if code is not None]


def test_what_is_wrong_in_a_blueprint_names_its_use(tmp_path: Path) -> None:
    for wrong in ("scor <=", "score <= 'six' and"):
        text = PROJECT + SURVEY + BLUEPRINT.replace("score <=", wrong) + USE
        (tmp_path / "sounding.yaml").write_text(text, encoding="utf-8")
        messages = [finding.message for finding in check_project(tmp_path).findings.items]
        assert messages
        assert all(message.endswith(f"(in a blueprint used at sounding.yaml:{text.count(chr(10)) - 2}:1)") for message in messages)


def test_what_a_blueprint_is_given_has_to_exist(tmp_path: Path) -> None:
    blueprint = (
        "---\nblueprint: ask\ninputs: {survey: survey, whom: audience, by: connection, words: template, on: event}\n"
        "cadence: {survey: $survey, audience: $whom, via: [$by], invite: $words, when: $on}\n---\naudience: all\nof: contact\n"
        '---\ntemplate: hello\nsubject: Hello\ntext: "{{ link }}"\n'
    )
    sound = {"survey": "nps", "whom": "all", "by": "email", "words": "hello", "on": "deal.won"}
    for name, code in ((None, ""), ("survey", "SND201"), ("whom", "SND201"), ("by", "SND204"), ("words", "SND201"), ("on", "SND202")):
        given = "".join(f"  {key}: {f'⟦{value}x⟧' if key == name else value}\n" for key, value in sound.items())
        text, places = marked_places(PROJECT + SURVEY + blueprint + "---\ncadence: c\nuse: ask\nwith:\n" + given)
        (tmp_path / "sounding.yaml").write_text(text, encoding="utf-8")
        found = [one for one in check_project(tmp_path).findings.items if one.severity == "error"]
        assert [(one.code, (one.span.line, one.span.column)) for one in found if one.span is not None] == [
            (code, place) for place in places
        ]
        assert all(one.message.endswith("(given to the blueprint `ask`)") for one in found)


def test_what_is_not_written_has_a_place_too(tmp_path: Path) -> None:
    text = PROJECT + SURVEY + "---\nautomation: a\nwhen: survey.nps.answered\nthen:\n  - \n"
    (tmp_path / "sounding.yaml").write_text(text, encoding="utf-8")
    (finding,) = check_project(tmp_path).findings.items
    assert finding.span is not None
    assert (finding.span.line, finding.span.column, finding.span.end_column) == (text.count("\n"), 4, 5)


CONTACTS = "contacts: {ada: {name: Ada, tier: vip, age: 30, joined: 2026-01-01, employee: false, tags: [a]}}\n"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("timeline: [{at: 0d}, {at: 3d, answer: nps, contact: ada, answers: {score: 3, reason: slow}}, {at: 1w}]", None),
        ("timeline: [{at: 3d}, {at: ⟦2d⟧}]", "SND103"),
        ("timeline: [{at: 25h}, {at: ⟦1d⟧}]", "SND103"),
        ("timeline: [{at: 3d, answer: nps, contact: ada, answers: {score: ⟦11⟧}}]", "SND304"),
        ("timeline: [{at: 3d, answer: nps, contact: ⟦bob⟧, answers: {score: 1}}]", "SND201"),
        ("timeline: [{at: 3d, event: order.delivered, contact: ada, data: {deal: {id: d1, title: T, ⟦titel⟧: T}}}]", "SND303"),
        # What becomes of data that do not fit is worth a scenario.
        ("timeline: [{at: 3d, event: order.delivered, contact: ada, data: {deal: {id: d1, title: 5}, warehouse: [x]}}]", None),
        ("timeline: [{at: 3d, expect: [{ticket: {priority: high, via: desk}}, {update: {contact: {tier: vip}}}]}]", None),
        ("timeline: [{at: 3d, expect: [{ticket: {⟦priorty⟧: high}}]}]", "SND303"),
        ("timeline: [{at: 3d, expect: [{ticket: {priority: ⟦hihg⟧}}]}]", "SND103"),
        ("timeline: [{at: 3d, expect: [{invitation: {survey: ⟦npss⟧, via: mail}}]}]", "SND201"),
    ],
)
def test_a_scenario_says_what_can_be(tmp_path: Path, written: str, code: str | None) -> None:
    check(tmp_path, f"{PROJECT}{SURVEY}---\nscenario: s\nstart: 2026-03-02T09:00:00Z\n{CONTACTS}{written}\n", code)


@pytest.mark.parametrize("wrong", ["tier: ⟦vpi⟧", "employee: ⟦no⟧", "joined: ⟦yesterday⟧", "tags: ⟦a⟧", "tags: [⟦{a: b}⟧]", "age: ⟦old⟧"])
def test_the_contacts_of_a_scenario_fit_the_contract(tmp_path: Path, wrong: str) -> None:
    scenario = f"---\nscenario: s\nstart: 2026-03-02T09:00:00Z\ncontacts: {{ada: {{{wrong}}}}}\ntimeline: [{{at: 0d}}]\n"
    check(tmp_path, PROJECT + scenario, "SND304")


@pytest.mark.parametrize(
    "condition",
    [
        "⟦contact.name⟧ + 'x' == 'ax'",
        "contact.age + ⟦'5'⟧ > 3",
        "contact.age + ⟦contact.name⟧ > 3",
        "⟦contact.name⟧ + contact.age > 3",
        "⟦contact.joined⟧ - contact.joined > 3",
    ],
)
def test_what_cannot_be_calculated_with_is_one_finding(tmp_path: Path, condition: str) -> None:
    check(tmp_path, f"{PROJECT}---\naudience: a\nof: contact\nwhere: {condition}\n", "SND304")


def test_a_colour_without_quotes_is_explained(tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text("project: acme\ntheme: {accent: #006633, logo: logo.svg}\n", encoding="utf-8")
    (finding,) = check_project(tmp_path).findings.items
    assert finding.hint == "quote what begins with `#`: it is a comment from there on"
    assert finding.span is not None
    assert (finding.span.line, finding.span.column) == (2, 8)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("when: order.delivered\nafter: 2d", None),
        ("when: order.delivered\n⟦spread⟧: 10d", "SND108"),
        ("when: order.delivered\n⟦from⟧: 2026-01-01", "SND108"),
        ("every: 1q\nspread: 10d\nfrom: 2026-01-01", None),
        ("every: 1q\n⟦after⟧: 2d", "SND108"),
        ('cron: "0 9 * * mon"\nspread: 2d', None),
        ('cron: ⟦"0 0 9 * * mon"⟧', "SND103"),
        ('cron: ⟦"0 25 * * mon"⟧', "SND103"),
        ("when: order.delivered\n⟦every⟧: 1q", "SND108"),
    ],
)
def test_a_cadence_says_what_its_beginning_takes(tmp_path: Path, written: str, code: str | None) -> None:
    survey = SURVEY.replace("about: deal\n", "")
    audience = "---\naudience: x\nof: contact\n---\ncadence: c\nsurvey: nps\naudience: x\nvia: [mail]\n"
    check(tmp_path, f"{PROJECT}{survey}{audience}{written}\n", code)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("public_url: https://cx.acme.test/s", None),
        ("public_url: {env: URL}", None),
        ("public_url: ⟦cx.acme.test⟧", "SND103"),
        ("quiet: {days: [sat, sun]}", None),
        ("quiet: {days: ⟦[mon, tue, wed, thu, fri, sat, sun]⟧}", "SND103"),
        ("---\naudience: a\nof: contact\nexclude: [⟦a⟧]", "SND108"),
    ],
)
def test_what_leaves_nobody_and_leads_nowhere_is_refused(tmp_path: Path, written: str, code: str | None) -> None:
    check(tmp_path, f"{PROJECT}{written}\n", code)


CSAT = "---\nsurvey: visit\nmetric: csat\nquestions:\n  {}\n"


@pytest.mark.parametrize(
    ("questions", "condition", "code"),
    [
        # Scores on two scales are one type, with the values of both.
        ("score: {type: csat, ask: S?}", "score <= 3", None),
        ("score: {type: csat, ask: S?}", "⟦score > 10⟧", "SND310"),
        ("score: {type: csat, ask: S?}", "score > 7", None),
        ("sat: {type: csat, ask: S?}", "⟦score⟧ <= 3", "SND302"),
        ("sat: {type: csat, ask: S?}\n  score: {type: text, ask: S?}", "⟦score⟧ == 3", "SND302"),
        ("sat: {type: csat, ask: S?}", "answer.sentiment == 'negative'", None),
        ("sat: {type: csat, ask: S?}", "answer.⟦category⟧ == 'detractor'", "SND303"),
    ],
)
def test_behind_every_survey_stands_what_all_of_them_have(tmp_path: Path, questions: str, condition: str, code: str | None) -> None:
    automation = f"---\nautomation: a\nwhen: survey.*.answered\nif: {condition}\nthen: [stop: true]\n"
    check(tmp_path, PROJECT + SURVEY + CSAT.format(questions) + automation, code)


STEP = "---\nautomation: a\nwhen: survey.nps.answered\nthen:\n"


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ('  - wait: "⟦{{⟧ x }}"\n', "SND402"),
        ('  - ticket: {via: desk, title: a, priority: "a ⟦{{⟧ x }}"}\n', "SND402"),
        ('  - ticket: {via: "⟦{{⟧ x }}", title: a}\n', "SND402"),
    ],
)
def test_braces_in_a_literal_are_pointed_at_whatever_form_it_has(tmp_path: Path, step: str, code: str) -> None:
    check(tmp_path, PROJECT + SURVEY + STEP + step, code)


@pytest.mark.parametrize(
    ("added", "message", "hint"),
    [
        ("limits: {sends_per_hour: 0}\n", "but got 0", None),
        (
            "theme:\n  accent: #006633\n",
            "but got nothing",
            "quote what begins with `#`: it is a comment from there on",
        ),
    ],
)
def test_what_is_wrong_in_the_project_is_said_in_its_own_words(tmp_path: Path, added: str, message: str, hint: str | None) -> None:
    (tmp_path / "sounding.yaml").write_text(PROJECT.replace("languages", f"{added}languages", 1), encoding="utf-8")
    (finding,) = check_project(tmp_path).findings.items
    assert finding.message.endswith(message)
    assert finding.hint == hint


def test_a_calculation_that_may_give_none_comes_with_why(tmp_path: Path) -> None:
    text = (
        PROJECT + SURVEY + "---\nautomation: a\nwhen: survey.nps.answered\nif: score / score > 3\nthen: [{ticket: {via: desk, title: a}}]\n"
    )
    (tmp_path / "sounding.yaml").write_text(text, encoding="utf-8")
    (finding,) = check_project(tmp_path).findings.items
    assert finding.code == "SND305"
    assert finding.hint == "put it in brackets and add `|default(…)`; a division by zero, for one, gives none"


@pytest.mark.parametrize(
    "condition",
    [
        "⟦contact.tier in []⟧",
        "contact.name == 'x' and ⟦not (contact.mrr is none or contact.mrr is not none)⟧",
        "⟦contact.mrr is not none and contact.mrr > 5 and contact.mrr < 3⟧",
        "contact.name == 'x' and (⟦contact.tier is none⟧ or contact.name == 'y')",
        "⟦0 > contact.name|length⟧ or contact.name == 'x'",
        "⟦contact.mrr == 1 or contact.mrr != 1⟧",
        "⟦contact.tier not in ['standard', 'vip']⟧",
        "contact.name == 'x' or ⟦true⟧",
    ],
)
def test_a_verdict_underlines_the_whole_operand(tmp_path: Path, condition: str) -> None:
    project = "project: shop\nlanguages: [en]\nobjects: {contact: {name: text, tier: [standard, vip], mrr: optional number}}\n---\n"
    text = project + f'audience: some\nof: contact\nwhere: "{condition}"\n'
    (tmp_path / "sounding.yaml").write_text(text.replace("⟦", "").replace("⟧", ""), encoding="utf-8")
    (found,) = [one for one in check_project(tmp_path).findings.items if one.code == "SND310"]
    line = text.split("\n")[6]
    assert found.span is not None
    assert (found.span.column, found.span.end_column) == (line.index("⟦") + 1, line.index("⟧"))


def test_a_list_of_one_gets_its_hint(tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text("project: shop\nlanguages: en\n", encoding="utf-8")
    assert [one.hint for one in check_project(tmp_path).findings.items] == ["put it in [ ]: it is a list of one"]

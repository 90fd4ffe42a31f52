"""SND2xx and SND5xx: definitions that do not fit each other. SND9xx: what the project says about findings."""

from __future__ import annotations

from engine.checks.catalogue.entry import Entry
from engine.dsl.diagnostics import Severity

_VISIT = "survey: visit\nmetric: nps\nquestions:\n  score: {type: nps, ask: Would you recommend us?}\n"
_CIRCLE = "  {}\n  late: {{type: yes_no, ask: Late?, show_if: early == true}}\n"
_CADENCE = "cadence: again\nsurvey: nps_delivery\naudience: buyers\n"

REFERENCES = (
    Entry(
        code="SND201",
        title="a reference to nothing",
        explanation=(
            "What a definition names has to be declared: a survey, an audience, a template, a question, an object. A folder in `paths` "
            "has to have files."
        ),
        fails="cadence: again\nsurvey: nps_delivery\naudience: byers\nwhen: order.delivered\nvia: [mail]\n",
        passes="cadence: again\nsurvey: nps_delivery\naudience: buyers\nwhen: order.delivered\nvia: [mail]\n",
    ),
    Entry(
        code="SND202",
        title="an unknown event",
        explanation="An event is declared in the project, built in for an object or a survey, or it never comes.",
        fails=_CADENCE + "when: order.deliverd\nvia: [mail]\n",
        passes=_CADENCE + "when: order.delivered\nvia: [mail]\n",
    ),
    Entry(
        code="SND203",
        title="an event without what the survey is about",
        explanation=(
            "An answer is linked to what its survey is about. The event that asks has to carry it, or the audience has to be of it."
        ),
        fails=_CADENCE + "when: contact.created\nvia: [mail]\n",
        passes=_CADENCE + "when: deal.won\nvia: [mail]\n",
    ),
    Entry(
        code="SND204",
        title="no connection that can do it",
        explanation=(
            "`via` names a connection, or a channel that one connection serves, and the connection must be of a kind that can do "
            "what is asked of it."
        ),
        fails=_CADENCE + "when: order.delivered\nvia: [desk]\n",
        passes=_CADENCE + "when: order.delivered\nvia: [email]\n",
    ),
    Entry(
        code="SND205",
        title="no question that measures the metric",
        explanation=(
            "A survey's metric is measured by the one question of its type, or by the one that is named, as `metric: {nps: score}`."
        ),
        fails="survey: visit\nmetric: csat\nquestions:\n  score: {type: nps, ask: Would you recommend us?}\n",
        passes=_VISIT,
    ),
    Entry(
        code="SND206",
        title="a question on no page",
        explanation="Where `pages` are given, each question is on one of them: it would never be asked.",
        fails=_VISIT + "  why: {type: text, ask: Why?}\npages: [[score]]\n",
        passes=_VISIT + "  why: {type: text, ask: Why?}\npages: [[score, why]]\n",
    ),
    Entry(
        code="SND208",
        title="a question asked before what it reads",
        explanation="`show_if` and texts read earlier answers. On an earlier page there is no answer yet, so there is nothing to read.",
        fails=_VISIT + "  why: {type: text, ask: Why?, show_if: score <= 6}\npages: [[why], [score]]\n",
        passes=_VISIT + "  why: {type: text, ask: Why?, show_if: score <= 6}\npages: [[score], [why]]\n",
    ),
    Entry(
        code="SND209",
        title="questions whose conditions go round in a circle",
        explanation=(
            "Whether a question is asked depends on its own answer, at once or by way of others, so none of them could ever be asked. "
            "The first of them is where it is reported, at the name that leads on."
        ),
        fails=_VISIT + _CIRCLE.format("early: {type: yes_no, ask: Early?, show_if: late == true}"),
        passes=_VISIT + _CIRCLE.format("early: {type: yes_no, ask: Early?}"),
    ),
    Entry(
        code="SND210",
        title="the answer to a later question",
        explanation="Conditions and texts of a question read what was answered before it. Nobody has answered a later question yet.",
        fails=_VISIT + "  why: {type: text, ask: Why?, show_if: easy == true}\n  easy: {type: yes_no, ask: Easy?}\n",
        passes=_VISIT + "  easy: {type: yes_no, ask: Easy?}\n  why: {type: text, ask: Why?, show_if: easy == true}\n",
    ),
    Entry(
        code="SND501",
        title="a secret in a file",
        explanation=("A file in version control is read by many and kept for ever. A secret is named by `{env: NAME}` or `{file: PATH}`."),
        fails="project: shop\nconnections:\n  hook: {use: events, token: s3cret}\n",
        passes="project: shop\nconnections:\n  hook: {use: events, token: {env: HOOK_TOKEN}}\n",
    ),
    Entry(
        code="SND901",
        title="an ignore that is incomplete",
        explanation=(
            "`# sounding: ignore SND207 the reason` names the codes and says why. Without a reason it has no effect: whoever reads "
            "it next cannot tell whether it still holds."
        ),
        severity=Severity.WARNING,
        is_check=True,
        fails="audience: vips  # sounding: ignore SND207\nof: contact\n",
        passes="audience: vips  # sounding: ignore SND207 the spring campaign will use it\nof: contact\n",
    ),
    Entry(
        code="SND902",
        title="an ignore that ignores nothing",
        explanation=(
            "What it was for has been mended, or stands elsewhere now. An error of reading or typing cannot be ignored at all: what "
            "it stands in is left out of the project."
        ),
        severity=Severity.WARNING,
        is_check=True,
        fails="audience: vips\nof: contact  # sounding: ignore SND304 it is meant so\n",
        passes="audience: vips\nof: contact\n",
    ),
)
# Of checks that carry none of their own: what fails, and what passes.
EXAMPLES = {
    "SND207": (
        "audience: vips\nof: contact\nwhere: contact.tier == 'vip'\n",
        "audience: vips\nof: contact\nwhere: contact.tier == 'vip'\n---\n"
        "cadence: ask_vips\nsurvey: nps_delivery\naudience: vips\nwhen: order.delivered\nvia: [mail]\n",
    ),
    "SND403": (
        "project: shop\nlanguages: [ru, en]\nobjects:\n  contact: {name: text}\n---\ntemplate: thanks\ntext: {ru: Спасибо}\n",
        "project: shop\nlanguages: [ru, en]\nobjects:\n  contact: {name: text}\n---\n"
        "template: thanks\ntext: {ru: Спасибо, en: Thank you}\n",
    ),
}

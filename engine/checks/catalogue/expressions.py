"""SND3xx and SND4xx: what expressions and templates may say."""

from __future__ import annotations

from engine.checks.catalogue.entry import Entry

_THANKS = "survey: visit\nmetric: nps\nquestions:\n  score: {type: nps, ask: Would you recommend us?}\n"


def _where(expression: str) -> str:
    return f"audience: some\nof: contact\nwhere: {expression}\n"


def _text(template: str) -> str:
    return f"template: thanks\ntext: '{template}'\n"


EXPRESSIONS = (
    Entry(
        code="SND301",
        title="not an expression",
        explanation=(
            "Expressions have Jinja2's syntax: `and or not`, comparisons, `in`, `is none`, arithmetic, lists, filters and functions."
        ),
        fails=_where("contact.tier = 'vip'"),
        passes=_where("contact.tier == 'vip'"),
    ),
    Entry(
        code="SND302",
        title="a name that is not known here",
        explanation=(
            "Each place reads its own names: an audience the object it selects, an automation the answer, the contact and the event."
        ),
        fails=_where("score > 6"),
        passes=_where("contact.opted_out"),
    ),
    Entry(
        code="SND303",
        title="an attribute that is not there",
        explanation="An object has the fields that the data contract declares, and no others.",
        fails=_where("contact.teir == 'vip'"),
        passes=_where("contact.tier == 'vip'"),
    ),
    Entry(
        code="SND304",
        title="unlike types",
        explanation=(
            "A number and a text are never equal, a text has no order, and only numbers are calculated with. Such a comparison "
            "would always give the same answer, and nobody means that."
        ),
        fails=_where("contact.last_nps == 'nine'"),
        passes=_where("contact.last_nps == 9"),
    ),
    Entry(
        code="SND305",
        title="a value that may be missing",
        explanation=(
            "An optional field may be empty for some contacts. `==`, `in` and `is none` take it as it is; anything else, printing "
            "included, needs a guard before it, or a default."
        ),
        fails=_where("contact.last_nps > 8"),
        passes=_where("contact.last_nps is not none and contact.last_nps > 8"),
    ),
    Entry(
        code="SND306",
        title="a value that this can never have",
        explanation=(
            "A field or a question with options has only those, and a country, a language, an e-mail address, a phone number or a "
            "time zone has a fixed form. Anything else is a slip of the pen, and the comparison would never hold."
        ),
        fails=_where("contact.tier == 'vpi'"),
        passes=_where("contact.tier == 'vip'"),
    ),
    Entry(
        code="SND307",
        title="a condition that is not true or false",
        explanation="`if`, `where`, `show_if`, `and`, `or` and `not` take true or false, never a number or a text.",
        fails=_where("contact.tier"),
        passes=_where("contact.tier == 'vip'"),
    ),
    Entry(
        code="SND308",
        title="a function or filter that is not there",
        explanation=(
            "Only the language's own functions and filters can be called, each with the arguments it takes: the same expression has "
            "to give the same value in Python, SQLite and PostgreSQL."
        ),
        fails=_where("contact.name|size > 3"),
        passes=_where("contact.name|length > 3"),
    ),
    Entry(
        code="SND309",
        title="not a list",
        explanation="`in` looks into a list, and a loop goes through one. To look into a text there is `contains`.",
        fails=_where("contact.tier in 'vip'"),
        passes=_where("contact.tier in ['vip']"),
    ),
    Entry(
        code="SND401",
        title="broken markup in a template",
        explanation="Every `{{`, `{%` and `{#` is closed, every `if` and `for` has its end, and there are no other tags.",
        fails=_text("Thank you, {{ contact.name"),
        passes=_text("Thank you, {{ contact.name }}"),
    ),
    Entry(
        code="SND402",
        title="`{{ }}` where it has no meaning",
        explanation=(
            "Names, durations, connections, options and links are taken as they stand. Only texts and what actions say are templates."
        ),
        fails=_THANKS + 'thanks: [{text: Thank you, link: "https://shop.test/{{ contact.id }}"}]\n',
        passes=_THANKS + 'thanks: [{text: "Thank you, {{ contact.name }}", link: "https://shop.test/review"}]\n',
    ),
)

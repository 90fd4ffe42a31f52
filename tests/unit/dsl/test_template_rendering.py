"""A template that was accepted is rendered without fail, and says what the language means."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dsl.expressions.check import Checker
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import NOW, ZONE, text_of
from engine.dsl.expressions.parse import parse
from engine.dsl.templates import scan
from engine.messages.render import render_template, template_value
from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.texts import Template
from engine.model.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type, object_type

AT = Span("", 1, 1, 1, 1)
NAMES: Mapping[str, Type] = {
    "contact": object_type(
        {
            "name": TEXT,
            "role": TEXT.maybe(),
            "mrr": NUMBER.maybe(),
            "tags": Type("list", item=TEXT, optional=True),
            "vip": BOOLEAN,
            "born": DATE,
        }
    ),
    "score": INTEGER,
    "likes": Type("list", item=TEXT),
    "link": TEXT,
}
SCOPE: Mapping[str, object] = {
    NOW: dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC),
    ZONE: ZoneInfo("Europe/Moscow"),
    "contact": {"name": "Анна", "vip": True, "born": dt.date(1996, 1, 1)},
    "score": 3,
    "likes": ("price", "speed"),
    "link": "https://example.test/s/1",
}


def template(text: str) -> Template:
    body, expressions_found, problems = scan(text, NAMES)
    assert not problems, (text, problems)
    expressions = tuple(Expression(text=found.text, term=found.term, at=AT) for found in expressions_found)
    return Template(text=text, body=body, expressions=expressions, at=AT)


def render(text: str, scope: Mapping[str, object] = SCOPE) -> str:
    return render_template(template(text), scope)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ contact.name }}, {{ link }}", "Анна, https://example.test/s/1"),
        ("{{ contact.role|default('friend') }}", "friend"),
        ("{{ score / 2 + 0.5 if_ }}".replace(" if_", "|default(0)"), "2"),
        ("{{ 7.0 }} {{ 0.5 }} {{ 1e3 }} {{ true }} {{ contact.vip }}", "7 0.5 1000 true true"),
        ("{{ contact.born }} {{ today() }} {{ likes }} {{ [] }}|", "1996-01-01 2026-03-02 price, speed |"),
        ("{% if score <= 6 %}low{% elif score <= 8 %}mid{% else %}high{% endif %}", "low"),
        ("{% if contact.role is not none %}{{ contact.role }}{% else %}no role{% endif %}", "no role"),
        ("{% for x in likes %}{{ x }}/{{ score }};{% endfor %}", "price/3;speed/3;"),
        ("{% for x in contact.tags|default([]) %}{{ x }}{% else %}nothing{% endfor %}", "nothing"),
        ("{% for x in [] %}x{% else %}nothing{% endfor %}", "nothing"),
        ("{% for x in likes %}{% else %}{{ score }}{% endfor %}", ""),
        ("{% for a in likes %}{% for a in [1, 2] %}{{ a }}{% endfor %}{{ a }} {% endfor %}", "12price 12speed "),
        (
            "{% for a in likes %}{% if a == 'speed' %}{% for b in likes %}{{ a ~ b }} {% endfor %}{% endif %}{% endfor %}",
            "speedprice speedspeed ",
        ),
        ("{% for loop in likes %}{{ loop }}{% endfor %}", "pricespeed"),
        ("{% for self in likes %}{{ self|length }}{% endfor %}", "55"),
        ("{% for class in likes %}{{ class }}{% endfor %}", "pricespeed"),
        ("{% for number in likes %}{{ number }}{% endfor %}", "pricespeed"),
        ("{% for likes in likes %}{{ likes }}{% endfor %}", "pricespeed"),
        ("{# a comment #}a{#- {{ x }} -#} b", "a b"),
        ("a \n {%- if score == 3 -%} \n b \n {%- endif -%} \n c", "abc"),
        ("x {{- score -}} y", "x3y"),
        ("{{ '{{ 7*7 }}' }} {{ '{% if %}' }} {{ '}}' }}", "{{ 7*7 }} {% if %} }}"),
        ("a } }} %} #} {", "a } }} %} #} {"),
        ("{{ '<b>&' }}\n\n", "<b>&\n\n"),
        ("no markup at all\n", "no markup at all\n"),
    ],
)
def test_what_is_rendered(text: str, rendered: str) -> None:
    assert render(text) == rendered


@pytest.mark.parametrize("name", ["{{ 7*7 }}", "{% if x %}", "{# no #}", "</b><script>", "\\{\\{ \\}\\}", "_(0)", "${7*7}", "Ж😀\u2028"])
def test_the_name_of_a_contact_is_printed_as_it_is(name: str) -> None:
    scope = {**SCOPE, "contact": {"name": name}, "likes": (name, name)}
    assert render("Dear {{ contact.name }}", scope) == f"Dear {name}"
    assert render("{% for x in likes %}{{ x }}{% endfor %}", scope) == name * 2
    assert render("{{ contact.name ~ '!' }}", scope) == f"{name}!"


def test_one_expression_and_nothing_else_keeps_its_type() -> None:
    assert template_value(template("{{ score }}"), SCOPE) == 3
    assert template_value(template("{{ today() }}"), SCOPE) == dt.date(2026, 3, 2)
    assert template_value(template("{{ score }} "), SCOPE) == "3 "
    assert template_value(template("5"), SCOPE) == "5"


# -- any template, against a reading of it that knows nothing of Jinja2 -------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """A piece of a template, and what it says in a scope."""

    source: str
    says: Callable[[Mapping[str, object]], str]


def value(text: str, scope: Mapping[str, object]) -> object:
    checker = Checker({**NAMES, "x": TEXT})
    term = checker.value(parse(text))
    assert term is not None, checker.problems
    return evaluate(term, scope)


outputs = st.sampled_from(
    [
        "contact.name",
        "score",
        "score + 1",
        "contact.role|default('-')",
        "likes",
        "likes|length ~ '}}'",
        "contact.born",
        "contact.vip",
        "'a' ~ \"{{\"",
        "-5",
        "link|lower",
    ]
)
conditions = st.sampled_from(
    [
        "score <= 6",
        "contact.vip",
        "contact.role is not none",
        "'price' in likes",
        "contact.mrr is none or contact.mrr > 3",
        "not contact.vip",
    ]
)
lists = st.sampled_from(["likes", "['Ж', '{{ 7*7 }}']", "contact.tags|default([])", "[contact.name, 'b']"])
literals = st.sampled_from(["plain ", "}} ", "Ж😀\n", "{ ", "% ", "it's ", '"q" ', "<b>"]).map(lambda text: Part(text, lambda _: text))
comments = st.sampled_from([Part("{# {{ no }} #}", lambda _: ""), Part("{##}", lambda _: "")])
prints = outputs.map(lambda text: Part(f"{{{{ {text} }}}}", lambda scope: text_of(value(text, scope))))


def joined(parts: list[Part]) -> Part:
    return Part("".join(part.source for part in parts), lambda scope: "".join(part.says(scope) for part in parts))


def blocks(inner: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    body = st.lists(inner, max_size=3).map(joined)

    def choice(condition: str, yes: Part, no: Part) -> Part:
        source = f"{{% if {condition} %}}{yes.source}{{% else %}}{no.source}{{% endif %}}"
        return Part(source, lambda scope: (yes if value(condition, scope) else no).says(scope))

    def loop(items: str, each: Part, none: Part) -> Part:
        def says(scope: Mapping[str, object]) -> str:
            found = value(items, scope)
            assert isinstance(found, tuple)
            return "".join(each.says({**scope, "x": item}) for item in found) or ("" if found else none.says(scope))

        return Part(f"{{% for x in {items} %}}{{{{ x }}}}{each.source}{{% else %}}{none.source}{{% endfor %}}", says)

    item = Part("{{ x }}", lambda scope: text_of(scope["x"]))
    return st.one_of(
        st.builds(choice, conditions, body, body),
        st.builds(lambda items, each, none: loop(items, joined([item, each]), none), lists, body, body).map(
            lambda part: Part(part.source.replace("{{ x }}{{ x }}", "{{ x }}"), part.says)
        ),
    )


parts = st.recursive(st.one_of(literals, prints, comments), blocks, max_leaves=8)
contacts = st.fixed_dictionaries(
    {"name": st.sampled_from(["Анна", "{{ 7*7 }}", ""]), "vip": st.booleans(), "born": st.just(dt.date(1996, 1, 1))},
    optional={"role": st.sampled_from(["boss", None]), "mrr": st.sampled_from([1.5, 9, None])},
)


@settings(max_examples=120, deadline=None)
@given(st.lists(parts, max_size=4).map(joined), contacts, st.integers(0, 10), st.lists(st.sampled_from(["price", "{% x %}"]), max_size=2))
def test_any_template_says_what_its_parts_say(whole: Part, contact: Mapping[str, object], score: int, likes: list[str]) -> None:
    scope = {**SCOPE, "contact": contact, "score": score, "likes": tuple(likes)}
    assert render(whole.source, scope) == whole.says(scope)

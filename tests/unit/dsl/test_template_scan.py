"""What a template may hold, and where what it may not is reported."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dsl import templates
from engine.dsl.expressions.comparing import Problem
from engine.dsl.templates import MAX_BLOCKS, Scanned
from engine.model.types import INTEGER, TEXT, Type, object_type

NAMES: Mapping[str, Type] = {
    "contact": object_type({"name": TEXT, "role": TEXT.maybe(), "mrr": INTEGER.maybe(), "price": Type("money")}),
    "company": object_type({"name": TEXT}, optional=True),
    "score": INTEGER,
    "likes": Type("list", item=TEXT),
    "wishes": Type("list", item=TEXT, optional=True),
    "link": TEXT,
}


def scan(text: str, names: Mapping[str, Type] = NAMES) -> Scanned:
    return templates.scan(text, names)


def problems(text: str) -> list[Problem]:
    return scan(text).problems


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        # never closed: the opener
        ("Hello «{{» contact.name", "SND401", "never closed"),
        ("Hello «{{» contact.name }", "SND401", "never closed"),
        ("«{{» contact.name and {{ link }}", "SND401", "never closed"),
        ("{{ link }} «{%» if score > 3", "SND401", "never closed"),
        ("«{%» if score > 3 {% endif %}", "SND401", "never closed"),
        ("a «{#» b", "SND401", "never closed"),
        ("«{%» if score > 3 %}yes", "SND401", "`{% if %}` is never closed"),
        ("«{%» for x in likes %}{% if score > 3 %}yes{% endif %}", "SND401", "`{% for %}` is never closed"),
        ("{{ contact.role|default(«'»none) }} and {{ link }}", "SND301", "quote is never closed"),
        ("{{ contact.role|default(«'»none) }}, it's {{ link }}", "SND301", "quote is never closed"),
        ("{{ «(»score + 1 }}", "SND301", "`(` is never closed"),
        # what is no expression
        ("{{«» }}", "SND301", "the expression is empty"),
        ("{{{ contact.name }}}", "SND301", "`{` has no meaning"),
        ("a {{ score «=» 1 }}", "SND301", "`=` has no meaning"),
        ("{% if score «=» 1 %}{% endif %}", "SND301", "`=` has no meaning"),
        ("{{ 'x' «i»f score > 3 else 'y' }}", "SND301", "not part of the language"),
        # what may be missing
        ("Dear {{ «contact.role» }}!", "SND305", "may be missing, so it cannot be printed"),
        ("{{ «company.name» }}", "SND305", "may be missing"),
        ("{{ «score / 0» }}", "SND305", "may be missing"),
        ("{{ «none» }}", "SND305", "may be missing"),
        ("{{ «contact.role»|lower }}", "SND305", "may be missing"),
        ("{% if «contact.mrr» > 3 %}{% endif %}", "SND305", "may be missing"),
        ("{% for x in «wishes» %}{% endfor %}", "SND309", "may be missing: guard it"),
        ("{% if contact.role is none %}{{ «contact.role» }}{% endif %}", "SND305", "may be missing"),
        ("{% if contact.role is not none %}x{% else %}{{ «contact.role» }}{% endif %}", "SND305", "may be missing"),
        ("{% if contact.role is none %}x{% endif %}{{ «contact.role» }}", "SND305", "may be missing"),
        ("{% if contact.role is not none %}x{% elif score > 3 %}{{ «contact.role» }}{% endif %}", "SND305", "may be missing"),
        ("{% if contact.role is not none %}x{% endif %}{{ «contact.role» }}", "SND305", "may be missing"),
        # what has no text
        ("{{ «contact» }}", "SND304", "name the field to print"),
        ("{{ «contact.price» }}", "SND304", "name the field to print"),
        ("{{ «[contact]» }}", "SND304", "name the field to print"),
        # names and types
        ("Привет, 😀 {{ contact.«nme» }}", "SND303", "has no `nme`"),
        ("{% if «scor» > 3 %}{{ contact.role }}{% endif %}", "SND302", "`scor` is not known"),
        ("{% for x in «lkes» %}{{ x }}{{ y }}{% endfor %}", "SND302", "`lkes` is not known"),
        ("{% for x in likes %}{% endfor %}{{ «x» }}", "SND302", "`x` is not known"),
        ("{% if «score» %}{% endif %}", "SND307", "must be true or false"),
        ("{% for x in «score» %}{{ x }}{% endfor %}", "SND309", "a loop needs a list"),
        ("{% for «X» in likes %}{{ X }}{% endfor %}", "SND106", "is not a name"),
        ("{% for «_» in likes %}{% endfor %}", "SND106", "is not a name"),
        ("{% for «in» in likes %}{% endfor %}", "SND106", "is not a name"),
        # tags
        ("{% «set» x = 1 %}", "SND401", "`set` is no tag"),
        ("{% «include» 'x' %}", "SND401", "`include` is no tag"),
        ("{% «raw» %}{{ x }}{% endraw %}", "SND401", "`raw` is no tag"),
        ("{%«» %}", "SND401", "is no tag"),
        ("{% «endif» %}", "SND401", "nothing is open for it"),
        ("{% if score > 3 %}{% «endfor» %}", "SND401", "nothing is open for it"),
        ("{% for x in likes %}{% «elif» score > 3 %}{% endfor %}", "SND401", "nothing is open for it"),
        ("{% if score > 3 %}a{% else %}b{% «else» %}c{% endif %}", "SND401", "nothing is open for it"),
        ("{% if score > 3 %}a{% else %}b{% «elif» score > 4 %}c{% endif %}", "SND401", "nothing is open for it"),
        ("{% if score > 3 %}a{% else «if score > 4» %}b{% endif %}", "SND401", "nothing can stand behind `else`"),
        ("{% if score > 3 %}a{% endif «score» %}", "SND401", "nothing can stand behind `endif`"),
        ("«{%» for likes %}{% endfor %}", "SND401", "a loop is written"),
    ],
)
def test_a_fault_is_found_at_its_characters_and_nothing_that_follows_from_it(text: str, code: str, says: str) -> None:
    """« » stand around what is underlined; at least one character is."""
    before, blamed, behind = re.split("[«»]", text) if "«" in text else (text[:2], text[2], text[3:])
    (problem,) = problems(before + blamed + behind)
    assert (problem.code, problem.offset, problem.length) == (code, len(before), max(len(blamed), 1)), problem
    assert says in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "{{ contact.role|default('friend') }}",
        "{% if contact.role is not none %}{{ contact.role }}{% endif %}",
        "{% if score > 3 %}x{% elif contact.role is not none %}{{ contact.role }}{% else %}y{% endif %}",
        "{% if contact.role is none %}x{% else %}{{ contact.role }}{% endif %}",
        "{% if contact.role is none %}x{% elif contact.role|length > 3 %}{{ contact.role }}{% else %}{{ contact.role }}{% endif %}",
        "{% if score > 3 %}x{% elif contact.role is none %}y{% elif score > 2 %}{{ contact.role }}{% endif %}",
        "{% if contact.role is not none %}{% for x in likes %}{{ contact.role }}{{ x }}{% endfor %}{% endif %}",
        "{% if contact.role is not none and score > 3 %}{% if score > 4 %}{{ contact.role }}{% endif %}{% endif %}",
        "{% if wishes is not none %}{% for x in wishes %}{{ x }}{% else %}none{% endfor %}{% endif %}",
        "{% for likes in likes %}{{ likes }}{% endfor %}",
        "{% for a in likes %}{% for a in likes %}{{ a }}{% endfor %}{{ a }}{% endfor %}",
        "{#- a comment with {{ anything %} in it -#}",
        "{{ '}}' }} and {{ \"{{\" }}, {% if '%}' == '%}' %}x{% endif %}",
        "{%- if score > 3 -%} x {%- endif -%}",
        "{{- score -}}",
        "{{score}}{{ -5 }}",
        "a } b }} c %} d",
        "don't {{ link }} can't {{ link }} won't",
        "",
    ],
)
def test_what_a_template_may_hold(text: str) -> None:
    assert not problems(text)


def test_the_usual_mistakes_come_with_a_hint() -> None:
    hints = {
        text: problems(text)[0].hint for text in ("{{ x", "{% if score > 3 %}", "{{ contact.role }}", "{% if score > 3 %}{% else if x %}")
    }
    assert hints == {
        "{{ x": "close it with `}}`",
        "{% if score > 3 %}": "close it with `{% endif %}`",
        "{{ contact.role }}": "add `|default(…)`",
        "{% if score > 3 %}{% else if x %}": "write `elif`",
    }


def test_blocks_nest_to_a_limit() -> None:
    def nested(levels: int) -> str:
        return "".join(f"{{% for x{n} in likes %}}" for n in range(levels)) + "{% endfor %}" * levels

    assert not problems(nested(MAX_BLOCKS))
    (problem,) = problems(nested(MAX_BLOCKS + 1))
    assert "nested more than" in problem.message


def test_a_value_that_is_one_expression_is_known_as_such() -> None:
    assert scan("{{ score }}").body == "{{ _(0) }}"
    assert scan(" {{ score }}").body != "{{ _(0) }}"
    assert scan("no markup").body is None


def test_each_expression_knows_where_it_begins() -> None:
    text = "{{score}} {%- if  score > 3 %}{{  contact.name|lower }}{% endif %}"
    assert [
        text[found.offset :].startswith(start) for found, start in zip(scan(text).found, ["score}", "score >", "contact.name"], strict=True)
    ] == [True] * 3


PIECES = "{{ }} {% %} {# #} - if for endif endfor else elif in x score likes > 3 ' \" ( ) | default it's \n Ж".split(" ")


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(st.sampled_from([*PIECES, " "]), max_size=20).map(" ".join),
        st.lists(st.sampled_from(PIECES), max_size=20).map("".join),
    )
)
def test_arbitrary_text_is_a_template_or_refused_at_a_place_in_it(text: str) -> None:
    found = scan(text)
    for problem in found.problems:
        assert 0 <= problem.offset <= len(text)
        assert problem.message
    if not found.problems and "{{" not in text and "{%" not in text and "{#" not in text:
        assert found.body is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "{",
        "}",
        "a { b",
        "{{ score }}",
        "{{score}} of {{ contact.name }}",
        "{{ score }}{",
        "}} {{ score }}",
        "{{{ score }}",
        "{{- score }}",
    ],
)
def test_the_short_way_reads_a_template_as_the_long_one_does(text: str) -> None:
    names = {"score": INTEGER, "contact": object_type({"name": TEXT})}
    short = scan(text, names)
    # A comment is dropped, and makes the scanner read everything.
    full = scan(f"{text} {{# #}}", names)
    assert short.problems == full.problems
    assert short.found == full.found
    assert short.problems or f"{short.body or text} " == full.body

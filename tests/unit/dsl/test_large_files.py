"""A file of up to 1 MiB is judged soon, whatever stands in it; and what was made quick says what the plain way says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks.run import check_project
from engine.dsl.build.bench import SILENCE
from engine.dsl.build.earlier import Order
from engine.dsl.diagnostics import Findings
from engine.dsl.nearest import did_you_mean, nearest
from engine.dsl.nodes import Mapping
from engine.dsl.source import parse
from engine.model.span import Span, Stretches
from engine.model.types import Type
from engine.rules.analysis.domains import _TESTS, Space, _stretch, bits, holds
from engine.rules.analysis.leaves import Condition, Leaf, Variable

PROJECT = """project: shop
languages: [en]
objects:
  contact: {name: text, tier: [standard, vip], mrr: optional number}
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
---
"""
SURVEY = "survey: big\nmetric: none\nquestions:\n"
HANGS = 6.0  # CPU seconds; before each of these took many times as long


def many(line: str, count: int) -> str:
    return "".join(line.replace("#", str(number)).replace("@", str((number + 1) % count)) for number in range(count))


@pytest.mark.parametrize(
    ("document", "findings"),
    [
        (
            SURVEY
            + "  q: {type: single, ask: Q?, options: {"
            + many("o#: x, ", 10_000)
            + "}}\n"
            + many("  w#: {type: text, ask: W?, show_if: q == 'o#'}\n", 2_000),
            0,
        ),
        (SURVEY + many("  q#: {type: yes_no, ask: Q?, show_if: zz# == true}\n", 5_000), 5_000),
        (SURVEY + many("  q#: {type: yes_no, ask: Q?, show_if: q@ == true}\n", 5_000), 1),
        (SURVEY + many("  q#: {type: yes_no, ask: Q?}\n", 10_000) + "pages: [" + many("[q#], ", 9_999) + "[q9999]]\n", 0),
        ("template: big\ntext: |\n" + many("  {{ contact.x# }}\n", 10_000), 10_000),
        ("template: big\ntext: '" + many("{% if contact.opted# %}x{% endif %}", 10_000) + "'\n", 10_000),
        (SURVEY + "  q: {type: single, ask: Q?, options: {" + many("o#.: x, ", 10_000) + "}}\n", 10_000),
        ("automation: big\nwhen: contact.created\nthen:\n" + many("  - ticket: {title: '{{ scor# }}'}\n", 10_000), 10_000),
        (SURVEY + "  q: {type: number, ask: Q?}\nthanks: [{text: x, if: " + many("q==# or ", 1_900) + "q==0}]\n", 0),
    ],
    ids=["options", "unknown", "circle", "pages", "literal-block", "ifs", "names", "steps", "or"],
)
def test_no_file_stalls(tmp_path: Path, document: str, findings: int) -> None:
    (tmp_path / "sounding.yaml").write_text(PROJECT + document, encoding="utf-8")
    before = time.process_time()
    found = check_project(tmp_path).findings.items
    assert time.process_time() - before < HANGS
    assert len(found) == findings


def spans() -> st.SearchStrategy[Span]:
    place = st.tuples(st.integers(1, 4), st.integers(1, 6))
    return st.builds(lambda file, ends: Span(file, *min(ends), *max(ends)), st.sampled_from("ab"), st.tuples(place, place))


@given(st.lists(spans(), max_size=12), spans())
def test_a_stretch_within_another_is_found(known: list[Span], outer: Span) -> None:
    stretches = Stretches()
    for span in known:
        stretches.add(span)
    begin, end = outer[1:3], outer[3:]
    assert stretches.any_within(outer) is any(one.file == outer.file and begin <= one[1:3] and one[3:] <= end for one in known)


@given(st.lists(st.lists(st.integers(0, 6), max_size=3), min_size=7, max_size=7))
def test_circles_are_those_of_the_plain_definition(reads: list[list[int]]) -> None:
    lines = [
        f"  q{n}: {{type: yes_no, ask: Q?, show_if: {' and '.join(f'q{m}' for m in read) or 'true'}}}\n" for n, read in enumerate(reads)
    ]
    document = parse(("survey: x\nquestions:\n" + "".join(lines)).encode(), "x.yaml", Findings())[0][0]
    questions = document.get("questions")
    assert isinstance(questions, Mapping)

    def reached(start: int) -> set[int]:
        found: set[int] = set()
        waiting = [start]
        while waiting:
            new = [m for m in reads[waiting.pop()] if m not in found]
            found.update(new)
            waiting += new
        return found

    order = Order(questions)
    for number, read in enumerate(reads):
        circle = [m for m in dict.fromkeys(read) if number in reached(m)]
        said = [
            m
            for m in range(7)
            if (found := order.in_condition(f"q{number}", f"q{m}")) is not None and (found is SILENCE or found.code == "SND209")
        ]
        # Of those in a circle only a condition that reads its own or a later question cannot be read.
        assert said == (sorted(circle) if any(m >= number for m in read) else [])
        begins = [m for m in said if order.in_condition(f"q{number}", f"q{m}") is not SILENCE]
        members = [m for m in reached(number) if number in reached(m)]
        assert begins == (circle[:1] if said and min(members) == number else [])


@given(st.sampled_from(sorted(_TESTS)), st.integers(-3, 40), st.booleans(), st.booleans())
def test_a_mask_over_many_numbers_is_that_of_each(op: str, constant: int, wanted: bool, optional: bool) -> None:  # hypothesis
    values = [*range(0, 40, 2), *([None] if optional else [])]
    leaf = Leaf("x", op, (constant,), holds=wanted)
    if not (optional and op not in ("==", "!=")):  # where it may be missing, a guard rules that out
        assert _stretch(leaf, values) == bits(holds(leaf[1:], value) for value in values)


def test_of_many_options_those_that_are_named_and_one_more_stand_for_all() -> None:
    kind = Type("one_of", options=tuple(f"o{number}" for number in range(100)))
    condition = Condition(((Leaf("x", "==", ("o7",)),),), (Variable("x", kind),), (("x", frozenset({"o7"})),))
    space = Space([condition])
    assert space.values("x") == ["o7", "o0"]


def test_among_many_names_a_slip_of_the_pen_is_found() -> None:
    known = {f"question_{number}" for number in range(5_000)}
    for slip in ("question_77x", "uestion_77", "qeustion_77", "questoin_77", "queztion_77", "question__77"):
        assert nearest(slip, known) in known
        assert did_you_mean(slip, known) is not None
    assert nearest("something_else", known) is None
    few = {f"question_{number}" for number in range(100)}
    assert nearest("questions_no_77", few) is not None

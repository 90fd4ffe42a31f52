from __future__ import annotations

import datetime as dt
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.model.definitions import Question
from engine.model.span import Span
from engine.model.texts import Template, Text
from engine.respond.parsing import TEXT_LIMIT, Parsed, Problem, parse

AT = Span("surveys/a.yaml", 1, 1, 1, 2)
SPACE = " \t\n\r\f\v"


def text(words: str) -> Text:
    return Text(by_language={"": Template(text=words, body=None, at=AT)}, at=AT)


def question(kind: str, *options: str, **more: Any) -> Question:
    settings: dict[str, Any] = {"other": False, "scale": None, "required": False, "show_if": None, "labels": {}, **more}
    return Question(id="q", type=kind, ask=text("?"), options={name: text(name) for name in options}, at=AT, **settings)


def say(asked: Question, *raw: str) -> Parsed:
    return parse(asked, {"q": raw, "elsewhere": ["5"]})


@pytest.mark.parametrize(
    ("kind", "lowest", "highest"), [("nps", 0, 10), ("csat", 1, 5), ("ces", 1, 7), ("scale", 1, 5), ("stars", 1, 5), ("smileys", 1, 5)]
)
@given(score=st.integers(-30, 130), before=st.text(SPACE, max_size=3), after=st.text(SPACE, max_size=3))
def test_a_score_on_the_scale_is_taken_and_any_other_refused(
    kind: str, lowest: int, highest: int, score: int, before: str, after: str
) -> None:
    expected: Parsed = {"q": score} if lowest <= score <= highest else Problem.CHOICE
    assert say(question(kind), f"{before}{score}{after}") == expected


@given(st.text(min_size=1, max_size=6))
def test_text_is_a_score_only_in_plain_ascii_digits(raw: str) -> None:
    parsed = say(question("nps"), raw)
    if isinstance(parsed, Problem):
        assert parsed is Problem.CHOICE
    elif parsed:
        assert parsed == {"q": int(raw.strip(SPACE))}
        assert set(raw) <= set(string.digits + SPACE)


@pytest.mark.parametrize("raw", ["٣", "９", "9.0", "9,0", "+9", "-0", "1e1", "0x9", "9 9", "nine", "9\u00a0", "1_0", "²", "9" * 5000])
def test_what_only_looks_like_a_score_is_refused(raw: str) -> None:
    assert say(question("nps"), raw) is Problem.CHOICE


def test_a_scale_of_its_own_counts() -> None:
    assert say(question("csat", scale=(1, 10)), "10") == {"q": 10}
    assert say(question("csat", scale=(1, 10)), "0") is Problem.CHOICE


@pytest.mark.parametrize("kind", ["nps", "gcr", "yes_no", "single", "dropdown", "number", "email", "phone", "date", "text"])
def test_nothing_said_is_no_answer_and_not_enough_where_one_is_required(kind: str) -> None:
    for raw in ([], [""], ["  \r\n"], ["", ""]):
        assert say(question(kind, "a", "b"), *raw) == {}
        assert say(question(kind, "a", "b", required=True), *raw) is Problem.REQUIRED


@pytest.mark.parametrize(
    ("kind", "one", "two"),
    [("nps", "3", "9"), ("gcr", "yes", "no"), ("single", "a", "b"), ("date", "2026-01-01", "2026-01-02"), ("text", "x", "y")],
)
def test_two_answers_to_one_question_are_refused_but_the_same_twice_is_one(kind: str, one: str, two: str) -> None:
    assert isinstance(say(question(kind, "a", "b"), one, two), Problem)
    assert say(question(kind, "a", "b"), one, "", one) == say(question(kind, "a", "b"), one)


def test_words_of_fixed_choices() -> None:
    for word in ("yes", "partly", "no"):
        assert say(question("gcr"), word) == {"q": word}
    assert say(question("gcr"), "YES") is Problem.CHOICE
    assert say(question("yes_no"), "yes") == {"q": True}
    assert say(question("yes_no"), "no") == {"q": False}
    assert say(question("yes_no"), "true") is Problem.CHOICE


@pytest.mark.parametrize("kind", ["single", "dropdown"])
def test_one_option(kind: str) -> None:
    assert say(question(kind, "price", "speed"), "speed") == {"q": "speed"}
    assert say(question(kind, "price", "speed"), "Speed") is Problem.CHOICE
    assert say(question(kind, "price", "speed"), "other") is Problem.CHOICE


def test_several_options_come_in_the_order_of_the_survey() -> None:
    asked = question("multiple", "price", "speed", "staff")
    assert say(asked, "staff", "price", "staff") == {"q": ("price", "staff")}
    assert say(asked, "staff", "none of it") is Problem.CHOICE


def test_no_option_chosen_is_an_empty_list_unless_one_is_required() -> None:
    assert say(question("multiple", "price")) == {"q": ()}
    assert say(question("multiple", "price", required=True)) is Problem.REQUIRED


@pytest.mark.parametrize("kind", ["single", "dropdown", "multiple"])
def test_other_has_a_text_only_where_it_was_chosen(kind: str) -> None:
    asked = question(kind, "price", other=True)
    chosen = parse(asked, {"q": ["other"], "q_other": [" the smell "]})
    assert chosen == {"q": ("other",) if kind == "multiple" else "other", "q_other": "the smell"}
    assert "q_other" not in parse(asked, {"q": ["other"], "q_other": [" "]})
    unticked = parse(asked, {"q": ["price"], "q_other": ["the smell"]})
    assert not isinstance(unticked, Problem)
    assert set(unticked) == {"q"}
    assert parse(asked, {"q": ["other"], "q_other": ["x" * (TEXT_LIMIT + 1)]}) is Problem.TOO_LONG


@given(st.text(max_size=60))
def test_text_is_kept_but_for_what_no_store_takes(raw: str) -> None:
    parsed = say(question("text"), raw)
    assert not isinstance(parsed, Problem)
    kept = str(parsed.get("q", ""))
    kept.encode()
    assert kept == kept.strip()
    assert not set(kept) & {"\0", "\r", "\x1b", "\x7f"}
    assert say(question("text"), kept) == parsed


def test_text_is_composed_and_its_lines_end_alike() -> None:
    assert say(question("text"), " и\u0306\r\nнога\rтам\0 ") == {"q": "й\nнога\nтам"}


def test_text_has_a_limit_that_line_ends_do_not_eat_up() -> None:
    lines = "\r\n".join(["x"] * (TEXT_LIMIT // 2)) + "y"
    assert say(question("text"), lines) == {"q": lines.replace("\r\n", "\n")}
    assert say(question("text"), lines + "z") is Problem.TOO_LONG


@pytest.mark.parametrize(("raw", "value"), [("12", 12), (" -3 ", -3), ("3.5", 3.5), ("3,5", 3.5), ("5,0", 5), ("-0", 0), ("007", 7)])
def test_numbers(raw: str, value: float) -> None:
    parsed = say(question("number"), raw)
    assert parsed == {"q": value}
    assert not isinstance(parsed, Problem)
    assert str(parsed["q"]) == str(value)


@pytest.mark.parametrize("raw", ["1e5", "nan", "inf", "1 000", "1.000,5", ".5", "5.", "٣", "0x1", "1" * 16, "--1", "+1"])
def test_what_is_no_number(raw: str) -> None:
    assert say(question("number"), raw) is Problem.NUMBER


@pytest.mark.parametrize("raw", ["ada@example.test", "a.b+c@mail.example.co.uk", "почта@пример.рф", "o'neil@example.test"])
def test_email_addresses(raw: str) -> None:
    assert say(question("email"), f" {raw}\n") == {"q": raw}


@pytest.mark.parametrize(
    "raw",
    [
        "ada",
        "ada@",
        "@example.test",
        "ada@example",
        "a b@example.test",
        "a@b@example.test",
        "ada@example..test",
        "ada@-example.test",
        "ada@exam_ple.test",
        ".ada@example.test",
        "ada@example.test,bob@example.test",
        "Ada <ada@example.test>",
        "ada@exam\u0000ple.test",
        "a" * 65 + "@example.test",
        "ada@" + "a." * 130 + "test",
    ],
)
def test_what_is_no_email_address(raw: str) -> None:
    assert say(question("email"), raw) is Problem.EMAIL


def test_phone_numbers_lose_their_decoration() -> None:
    assert say(question("phone"), "+7 (495) 123-45-67") == {"q": "+74951234567"}
    assert say(question("phone"), "044\u00a0123.45.67") == {"q": "0441234567"}
    for raw in ("1234", "+1" * 9, "12a4567", "٣٣٣٣٣٣٣", "1" * 16):
        assert say(question("phone"), raw) is Problem.PHONE


@given(st.dates())
def test_dates(day: dt.date) -> None:
    assert say(question("date"), f" {day.isoformat()} ") == {"q": day}


@pytest.mark.parametrize("raw", ["2026-02-30", "20260228", "28.02.2026", "2026-2-8", "2026-W09-1", "0000-01-01", "٢٠٢٦-01-01"])
def test_what_is_no_date(raw: str) -> None:
    assert say(question("date"), raw) is Problem.DATE


@given(st.permutations(["price", "speed", "staff"]))
def test_a_ranking_keeps_its_order(order: list[str]) -> None:
    assert say(question("ranking", "price", "speed", "staff"), *order) == {"q": tuple(order)}


def test_a_ranking_is_whole_or_none() -> None:
    asked = question("ranking", "price", "speed", "staff")
    assert say(asked, "", "", "") == {"q": ()}
    assert say(asked, "price", "", "staff") is Problem.INCOMPLETE
    assert say(asked, "price", "speed", "price") is Problem.REPEATED
    assert say(asked, "price", "speed", "colour") is Problem.CHOICE


def test_consent_is_given_or_not() -> None:
    assert say(question("consent"), "yes") == {"q": True}
    assert say(question("consent")) == {"q": False}
    assert say(question("consent", required=True)) is Problem.CONSENT
    assert say(question("consent"), "on") is Problem.CHOICE


def test_information_is_not_answered() -> None:
    assert say(question("info", required=True), "anything") == {}

"""`contains` and `matches`: the functions of the language that no database has, so that they are what a second pass is for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dsl.expressions.check import Checker
from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import compile_pattern, compile_phrase, contains, matches
from engine.dsl.expressions.parse import parse
from engine.dsl.expressions.to_python import to_function
from engine.model.types import TEXT

FORMS = [
    # English
    "slow slows slowed slowing",
    "delivery deliveries",
    "manager managers manager's",
    "price prices priced",
    # Russian
    "доставка доставки доставке доставку доставкой доставками",
    "медленно медленный медленная медленные",
    "менеджер менеджера менеджеру менеджером менеджеры менеджеров",
    "дорого дорогой дорогая дорогие дорогих",
    "качество качества качеством",
    "ёлка елка ёлки елками",
    # Ukrainian
    "доставка доставки доставці доставку доставкою доставками доставок",
    "ціна ціни ціну ціною цін цінами",
    "якість якості якістю",
    "швидкість швидкості швидкістю",
    "повільно повільний повільна повільною повільного повільних",
    "працює працюють працювати працював працювала",
    "дзвонити дзвонив дзвонила дзвонять",
    "підтримка підтримки підтримці підтримкою",
    "замовлення замовленню замовленням замовлень",
    "їжа їжі їжу їжею",
    "кур'єр кур’єра курʼєром кур'єри",
    "дорого дорогий дорога дорогі",
]


@pytest.mark.parametrize("forms", FORMS)
def test_inflection_does_not_matter(forms: str) -> None:
    first, *others = forms.split()
    missed = [word for word in others if not contains(f"… {word}!", first)]
    assert not missed


@pytest.mark.parametrize(
    ("text", "phrase", "found"),
    [
        ("Delivery was TOO, slow.", "too slow", True),
        ("too long and slow", "too slow", False),
        ("The DELIVERY", "delivery", True),
        ("slowcoach", "slow", False),
        ("не дорого", "дёшево", False),
        ("STRASSE", "straße", True),
        ("за́мок", "замок", True),
        ("всё хорошо", "все", True),
        ("well-known", "known", True),
        ("👍 super", "👍", True),
        ("snake_case", "case", True),
        ("42 days", "42", True),
        ("", "slow", False),
        ("час", "чаш", False),
    ],
)
def test_a_text_contains_words_and_rows_of_words(text: str, phrase: str, found: bool) -> None:
    assert contains(text, phrase) is found


def test_one_of_several_is_enough() -> None:
    assert contains("it was late", "slow", "late")
    assert not contains("it was late", "slow", "broken")


@given(st.text(max_size=60), st.text(max_size=30))
def test_any_text_has_an_answer(text: str, phrase: str) -> None:
    assert contains(text, phrase) in (True, False)
    if compile_phrase(phrase) is not None:
        assert not contains(text, phrase)
    else:
        assert contains(f"{text} {phrase}", phrase)


@given(st.text(alphabet="абвгдеёжзиійклмнопрстуфхцчшщъыьэюяїєґ'abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=20))
def test_case_does_not_matter(word: str) -> None:
    assert contains(word.upper(), word) == contains(word, word) == (compile_phrase(word) is None)


def test_a_phrase_without_a_word_is_reported() -> None:
    assert compile_phrase("…!") == "there is no word in it, so no text contains it"
    assert compile_phrase("too slow") is None


@pytest.mark.parametrize(
    ("text", "pattern", "found"),
    [
        ("order A-17 is late", r"[A-Z]-\d+", True),
        ("order", "^rder$", False),
        ("naïve", "^na.ve$", True),
        ("ТЕСТ", "(?i)тест", True),
        ("a\nb", "a.b", False),
        ("", "", True),
        ("\ud800x", "x$", True),  # half a character is some character
    ],
)
def test_a_pattern_matches_a_part_of_the_text(text: str, pattern: str, found: bool) -> None:
    assert matches(text, pattern) is found


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(", r"1: this `(` is never closed; for the character itself write `\(`"),
        (r"\(a(b", r"4: this `(` is never closed; for the character itself write `\(`"),
        ("a(b[()]", r"2: this `(` is never closed; for the character itself write `\(`"),
        ("x[]", r"2: this `[` is never closed; for the character itself write `\[`"),
        ("(a))", r"4: this `)` closes nothing; for the character itself write `\)`"),
        (r"(a)\1", r"4: `\1` means nothing; a backslash itself is written `\\`"),
        ("(?<=a)b", "1: there is no `(?<=`: in linear time nothing can look ahead or behind"),
        ("é*+*", "2: `*+` repeats a repetition"),
        ("[z-a]", "2: `z-a` is no range: its first character comes behind its last"),
    ],
)
def test_what_is_no_pattern_or_takes_more_than_linear_time_is_reported(pattern: str, reason: str) -> None:
    assert compile_pattern(pattern) == f"the pattern is wrong at character {reason}"
    assert not matches("ab", pattern)
    assert compile_pattern("(ab)+") is None


def test_time_is_linear_whatever_the_text() -> None:
    start = time.perf_counter()
    assert not matches("a" * 1_000_000, "(a*)*(a|aa)+b$")
    assert not contains("too " * 100_000, "too slow", "too " * 20 + "late")
    assert time.perf_counter() - start < 5


def test_generated_python_calls_the_same_functions() -> None:
    text = 'contains(reason, "slow", "late") and not matches(reason, "^x")'
    found = Checker({"reason": TEXT}).condition(parse(text))
    assert found is not None
    for reason, expected in (("Too late", True), ("x slow", False), ("fine", False)):
        assert evaluate(found[0], {"reason": reason}) is to_function(found[0])({"reason": reason}) is expected

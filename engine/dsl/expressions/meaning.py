"""What the operators and functions of the language mean, once, for the interpreter and for generated Python alike.

Every function is total on the types that the checker lets through. Arithmetic is that of IEEE doubles, without infinities: they and
what comes of them mean different things to different databases.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

from engine.dsl.expressions.patterns import compiled

# What a scope holds beside names; no name of the language can collide with these keys.
NOW = "now()"  # aware datetime: the recorded instant of the decision
ZONE = "zone()"  # ZoneInfo of the project

Number = int | float
NOTHING: Mapping[str, object] = {}

_LARGEST = sys.float_info.max
_MAX_DIGITS = 308  # ten to a higher power is no double


def tidy(value: float) -> Number:
    """An integral double as ``int``, so that 7.0 is printed as 7 everywhere; what overflows stays at the largest double."""
    if value.is_integer() and abs(value) <= 2**53:
        return int(value)
    return max(-_LARGEST, min(value, _LARGEST))


def add(a: Number, b: Number) -> Number:
    return tidy(float(a) + float(b))


def subtract(a: Number, b: Number) -> Number:
    return tidy(float(a) - float(b))


def multiply(a: Number, b: Number) -> Number:
    return tidy(float(a) * float(b))


def divide(a: Number, b: Number) -> Number | None:
    return tidy(float(a) / float(b)) if b else None


def floor_divide(a: Number, b: Number) -> Number | None:
    return tidy(float(a) // float(b)) if b else None


def modulo(a: Number, b: Number) -> Number | None:
    """The remainder that goes with `//`: it has the divisor's sign."""
    return tidy(float(a) % float(b)) if b else None


def negate(a: Number) -> Number:
    return -a


def round_half_away(value: Number, digits: Number = 0) -> Number:
    """Round half away from zero, to so many digits behind the point; before it where ``digits`` is negative."""
    if abs(digits) > _MAX_DIGITS:
        return value if digits > 0 else 0
    places = int(digits)
    factor = 10.0 ** abs(places)
    scaled = abs(float(value) * factor if places > 0 else float(value) / factor)
    if not math.isfinite(scaled):
        return value
    whole = math.floor(scaled)
    whole += scaled - whole >= 0.5  # not `floor(scaled + 0.5)`: that sum is rounded itself
    return tidy(math.copysign(whole / factor if places > 0 else whole * factor, value))


def lower(value: str) -> str:
    return unicodedata.normalize("NFC", value.lower())


def length(value: Sequence[object]) -> int:
    return len(value)


def text_of(value: object) -> str:
    """A value as `{{ }}` and `~` print it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(tidy(value))
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return ", ".join(text_of(item) for item in value)
    return str(value)


def concat(a: object, b: object) -> str:
    return unicodedata.normalize("NFC", text_of(a) + text_of(b))


def now(scope: Mapping[str, object]) -> dt.datetime:
    instant = scope[NOW]
    assert isinstance(instant, dt.datetime)
    return instant


def today(scope: Mapping[str, object]) -> dt.date:
    return now(scope).astimezone(_zone(scope)).date()


def days_since(scope: Mapping[str, object], day: dt.date) -> int:
    """Whole calendar days from ``day`` to today, in the project's time zone; negative for a day to come."""
    return (today(scope) - _local_day(scope, day)).days


def days_until(scope: Mapping[str, object], day: dt.date) -> int:
    return -days_since(scope, day)


def _local_day(scope: Mapping[str, object], day: dt.date) -> dt.date:
    if not isinstance(day, dt.datetime):
        return day
    try:
        return day.astimezone(_zone(scope)).date()
    except OverflowError:  # the first or the last day of the calendar
        return day.date()


def _zone(scope: Mapping[str, object]) -> ZoneInfo:
    zone = scope[ZONE]
    assert isinstance(zone, ZoneInfo)
    return zone


# -- words ------------------------------------------------------------------------------------------------------------

_MARKS = re.compile("[\u0300-\u036f]")  # accents that are no part of a letter, such as the stress in a dictionary
_WORD = re.compile(r"[^\W_]+(?:['’ʼ`][^\W_]+)*|[^\w\s]")
_LATIN = re.compile("[a-z']+")
_CYRILLIC = re.compile("[а-яёіїєґ']+")
_UKRAINIAN_ONLY, _RUSSIAN_ONLY = frozenset("іїєґ'"), frozenset("ёыэъ")
_LONGEST_WORD = 40  # what is longer is no word of a language, and is compared as it stands
# Endings of Ukrainian nouns, adjectives, participles and verbs. What is left of a word must have two letters and a vowel.
_ENDINGS = tuple(
    sorted(
        (
            "а я у ю і ї и е є о ь й ам ям ами ями ах ях ом ем єм ів їв ові еві єві ою ею єю ей "
            "ий ій ого ього ому ьому им ім їм их іх їх ими іми їми ої ьої ую юю ая яя її ії ією "
            "ти ть в ла ло ли ати яти ити іти їти ути ав яв ив ів ала яла ила іла ало яло ило іло али яли или іли "
            "еш єш иш їш емо ємо имо їмо ете єте ите їте уть ють ать ять ить їть "
            "увати ювати ував ював увала ювала увало ювало ували ювали ує ює ують юють уєш юєш уємо юємо уєте юєте"
        ).split(),
        key=len,
        reverse=True,
    )
)
_VOWELS = frozenset("аеєиіїоуюя")
# What differs between the forms of a word when their endings are gone: рука, руці; нога, нозі; замовлення, замовлень.
_ALTERNATIONS = (("ц", "к"), ("з", "г"), ("нн", "н"))
# Adverbs that look like the genitive of an adjective, by a word that does not. What is dear is what feedback is about.
_ADVERBS = {"дорого": "дорогая", "недорого": "недорогая"}


def contains(text: str, *phrases: str) -> bool:
    """Whether the text has one of the words, or phrases of words in a row; neither case nor inflection matters.

    Words are the same where their stems are: Snowball's for English and Russian, a light one for Ukrainian. A Cyrillic word is taken
    for both languages unless a letter says which one it is of.
    """
    words = [_stems(word) for word in _words(text)]
    return any(_has_row(words, row) for row in _rows(phrases))


def compile_phrase(phrase: str) -> str | None:
    """What is wrong with a phrase that `contains` shall look for; None where it is fine."""
    return None if _words(phrase) else "there is no word in it, so no text contains it"


def _has_row(words: Sequence[frozenset[str]], row: Sequence[frozenset[str]]) -> bool:
    return any(all(not words[at + n].isdisjoint(stems) for n, stems in enumerate(row)) for at in range(len(words) - len(row) + 1))


@lru_cache(maxsize=1024)
def _rows(phrases: tuple[str, ...]) -> tuple[tuple[frozenset[str], ...], ...]:
    rows = (tuple(_stems(word) for word in _words(phrase)) for phrase in phrases)
    return tuple(row for row in rows if row)


def _words(text: str) -> list[str]:
    """Words in one case; a pictogram is a word, other signs are none."""
    found = _WORD.findall(_MARKS.sub("", text.casefold()))
    return [re.sub("[’ʼ`]", "'", word) for word in found if word[0].isalnum() or unicodedata.category(word) == "So"]


@lru_cache(maxsize=16_384)
def _stems(word: str) -> frozenset[str]:
    """The stems that the word may have, with the language of each."""
    if len(word) > _LONGEST_WORD:
        return frozenset({word})
    english, russian = _snowball()
    letters = frozenset(word)
    if _LATIN.fullmatch(word):
        return frozenset({f"en {english(word)}"})
    if not _CYRILLIC.fullmatch(word):
        return frozenset({word})
    found, word = set(), _ADVERBS.get(word, word)
    if not letters & _UKRAINIAN_ONLY:
        found.add(f"ru {russian(word.replace('ё', 'е'))}")
    if not letters & _RUSSIAN_ONLY:
        found.add(f"uk {_ukrainian(word)}")
    return frozenset(found or {word})


@lru_cache(maxsize=1)
def _snowball() -> tuple[Callable[[str], str], Callable[[str], str]]:
    # Not `snowballstemmer.stemmer`, which takes another implementation where one happens to be installed. A stemmer keeps the word
    # that it works on, so each word gets one of its own: threads share this module.
    from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]  # ships no types
    from snowballstemmer.russian_stemmer import RussianStemmer  # type: ignore[import-untyped]  # likewise

    return (lambda word: str(EnglishStemmer().stemWord(word))), (lambda word: str(RussianStemmer().stemWord(word)))


def _ukrainian(word: str) -> str:
    """A word without its reflexive ending and the longest ending of a case or person, its last consonant in one form."""
    for reflexive in ("ся", "сь"):
        if word.endswith(reflexive) and len(word) > 4:
            word = word[:-2]
            break
    if word.endswith(("ість", "істю")) and len(word) > 5:  # якість, якості
        return word[:-4] + "ост"
    for ending in _ENDINGS:
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) > 1 and not _VOWELS.isdisjoint(rest):
            word = rest
            break
    for changed, plain in _ALTERNATIONS:
        if word.endswith(changed):
            return word[: -len(changed)] + plain
    # A vowel that is there only without an ending: доставок, доставка.
    return word[:-2] + "к" if word.endswith("ок") and len(word) > 4 else word


# -- patterns ---------------------------------------------------------------------------------------------------------


def matches(text: str, pattern: str) -> bool:
    """Whether some part of the text matches the regular expression, in time linear in the text (RE2)."""
    found = compiled(pattern)[0]
    # A pattern that does not compile is refused by the checker.
    return found is not None and found(text.encode("utf-8", "replace"))


def compile_pattern(pattern: str) -> str | None:
    """What is wrong with a regular expression; None where it is fine."""
    return compiled(pattern)[1]

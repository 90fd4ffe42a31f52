"""Where the text of a database and the text of the language are the same: case and normal form."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

from engine.dsl.expressions.meaning import lower, text_of
from engine.model import terms as t
from engine.model.types import Type

# Where no letter or mark joins the character before it: Latin, Greek, Cyrillic, Armenian.
_STARTERS = (range(0x300), range(0x370, 0x483), range(0x48A, 0x591))
# Kinds of text whose first character is an ASCII one, whatever the value.
_ASCII_KINDS = frozenset({"country", "language", "phone", "timezone"})
_LAST_CASED = 0x1FFFF  # no plane behind the first two has letters with case


def storable(text: str) -> bool:
    """Whether each database can hold the text at all: JSON in PostgreSQL has no U+0000, and UTF-8 no half characters."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def begins_apart(term: t.Term) -> bool:
    """Whether a text in normal form stays so when the term's text is joined to it, for each value that the term can have."""
    match term:
        case t.Constant():
            return _starts_apart(text_of(term.value))
        case t.Concat():
            return begins_apart(term.left) and begins_apart(term.right)
        case t.Default():
            return begins_apart(term.operand) and begins_apart(term.fallback)
        case t.Load():
            return _kind_begins_apart(term.type)
    return not term.type.is_text


def _kind_begins_apart(kind: Type) -> bool:
    if kind.kind == "one_of":
        return all(_starts_apart(option) for option in kind.options)
    return not kind.is_text or kind.kind in _ASCII_KINDS


def _starts_apart(text: str) -> bool:
    return not text or any(ord(text[0]) in block for block in _STARTERS)


def capitals(texts: Iterable[str]) -> dict[str, str] | None:
    """Each capital whose small letter is in the texts, which are lower-case themselves: mapping these alone, a text equals one of
    ``texts`` exactly if its lower-case form does. None where that does not hold: for marks, and letters that depend on neighbours.
    """
    found: dict[str, str] = {}
    for small in sorted({character for text in texts for character in text}):
        parts = unicodedata.normalize("NFD", small)
        base, marks = parts[0], parts[1:]
        if unicodedata.combining(small) or base in "σς":
            return None
        for capital in _capitals().get(small, ()):
            found[capital] = small
        for capital in _capitals().get(base, ()) if marks else ():
            whole = unicodedata.normalize("NFC", capital + marks)
            if len(whole) > 1:  # this capital and its marks stand apart, and grow together in lower case
                return None
            found[whole] = small
    return found if all(lower(capital) == small for capital, small in found.items()) else None


@cache
def _capitals() -> dict[str, tuple[str, ...]]:
    """For each small letter the characters that become it. Only those that occur in texts in normal form."""
    found: dict[str, tuple[str, ...]] = {}
    for code in range(_LAST_CASED):
        character = chr(code)
        small = character.lower()
        if small != character and len(small) == 1 and unicodedata.normalize("NFC", character) == character:
            found[small] = (*found.get(small, ()), character)
    return found

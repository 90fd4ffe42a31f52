"""The invitation that is sent where a cadence names no template."""

from __future__ import annotations

from functools import cache

from engine.dsl.templates import scan
from engine.model.definitions import MessageTemplate
from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.texts import Template, Text
from engine.model.types import TEXT

_SUBJECTS = {"ru": "Ваше мнение важно для нас", "uk": "Ваша думка важлива для нас", "en": "Your opinion matters to us"}
_TEXTS = {
    "ru": "Здравствуйте!\n\nОтветьте, пожалуйста, на несколько вопросов, это займёт минуту:\n{{ link }}\n\nСпасибо!\n",
    "uk": "Вітаємо!\n\nДайте, будь ласка, відповідь на кілька запитань, це займе хвилину:\n{{ link }}\n\nДякуємо!\n",
    "en": "Hello,\n\nplease answer a few questions, it takes a minute:\n{{ link }}\n\nThank you!\n",
}


@cache
def invitation() -> MessageTemplate:
    return MessageTemplate(name="bundled_invitation", subject=_text(_SUBJECTS), text=_text(_TEXTS), at=_AT)


_AT = Span("", 1, 1, 1, 1)


def _text(by_language: dict[str, str]) -> Text:
    return Text(by_language={language: _template(text) for language, text in by_language.items()}, at=_AT)


def _template(text: str) -> Template:
    body, found, problems = scan(text, {"link": TEXT})
    assert not problems
    return Template(text=text, body=body, expressions=tuple(Expression(text=f.text, term=f.term, at=_AT) for f in found), at=_AT)

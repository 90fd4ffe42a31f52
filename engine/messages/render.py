"""Renders checked templates. Jinja2 walks the text; every expression in it is computed by the language's own evaluator."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.dsl.expressions.interpret import evaluate
from engine.dsl.expressions.meaning import text_of
from engine.model.texts import Template

MAX_OUTPUT = 200_000  # characters; a message beyond that is a mistake, and a loop over a list must not fill the memory

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, finalize=text_of, keep_trailing_newline=True)
_ENVIRONMENT.globals.clear()
_ENVIRONMENT.filters.clear()


_CALL = re.compile(r"\{\{ _\((\d+)\) \}\}")
_MARKUP = re.compile(r"\{[{%#]")
_LINE_END = re.compile(r"\r\n?")


@lru_cache(maxsize=4096)
def _pieces(body: str) -> tuple[str | int, ...] | None:
    """Texts and the numbers of expressions in turn, where a body is nothing else: most are, and those need no Jinja2."""
    texts_and_numbers = _CALL.split(body)
    if any(_MARKUP.search(text) for text in texts_and_numbers[::2]):
        return None
    return tuple(int(part) if at % 2 else _LINE_END.sub("\n", part) for at, part in enumerate(texts_and_numbers))


@lru_cache(maxsize=4096)
def _compiled(body: str) -> jinja2.Template:
    return _ENVIRONMENT.from_string(body)


def render_template(template: Template, scope: Mapping[str, object]) -> str:
    """The template's text for this scope, as plain text: whoever puts it into HTML escapes it."""
    if template.body is None:
        return template.text

    def value(number: int, /, **local: object) -> object:
        term = template.expressions[number].term
        return evaluate(term, {**scope, **local} if local else scope)

    plain = _pieces(template.body)
    parts: Iterable[str]
    if plain is not None:
        parts = (part if isinstance(part, str) else text_of(value(part)) for part in plain)
    else:
        parts = _compiled(template.body).generate(_=value)
    pieces: list[str] = []
    size = 0
    for piece in parts:
        size += len(piece)
        if size > MAX_OUTPUT:
            pieces.append("…")
            break
        pieces.append(piece)
    return "".join(pieces)


def template_value(template: Template, scope: Mapping[str, object]) -> object:
    """The value of a template that is one `{{ … }}` and nothing else, in its own type; the text of any other."""
    only = template.only
    return evaluate(only.term, scope) if only is not None else render_template(template, scope)

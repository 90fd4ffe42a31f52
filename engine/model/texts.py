"""Texts with `{{ }}`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from engine.model.frozen import frozen
from engine.model.span import Span
from engine.model.terms import Expression


@frozen
class Template:
    """Text with ``{{ }}``: literal pieces and checked expressions in turn.

    ``body`` is the text as Jinja2 reads it, with the n-th expression replaced by the call ``_(n)``; it is None where the
    text has no markup. A template that is one expression and nothing else keeps that expression's type.
    """

    text: str  # as written
    body: str | None
    expressions: tuple[Expression, ...] = ()
    at: Span = field(compare=False)

    @property
    def only(self) -> Expression | None:
        """The expression, where the template is one ``{{ … }}`` and nothing else."""
        return self.expressions[0] if self.body == "{{ _(0) }}" else None


@frozen
class Text:
    """Text for people: one template a language, or one for all under the key ``""``."""

    by_language: Mapping[str, Template]
    at: Span = field(compare=False)
    strange: Mapping[str, Span] = field(default_factory=dict, compare=False)  # languages that the project does not have, each at its key

    def pick(self, language: str, fallback: str) -> Template:
        """The template for ``language``, else for ``fallback`` (the project's first language), else the only one there is."""
        found = self.by_language.get(language) or self.by_language.get(fallback) or self.by_language.get("")
        return found if found is not None else next(iter(self.by_language.values()))

"""Survey pages as HTML: one request, no script, right on a phone, by keyboard and through a screen reader."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from engine.messages.render import render_template
from engine.model.texts import Text
from engine.respond.parsing import Fields, field_names
from engine.respond.session import Opened, Reading, thanks
from engine.web.fields import item
from engine.web.words import BUNDLED, words_for

PAGE, GO, LANGUAGE = "_page", "_go", "_lang"  # fields of the page itself; no question's name begins with an underscore

_TEMPLATES = Path(__file__).parent / "templates"
_HEADING_LIMIT = 80  # a longer first line of thanks is no heading


class Pages:
    """Renders; knows no request and no store. One for the life of the daemon."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        style = _condensed((_TEMPLATES / "page.css").read_text(encoding="utf-8"))
        hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
        self._environment.globals["style"] = Markup(style)  # our own file: its `>` must stay what they are
        self.policy = (
            f"default-src 'none'; style-src 'sha256-{hashed}'; img-src 'self' data:; "
            "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )

    def questions(
        self,
        opened: Opened,
        reading: Reading,
        fields: Fields,
        page: int,
        language: str,
        *,
        links: Mapping[str, str] | None = None,
        complain: bool = False,
        trouble: bool = False,
    ) -> str:
        """A page of questions, filled with ``fields``.

        ``links`` leads to the same page in other languages. ``complain`` shows what is wrong; ``trouble`` says that a right
        answer could not be saved.
        """
        words = words_for(language)
        known = reading.scope

        def render(text: Text) -> str:
            return render_template(text.pick(language, opened.default_language), known)

        shown = reading.shown(page)
        items = [item(q, fields, reading.errors.get(q.id) if complain else None, words, render) for q in shown]
        here = {name for q in shown for name in field_names(q)}
        carried = [(PAGE, str(page + 1)), (LANGUAGE, language)]
        for question in reading.form.survey.questions:
            carried += [(name, raw) for name in field_names(question) if name not in here for raw in fields.get(name, ())]
        step, steps = reading.progress(page)
        return self._environment.get_template("survey.html").render(
            language=language,
            title=render(opened.survey.title) if opened.survey.title else words.title,
            words=words,
            languages=[(code, _name(code), href) for code, href in (links or {}).items()],
            items=items,
            carried=carried,
            failed=[drawn for drawn in items if drawn.error],
            notice=words.not_saved if trouble else "",
            step=step,
            steps=steps,
        )

    def thanks(self, opened: Opened, reading: Reading, language: str) -> str:
        """The page after the answer: the survey's first thanks that holds, or ours."""
        words = words_for(language)
        said = thanks(reading)
        if said is None:
            return self._message(language, (words.thanks, words.recorded), good=True)
        text = render_template(said.text.pick(language, opened.default_language), reading.scope).strip()
        heading, _, rest = text.partition("\n")
        if not heading or len(heading) > _HEADING_LIMIT:
            heading, rest = words.thanks, text
        return self._message(language, (heading, rest.strip()), good=True, link=said.link or "")

    def message(self, language: str, said: tuple[str, str], *, good: bool = False) -> str:
        """A page that only says something: heading and text from the words."""
        return self._message(language, said, good=good)

    def _message(self, language: str, said: tuple[str, str], *, good: bool, link: str = "") -> str:
        parts = urlsplit(link)
        return self._environment.get_template("message.html").render(
            language=language,
            words=words_for(language),
            title=said[0],
            text=said[1],
            good=good,
            link=link,
            host=parts.hostname or parts.path,
        )


def _name(language: str) -> str:
    return BUNDLED[language].name if language in BUNDLED else language.upper()


def _condensed(css: str) -> str:
    """The style sheet without what only its readers need: it is a third of every page."""
    flat = re.sub(r"\s+", " ", re.sub(r"/\*.*?\*/", "", css, flags=re.S))
    return re.sub(r" ?([{};,]) ?|(?<=:) ", r"\1", flat).replace(";}", "}").strip()

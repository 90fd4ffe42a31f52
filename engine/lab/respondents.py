"""People who answer: they fetch the page that their mail links to, fill it in and post it, like a browser without scripts."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

import aiohttp

MAX_PAGES = 12
# How a believable customer base scores; the weights are those of score 0, 1, 2, … of the scale.
SCORES: Mapping[int, Sequence[int]] = {
    11: (3, 1, 2, 2, 3, 5, 6, 14, 22, 20, 24),  # NPS
    5: (4, 5, 12, 34, 45),  # CSAT, stars
    7: (3, 3, 5, 9, 18, 30, 32),  # CES
    3: (20, 15, 65),  # GCR: no, partly, yes
}
COMMENTS: Mapping[str, Sequence[str]] = {
    "ru": ("Всё понравилось, спасибо!", "Привезли на день позже.", "Размер не подошёл.", "Вежливые сотрудники."),
    "uk": ("Усе сподобалося, дякую!", "Привезли на день пізніше.", "Розмір не підійшов.", "Ввічливі працівники."),
    "en": ("All good, thank you!", "It came a day late.", "The size was wrong.", "Friendly staff."),
}


@dataclass(slots=True)
class _Form(HTMLParser):
    """The fields of the one form on a page: what a browser would send, and what there is to choose from."""

    language: str = "en"
    found: bool = False
    hidden: list[tuple[str, str]] = field(default_factory=list)
    radios: dict[str, list[str]] = field(default_factory=dict)
    boxes: dict[str, list[str]] = field(default_factory=dict)
    selects: dict[str, list[str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # name → its type
    send: tuple[str, str] | None = None
    _select: str = ""

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name, value = given.get("name", ""), given.get("value", "")
        match tag:
            case "html":
                self.language = given.get("lang", "en")
            case "form" if given.get("method", "").lower() == "post":
                self.found = True
            case "input":
                self._input(given.get("type", "text"), name, value)
            case "textarea":
                self.texts[name] = "textarea"
            case "select":
                self._select = name
                self.selects[name] = []
            case "option" if value:
                self.selects[self._select].append(value)
            case "button" if name and value != "back" and self.send is None:
                self.send = (name, value)

    def _input(self, kind: str, name: str, value: str) -> None:
        match kind:
            case "hidden":
                self.hidden.append((name, value))
            case "radio":
                self.radios.setdefault(name, []).append(value)
            case "checkbox":
                self.boxes.setdefault(name, []).append(value)
            case "submit" | "button" | "image":
                pass
            case _:
                self.texts[name] = kind


@dataclass(slots=True)
class Respondent:
    """Answers surveys by chance, from a seed."""

    session: aiohttp.ClientSession
    random: random.Random

    async def answer(self, link: str) -> bool:
        """Whether the whole survey was answered."""
        async with self.session.get(link) as response:
            page = await response.text()
        for _ in range(MAX_PAGES):
            form = _Form()
            form.feed(page)
            if not form.found:
                return response.status == 200
            async with self.session.post(
                link, data=urlencode(self._fill(form)), headers={"Content-Type": "application/x-www-form-urlencoded"}
            ) as response:
                page = await response.text()
        return False

    def _fill(self, form: _Form) -> list[tuple[str, str]]:
        fields = list(form.hidden)
        for name, values in form.radios.items():
            fields.append((name, self._choose(values)))
        for name, values in form.selects.items():
            fields.append((name, self.random.choice(values)))
        for name, values in form.boxes.items():
            fields += [(name, value) for value in values if value != "other" and self.random.random() < 0.4]
        for name, kind in form.texts.items():
            if kind == "textarea" and self.random.random() < 0.6:
                fields.append((name, self.random.choice(COMMENTS.get(form.language, COMMENTS["en"]))))
        return fields + ([form.send] if form.send else [])

    def _choose(self, values: list[str]) -> str:
        ordered = [value for value in ("no", "partly", "yes") if value in values] if "partly" in values else values
        ordered = [value for value in ordered if value != "other"] or ordered
        weights = SCORES.get(len(ordered)) if all(v.isdigit() for v in ordered) or "partly" in ordered else None
        return self.random.choices(ordered, weights)[0]


def survey_link(text: str, base: str) -> str | None:
    """The first link to a survey of ``base`` in a mail's text."""
    found = re.search(re.escape(base) + r"/s/[A-Za-z0-9_-]+", text)
    return found[0] if found else None

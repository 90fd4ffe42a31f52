"""Projects of any size for the benchmarks: surveys, automations and what asks, about forty lines a file, all texts and names distinct.

The same seed gives the same project. Of ten files four are surveys, four have two automations, two have an audience, a cadence and
their templates. A quarter of the texts is there in three languages. ``defects`` of a thousand files have one mistake each.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

_WORDS = {
    "en": "how likely are you to recommend our service what is the main reason for your score please tell us more about delivery".split(),
    "ru": "насколько вероятно что вы порекомендуете нас почему такая оценка расскажите подробнее о доставке и поддержке".split(),
    "uk": "наскільки ймовірно що ви порекомендуєте нас чому така оцінка розкажіть докладніше про доставку та підтримку".split(),
}
_PROJECT = """\
project: everything
languages: [ru, uk, en]
timezone: Europe/Kyiv
objects:
  contact:
    email: optional email
    phone: optional phone
    name: text
    tier: [standard, vip]
    country: optional country
    employee: boolean
    opted_out: boolean
    last_purchase: optional date
    last_nps: optional integer
  company: {name: text, size: optional integer}
  deal: {title: text, amount: optional number, stage: [new, won, lost], manager: optional text}
events:
  order.delivered: {object: deal, warehouse: text}
  visit.ended: {object: contact, minutes: integer}
may_ask: not contact.opted_out and not contact.employee
connections:
  mail: {use: smtp, host: smtp.shop.test, from: "Shop <cx@shop.test>"}
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: ZD_USER}, token: {env: ZD_TOKEN}}
  crm: {use: bitrix24, url: {env: B24_URL}, token: {env: B24_TOKEN}}
  team: {use: slack, url: {env: SLACK_URL}}
frequency:
  - {max: 1, per: 14d, of: contact}
quiet: {between: 21:00-09:00, days: [sun]}
"""


def write_project(root: Path, files: int, *, defects: float = 0.0, seed: int = 1) -> int:
    """Write a project of ``files`` files besides sounding.yaml, which must not be there yet. Returns the number of lines."""
    root.mkdir(parents=True)
    (root / "sounding.yaml").write_text(_PROJECT, encoding="utf-8")
    lines = _PROJECT.count("\n")
    for number in range(files):
        kind, write = _FILES[number % len(_FILES)]
        writer = _Writer(random.Random(f"{seed} {number}"), number)
        text = "".join(f"{line}\n" for line in write(writer))
        if writer.random.random() * 1000 < defects:
            text = _spoiled(writer.random, text)
        folder = root / kind / f"team_{number % 37:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{kind}_{number:05}.yaml").write_text(text, encoding="utf-8")
        lines += text.count("\n")
    return lines


def survey_of(number: int) -> str:
    """The name of a survey that the project has, for any file's number."""
    return f"nps_{number - number % len(_FILES) + _SURVEYS[number % len(_SURVEYS)]:05}"


class _Writer:
    def __init__(self, source: random.Random, number: int) -> None:
        self.random = source
        self.number = number

    def words(self, language: str, count: int) -> str:
        """A phrase that no other text of the project has."""
        phrase = " ".join(self.random.choice(_WORDS[language]) for _ in range(count))
        return f"{phrase.capitalize()} {self.number}-{self.random.randrange(10**6)}"

    def text(self, key: str, indent: int, more: str = "", count: int = 6) -> Iterator[str]:
        """A text in one language or in three, a line each."""
        pad = " " * indent
        if self.random.random() < 0.75:
            yield f'{pad}{key}: "{self.words("en", count)}{more}"'
            return
        yield f"{pad}{key}:"
        yield from (f'{pad}  {language}: "{self.words(language, count)}{more}"' for language in ("ru", "uk", "en"))


def _survey(w: _Writer) -> Iterator[str]:
    yield f"# Asked by team {w.number % 37}."
    yield f"survey: nps_{w.number:05}"
    yield "metric: nps"
    yield f"about: {w.random.choice(['contact', 'deal'])}"
    yield from w.text("title", 0, count=3)
    yield "questions:"
    yield "  score:"
    yield "    type: nps"
    yield from w.text("ask", 4, count=8)
    yield "  reason:"
    yield "    type: text"
    yield from w.text("ask", 4, ", {{ contact.name }}?")
    yield f"    show_if: score <= {w.random.randint(4, 8)}"
    for number in range(w.random.randint(1, 3)):
        match w.random.choice(["single", "multiple", "csat", "yes_no"]):
            case "single" | "multiple" as kind:
                yield f"  choice_{number}:"
                yield f"    type: {kind}"
                yield from w.text("ask", 4)
                yield "    options:"
                yield from (line for option in "abc" for line in w.text(f"option_{option}", 6, count=2))
                yield f"    show_if: score >= {w.random.randint(7, 9)}"
            case "csat":
                yield f'  rating_{number}: {{type: stars, ask: "{w.words("en", 6)}", required: true}}'
                yield f"  detail_{number}:"
                yield "    type: text"
                yield from w.text("ask", 4)
                yield f'    show_if: rating_{number} <= 2 and contact.tier == "vip"'
            case _:
                yield f'  agree_{number}: {{type: yes_no, ask: "{w.words("en", 6)}"}}'
    yield "thanks:"
    yield f'  - if: score >= 9 and contact.country == "{w.random.choice(["UA", "DE", "PL", "KZ"])}"'
    yield from w.text("text", 4)
    yield f"    link: https://shop.test/review/{w.number}"
    yield from ("  - " + line.lstrip() if first else line for first, line in _numbered(w.text("text", 4, ", {{ contact.name }}.")))


def _numbered(lines: Iterator[str]) -> Iterator[tuple[bool, str]]:
    return ((number == 0, line) for number, line in enumerate(lines))


def _automations(w: _Writer) -> Iterator[str]:
    for part in range(2):
        if part:
            yield "---"
        yield f"automation: follow_up_{w.number:05}_{part}"
        yield f"when: survey.{survey_of(w.number)}.answered"
        low, country = w.random.randint(2, 6), w.random.choice(["UA", "DE", "PL", "KZ"])
        yield [f'if: score <= {low} and contact.tier == "vip"', f'if: score >= {low + 3} and contact.country != "{country}"'][part]
        yield "then:"
        yield "  - ticket:"
        yield "      via: desk"
        yield from w.text("title", 6, ": {{ contact.name }}, {{ score }}", 3)
        yield from w.text("body", 6, ": {{ reason|default('-') }}")
        yield f"      priority: {w.random.choice(['low', 'normal', 'high'])}"
        yield "    as: case"
        if w.random.random() < 0.5:
            yield '  - update: {contact: {last_nps: "{{ score }}"}}'
        yield "  - wait_for: case.closed"
        yield f"    at_most: {w.random.randint(1, 9)}bd"
        yield "    on_timeout:"
        yield f'      - message: {{via: team, to: "#team-{w.number % 37}", text: "{{{{ case.url }}}} {w.words("en", 4)}"}}'
        yield '  - if: case.status in ["solved", "closed"]'
        yield f'    then: [{{email: {{subject: "{w.words("en", 3)}", body: "{{{{ contact.name }}}}, {w.words("en", 6)}"}}}}]'
        yield "    else:"
        yield f'      - task: {{via: crm, title: "{w.words("en", 3)} {{{{ contact.name }}}}", due: {w.random.randint(1, 5)}bd}}'


def _asking(w: _Writer) -> Iterator[str]:
    name = f"{w.number:05}"
    yield f"audience: buyers_{name}"
    yield "of: contact"
    yield f"where: contact.last_purchase is not none and days_since(contact.last_purchase) <= {w.random.randint(30, 365)}"
    yield "---"
    yield f"cadence: after_{name}"
    yield f"survey: {survey_of(w.number)}"
    yield f"audience: buyers_{name}"
    yield "when: order.delivered"
    yield f'if: event.warehouse != "{w.words("en", 1)}"'
    yield f"after: {w.random.randint(1, 9)}d"
    yield "between: 10:00-19:00"
    yield "via: [mail]"
    yield f"invite: invitation_{name}"
    yield f"remind: {{every: 3d, max: 2, with: reminder_{name}}}"
    yield "expires: 14d"
    yield "again: 90d"
    for template in ("invitation", "reminder"):
        yield "---"
        yield f"template: {template}_{name}"
        yield "subject:"
        yield from (f'  {language}: "{w.words(language, 4)}, {{{{ deal.title }}}}"' for language in ("ru", "uk", "en"))
        yield "text:"
        for language in ("ru", "uk", "en"):
            yield f"  {language}: |"
            yield f"    {{{{ contact.name }}}}, {w.words(language, 9)}"
            yield f"    {w.words(language, 7)}: {{{{ link }}}}"


_FILES: tuple[tuple[str, Callable[[_Writer], Iterator[str]]], ...] = (
    ("surveys", _survey),
    ("automations", _automations),
    ("surveys", _survey),
    ("automations", _automations),
    ("cadences", _asking),
)
_SURVEYS = tuple(number for number, (kind, _) in enumerate(_FILES) if kind == "surveys")
_MISTAKES = (
    ("score >= ", "scroe >= "),  # an unknown name
    ("contact.name", "contact.nmae"),  # an unknown attribute
    ("priority: ", "prioirty: "),  # an unknown key
    ("score <= ", "score <= 1"),  # a condition that is always true
    ('"vip"', '"gold"'),  # a value that the contract does not have
)


def _spoiled(source: random.Random, text: str) -> str:
    right, wrong = source.choice([mistake for mistake in _MISTAKES if mistake[0] in text] or [("\n", "\n{")])
    return text.replace(right, wrong, 1)

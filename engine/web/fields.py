"""Questions as the templates draw them: plain values, texts rendered, nothing left to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from engine.dsl.contract import SCALES
from engine.model.definitions import Question
from engine.model.texts import Text
from engine.respond.parsing import OTHER, TEXT_LIMIT, Fields, Problem
from engine.rules.scoring import scale_of
from engine.web.words import Words

_KINDS: Mapping[str, str] = {
    "nps": "row",
    "csat": "row",
    "ces": "row",
    "scale": "row",
    "stars": "stars",
    "smileys": "smileys",
    "gcr": "words",
    "yes_no": "words",
    "single": "list",
    "multiple": "list",
    "dropdown": "select",
    "ranking": "ranking",
    "text": "text",
    "number": "line",
    "email": "line",
    "phone": "line",
    "date": "line",
    "info": "info",
    "consent": "consent",
}

# Attributes of a one-line input: type, inputmode, autocomplete. A number is typed as text: browsers that hold another
# decimal sign for the right one would otherwise post nothing at all.
_LINES: Mapping[str, tuple[str, str, str]] = {
    "number": ("text", "decimal", "off"),
    "email": ("email", "email", "email"),
    "phone": ("tel", "tel", "tel"),
    "date": ("date", "numeric", "off"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    id: str  # of the input element
    value: str
    label: str
    chosen: bool
    end: str = ""  # what this end of the scale means, for who hears the page
    mouth: str = ""  # of a smiley: the path of its mouth
    other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One question on a page."""

    id: str
    kind: str  # which macro draws it
    ask: str
    required: bool
    error: str | None
    choices: tuple[Choice, ...] = ()
    many: bool = False
    low: str = ""  # what the lower end of the scale means
    high: str = ""
    values: tuple[str, ...] = ()  # as posted
    other_name: str = ""
    other_value: str = ""
    line: tuple[str, str, str] = ("text", "text", "off")
    limit: int = TEXT_LIMIT

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""

    @property
    def focus(self) -> str:
        """The id of the element that an error message leads to."""
        if self.kind == "ranking":
            return f"{self.id}-1"
        return self.choices[0].id if self.choices and self.kind != "select" else f"{self.id}-0"


def item(question: Question, fields: Fields, problem: Problem | None, words: Words, render: Callable[[Text], str]) -> Item:
    """Draw up a question with what was posted so far."""
    posted = tuple(fields.get(question.id, ()))
    scored = question.type in SCALES
    kind = _KINDS[question.type]
    choices = tuple(_choices(question, {value.strip() for value in posted}, words, render))
    low, high = _ends(question, words, render) if scored else ("", "")
    if scored and kind == "row":  # the numbers are on the page, so say which end is meant
        scale = scale_of(question)
        low, high = low and f"{scale.low} = {low}", high and f"{scale.high} = {high}"
    other_name = f"{question.id}_{OTHER}" if question.other else ""
    return Item(
        id=question.id,
        kind=kind,
        ask=render(question.ask),
        required=question.required,
        error=None if problem is None else words.errors[problem],
        choices=choices,
        many=question.type == "multiple",
        low=low,
        high=high,
        values=posted,
        other_name=other_name,
        other_value=next(iter(fields.get(other_name, ())), ""),
        line=_LINES.get(question.type, ("text", "text", "off")),
    )


def _ends(question: Question, words: Words, render: Callable[[Text], str]) -> tuple[str, str]:
    usual = {"nps": words.nps, "csat": words.csat, "ces": words.ces, "smileys": words.csat}.get(question.type, ("", ""))
    low, high = question.labels.get("low"), question.labels.get("high")
    return render(low) if low else usual[0], render(high) if high else usual[1]


def _choices(question: Question, chosen: set[str], words: Words, render: Callable[[Text], str]) -> Iterator[Choice]:
    if question.type in SCALES:
        lowest, highest = scale_of(question).low, scale_of(question).high
        low, high = _ends(question, words, render)
        for score in range(lowest, highest + 1):
            yield Choice(
                id=f"{question.id}-{score}",
                value=str(score),
                label=str(score),
                chosen=str(score) in chosen,
                end={lowest: low, highest: high}.get(score, ""),
                mouth=_mouth(score, lowest, highest) if question.type == "smileys" else "",
            )
        return
    options = [(name, render(text)) for name, text in question.options.items()]
    if question.type == "gcr":
        options = [("yes", words.yes), ("partly", words.partly), ("no", words.no)]
    elif question.type == "yes_no":
        options = [("yes", words.yes), ("no", words.no)]
    elif question.other:
        options.append((OTHER, words.other))
    for name, label in options:
        yield Choice(id=f"{question.id}-{name}", value=name, label=label, chosen=name in chosen, other=question.other and name == OTHER)


def _mouth(score: int, lowest: int, highest: int) -> str:
    """From a frown to a smile, in even steps."""
    mood = (2 * score - lowest - highest) / (highest - lowest)
    return f"M7.5 {15.5 - mood:.4g}Q12 {15.5 + 3.5 * mood:.4g} 16.5 {15.5 - mood:.4g}"

"""A question reads the answers to earlier ones. What is said where it reads its own or a later one, or where they read each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from engine.dsl import nodes
from engine.dsl.build.bench import Absent
from engine.dsl.expressions.once import parsed
from engine.dsl.expressions.parse import ParseError
from engine.dsl.expressions.tree import Attribute, Name, Node, children
from engine.dsl.nodes import Mapping, Scalar


class Order:
    """The questions of a survey in the order of the file."""

    def __init__(self, questions: Mapping) -> None:
        self._questions = questions
        self._places = {name: place for place, name in enumerate(questions.entries)}

    def in_texts(self, question: str) -> dict[str, Absent | None]:
        """What the texts of a question cannot read of the survey."""
        return {name: self._later(question, name) for name in self._after(question)} | self._silent()

    def in_condition(self, question: str) -> dict[str, Absent | None]:
        """What its `show_if` cannot read. None: that follows from what is said elsewhere."""
        found = self.in_texts(question)
        reads = self._reads[question]
        if any(name in found for name in reads):
            circle = [name for name in reads if question in self._reached_from(name)]
            first = min((self._places[name] for name in self._reached_from(question) if question in self._reached_from(name)), default=-1)
            for name in circle:
                begins = first == self._places[question] and name == circle[0]
                found[name] = _circular(question, name) if begins else None
        return found

    def _after(self, question: str) -> Iterator[str]:
        return (name for name, place in self._places.items() if place >= self._places[question])

    def _silent(self) -> dict[str, Absent | None]:
        types = {name: data.get("type") for name, data in self._questions.data.items()}
        return {name: Absent("SND302", f"`{name}` is an info, so there is no answer to read") for name in types if types[name] == "info"}

    @staticmethod
    def _later(question: str, name: str) -> Absent:
        if name == question:
            return Absent("SND210", f"`{question}` cannot read its own answer before it is given", "`validate` judges the answer")
        return Absent("SND210", f"`{name}` is asked later, so `{question}` cannot read its answer", f"ask `{name}` before `{question}`")

    @cached_property
    def _reads(self) -> dict[str, list[str]]:
        return {name: [read for read in _read(node) if read in self._places] for name, (_, node) in self._questions.entries.items()}

    def _reached_from(self, question: str) -> set[str]:
        """The questions whose answers decide, at once or by way of others, whether a question is asked."""
        found: set[str] = set()
        open_ = [question]
        while open_:
            new = [name for name in self._reads[open_.pop()] if name not in found]
            found.update(new)
            open_ += new
        return found


def _circular(question: str, name: str) -> Absent:
    if name == question:
        return Absent("SND209", f"whether `{question}` is asked depends on its own answer", "let it depend on an earlier question")
    return Absent("SND209", f"`{question}` depends on `{name}`, and `{name}` on `{question}`", "ask one of them without a condition")


def _read(question: nodes.Node) -> list[str]:
    """The names that the `show_if` of a question reads, in order."""
    condition = question.get("show_if") if isinstance(question, Mapping) else None
    if not isinstance(condition, Scalar) or not isinstance(condition.data, str):
        return []
    try:
        return list(dict.fromkeys(_names(parsed(condition.text).tree)))
    except ParseError:
        return []


def _names(node: Node) -> Iterator[str]:
    match node:
        case Name(_, name):
            yield name
        case Attribute(_, Name(_, "answer"), name, _):
            yield name
        case _:
            for child in children(node):
                yield from _names(child)

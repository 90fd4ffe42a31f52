"""A question reads the answers to earlier ones. What is said where it reads its own or a later one, or where they read each other."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from engine.dsl import nodes
from engine.dsl.build.bench import SILENCE, Absent
from engine.dsl.expressions.once import parsed
from engine.dsl.expressions.parse import ParseError
from engine.dsl.expressions.tree import Attribute, Name, Node, children
from engine.dsl.nodes import Mapping, Scalar


class Order:
    """The questions of a survey in the order of the file."""

    def __init__(self, questions: Mapping) -> None:
        self._questions = questions
        self._places = {name: place for place, name in enumerate(questions.entries)}

    def in_texts(self, question: str, name: str) -> Absent | None:
        """What is said where a text of a question reads ``name``, which it cannot; None where that is no question, or can be read."""
        if name not in self._places:
            return None
        if self._questions.data[name].get("type") == "info":
            return Absent("SND302", f"`{name}` is an info, so there is no answer to read")
        if name == question:
            return Absent("SND210", f"`{question}` cannot read its own answer before it is given", "`validate` judges the answer")
        if self._places[name] > self._places[question]:
            return Absent("SND210", f"`{name}` is asked later, so `{question}` cannot read its answer", f"ask `{name}` before `{question}`")
        return None

    def in_condition(self, question: str, name: str) -> Absent | None:
        """The same for its `show_if`."""
        reads = self._reads[question]
        if name in reads and any(self.in_texts(question, read) is not None for read in reads):
            circle = [read for read in reads if self._circles[read] == self._circles[question]]
            if name in circle:
                begins = name == circle[0] and self._circles[question] == self._places[question]
                return _circular(question, name) if begins else SILENCE
        return self.in_texts(question, name)

    @cached_property
    def _reads(self) -> dict[str, list[str]]:
        return {name: [read for read in _read(node) if read in self._places] for name, (_, node) in self._questions.entries.items()}

    @cached_property
    def _circles(self) -> dict[str, int]:
        """For each question the place of the first of those that it depends on and that depend on it, itself included (Tarjan 1972)."""
        found: dict[str, int] = {}
        lowest: dict[str, int] = {}  # of the questions met so far, in the order in which they were
        path: list[str] = []
        for start in self._places:
            waiting = [] if start in lowest else [(start, len(lowest), iter(self._reads[start]))]
            while waiting:
                name, number, reads = waiting[-1]
                if name not in lowest:
                    lowest[name] = number
                    path.append(name)
                read = next(reads, None)
                if read is None:
                    waiting.pop()
                    if waiting:
                        above = waiting[-1][0]
                        lowest[above] = min(lowest[above], lowest[name])
                    if lowest[name] == number:
                        at = path.index(name)
                        found |= dict.fromkeys(path[at:], min(self._places[member] for member in path[at:]))
                        del path[at:]
                elif read not in lowest:
                    waiting.append((read, len(lowest), iter(self._reads[read])))
                elif read not in found:
                    lowest[name] = min(lowest[name], lowest[read])
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

"""What a check is: an id, what it says, an example of either kind, and the function that finds.

Checks are made so that a project of ten thousand files is judged again in a moment when one of them changes, and by several
processes at once. So no check sees all definitions. It has one of two forms:

- ``one(definition, project)`` judges one definition alone. It is called with each definition of the check's ``kinds``, of which the
  project itself may be one. Its findings must follow from the two arguments alone.
- ``facts(definition, project)`` and ``judge(group, facts, project)`` are for what shows only when definitions are seen together.
  ``facts`` says of one definition of the check's ``kinds`` what others need to know of it: pairs of a group (the name of what is
  judged together: an address, an event) and a fact. ``judge`` is called once for each group, with its facts from everywhere, and
  finds. A fact is small, frozen and made of plain values, spans and terms, since it is pickled, stored and compared; two equal facts
  mean the same. No fact may hold a definition, or an `Expression` with its `origin`. The facts of a group come in the order of the
  definitions' addresses.

Both are called only for definitions that are sound. Findings come in any order; whoever prints sorts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Project

One = Callable[[Any, Project], Iterator[Diagnostic]]
Facts = Callable[[Any, Project], Iterator[tuple[str, Any]]]
Judge = Callable[[str, Sequence[Any], Project], Iterator[Diagnostic]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """``fails`` and ``passes`` are YAML that stands in the catalogue's example project, or a whole project (`project: …` first)."""

    code: str
    severity: Severity
    title: str
    explanation: str
    kinds: tuple[type, ...] = ()  # of the definitions that it looks at; none: it is found together with another
    one: One | None = None
    facts: Facts | None = None
    judge: Judge | None = None  # of the facts; both or neither
    whole: bool = False  # judged only where nothing was refused, since what is missing would only follow from that
    fails: str = ""
    passes: str = ""

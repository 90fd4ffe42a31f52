"""What a check is: an id, what it says, and a generator of findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Definitions


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    code: str
    severity: Severity
    title: str
    explanation: str
    run: Callable[[Definitions], Iterator[Diagnostic]]
    fails: str = ""
    passes: str = ""

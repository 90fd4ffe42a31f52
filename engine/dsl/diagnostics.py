"""Findings: what is wrong, where, why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.model.span import Span

GUARDED = ("SND305", "SND309")  # codes of what a guard may rule out: that a value, or the list that a loop goes through, is missing


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding. ``span`` has no position (None) where a whole file cannot be read."""

    code: str
    severity: Severity
    message: str
    file: str | None
    span: Span | None = None
    hint: str | None = None
    address: str | None = None  # of the definition that it is in


class Findings:
    """Collects findings; what follows from a reported error is left out by whoever reports."""

    def __init__(self) -> None:
        self.items: list[Diagnostic] = []
        self._known: set[Diagnostic] = set()

    def error(self, code: str, message: str, span: Span, *, hint: str | None = None, address: str | None = None) -> None:
        self.add(Severity.ERROR, code, message, span, hint, address)

    def warning(self, code: str, message: str, span: Span, *, hint: str | None = None, address: str | None = None) -> None:
        self.add(Severity.WARNING, code, message, span, hint, address)

    def unreadable(self, code: str, message: str, file: str, *, hint: str | None = None) -> None:
        """A file as a whole: it has no position."""
        self.items.append(Diagnostic(code=code, severity=Severity.ERROR, message=message, file=file, hint=hint))

    def add(self, severity: Severity, code: str, message: str, span: Span, hint: str | None, address: str | None) -> None:
        item = Diagnostic(code=code, severity=severity, message=message, file=span.file, span=span, hint=hint, address=address)
        if item not in self._known:
            self._known.add(item)
            self.items.append(item)

    @property
    def errors(self) -> bool:
        return any(item.severity is Severity.ERROR for item in self.items)

    def sorted(self) -> list[Diagnostic]:
        """By file and place."""
        return sorted(
            self.items, key=lambda d: (d.file or "", d.span.line if d.span else 0, d.span.column if d.span else 0, d.code, d.message)
        )

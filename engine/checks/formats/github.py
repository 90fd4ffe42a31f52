"""Findings as workflow commands: a run on GitHub shows each at its line of the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.checks.formats.place import end_of
from engine.dsl.diagnostics import Diagnostic, Severity

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str], prefix: str) -> str:
    return "\n".join(_one(diagnostic, texts, prefix) for diagnostic in diagnostics)


def _one(diagnostic: Diagnostic, texts: Mapping[str, str], prefix: str) -> str:
    properties: dict[str, str | int | None] = {"file": prefix + diagnostic.file if diagnostic.file is not None else None}
    span = diagnostic.span
    if span is not None:
        line, column = end_of(span, texts)
        properties |= {"line": span.line, "endLine": line}
        if line == span.line:  # an annotation over several lines has no columns
            properties |= {"col": span.column, "endColumn": column}
    properties["title"] = diagnostic.code
    shown = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items() if value is not None)
    message = diagnostic.message + (f"\nhint: {diagnostic.hint}" if diagnostic.hint else "")
    return f"::{_COMMANDS[diagnostic.severity]} {shown}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

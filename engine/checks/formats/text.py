"""Findings for a person: the line, and a caret under the place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from engine.dsl.diagnostics import Diagnostic, Severity

_WIDEST = 200  # characters of a line that are shown
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}


def render(diagnostics: Sequence[Diagnostic], files: int, texts: Mapping[str, str]) -> str:
    parts = [_one(diagnostic, texts) for diagnostic in diagnostics]
    return "\n".join([*parts, _summary(diagnostics, files)])


def _one(diagnostic: Diagnostic, texts: Mapping[str, str]) -> str:
    span = diagnostic.span
    place = str(span) if span else diagnostic.file or ""
    colour = _COLOURS[diagnostic.severity]
    head = f"{click.style(place, bold=True)}: {click.style(diagnostic.severity, fg=colour)}: {diagnostic.message} [{diagnostic.code}]"
    lines = [head]
    if span is not None and span.file in texts:
        source = texts[span.file].split("\n")[span.line - 1].rstrip("\r")
        end = span.end_column if span.end_line == span.line else len(source) + 1
        source, column, end = _window(source, span.column, end)
        width = max(1, min(end, len(source) + 1) - column)
        number = str(span.line)
        # Tabs keep their width under the caret line.
        pad = "".join("\t" if char == "\t" else " " for char in source[: column - 1])
        lines += [f" {number} | {source}", f" {' ' * len(number)} | {pad}{click.style('^' * width, fg=colour)}"]
    if diagnostic.hint:
        lines.append(f"   {click.style('hint', fg='green')}: {diagnostic.hint}")
    return "\n".join(lines) + "\n"


def _window(source: str, column: int, end: int) -> tuple[str, int, int]:
    """The part of a long line around the place, with the columns in it."""
    if len(source) <= _WIDEST:
        return source, column, end
    first = max(0, column - 1 - _WIDEST // 2)
    before, behind = "…" if first else "", "…" if first + _WIDEST < len(source) else ""
    shift = first - len(before)
    shown = before + source[first : first + _WIDEST] + behind
    return shown, column - shift, min(end - shift, len(shown) + 1)


def _summary(diagnostics: Sequence[Diagnostic], files: int) -> str:
    counts = [(severity, sum(d.severity is severity for d in diagnostics)) for severity in Severity]
    found = ", ".join(f"{count} {severity}{'s' if count != 1 and severity != 'info' else ''}" for severity, count in counts if count)
    return f"{files} file{'s' if files != 1 else ''}: {found or 'no findings'}"

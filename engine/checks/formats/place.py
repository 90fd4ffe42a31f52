"""Where a finding is shown by other programs: the path from the root of the checkout, and the stretch without its last line break."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.model.span import Span


def prefix_of(root: Path) -> str:
    """What stands before a project's file names where they are shown: the way from the root of the checkout to the project.

    Without a checkout it is the way from the current folder, or nothing where the project is not below it.
    """
    project = root.resolve()
    top = next((folder for folder in (project, *project.parents) if (folder / ".git").exists()), Path.cwd())
    if not project.is_relative_to(top) or project == top:
        return ""
    return project.relative_to(top).as_posix() + "/"


def end_of(span: Span, texts: Mapping[str, str]) -> tuple[int, int | None]:
    """The last line and the exclusive end column of a stretch. Where it ends before the first column of a line, that is the line
    above; its column is None where the text is not at hand."""
    if span.end_column > 1 or span.end_line <= span.line:
        return span.end_line, span.end_column
    lines = texts[span.file].split("\n") if span.file in texts else []
    last = span.end_line - 1
    while last > span.line and last <= len(lines) and not lines[last - 1].strip():
        last -= 1
    return last, len(lines[last - 1].rstrip("\r")) + 1 if last <= len(lines) else None

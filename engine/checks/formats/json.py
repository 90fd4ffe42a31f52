"""Findings for a program: the contract of `validate --format json`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from engine.dsl.diagnostics import Diagnostic


def render(diagnostics: Sequence[Diagnostic], files: int) -> str:
    return json.dumps({"diagnostics": [_one(d) for d in diagnostics], "files": files}, ensure_ascii=False, indent=2)


def _one(diagnostic: Diagnostic) -> dict[str, object]:
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "address": diagnostic.address,
        "file": diagnostic.file,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }

"""Findings as SARIF 2.1.0, which code scanning services and editors read."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from engine import __version__
from engine.checks.catalogue import ENTRIES
from engine.checks.formats.place import end_of
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.span import Span

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_BASE = "%SRCROOT%"


def render(diagnostics: Sequence[Diagnostic], texts: Mapping[str, str], prefix: str) -> str:
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    seen: Counter[str] = Counter()
    run = {
        "tool": {"driver": {"name": "Sounding", "version": __version__, "rules": [_rule(code) for code in codes]}},
        "columnKind": "unicodeCodePoints",
        # Where the checkout lies is the reader's to know: a path of the machine that checked would mislead.
        "originalUriBaseIds": {_BASE: {"description": {"text": "the root of the checkout"}}},
        "results": [_result(diagnostic, codes.index(diagnostic.code), texts, prefix, seen) for diagnostic in diagnostics],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _rule(code: str) -> dict[str, Any]:
    entry = ENTRIES.get(code)
    if entry is None:
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.explanation},
        "defaultConfiguration": {"level": _LEVELS[entry.severity]},
    }


def _result(diagnostic: Diagnostic, rule: int, texts: Mapping[str, str], prefix: str, seen: Counter[str]) -> dict[str, Any]:
    hint = f"\nHint: {diagnostic.hint}" if diagnostic.hint else ""
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": _LEVELS[diagnostic.severity],
        "message": {"text": diagnostic.message + hint},
    }
    location: dict[str, Any] = {}
    if diagnostic.file is not None:
        location["physicalLocation"] = {"artifactLocation": {"uri": quote(prefix + diagnostic.file), "uriBaseId": _BASE}}
        if diagnostic.span is not None:
            location["physicalLocation"]["region"] = _region(diagnostic.span, texts)
    if diagnostic.address is not None:
        location["logicalLocations"] = [{"fullyQualifiedName": diagnostic.address}]
    if location:
        result["locations"] = [location]
    mark = _fingerprint(diagnostic, texts)
    seen[mark] += 1
    result["partialFingerprints"] = {"primaryLocationLineHash": f"{mark}:{seen[mark]}"}
    return result


def _region(span: Span, texts: Mapping[str, str]) -> dict[str, int]:
    line, column = end_of(span, texts)
    region = {"startLine": span.line, "startColumn": span.column}
    if line != span.line:
        region["endLine"] = line
    if column is not None and (line, column) > (span.line, span.column):
        region["endColumn"] = column
    return region


def _fingerprint(diagnostic: Diagnostic, texts: Mapping[str, str]) -> str:
    """What stays the same where lines are added above: the line's text, not its number."""
    span = diagnostic.span
    line = texts[span.file].split("\n")[span.line - 1].strip() if span is not None and span.file in texts else diagnostic.message
    parts = (diagnostic.code, diagnostic.address or "", diagnostic.file or "", line)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

"""Findings as a JUnit report: a suite for each file, a case for each finding. A file without findings is one passed case."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from xml.etree import ElementTree as ET

from engine.dsl.diagnostics import Diagnostic, Severity

# What XML 1.0 cannot hold, escaped or not; a message may quote it.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(diagnostics: Sequence[Diagnostic], files: Iterable[str], prefix: str, *, failing: Collection[Severity]) -> str:
    """A finding of a ``failing`` severity is a failure; else it is a passed case that says something."""
    by_file: dict[str, list[Diagnostic]] = {name: [] for name in files}
    for diagnostic in diagnostics:
        by_file.setdefault(diagnostic.file or "", []).append(diagnostic)
    suites = ET.Element("testsuites", name="sounding validate")
    for name, found in by_file.items():
        suites.append(_suite(prefix + name, found, failing=failing))
    for count in ("tests", "failures"):
        suites.set(count, str(sum(int(suite.get(count, 0)) for suite in suites)))
    suites.set("errors", "0")
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode")


def _suite(file: str, diagnostics: Sequence[Diagnostic], *, failing: Collection[Severity]) -> ET.Element:
    suite = ET.Element("testsuite", name=_legal(file))
    for diagnostic in diagnostics:
        suite.append(_case(file, diagnostic, failing=failing))
    if not diagnostics:
        ET.SubElement(suite, "testcase", name="no findings", classname=_legal(file), file=_legal(file), time="0")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("*/failure"))))
    for count in ("errors", "skipped", "time"):
        suite.set(count, "0")
    return suite


def _case(file: str, diagnostic: Diagnostic, *, failing: Collection[Severity]) -> ET.Element:
    span = diagnostic.span
    place = f"{span.line}:{span.column}" if span is not None else ""
    case = ET.Element("testcase", name=f"{diagnostic.code} {place}".rstrip(), classname=_legal(file), file=_legal(file), time="0")
    if span is not None:
        case.set("line", str(span.line))
    lines = [f"{file}{':' + place if place else ''}: {diagnostic.severity}: {diagnostic.message}"]
    if diagnostic.hint:
        lines.append(f"hint: {diagnostic.hint}")
    text = _legal("\n".join(lines))
    if diagnostic.severity not in failing:
        ET.SubElement(case, "system-out").text = text
    else:
        ET.SubElement(case, "failure", type=diagnostic.code, message=_legal(diagnostic.message)).text = text
    return case


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)

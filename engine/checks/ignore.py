"""`# sounding: ignore SND207 reason`: a finding that is meant to be there, with the reason why.

At the end of a line it stands for the findings that begin on that line; on a line of its own, for those of the next line that is no
comment. Where a text begins on that line, as behind `if: >-`, it stands for all the lines of the text: no comment fits in there.
Only what the checks find can be ignored: an error of reading or typing leaves its definition out of the project, and no comment
makes that right.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import yaml

from engine.dsl.diagnostics import Diagnostic, Findings, Severity
from engine.dsl.libyaml import CParser, masked
from engine.model.span import Span

INCOMPLETE, UNUSED = "SND901", "SND902"

_Key = tuple[str, int, str]  # file, line, code
_MARK = "sounding:"
_COMMENT = re.compile(r"#\s*sounding:\s*ignore\b[ \t]*(.*)")
_CODES = re.compile(r"SND[0-9]{3}(?:[ \t]*,[ \t]*SND[0-9]{3})*(?!\w)")
_CODE = re.compile(r"SND[0-9]{3}")
_FORM = "write it as `# sounding: ignore SND207 the reason`; several codes are separated by commas"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """One comment. ``codes`` has each code with its place; where the reason is missing, the comment has no effect."""

    line: int  # whose findings it is for
    until: int  # the last line of a text that begins there
    codes: tuple[tuple[str, Span], ...]
    reason: str
    at: Span


def ignores_in(text: str, name: str) -> tuple[Ignore, ...]:
    """The ignores of a file. None where the text is no YAML: what is found there cannot be ignored."""
    # Nearly every file has none; only the others are read a second time.
    if _MARK not in text or _COMMENT.search(text) is None:
        return ()
    try:
        scalars = _scalars(text)
    except yaml.YAMLError:
        return ()
    file = _File(name, text, scalars)
    return tuple(_ignore(file, found) for found in _comments(text, scalars))


def ignores_of(texts: Mapping[str, str]) -> list[Ignore]:
    """The ignores of all files, by name."""
    return [ignore for name, text in texts.items() for ignore in ignores_in(text, name)]


def apply_ignores(findings: Findings, ignores: Sequence[Ignore], checks: Collection[str]) -> None:
    """Take out what is ignored, and report each ignore that is incomplete or ignores nothing. ``checks`` are the checks' codes."""
    if not ignores:
        return
    wanted = {key for ignore in ignores if ignore.reason for code, _ in ignore.codes for key in _keys(ignore, code)}
    used: set[_Key] = set()
    kept: list[Diagnostic] = []
    for item in findings.items:
        key = (item.span.file, item.span.line, item.code) if item.span is not None else None
        if key in wanted and (item.code in checks or item.severity is not Severity.ERROR):
            used.add(key)
        else:
            kept.append(item)
    findings.items[:] = kept
    # Behind an error of reading or typing the checks saw a part of the project: what they might have found is not known.
    refused = {(item.span.file, item.span.line, item.code) for item in kept if item.span is not None and item.code not in checks}
    judged = all(item.code in checks or item.severity is not Severity.ERROR for item in kept)
    for ignore in ignores:
        findings.items.extend(_judge(ignore, used, refused, judged=judged))


def _judge(ignore: Ignore, used: set[_Key], refused: set[_Key], *, judged: bool) -> Iterator[Diagnostic]:
    """What is wrong with one ignore."""
    if not ignore.codes or not ignore.reason:
        lacks = "gives no reason" if ignore.codes else "names no code"
        yield _finding(INCOMPLETE, f"this ignore {lacks}, so it has no effect", ignore.at, _FORM)
        return
    for code, span in ignore.codes:
        keys = _keys(ignore, code)
        if not refused.isdisjoint(keys):
            yield _finding(UNUSED, f"{code} is an error of reading or typing, which cannot be ignored", span, "mend the error")
        elif judged and used.isdisjoint(keys):
            yield _finding(UNUSED, f"there is no {code} here to ignore", span, "delete it")


def _keys(ignore: Ignore, code: str) -> list[_Key]:
    return [(ignore.at.file, line, code) for line in range(ignore.line, ignore.until + 1)]


def _finding(code: str, message: str, span: Span, hint: str) -> Diagnostic:
    return Diagnostic(code=code, severity=Severity.WARNING, message=message, file=span.file, span=span, hint=hint)


def _scalars(text: str) -> list[tuple[int, int]]:
    """Where the contents of scalars begin and end: a `#` in there is no comment."""
    found = []
    parser = CParser(masked(text)[0])
    try:
        while parser.check_token():
            token = parser.get_token()
            if isinstance(token, yaml.ScalarToken):
                start, end = int(token.start_mark.index), int(token.end_mark.index)
                if token.style in ("|", ">"):
                    # The line of the indicator may end with a comment; the content begins below it.
                    start += len(text[start:end].partition("\n")[0])
                found.append((start, end))
    finally:
        parser.dispose()
    return found


def _comments(text: str, scalars: list[tuple[int, int]]) -> Iterator[re.Match[str]]:
    """The ignores among the comments. What follows a `#` in a comment is a part of that comment."""
    starts = [start for start, _ in scalars]
    at = text.find("#")
    while at >= 0:
        before = bisect_right(starts, at) - 1
        if before >= 0 and at < scalars[before][1]:
            at = text.find("#", scalars[before][1])
            continue
        found = _COMMENT.match(text, at)
        if found is not None:
            yield found
        end = text.find("\n", at)
        at = text.find("#", end) if end >= 0 else -1


class _File:
    """Where the lines of a file begin, and which one a comment of its own stands for: told for many comments at the cost of one."""

    def __init__(self, name: str, text: str, scalars: list[tuple[int, int]]) -> None:
        self.name = name
        lines = text.split("\n")
        self.starts = [0, *accumulate(len(line) + 1 for line in lines)]
        self.alone = [line.lstrip().startswith("#") for line in lines]
        self.below = [len(lines)] * len(lines)  # index of the next line that is no comment
        for index in range(len(lines) - 2, -1, -1):
            self.below[index] = self.below[index + 1] if self.alone[index + 1] else index + 1
        # Index of the last line of the texts that begin on a line, by that line.
        self.ends = {self.line_of(start): self.line_of(start + len(text[start:end].rstrip()) - 1) for start, end in scalars}

    def line_of(self, position: int) -> int:
        return bisect_right(self.starts, position) - 1


def _ignore(file: _File, found: re.Match[str]) -> Ignore:
    rest = found[1].rstrip()
    codes = _CODES.match(rest)
    named = codes[0] if codes is not None else ""
    line = file.line_of(found.start())
    stands_for = file.below[line] if file.alone[line] else line
    base, begin = file.starts[line], found.start(1)

    def span(start: int, end: int) -> Span:
        return Span(file.name, line + 1, start - base + 1, line + 1, end - base + 1)

    return Ignore(
        line=stands_for + 1,
        until=max(stands_for, file.ends.get(stands_for, 0)) + 1,
        codes=tuple((code[0], span(begin + code.start(), begin + code.end())) for code in _CODE.finditer(named)),
        reason=rest[len(named) :].lstrip(" \t,:-–—"),
        at=span(found.start(), begin + len(rest)),
    )

"""libyaml's tokens with their source text, and with the comments and empty lines that stand in front of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from engine.dsl.libyaml import CParser

_PART = re.compile(r"\n|#[^\n]*")  # of what stands between two tokens
_HEADER = re.compile(r"[|>]([0-9+-]*)")


@dataclass(slots=True)
class Comment:
    text: str
    index: int
    column: int
    own: bool  # nothing stands in front of it on its line
    blank: bool  # an empty line stands in front of it
    offset: int | None = None  # an end-of-line comment's distance from the start of what its line says; None where that was laid out anew


@dataclass(slots=True)
class Body:
    """The content of a block scalar: lines without their indentation."""

    style: str
    chomping: str
    lines: list[str]


@dataclass(slots=True)
class Token:
    """Virtual tokens (the start and end of a block collection, a simple key) have no text."""

    kind: type[yaml.Token]
    start: int
    end: int
    column: int
    text: str
    style: str | None = None  # of a scalar: ' " | > or None
    value: str = ""  # of a scalar
    body: Body | None = None  # of a block scalar
    heading: Comment | None = None  # behind a block scalar's indicator
    comments: list[Comment] = field(default_factory=list)  # in front of it
    blank: bool = False  # an empty line stands in front of it, behind the comments


def normal_breaks(text: str) -> str:
    """The text with LF for CRLF and CR, and without a byte order mark: to libyaml it is the same text."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def breaks_between(text: str, start: int, end: int) -> bool:
    return text.find("\n", start, end) >= 0


def scan(text: str) -> list[Token]:
    """The tokens of a text that the loader could read, with stand-ins for what only libyaml takes for the end of a line."""
    found: list[Token] = []
    indents = [-1]  # of the open block collections: what a block scalar's indentation is counted from
    at, breaks = 0, 1  # the text begins with a fresh line
    for raw in _raw_tokens(text):
        start, end = raw.start_mark.index, raw.end_mark.index
        token = Token(type(raw), start, end, raw.start_mark.column, text[start:end])
        if isinstance(raw, yaml.ScalarToken):
            token.style, token.value = raw.style or None, raw.value
        token.comments, token.blank = _between(text, at, start, breaks)
        if token.kind in (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken):
            indents.append(token.column)
        elif token.kind is yaml.BlockEndToken:
            indents.pop()
        elif token.style in ("|", ">"):
            _read_body(token, max(indents[-1], 0))
        if token.end > at:
            at, breaks = token.end, 0
        found.append(token)
    return found


def _read_body(token: Token, parent: int) -> None:
    """Take a block scalar apart. Its token then ends where its content does: empty lines that do not count are no part of it."""
    raw, (heading, broken, content) = token.text, token.text.partition("\n")
    header = _HEADER.match(raw)
    assert header is not None
    digits, chomping = header[1].strip("+-"), header[1].strip("0123456789")
    if "#" in heading:
        at = heading.index("#")
        token.heading = Comment(heading[at:].rstrip(), token.start + at, token.column + at, own=False, blank=False)
    lines = content.split("\n")
    if digits:
        indent = parent + int(digits)
    else:
        indent = next((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), len(raw))
    if len(lines[-1]) <= indent:  # what is left behind the last break is no line
        lines.pop()
        while chomping != "+" and lines and len(lines[-1]) <= indent:
            lines.pop()
    else:
        chomping = "-"  # the file ends within the last line, so the value ends without a break; now the line gets one
    token.end = token.start + len(heading) + (len(broken) + len("\n".join(lines)) if lines else 0)
    token.body = Body(token.text[0], chomping, [line[indent:] for line in lines])


def _raw_tokens(text: str) -> Iterator[Any]:
    parser = CParser(text)
    try:
        while parser.check_token():
            yield parser.get_token()
    finally:
        parser.dispose()


def _between(text: str, start: int, end: int, breaks: int) -> tuple[list[Comment], bool]:
    """The comments between two tokens, and whether an empty line stands right in front of the later one."""
    found: list[Comment] = []
    for part in _PART.finditer(text, start, end):
        if part[0] == "\n":
            breaks += 1
            continue
        index = part.start()
        line = text.rfind("\n", 0, index) + 1
        found.append(Comment(part[0].rstrip(), index, index - line, own=breaks > 0, blank=breaks > 1))
        breaks = 0
    return found, breaks > 1

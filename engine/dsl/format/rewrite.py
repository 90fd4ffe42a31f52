"""A file's bytes in the project's style. Each result is proved against the original before it is handed out."""

from __future__ import annotations

from collections import Counter

import yaml

from engine.dsl import source
from engine.dsl.diagnostics import Findings
from engine.dsl.format.order import arrange
from engine.dsl.format.parse import parse
from engine.dsl.format.render import render
from engine.dsl.format.tokens import Token, normal_breaks, scan
from engine.dsl.libyaml import masked
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.errors import SoundingError


class ChangedMeaningError(SoundingError):
    """The formatter would have changed what a file says: a defect of ours, found before anything was written."""


def rewrite(data: bytes, name: str, findings: Findings) -> str | None:
    """The formatted text; None where the file cannot be read, and why is a finding. Raises ChangedMeaningError."""
    own = Findings()
    before, text = source.parse(data, name, own)
    if own.items:
        findings.items.extend(own.items)
        return None
    text, back = masked(normal_breaks(text))
    tokens = scan(text)
    kept = _kept(tokens)
    documents, rest = parse(text, tokens)
    for document in documents:
        if document.root is not None:
            arrange(document.root.value)
    found = render(documents, rest).translate(back)
    if found.encode() != data:
        _prove(before, kept, found, name)
    return found


def _prove(before: list[Mapping], kept: Counter[str], new: str, name: str) -> None:
    findings = Findings()
    after, _ = source.parse(new.encode(), name, findings)
    same = not findings.items and len(before) == len(after) and all(map(_same, before, after))
    if not same or kept != _kept(scan(masked(new)[0])):
        raise ChangedMeaningError(f"{name} was left as it is: formatting would change what it says. This is a defect; please report it")


def _same(old: Node, new: Node) -> bool:
    """Whether two nodes hold the same values; the order of a map's keys is no value."""
    if isinstance(old, Scalar) and isinstance(new, Scalar):
        return old.text == new.text and repr(old.data) == repr(new.data)  # by repr, since .nan is not equal to itself
    if isinstance(old, Sequence) and isinstance(new, Sequence):
        return len(old.items) == len(new.items) and all(map(_same, old.items, new.items))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.entries.keys() == new.entries.keys() and all(_same(old.entries[key][1], new.entries[key][1]) for key in old.entries)
    return False


def _kept(tokens: list[Token]) -> Counter[str]:
    """What has to be there as often as before although it is no value: comments, anchors, aliases, separators."""
    marks = (yaml.AnchorToken, yaml.AliasToken, yaml.DocumentStartToken, yaml.DirectiveToken)
    found = Counter(" ".join(token.text.split()) for token in tokens if token.kind in marks)
    for token in tokens:
        found.update(comment.text for comment in token.comments)
        if token.heading is not None:
            found[token.heading.text] += 1
    return found

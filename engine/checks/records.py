"""What is kept of each file and document: plain rows for the cache, and what they say."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from engine.checks.cache import Row, diagnostic, row_of
from engine.checks.ignore import Ignore
from engine.checks.workshop import FileOutline, GroupKey, Made
from engine.dsl.diagnostics import Diagnostic
from engine.dsl.others import Answer, Key, Sealed, Seen
from engine.dsl.outline import Declared
from engine.model.span import Span


class Kept(NamedTuple):
    """What came of one document, without the values that others may look up: of those there are hashes."""

    seen: Seen
    findings: tuple[Diagnostic, ...]  # of building it
    checked: tuple[Diagnostic, ...]  # of the checks that judge it alone
    noted: Mapping[Key, Answer]  # what it looked up
    groups: Sequence[GroupKey]  # of each of its facts
    facts: str  # hash of its facts

    @staticmethod
    def of(made: Made) -> Kept:
        return Kept(
            seen=made.seen,
            findings=made.findings,
            checked=made.checked,
            # Of a large project the same few names come from other processes ten thousand times.
            noted={sys.intern(key): answer for key, answer in made.noted.items()},
            groups=[sys.intern(key) for key in made.groups],
            facts=made.digest,
        )


@dataclass(slots=True, kw_only=True)
class Record:
    """A file: its outline, and for each document what came of it; None where it was not built."""

    outline: FileOutline
    kept: list[Kept | None]
    row: Row | None = None  # as it stands in the cache, while that is so


def row_of_record(record: Record) -> Row:
    if record.row is not None:
        return record.row
    file = record.outline
    return [
        file.digest,
        [[d.kind, d.name, d.at, d.refused, d.uses] for d in file.declared],
        [row_of(found) for found in file.findings],
        file.incomplete,
        file.blueprints,
        [[ignore.line, ignore.until, ignore.codes, ignore.reason, ignore.at] for ignore in file.ignores],
        [None if kept is None else _row_of_kept(kept) for kept in record.kept],
    ]


def record_of(name: str, row: Row) -> Record:
    digest, declared, findings, incomplete, blueprints, ignores, kept = row
    outline = FileOutline(
        name=name,
        digest=digest,
        declared=tuple([Declared(kind, name_, Span(*at), refused, uses) for kind, name_, at, refused, uses in declared]),
        findings=tuple([diagnostic(found) for found in findings]),
        incomplete=incomplete,
        blueprints=tuple(blueprints),
        ignores=tuple(
            Ignore(line=line, until=until, codes=tuple((code, Span(*at)) for code, at in codes), reason=reason, at=Span(*place))
            for line, until, codes, reason, place in ignores
        ),
    )
    return Record(outline=outline, kept=[None if one is None else _kept_of(one) for one in kept], row=row)


def _row_of_kept(kept: Kept) -> Row:
    seen = kept.seen
    return [
        seen.address,
        seen.sound,
        seen.metric,
        seen.face.digest if seen.face is not None else None,
        [(template, scope.digest) for template, scope in seen.scopes],
        [row_of(found) for found in kept.findings],
        [row_of(found) for found in kept.checked],
        kept.noted,
        kept.groups,
        kept.facts,
    ]


def _kept_of(row: Row) -> Kept:
    address, sound, metric, face, scopes, findings, checked, noted, groups, facts = row
    seen = Seen(
        address,
        sound,
        metric,
        Sealed.known_by(face) if face is not None else None,
        tuple([(template, Sealed.known_by(scope)) for template, scope in scopes]),
    )
    return Kept(
        seen,
        tuple([diagnostic(found) for found in findings]),
        tuple([diagnostic(found) for found in checked]),
        noted,
        groups,
        facts,
    )

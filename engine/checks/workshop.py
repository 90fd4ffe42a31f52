"""Reads the files of a project and builds and checks their documents, some or all of them. One a process.

What comes of a document follows from its text, the project and the look-ups that are noted (see `engine.dsl.others`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingT
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.checks import ignore
from engine.checks.cache import ChangedMeanwhileError, digest_of
from engine.checks.registry import BY_CODE, BY_KIND
from engine.dsl import source
from engine.dsl.blueprints import Blueprint
from engine.dsl.build.bench import Bench
from engine.dsl.build.definition import STAGES, build
from engine.dsl.diagnostics import Diagnostic, Findings
from engine.dsl.nodes import Mapping
from engine.dsl.others import Answer, Key, Others, Sealed, Seen, hash_of
from engine.dsl.outline import Declared, Outline, outline
from engine.model.definitions import Project
from engine.model.frozen import frozen

Place = tuple[str, int]  # a document: its file, and its number there
GroupKey = str  # the check's code, a space, and the group's name
Group = tuple[GroupKey, Sequence[Sealed[object]]]  # with its facts
_MOST_HELD = 9_000  # files whose nodes are kept until their documents are built; with more, some are read twice to save memory


@frozen
class FileOutline:
    """What a file says by itself. ``digest`` is the hash of its bytes."""

    name: str
    digest: str
    declared: tuple[Declared, ...]
    findings: tuple[Diagnostic, ...]
    incomplete: bool
    blueprints: tuple[str, ...]
    ignores: tuple[ignore.Ignore, ...]


@frozen
class Made:
    """What came of a document: the findings of building it, those of the checks that judge it alone, and facts for the others."""

    seen: Seen
    findings: tuple[Diagnostic, ...]
    checked: tuple[Diagnostic, ...]
    noted: MappingT[Key, Answer]
    groups: tuple[GroupKey, ...]  # of each fact
    facts: tuple[Sealed[object], ...]  # in the order of the groups
    digest: str  # the hash of all that the facts follow from besides the project


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is known of the whole project when all files are outlined."""

    project: tuple[Place, Declared]
    blueprints: tuple[str, ...]  # files
    others: Others
    homes: MappingT[str, tuple[Place, Declared]]  # by address, the document that counts
    digests: MappingT[str, str]  # of all files


@dataclass(slots=True)
class Workshop:
    root: Path
    most_held: int = _MOST_HELD
    _held: dict[str, list[Mapping | None]] = field(default_factory=dict)  # the documents of a file that are not built yet
    _plan: Plan | None = None
    _bench: Bench = field(default_factory=Bench)
    _project: Project | None = None
    _blueprints: dict[str, Blueprint | None] = field(default_factory=dict)
    _views: list[Others] = field(default_factory=list)  # by stage: what its definitions see of others
    _fetched: dict[str, Made] = field(default_factory=dict)

    def outline(self, names: Iterable[str]) -> list[FileOutline]:
        return [self._outline(name) for name in names]

    def _outline(self, name: str) -> FileOutline:
        findings = Findings()
        data = source.content(self.root / name, name, findings)
        documents, text = source.parse(data, name, findings) if data is not None else ([], "")
        found = outline(documents, findings)
        if len(self._held) < self.most_held:
            self._held[name] = list(found.documents)
        return FileOutline(
            name=name,
            digest=digest_of(data),
            declared=found.declared,
            findings=tuple(findings.items),
            incomplete=found.incomplete,
            blueprints=tuple(found.blueprints),
            ignores=ignore.ignores_in(text, name),
        )

    def begin(self, plan: Plan) -> Made:
        """Learn what the whole project is. Gives what came of the project's own document."""
        self._plan = plan
        for name in plan.blueprints:
            self._blueprints |= self._outlined(name).blueprints
        self._bench = Bench(others=replace(plan.others, fetch=self._fetch))
        self._views = [self._bench.others]
        return self._build(*plan.project, self._bench)

    @property
    def project(self) -> Project | None:
        """The project, if it is sound."""
        return self._project

    @property
    def others(self) -> Others:
        return self._bench.others

    def take(self, stage: Iterable[Seen]) -> None:
        """Let the definitions of a stage be seen by those of the next."""
        others = replace(self.others, refused=set(self.others.refused))
        for seen in stage:
            others.take(seen)
        self._bench.others = others
        self._views.append(others)

    def build(self, documents: Sequence[tuple[Place, Declared]]) -> list[Made]:
        return [self._build(place, declared, self._bench) for place, declared in documents]

    def judge(self, groups: Sequence[Group]) -> list[list[Diagnostic]]:
        """What the checks find in each group."""
        return [self._judge(key, [fact.value for fact in facts]) for key, facts in groups]

    def _judge(self, key: GroupKey, facts: Sequence[object]) -> list[Diagnostic]:
        code, _, name = key.partition(" ")
        judge = BY_CODE[code].judge
        assert judge is not None
        assert self._project is not None
        return list(judge(name, facts, self._project))

    def fetch(self, address: str) -> Made:
        """What comes of a document that need not be built for its own sake."""
        assert self._plan is not None
        if address not in self._fetched:
            # With notes of its own: whoever asks is being built with those of the bench.
            place, declared = self._plan.homes[address]
            stage = next(number for number, kinds in enumerate(STAGES) if declared.kind in kinds)
            bench = replace(self._bench, others=replace(self._views[stage], noted={}))
            self._fetched[address] = self._build(place, declared, bench)
        return self._fetched[address]

    def _fetch(self, address: str) -> Seen:
        return self.fetch(address).seen

    def _document(self, place: Place) -> Mapping:
        """A document that is about to be built. Its nodes are given away: nobody needs them behind that."""
        name, number = place
        held = self._held.get(name)
        if held is None or held[number] is None:
            held = self._held[name] = list(self._outlined(name).documents)
        document, held[number] = held[number], None
        if not any(held):
            del self._held[name]
        assert document is not None
        return document

    def _outlined(self, name: str) -> Outline:
        findings = Findings()
        data = source.content(self.root / name, name, findings)
        assert self._plan is not None
        if data is None or digest_of(data) != self._plan.digests[name]:
            raise ChangedMeanwhileError(name)
        return outline(source.parse(data, name, findings)[0], findings)

    def _digest(self, place: Place, noted: MappingT[Key, Answer]) -> str:
        # Cheaper than a hash of the facts, and no less strict.
        assert self._plan is not None
        name, number = place
        return hash_of(f"{self._plan.digests[name]} {number} {sorted(noted.items())}")

    def _build(self, place: Place, declared: Declared, bench: Bench) -> Made:
        document = self._document(place)
        built = build(bench, declared, document, self._blueprints)
        if isinstance(built.definition, Project):
            self._project = built.definition
        checked: list[Diagnostic] = []
        facts: list[tuple[GroupKey, object]] = []
        if built.definition is not None and self._project is not None:
            for check in BY_KIND[type(built.definition)]:
                if check.one is not None:
                    checked += check.one(built.definition, self._project)
                if check.facts is not None:
                    facts += [(f"{check.code} {group}", fact) for group, fact in check.facts(built.definition, self._project)]
        # An automation for every survey says the same of itself in each group: that travels once.
        sealed = {id(fact): Sealed(fact, digest="") for _, fact in facts}
        return Made(
            seen=built.seen,
            findings=built.findings,
            checked=tuple(checked),
            noted=built.noted,
            groups=tuple(key for key, _ in facts),
            facts=tuple(sealed[id(fact)] for _, fact in facts),
            digest=self._digest(place, built.noted),
        )

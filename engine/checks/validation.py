"""Validates a project: outline each file, build and check each document, judge what shows only together, weigh.

Each step keeps what an earlier validation found where what it follows from has not changed: an outline follows from the bytes of its
file; what comes of a document, from its text, the project and the look-ups that were noted; a judgement, from its facts and the project.
So one changed file of thousands costs itself and those that look up what others see of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.checks import ignore
from engine.checks.cache import Cache, Row, Stamp, diagnostic, row_of
from engine.checks.records import Kept, Record, record_of, row_of_record
from engine.checks.registry import CHECKS, CODES
from engine.checks.report import Report, Texts
from engine.checks.run import apply_severities, judge_codes, judge_paths
from engine.checks.workers import Crew, worth
from engine.checks.workshop import Group, GroupKey, Made, Place, Plan
from engine.dsl.build.definition import STAGES
from engine.dsl.diagnostics import Findings
from engine.dsl.load import homeless
from engine.dsl.others import Answer, Key, Others, Sealed, hash_of
from engine.dsl.outline import Declared, gather
from engine.model.definitions import Project

_Document = tuple[Place, Declared]


class Validation:
    """One validation. ``standing`` are the files that are what they were when the cache was written."""

    def __init__(self, root: Path, cache: Cache, stamps: Mapping[str, Stamp | None], standing: set[str], workers: int | None) -> None:
        self._root = root
        self._cache = cache
        self._stamps = stamps
        self._workers = workers
        body = cache.body() if standing else {}
        self._earlier_project: str | None = body.get("project")
        self._earlier_judged: Mapping[str, Row] = body.get("judged", {})
        rows: Mapping[str, Row] = body.get("files", {})
        self._records = {name: record_of(name, rows[name]) for name in stamps if name in standing}
        self._judged: dict[str, Row] = {}
        self._made: dict[str, Made] = {}  # by address: what this validation built
        self._findings = Findings()
        self._homes: dict[str, str] = {}

    def run(self) -> Report:
        texts = Texts(self._root, tuple(self._stamps))
        fresh = [name for name in self._stamps if name not in self._records]
        project, digest = None, None
        with Crew(self._root, self._workers if self._workers is not None else worth(len(fresh))) as crew:
            for outline in crew.outline(fresh):
                self._records[outline.name] = Record(outline=outline, kept=[None] * len(outline.declared))
            files = [self._records[name] for name in self._stamps]
            plan = self._gathered(files)
            if plan is None:
                homeless(self._findings)
            else:
                (home, number), _ = plan.project
                digest = f"{self._records[home].outline.digest} {number}"
                project = self._built(crew, plan, anew=digest != self._earlier_project)
        if project is not None:
            judge_codes(project, texts, self._findings)
            judge_paths(texts, self._findings)
        ignore.apply_ignores(self._findings, [one for file in files for one in file.outline.ignores], CODES)
        if project is not None:
            apply_severities(self._findings, project.checks)
        report = Report(
            diagnostics=tuple(self._findings.sorted()),
            texts=texts,
            homes=self._homes,
            environments=tuple(project.environments) if project is not None else None,
        )
        self._save(digest, report)
        return report

    def _gathered(self, files: Sequence[Record]) -> Plan | None:
        """What all files declare; None where none declares the project."""
        others = Others(incomplete=any(file.outline.incomplete for file in files))
        for file in files:
            self._findings.items += file.outline.findings
            others.blueprints |= dict.fromkeys(file.outline.blueprints, f"{file.outline.name} {file.outline.digest}")
        chosen = gather((file.outline.declared for file in files), others, self._findings)
        homes: dict[str, _Document] = {}
        for file, numbers in zip(files, chosen, strict=True):
            for number, declared in enumerate(file.outline.declared):
                if number in numbers and declared.kind != "blueprint":  # that is built only where it is used
                    homes[declared.address] = (file.outline.name, number), declared
                elif file.kept[number] is not None:
                    file.kept[number] = file.row = None
        project = next((document for document in homes.values() if document[1].kind == "project"), None)
        if project is None:
            return None
        return Plan(
            project=project,
            blueprints=tuple(file.outline.name for file in files if file.outline.blueprints),
            others=others,
            homes=homes,
            digests={name: record.outline.digest for name, record in self._records.items()},
        )

    def _built(self, crew: Crew, plan: Plan, *, anew: bool) -> Project | None:
        """Build and check all documents, then judge them together. ``anew``: nothing that was kept counts."""
        made = crew.begin(plan)
        self._adopt(plan.project, made)
        project = crew.project
        if project is None:
            self._findings.items += made.findings
            return None
        waiting: dict[str, list[_Document]] = {}
        for document in plan.homes.values():
            waiting.setdefault(document[1].kind, []).append(document)
        for stage in STAGES:
            documents = [document for kind in stage for document in waiting.get(kind, ())]
            answers: dict[Key, Answer] = {}
            todo = [document for document in documents if anew or not self._stands(document, crew.others, answers)]
            for document, made in zip(todo, crew.build(todo), strict=True):
                self._adopt(document, made)
            crew.take([self._kept(document).seen for document in documents])
        kept = [self._kept(document) for document in plan.homes.values()]
        for one in kept:
            self._findings.items += one.findings
        sound = not self._findings.errors
        for one in kept:
            self._findings.items += one.checked
        self._homes = {address: place[0] for (address, (place, _)), one in zip(plan.homes.items(), kept, strict=True) if one.seen.sound}
        self._judge(crew, kept, sound=sound, anew=anew)
        return project

    def _adopt(self, document: _Document, made: Made) -> None:
        (name, number), _ = document
        self._records[name].kept[number] = Kept.of(made)
        self._records[name].row = None
        self._made[made.seen.address] = made

    def _kept(self, document: _Document) -> Kept:
        (name, number), _ = document
        kept = self._records[name].kept[number]
        assert kept is not None
        return kept

    def _stands(self, document: _Document, others: Others, answers: dict[Key, Answer]) -> bool:
        (name, number), _ = document
        kept = self._records[name].kept[number]
        if kept is None:
            return False
        for key, answer in kept.noted.items():
            if key not in answers:
                answers[key] = others.answer(key)
            if answers[key] != answer:
                return False
        return True

    def _judge(self, crew: Crew, kept: Sequence[Kept], *, sound: bool, anew: bool) -> None:
        groups: dict[GroupKey, list[Kept]] = {}
        for one in sorted(kept, key=lambda one: one.seen.address):
            for key in dict.fromkeys(one.groups):
                groups.setdefault(key, []).append(one)
        whole = {check.code for check in CHECKS if check.whole}
        todo: list[tuple[str, Group]] = []
        said: dict[str, Mapping[GroupKey, Sequence[Sealed[object]]]] = {}
        for key, members in groups.items():
            if not sound and key.partition(" ")[0] in whole:
                continue
            digest = members[0].facts
            if len(members) > 1:
                digest = hash_of(" ".join([f"{one.seen.address} {one.facts}" for one in members]))
            earlier = self._earlier_judged.get(key)
            if not anew and earlier is not None and earlier[0] == digest:
                self._judged[key] = earlier
                self._findings.items += [diagnostic(row) for row in earlier[1]]
            else:
                for address in [one.seen.address for one in members]:
                    if address not in said:
                        said[address] = _by_group(self._made[address] if address in self._made else crew.fetch(address))
                todo.append((digest, (key, [fact for one in members for fact in said[one.seen.address][key]])))
        # They are dealt out in turn, so each process gets as many of every size and check.
        todo.sort(key=lambda one: (len(one[1][1]), one[1][0]))
        for (digest, (key, _)), found in zip(todo, crew.judge([group for _, group in todo]), strict=True):
            self._judged[key] = [digest, [row_of(finding) for finding in found]]
            self._findings.items += found

    def _save(self, project: str | None, report: Report) -> None:
        body = {
            "project": project,
            "judged": self._judged,
            "files": {name: row_of_record(self._records[name]) for name in self._stamps},
        }
        self._cache.save(self._stamps, {name: record.outline.digest for name, record in self._records.items()}, body, report)


def _by_group(made: Made) -> Mapping[GroupKey, Sequence[Sealed[object]]]:
    """The facts of a document, group by group: one for every survey is in thousands of groups."""
    found: dict[GroupKey, list[Sealed[object]]] = {}
    for group, fact in zip(made.groups, made.facts, strict=True):
        found.setdefault(group, []).append(fact)
    return found

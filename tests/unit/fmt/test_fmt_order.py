"""Keys stand in their documented order, and what an author lists stays in the author's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from engine.dsl.diagnostics import Findings
from engine.dsl.format.order import KINDS, Shape
from engine.dsl.format.parse import parse
from engine.dsl.format.render import render
from engine.dsl.format.rewrite import rewrite
from engine.dsl.format.tree import Collection, Node
from engine.dsl.load import load
from engine.dsl.schema.kinds import kind_schemas
from engine.dsl.source import find_files
from engine.model.codec import fingerprint

ROOT = Path(__file__).parents[3]
PROJECTS = [ROOT, *sorted(path.parent for path in ROOT.glob("examples/**/sounding.yaml"))]


def _formatted(text: str) -> str:
    found = rewrite(text.encode(), "a.yaml", Findings())
    assert found is not None
    return found


def _without_place(schema: Mapping[str, Any], shape: Shape, root: Mapping[str, Any], path: str) -> Iterator[str]:
    """The keys that the schema knows and the order does not, wherever it puts keys in order."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    properties = schema.get("properties", {})
    for key in properties if shape.keys else ():
        if key not in shape.keys:
            yield f"{path}.{key}"
    for key, inner in shape.inner.items():
        if key in properties and path.count(".") < 6:
            yield from _without_place(properties[key], inner, root, f"{path}.{key}")
    for key, each in (("additionalProperties", shape.each), ("items", shape.items)):
        if each is not None and isinstance(schema.get(key), dict):
            yield from _without_place(schema[key], each, root, path)


@pytest.mark.parametrize("kind", kind_schemas())
def test_every_key_that_the_schema_knows_has_its_place(kind: str) -> None:
    schema = kind_schemas()[kind]
    assert not list(_without_place(schema, KINDS[kind], schema, kind))


def test_the_kind_stays_first_and_unknown_keys_stand_behind() -> None:
    before = "cadence: a\nzeta: 1\nvia: [mail]\nalpha: 2\nwhen: x.y\nsurvey: s\n"
    assert _formatted(before) == "cadence: a\nsurvey: s\nwhen: x.y\nvia: [mail]\nzeta: 1\nalpha: 2\n"


def test_what_an_author_lists_keeps_its_order() -> None:
    text = """\
project: a
objects: {deal: {title: text, amount: number}, contact: {name: text, email: email}}
events: {b.c: {object: deal, z: text, y: text}, a.b: {object: contact}}
connections: {mail: {from: a, use: smtp}, desk: {token: {env: X}, use: zendesk}}
---
survey: s
metric: none
questions:
  second: {type: single, ask: {uk: a, en: b, ru: c}, options: {z: Z, a: A}}
  first: {type: text, ask: x}
---
automation: a
when: x.y
then:
  - update: {deal: {b: 1, a: 2}}
  - ticket: {title: x, via: desk}
"""
    assert _formatted(text) == text


def test_a_question_a_step_and_a_thank_you_are_put_in_order() -> None:
    before = """\
survey: s
thanks: [{link: x, text: y, if: z}]
questions:
  # first
  a: {show_if: true, ask: x, type: text}
metric: none
---
automation: a
then:
  # guarded
  - if: x  # why
    # what
    email: {template: t}
  - else: [{as: b, task: {}}]
    then: []
    if: y
when: x.y
"""
    after = """\
survey: s
metric: none
questions:
  # first
  a: {type: text, ask: x, show_if: true}
thanks: [{if: z, text: y, link: x}]
---
automation: a
when: x.y
then:
  # guarded
  # what
  - email: {template: t}
    if: x  # why
  - if: y
    then: []
    else: [{task: {}, as: b}]
"""
    assert _formatted(before) == after
    assert _formatted(after) == after


def test_an_alias_stays_behind_its_anchor() -> None:
    text = "cadence: a\nwhen: &x b.c\naudience: *x\nsurvey: s\n"
    assert _formatted(text) == text
    assert _formatted("cadence: a\nwhen: &x b.c\nsurvey: s\nvia: *x\n") == "cadence: a\nsurvey: s\nwhen: &x b.c\nvia: *x\n"


def _disorder(node: Node, shape: Shape, *, kept: int = 0) -> None:
    """Turn the keys that have an order around, but for the first ``kept``."""
    if not isinstance(node, Collection):
        return
    for entry in node.entries:
        key = entry.key.value if entry.key else ""
        inner = (shape.inner.get(key) or shape.each) if node.mapping else shape.items
        if inner is not None:
            _disorder(entry.value, inner)
    if node.mapping:
        known = [entry for entry in node.entries[kept:] if entry.key is not None and entry.key.value in shape.keys]
        node.entries = node.entries[:kept] + known[::-1] + [entry for entry in node.entries[kept:] if entry not in known]


def _fingerprints(root: Path) -> dict[str, str]:
    loaded = load(root)
    assert loaded.definitions is not None
    assert not loaded.findings.errors
    found = {address: fingerprint(definition) for address, definition in loaded.definitions.by_address().items()}
    return {**found, "project": fingerprint(loaded.definitions.project)}


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_a_disordered_project_defines_the_same_before_and_after(project: Path, tmp_path: Path) -> None:
    moved = 0
    files = find_files(project)
    for path in files:
        documents, rest = parse(path.read_text(encoding="utf-8"))
        for document in documents:
            assert document.root is not None
            root = document.root.value
            assert isinstance(root, Collection)
            assert root.entries[0].key is not None
            _disorder(root, KINDS[root.entries[0].key.value], kept=1)
        target = tmp_path / path.relative_to(project)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(render(documents, rest), encoding="utf-8")
    before = _fingerprints(tmp_path)
    assert before == _fingerprints(project)
    for path in files:
        target = tmp_path / path.relative_to(project)
        text = target.read_text(encoding="utf-8")
        target.write_text(_formatted(text), encoding="utf-8")
        moved += _formatted(text) != text
    assert moved > len(files) / 2
    assert _fingerprints(tmp_path) == before

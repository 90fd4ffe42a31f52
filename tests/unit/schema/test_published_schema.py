"""The published schema: the one in the repository is today's, and it admits every file of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from engine.dsl.diagnostics import Findings
from engine.dsl.schema.kinds import KINDS
from engine.dsl.schema.publish import published
from engine.dsl.source import find_files, read

ROOT = Path(__file__).parents[3]
FILES = find_files(ROOT)


def _documents(path: Path) -> list[Any]:
    findings = Findings()
    documents, _ = read(path, path.name, findings)
    assert not findings.items
    return [document.data for document in documents]


def test_the_repository_holds_todays_schema() -> None:
    text = (ROOT / "schema" / "sounding.schema.json").read_text(encoding="utf-8")
    assert text == json.dumps(published(), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("kind", [None, *KINDS, "blueprint"])
def test_it_is_a_valid_schema(kind: str | None) -> None:
    jsonschema.Draft202012Validator.check_schema(published(kind))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_of_ours_fits(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(published())
    for document in _documents(path):
        assert not [error.message for error in validator.iter_errors(document)]


def test_a_use_of_a_blueprint_fits() -> None:
    document = yaml.safe_load("{automation: recovery_delivery, use: recovery, with: {survey: nps_delivery, desk: desk}}")
    jsonschema.validate(document, published())


def test_an_unknown_key_does_not_fit() -> None:
    assert not jsonschema.Draft202012Validator(published()).is_valid({"audience": "buyers", "of": "contact", "wher": "true"})

"""The catalogue: no code without an entry, no entry without a code, and examples that do what they say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from engine.checks.catalogue import ENTRIES, Entry, catalogue_markdown, entry_text, example_files
from engine.checks.registry import ADJUSTABLE, CHECKS
from engine.checks.run import check_project
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.errors import UsageError

ROOT = Path(__file__).parents[3]
ENGINE = ROOT / "engine"
EACH = pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))


def _codes_in_the_source() -> set[str]:
    files = [path for path in ENGINE.rglob("*.py") if "catalogue" not in path.parts]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    texts = [node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {text for text in texts if re.fullmatch(r"SND\d{3}", text)}


def _found(folder: Path, example: str, encoding: str) -> list[Diagnostic]:
    for name, text in example_files(example).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode(encoding if len(example_files(example)) == 1 or name != "sounding.yaml" else "utf-8"))
    return check_project(folder).findings.sorted()


def test_every_code_in_the_source_has_an_entry_and_every_entry_a_code() -> None:
    assert set(ENTRIES) == _codes_in_the_source()


@EACH
def test_an_entry_says_everything(entry: Entry) -> None:
    assert re.fullmatch(r"SND\d{3}", entry.code)
    assert entry.title
    assert not entry.title.endswith(".")
    assert entry.explanation.endswith(".")
    assert entry.fails.endswith("\n")
    assert entry.passes.endswith("\n")


@EACH
def test_the_failing_example_has_this_finding_and_no_other_error(entry: Entry, tmp_path: Path) -> None:
    found = _found(tmp_path, entry.fails, entry.encoding)
    assert entry.code in {item.code for item in found}
    assert {item.severity for item in found if item.code == entry.code} == {entry.severity}
    assert {item.code for item in found if item.severity is Severity.ERROR} <= {entry.code}


@EACH
def test_the_passing_example_has_no_error_and_not_this_finding(entry: Entry, tmp_path: Path) -> None:
    found = _found(tmp_path, entry.passes, "utf-8")
    assert entry.code not in {item.code for item in found}
    assert not [item for item in found if item.severity is Severity.ERROR]


def test_the_entries_of_checks_are_those_of_the_checks() -> None:
    assert {code for code, entry in ENTRIES.items() if entry.is_check} == ADJUSTABLE
    assert {check.code for check in CHECKS} <= ADJUSTABLE


def test_the_page_is_up_to_date() -> None:
    page = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    assert page == catalogue_markdown(), "run `python -m engine.checks.catalogue > docs/checks.md`"


def test_the_page_has_a_heading_for_each_entry() -> None:
    assert re.findall(r"^### (SND\d{3})$", catalogue_markdown(), re.M) == list(ENTRIES)


def test_an_entry_is_printed_with_both_examples() -> None:
    text = entry_text("SND304")
    assert text.startswith("SND304: unlike types (error)\n")
    assert "Fails:\n\n    audience: some\n" in text
    assert "Passes:\n\n    audience: some\n" in text
    assert "neither turned off nor ignored" in text


def test_an_entry_is_found_in_small_letters_too() -> None:
    assert entry_text("snd207") == entry_text("SND207")


def test_an_unknown_code_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match=r"there is no code `SND3O4`; did you mean `SND30\d`"):
        entry_text("SND3O4")

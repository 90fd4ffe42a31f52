"""What the fast validator stops is always explained: nothing is left out in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.checks.run import check_project

PROJECT = "project: shop\nlanguages: [en]\nobjects: {contact: {name: text, mrr: optional number}}\n---\n"


@pytest.mark.parametrize(
    ("document", "code", "place"),
    [
        ("audience: |\n  vips\nof: contact\n", "SND103", (5, 11)),  # Python's `$` would let the line break pass
        ("audience: .nan\nof: contact\n", "SND103", (5, 11)),
        ("audience: vips\nof: contact\nwhere: .inf\n", "SND307", (7, 8)),
        ("audience: vips\nof: contact\nwhere: 5\n", "SND307", (7, 8)),
        ("audience: vips\nof: contact\nwhere: ''\n", "SND301", (7, 8)),
        ("audience: vips\nof: contact\nwhere:\n", "SND103", (7, 1)),
        ("audience: vips\nof: contact\nexpect: {min: .inf}\n", "SND103", (7, 15)),
        ("audience: vips\nof: [contact]\n", "SND103", (6, 5)),
        ("audience: vips\nof: contact\nexpect: {}\n", "SND103", (7, 9)),
        ("audience: [vips]\nof: contact\n", "SND103", (5, 11)),
        ("audience:\nof: contact\n", "SND103", (5, 1)),
    ],
)
def test_what_does_not_fit_is_a_finding(tmp_path: Path, document: str, code: str, place: tuple[int, int]) -> None:
    (tmp_path / "sounding.yaml").write_text(PROJECT + document, encoding="utf-8")
    (finding,) = check_project(tmp_path).findings.items
    assert finding.span is not None
    assert (finding.code, (finding.span.line, finding.span.column)) == (code, place)


def test_where_text_is_expected_a_number_beyond_json_is_text(tmp_path: Path) -> None:
    text = PROJECT + "template: note\nsubject: .inf\ntext: 1e3 {{ link }}\n"
    (tmp_path / "sounding.yaml").write_text(text, encoding="utf-8")
    definitions = check_project(tmp_path).definitions
    assert definitions is not None
    subject = definitions.templates["note"].subject
    assert subject is not None
    assert subject.by_language[""].text == ".inf"

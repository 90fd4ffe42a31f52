"""A few hundred of the inputs that `make soak` reads by the hundred thousand: no crash, and every place is one of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from inputs import corpus, judge, made

from engine.checks.run import check_project

PART = 40


@pytest.mark.parametrize("first", range(0, 400, PART))
def test_any_input_is_survived(tmp_path: Path, first: int) -> None:
    texts = corpus()
    for seed in range(first, first + PART):
        judge(tmp_path, made(seed, texts).data)


@pytest.mark.parametrize(
    "document",
    [
        "frequency: [{max: 1, per: #, of: contact}]\n",
        "---\ncadence: again\nsurvey: visit\naudience: all\nvia: [mail]\nevery: #\nfrom: 2026-01-01\n",
        "---\ncadence: again\nsurvey: visit\naudience: all\nvia: [mail]\nevery: 1q\nremind: {every: #, max: 2}\n",
        "---\nreport: monthly\nevery: #\n",
    ],
)
def test_what_comes_again_at_once_is_refused(tmp_path: Path, document: str) -> None:
    project = (
        "project: shop\nobjects: {contact: {name: text}}\nconnections: {mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}}\n"
        "%---\nsurvey: visit\nmetric: none\nquestions: {why: {type: text, ask: Why?}}\n---\naudience: all\nof: contact\n"
    )
    for count, codes in (("0d", ["SND103"]), ("1mo", [])):
        text = document.replace("#", count)
        own = text.startswith("frequency")
        (tmp_path / "sounding.yaml").write_text(project.replace("%", text if own else "") + ("" if own else text), encoding="utf-8")
        assert [one.code for one in check_project(tmp_path).findings.items if one.severity == "error"] == codes


def test_a_cadence_may_come_again_at_once_to_the_same_contact(tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text(
        "project: shop\nobjects: {contact: {name: text}}\nconnections: {mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}}\n"
        "frequency: [{max: 1, per: 30d, of: contact}]\n---\nsurvey: visit\nmetric: none\nquestions: {why: {type: text, ask: Why?}}\n---\n"
        "audience: all\nof: contact\n---\ncadence: again\nsurvey: visit\naudience: all\nvia: [mail]\nwhen: contact.created\nagain: 0d\n",
        encoding="utf-8",
    )
    assert not check_project(tmp_path).findings.errors

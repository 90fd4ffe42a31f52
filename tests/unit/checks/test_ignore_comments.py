"""`# sounding: ignore SND207 reason`: what it suppresses, what it cannot, and what is said of a useless one."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checks.ignore import apply_ignores, ignores_in, ignores_of
from engine.checks.run import check_project
from engine.dsl.diagnostics import Findings
from engine.model.span import Span

PROJECT = "project: shop\nlanguages: [ru, en]\nobjects:\n  contact: {name: text}\n"
CHECKS = frozenset({"SND207", "SND403"})


def _findings(*places: tuple[str, int]) -> Findings:
    findings = Findings()
    for code, line in places:
        findings.error(code, "something", Span("a.yaml", line, 1, line, 5))
    return findings


def _left(text: str, *places: tuple[str, int]) -> list[tuple[str, int, int]]:
    findings = _findings(*places)
    apply_ignores(findings, ignores_of({"a.yaml": text}), CHECKS)
    return [(item.code, item.span.line, item.span.column) for item in findings.sorted() if item.span is not None]


def _validated(folder: Path, example: str) -> list[tuple[str, int, int]]:
    (folder / "sounding.yaml").write_text(PROJECT + "---\n" + example, encoding="utf-8")
    found = check_project(folder).findings.sorted()
    return [(item.code, item.span.line - 5, item.span.column) for item in found if item.span is not None]


def test_a_comment_at_the_end_of_the_line_suppresses_what_begins_there(tmp_path: Path) -> None:
    assert _validated(tmp_path, "template: hello\ntext: Hello\n") == [("SND207", 1, 1)]
    assert _validated(tmp_path, "template: hello  # sounding: ignore SND207 for the spring campaign\ntext: Hello\n") == []


def test_a_comment_of_its_own_stands_for_the_line_below(tmp_path: Path) -> None:
    example = (
        "template: hello  # sounding: ignore SND207 for the spring campaign\n# sounding: ignore SND403 Russian only\ntext: {ru: Привет}\n"
    )
    assert _validated(tmp_path, example) == []


def test_a_finding_that_begins_elsewhere_is_left(tmp_path: Path) -> None:
    example = "template: hello\ntext: Hello  # sounding: ignore SND207 for the spring campaign\n"
    assert _validated(tmp_path, example) == [("SND207", 1, 1), ("SND902", 2, 33)]


@pytest.mark.parametrize(
    "text", ["if: >-  # {}\n  a and\n  b\n\nthen: c\n", "# {}\nif: |\n  a and\n  b\nthen: c\n", "# {}\nif: 'a and\n\n  b'\nthen: c\n"]
)
def test_at_a_text_of_several_lines_a_comment_stands_for_all_of_them(text: str) -> None:
    said = text.replace("{}", "sounding: ignore SND207 one")
    lines = said.split("\n")
    last = lines.index("then: c")
    inside = next(number for number, line in enumerate(lines, 1) if line.startswith("  b"))
    assert _left(said, ("SND207", inside)) == []
    assert [left[:2] for left in _left(said, ("SND207", last + 1))] == [("SND902", 1), ("SND207", last + 1)]


def test_comments_of_their_own_add_up() -> None:
    text = "# sounding: ignore SND207 one\n# a word between\n  # sounding: ignore SND403 two\na: 1\n"
    assert _left(text, ("SND207", 4), ("SND403", 4)) == []


def test_several_codes_are_separated_by_commas() -> None:
    assert _left("a: 1  # sounding: ignore SND207, SND403 both are meant\n", ("SND207", 1), ("SND403", 1)) == []
    assert _left("a: 1  # sounding: ignore SND207,SND403: both are meant\n", ("SND207", 1), ("SND403", 1)) == []


def test_of_several_codes_the_one_that_ignores_nothing_is_reported() -> None:
    assert _left("a: 1  # sounding: ignore SND207, SND403 both are meant\n", ("SND207", 1)) == [("SND902", 1, 34)]


@pytest.mark.parametrize(
    "comment", ["# sounding: ignore SND207", "# sounding: ignore SND207  ", "#sounding:ignore SND207:", "# sounding: ignore SND207 -"]
)
def test_without_a_reason_it_has_no_effect_and_is_reported(comment: str) -> None:
    assert _left(f"a: 1  {comment}\n", ("SND207", 1)) == [("SND207", 1, 1), ("SND901", 1, 7)]


@pytest.mark.parametrize("rest", ["", "everything here", "207 because", "SND20 because"])
def test_without_a_code_it_has_no_effect_and_is_reported(rest: str) -> None:
    assert _left(f"a: 1  # sounding: ignore {rest}\n") == [("SND901", 1, 7)]


def test_it_is_reported_to_its_last_character() -> None:
    findings = _findings()
    apply_ignores(findings, ignores_of({"a.yaml": "é: 1  # sounding: ignore SND207  \r\n"}), CHECKS)
    assert [item.span for item in findings.items] == [Span("a.yaml", 1, 7, 1, 32)]
    assert [item.severity for item in findings.items] == ["warning"]


@pytest.mark.parametrize(
    "text",
    [
        'a: "x # sounding: ignore SND207 no"\n',
        "a: 'x # sounding: ignore SND207 no'\n",
        "a: |\n  x\n  # sounding: ignore SND207 no\n",
        "a: >-\n  x\n\n  # sounding: ignore SND207 no\n\nb: 1\n",
        'a: "one\n  # sounding: ignore SND207 no"\n',
        "a: x#sounding: ignore SND207 no\n",
        "a: 1  # write `# sounding: ignore SND207 no`\n",
        "a: 1  # sounding: ignored SND207 no\n",
        "a: 1\n",
    ],
)
def test_what_is_no_such_comment_ignores_nothing(text: str) -> None:
    assert ignores_in(text, "a.yaml") == ()


def test_comments_around_a_block_scalar_are_comments() -> None:
    text = "a: |  # sounding: ignore SND207 one\n  # sounding: ignore SND207 no\n  text\n# sounding: ignore SND403 two\nb: 1\n"
    assert [(ignore.line, ignore.codes[0][0], ignore.reason) for ignore in ignores_in(text, "a.yaml")] == [
        (1, "SND207", "one"),
        (5, "SND403", "two"),
    ]


def test_a_file_of_nothing_but_an_ignore() -> None:
    assert [ignore.line for ignore in ignores_in("# sounding: ignore SND207 why", "a.yaml")] == [2]


def test_lines_may_end_as_on_windows() -> None:
    text = 'a: "x"\r\n# sounding: ignore SND207 why\r\nb: 1  # sounding: ignore SND403 why\r\n'
    assert [(ignore.line, ignore.reason) for ignore in ignores_in(text, "a.yaml")] == [(3, "why"), (3, "why")]


def test_an_error_of_typing_cannot_be_ignored(tmp_path: Path) -> None:
    example = "template: hello\ntext: '{{ contact.nam }}'  # sounding: ignore SND303 it is meant so\n"
    assert _validated(tmp_path, example) == [("SND303", 2, 19), ("SND902", 2, 47)]


def test_a_file_that_cannot_be_read_is_reported_whatever_it_says(tmp_path: Path) -> None:
    found = _validated(tmp_path, "template: hello\ntext: 'open  # sounding: ignore SND001 why\n")
    assert [code for code, _, _ in found] == ["SND001"]


def test_behind_an_error_no_ignore_is_called_useless(tmp_path: Path) -> None:
    example = "template: hello  # sounding: ignore SND207 why\ntext: Hello\n---\naudience: some\nof: contract\n"
    assert [code for code, _, _ in _validated(tmp_path, example)] == ["SND201"]


def test_a_finding_without_a_place_is_not_ignored() -> None:
    findings = Findings()
    findings.unreadable("SND004", "is not UTF-8", "b.yaml")
    apply_ignores(findings, ignores_of({"a.yaml": "a: 1  # sounding: ignore SND004 why\n"}), CHECKS)
    assert [item.code for item in findings.items] == ["SND004"]


@given(st.text(alphabet="ab:#'\"|>- \n\\{}[],é", max_size=60), st.text(alphabet="ab:#'\"|>- \n", max_size=30))
def test_no_text_makes_it_fail(before: str, after: str) -> None:
    for ignore in ignores_in(f"{before}# sounding: ignore SND207 why{after}", "a.yaml"):
        assert ignore.at.line <= ignore.line
        assert ignore.codes[0][0] == "SND207"


@pytest.mark.parametrize("line", ["a{0}: 1  # sounding: ignore SND207 why\n", "# sounding: ignore SND207 why\n"])
def test_twice_the_comments_take_no_more_than_their_share_of_time(line: str) -> None:
    def seconds(count: int) -> float:
        text = "".join(line.format(number) for number in range(count))
        began = time.process_time()
        apply_ignores(Findings(), ignores_of({"a.yaml": text}), CHECKS)
        return time.process_time() - began

    # Linear work takes ten times as long, quadratic work a hundred times; the least of three, since a busy machine is slow at times.
    assert min(seconds(10_000) for _ in range(3)) < 50 * max(min(seconds(1_000) for _ in range(3)), 0.004)

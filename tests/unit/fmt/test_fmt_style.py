"""What the one style is, case by case."""

from __future__ import annotations

import pytest

from engine.dsl.diagnostics import Findings
from engine.dsl.format.rewrite import rewrite


def _formatted(text: str) -> str | None:
    findings = Findings()
    found = rewrite(text.encode(), "a.yaml", findings)
    assert (found is None) == bool(findings.items)
    return found


LONG = "x" * 60

CASES = {
    # spacing and indentation
    "one blank behind a colon": ("a:    1\nbcd: 2\n", "a: 1\nbcd: 2\n"),
    "two blanks a level": ("a:\n     b:\n        c: 1\n", "a:\n  b:\n    c: 1\n"),
    "lists are indented": ("a:\n- b\n-   c: 1\n    d: 2\n", "a:\n  - b\n  - c: 1\n    d: 2\n"),
    "a dash takes its value beside it": ("a:\n  -\n    b: 1\n  - - c\n    -\n      d\n", "a:\n  - b: 1\n  - - c\n    - d\n"),
    "a scalar comes up to its key": ("a:\n  some text\n", "a: some text\n"),
    "an indented document moves to the left": ("  a: 1\n  b: 2\n", "a: 1\nb: 2\n"),
    "blanks at the end go": ("a: 1  \nb:   \n", "a: 1\nb:\n"),
    "crlf": ("a: 1\r\nb: |\r\n  x\r\n  y\r\n", "a: 1\nb: |\n  x\n  y\n"),
    "a mark at the beginning": ("\ufeffa: 1\n", "a: 1\n"),
    "the last line ends": ("a: 1", "a: 1\n"),
    # empty lines
    "one empty line at most": ("a: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"),
    "none below an opening key": ("\n\na:\n\n  b: 1\n", "a:\n  b: 1\n"),
    "none around a separator": ("a: 1\n\n---\n\nb: 1\n", "a: 1\n---\nb: 1\n"),
    "an empty file": ("\n \n", ""),
    # flow style
    "flow spacing": ("a: { b : 1,c: [ d ,e, ], }\n", "a: {b: 1, c: [d, e]}\n"),
    "flow over several lines that has room on one": ("a: [b,\n  c,\n\n  d]\n", "a: [b, c, d]\n"),
    "flow that is too long": (f"a: {{b: {LONG}, c: {LONG}, d: [e, f], g: 1}}\n", f"a:\n  b: {LONG}\n  c: {LONG}\n  d: [e, f]\n  g: 1\n"),
    "an item that is too long": (
        f"- {{b: {LONG}, c: {LONG}, dd: {LONG}}}\n".replace("- ", "a:\n- "),
        f"a:\n  - b: {LONG}\n    c: {LONG}\n    dd: {LONG}\n",
    ),
    "a document that is too long": (f"{{a: {LONG}, b: {LONG}, c: {LONG}}}\n", f"a: {LONG}\nb: {LONG}\nc: {LONG}\n"),
    "a comment within": ("a: [b, # one\n  # two\n  c]\n", "a:\n  - b  # one\n  # two\n  - c\n"),
    "a dash as a text, out of flow style": (f"a: [-, {LONG}, {LONG}, {LONG}]\n", f'a:\n  - "-"\n  - {LONG}\n  - {LONG}\n  - {LONG}\n'),
    "a pair in a list": ("a: [b : 1, {c: 2}]\n", "a: [b: 1, {c: 2}]\n"),
    "an empty value in flow style": ("a: {b: , c: [{d: }]}\n", "a: {b: , c: [{d: }]}\n"),
    # scalars
    "source texts": ("a: +79161234567\nb: 012\nc: 1_0\nd: ~\ne: 'x'\nf: \"\\u00e9\"\n",) * 2,
    "a text over several lines": ("a: one\n      two\n\n      three\nb: 'one\n two'\n", "a: one\n  two\n\n  three\nb: 'one\n  two'\n"),
    "a block scalar": ("a:\n    - |-\n          x\n            y\n\n          z\n", "a:\n  - |-\n    x\n      y\n\n    z\n"),
    "a block scalar that begins with blanks": ("a: |4\n      x\n", "a: |2\n    x\n"),
    "an indicator that nothing needs": ("a: |3-\n   x\n", "a: |-\n  x\n"),
    "empty lines that a block scalar keeps": ("a: |+\n x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n"),
    "an empty line that would become text": (
        "survey: a\ntitle: |+\n  t\nz: 1\n\nabout: deal\n\npages: []\n",
        "survey: a\n\nabout: deal\ntitle: |+\n  t\npages: []\nz: 1\n",
    ),
    "a block scalar without a last break": ("a: |\n  x", "a: |-\n  x\n"),
    "a text too long beside its key": (f"a:\n  {LONG * 3}\n",) * 2,
    "an explicit key": ("? a\n: b\n? c\n", "a: b\nc:\n"),
    "anchors and aliases": ("a:   &x  {b: 1}\nc: &y\n    d: *x\n*x : 1\n".replace("*x :", "e :"), "a: &x {b: 1}\nc: &y\n  d: *x\ne: 1\n"),
    # comments
    "comments keep to their entry": (
        "a:\n      # of b\n      b: 1   # end\n  # tail\nc: 2\n",
        "a:\n  # of b\n  b: 1   # end\n# tail\nc: 2\n",
    ),
    "a comment behind the last entry": ("a:\n    - b\n    # more\n# end\n", "a:\n  - b\n  # more\n# end\n"),
    "comments in a column stay there": ("a: 1      # x\nb: {c: 1} # y\n", "a: 1      # x\nb: {c: 1}  # y\n"),
    "a comment has two blanks in front": ("a: 1 # x\nb: # y\n  c: 1\n", "a: 1  # x\nb:  # y\n  c: 1\n"),
    "a comment in front of a joined value": ("a:  # x\n  # y\n  b  # z\n", "# x\n# y\na: b  # z\n"),
    "a comment behind a dash": ("a:\n  - # x\n    b: 1\n", "a:\n  # x\n  - b: 1\n"),
    "what is commented out": ("a:\n    # b: 1\n\n    # c: 1\nd: 1\n", "a:\n  # b: 1\n\n  # c: 1\nd: 1\n"),
    "a comment at a block scalar": ("a: |   # x\n     y\n", "a: |   # x\n  y\n"),
    "only comments": ("\n  # a\n\n\n# b", "# a\n\n# b\n"),
    # documents
    "separators": ("# x\n--- # y\na: 1\n...\n# z\n---\n---\n{b: 1}\n", "# x\n---  # y\na: 1\n...\n# z\n---\n---\n{b: 1}\n"),
    "a directive": ("%YAML   1.1\n---\na: 1\n", "%YAML 1.1\n---\na: 1\n"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_style(case: str) -> None:
    before, after = CASES[case]
    assert _formatted(before) == after
    assert _formatted(after) == after


@pytest.mark.parametrize("comment", ["  # sounding: ignore SND207 wanted", ""])
def test_a_line_that_an_ignore_speaks_of_stays_one(comment: str) -> None:
    text = f"a: {{b: {LONG}, c: {LONG}, d: {LONG}}}{comment}\n"
    assert (_formatted(text) == text) == bool(comment)
    above = f"{comment.strip()}\n{text.removesuffix(comment + chr(10))}\n" if comment else text
    assert (_formatted(above) == above) == bool(comment)


def test_a_text_that_a_comma_cut_off_still_looks_like_one() -> None:
    text = f"a: {{ask: {LONG}, and {LONG}, or {LONG}}}\n"
    assert _formatted(text) == text


@pytest.mark.parametrize("text", ["a: {{ x }}\n", "a: [b\n", "a: 1\na: 2\n", "- a\n", "a: !!str b\n", "a: *x\n", "\ta: 1\n"])
def test_what_cannot_be_read_is_a_finding(text: str) -> None:
    assert _formatted(text) is None

"""A few hundred of the inputs that `make soak` reads by the hundred thousand: no crash, and every place is one of the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from inputs import corpus, judge, made

PART = 40


@pytest.mark.parametrize("first", range(0, 400, PART))
def test_any_input_is_survived(tmp_path: Path, first: int) -> None:
    texts = corpus()
    for seed in range(first, first + PART):
        judge(tmp_path, made(seed, texts).data)

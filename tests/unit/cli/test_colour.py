"""Colour is for a terminal, unless whoever sits there wants none."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

SOUNDING = Path(sys.executable).parent / "sounding"
BAD = Path(__file__).parents[2] / "fixtures" / "bad" / "misspelt_option"


def on_a_terminal(**environment: str) -> str:
    """What `validate` prints where its output is a terminal."""
    ours, theirs = pty.openpty()
    plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
    done = subprocess.Popen([str(SOUNDING), "validate", "-C", str(BAD)], stdout=theirs, env={**plain, "TERM": "xterm", **environment})
    os.close(theirs)
    printed = b""
    try:
        while data := os.read(ours, 4096):
            printed += data
    except OSError:  # what Linux says of a terminal whose other end is closed
        pass
    finally:
        os.close(ours)
    assert done.wait(timeout=60) == 1
    return printed.decode()


def test_a_terminal_gets_colour() -> None:
    assert "\x1b[31m" in on_a_terminal()
    assert "\x1b[31m" in on_a_terminal(NO_COLOR="")  # set to nothing, it says nothing


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_none_where_it_is_not_wanted(environment: dict[str, str]) -> None:
    printed = on_a_terminal(**environment)
    assert "SND306" in printed
    assert "\x1b" not in printed

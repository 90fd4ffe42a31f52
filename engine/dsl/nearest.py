"""The nearest known name, for "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest of ``known``; where none is near, the few that there are."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean `{near[0]}`?"
    if names and len(names) <= 12:
        return "known here: " + ", ".join(f"`{n}`" for n in names)
    return None

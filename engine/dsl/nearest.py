"""The nearest known name, for "did you mean"."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from string import ascii_lowercase, digits

_ALPHABET = ascii_lowercase + digits + "_"
_COMPARED = 64  # names that one is compared with; among more, a slip of the pen is looked up, so that a thousand of them cost no time
_LOOKED_AT, _SIMILAR = 1_000, 8  # of so many, those are compared that begin or end alike


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of ``known`` that was probably meant; None where none is near."""
    names: Collection[str] = known if isinstance(known, (dict, set, frozenset)) else frozenset(known)
    if len(names) > _COMPARED:
        slip = min((meant for meant in _slips(name) if meant in names), default=None)
        if slip is not None:
            return slip
        if len(names) > _LOOKED_AT:
            return None
        names = sorted(other for other in names if other[:3] == name[:3] or other[-3:] == name[-3:])[:_SIMILAR]
    return next(iter(difflib.get_close_matches(name, sorted(names), n=1, cutoff=0.6)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest of ``known``; where none is near, the few that there are."""
    names = known if isinstance(known, (dict, set, frozenset)) else frozenset(known)
    near = nearest(name, names)
    if near is not None:
        return f"did you mean `{near}`?"
    if names and len(names) <= 12:
        return "known here: " + ", ".join(f"`{n}`" for n in sorted(names))
    return None


def _slips(name: str) -> Iterator[str]:
    """What a name was meant to be if one character is wrong, missing, too much, or changed places with the next."""
    if len(name) > 64:
        return
    for at in range(len(name) + 1):
        before, behind = name[:at], name[at:]
        yield before + behind[1:]
        yield before + behind[1:2] + behind[:1] + behind[2:]
        for letter in _ALPHABET:
            yield before + letter + behind
            yield before + letter + behind[1:]

"""Regular expressions of `matches`: RE2's, which take linear time, and what is wrong with one, in plain words."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

# RE2's reasons, in our words; `{}` is the part that it names.
_WORDS = {
    "invalid escape sequence": "`{}` means nothing; a backslash itself is written `\\\\`",
    "invalid character class": "`{}` is no class of characters",
    "invalid character class range": "`{}` is no range: its first character comes behind its last",
    "no argument for repetition operator": "nothing stands before `{}` that could be repeated",
    "bad repetition operator": "`{}` repeats a repetition",
    "invalid repetition size": "`{}` is no number of repetitions: at most 1,000, the smaller first",
    "invalid perl operator": "there is no `{}`: in linear time nothing can look ahead or behind",
    "invalid named capture group": "`{}` is no named group, as `(?P<name>…)`",
    "invalid UTF-8": "it holds what is no character",
}


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> tuple[Callable[[bytes], bool] | None, str | None]:
    """Whether a text, in UTF-8, has a match; or what is wrong with the pattern."""
    import re2  # type: ignore[import-untyped]  # ships no types

    options = re2.Options()
    options.log_errors = False  # the error is in the exception; RE2 would print it too
    try:
        found = re2.compile(pattern.encode("utf-8", "replace"), options)
    except re2.error as error:
        reason = error.args[0]
        return None, _wrong(pattern, reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason))
    return (lambda text: found.search(text) is not None), None


def _wrong(pattern: str, reason: str) -> str:
    what, _, part = reason.partition(": ")
    unmatched = _unmatched(pattern) if "missing" in what or "unexpected" in what else None
    if unmatched is not None:
        bracket = pattern[unmatched]
        fate = "closes nothing" if bracket == ")" else "is never closed"
        return f"the pattern is wrong at character {unmatched + 1}: this `{bracket}` {fate}; for the character itself write `\\{bracket}`"
    at = pattern.find(part) if part else -1
    where = f" at character {at + 1}" if at >= 0 else ""
    return f"the pattern is wrong{where}: {_WORDS.get(what, f'{what} `{{}}`' if part else what).replace('{}', part)}"


def _unmatched(pattern: str) -> int | None:
    """The first bracket that closes nothing, else the last one that is never closed."""
    open_: list[int] = []
    at, in_class = 0, -1
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif in_class >= 0:
            if char == "]" and at > in_class + 1 + (pattern[in_class + 1 : in_class + 2] == "^"):
                in_class = -1
        elif char == "[":
            in_class = at
        elif char == "(":
            open_.append(at)
        elif char == ")":
            if not open_:
                return at
            open_.pop()
        at += 1
    return in_class if in_class >= 0 else open_[-1] if open_ else None

"""The way into validation: what was found the last time, where nothing has changed; else all of it, anew as far as it must be.

It imports what reads and builds only where that is needed: an unchanged project is answered at once.
"""

from __future__ import annotations

from pathlib import Path

from engine.checks.cache import Cache, ChangedMeanwhileError, stamps_of
from engine.checks.report import Report
from engine.dsl import source
from engine.dsl.collector import without_collector
from engine.errors import SoundingError

_ATTEMPTS = 5


def validate(root: Path, *, workers: int | None = None, keep: bool = True) -> Report:
    """Everything that is found in the project in ``root``. Raises UsageError where there is no project.

    ``workers`` is the number of processes; None: as many as the project is worth. With ``keep``, what is found is kept in the
    project's `.sounding/` for the next time, if that can be written.
    """
    for _ in range(_ATTEMPTS):
        try:
            return _validate(root, workers, keep=keep)
        except ChangedMeanwhileError:
            continue
    raise SoundingError("the files keep changing while they are read; try again when they are settled")


def _validate(root: Path, workers: int | None, *, keep: bool) -> Report:
    names = source.find_names(root)
    with Cache(root) if keep else _Nowhere(root) as cache:
        stamps = stamps_of(root, names)
        standing = cache.standing(stamps)
        found = cache.report(tuple(stamps), standing)
        if found is not None:
            return found
        from engine.checks.validation import Validation

        with without_collector():
            return Validation(root, cache, stamps, standing, workers).run()


class _Nowhere(Cache):
    """A cache that is empty and stays so."""

    def __enter__(self) -> _Nowhere:
        return self

    def standing(self, stamps: object) -> set[str]:
        return set()

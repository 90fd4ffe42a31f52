"""Every error that the product raises on purpose. The command line maps them to exit codes, and nothing else does."""

from __future__ import annotations


class SoundingError(Exception):
    """Something that the user can mend. The message says what is wrong, where, why, and what to do."""

    exit_code = 1


class UsageError(SoundingError):
    """The command was called in a way that cannot work: a wrong flag, no project."""

    exit_code = 2


class InvalidProjectError(SoundingError):
    """The project has errors; `sounding validate` lists them."""

    exit_code = 1


class RefusedError(SoundingError):
    """Nothing is wrong with the request, but it cannot be carried out now: a store in use, unreachable or too new."""

    exit_code = 4


class StoreError(RefusedError):
    """The store cannot be opened, read or written."""


class StoreBusyError(RefusedError):
    """The store takes no more for now: its queue is full."""


class SecretError(RefusedError):
    """A secret that a connection needs is not there."""


class PoisonError(SoundingError):
    """An event that makes the engine itself fail; it is parked with its traceback."""

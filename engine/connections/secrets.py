"""Turns a connection's settings into values. Secrets come from the environment or a file, and go nowhere but to the adapter."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from engine.errors import SecretError
from engine.model.definitions import Connection, Secret

MAX_FILE = 1 << 16


def resolve(value: object, root: Path, wanted_by: str) -> object:
    """A literal as it is; a reference as what it refers to. Raises SecretError that names the place, never a value."""
    if not isinstance(value, Secret):
        return value
    if value.env is not None:
        found = os.environ.get(value.env)
        if not found:
            state = "not set" if found is None else "empty"
            raise SecretError(f"{wanted_by} needs the environment variable {value.env}, which is {state}")
        return found
    assert value.file is not None
    path = root / value.file
    try:
        text = path.read_text(encoding="utf-8")[:MAX_FILE].strip()
    except OSError as error:
        raise SecretError(f"{wanted_by} needs the file {value.file}: {error.strerror}") from error
    if not text:
        raise SecretError(f"{wanted_by} needs the file {value.file}, which is empty")
    return text


def settings(connection: Connection, root: Path) -> Mapping[str, object]:
    """All settings of a connection as values."""
    return {key: resolve(value, root, f"connections.{connection.name}.{key}") for key, value in connection.settings.items()}

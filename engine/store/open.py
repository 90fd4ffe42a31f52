"""Which store a URL means."""

from __future__ import annotations

from pathlib import Path

from engine.errors import UsageError
from engine.store.protocol import Store
from engine.store.sqlite.store import SqliteStore


def open_store(url: str, root: Path) -> Store:
    """Open `sqlite:///PATH`, a relative path being relative to ``root``. Raises StoreError where it cannot be had."""
    return SqliteStore(store_path(url, root))


def store_path(url: str, root: Path) -> Path:
    scheme, _, rest = url.partition("://")
    if scheme != "sqlite" or not rest.startswith("/") or len(rest) < 2:
        raise UsageError(f"`{url}` is no store. Write sqlite:///PATH (relative) or sqlite:////PATH (absolute)")
    if rest == "/:memory:":
        raise UsageError(f"`{url}` would be gone with the process: a store is a file. Write sqlite:///PATH")
    return root / rest[1:]

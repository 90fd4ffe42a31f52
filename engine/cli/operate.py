"""How a command changes a store: through the daemon that holds it, else by itself."""

from __future__ import annotations

import asyncio
import getpass
import os
from pathlib import Path
from typing import Any


def operate(name: str, said: dict[str, Any], root: Path, url: str) -> dict[str, Any]:
    """Carry out an operation of ``runtime/operate.py``. Raises RefusedError where the store cannot be had."""
    return asyncio.run(_operate(name, said, root, url))


async def _operate(name: str, said: dict[str, Any], root: Path, url: str) -> dict[str, Any]:
    from engine.clock import SystemClock
    from engine.errors import StoreError
    from engine.runtime.operate import OPERATIONS
    from engine.store.open import open_store, store_path
    from engine.store.sqlite.opening import in_use
    from engine.web.control import send, socket_path

    path = store_path(url, root)
    if not path.exists():
        raise StoreError(f"there is no store at {path}. Run `sounding apply` first, or name one with --store")
    if in_use(path) and socket_path(path).exists():
        return await send(path, f"/do/{name}", said)
    store = open_store(url, root)
    try:
        now = SystemClock().now()
        return await store.write(lambda tx: OPERATIONS[name](tx, said, now))
    finally:
        await store.close()


def who() -> str:
    """The name of whoever calls the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())

"""Why a store cannot be had: what is wrong, where, and what to do, as far as the file system tells."""

from __future__ import annotations

import errno
import os
import pwd
import sqlite3
import stat
from pathlib import Path

BESIDE = ("", "-wal", "-shm", ".lock")  # the names of a store's files, behind that of the store
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LITTLE = 65_536  # bytes: less than SQLite needs to open its log
_ELSEWHERE = "choose another place with --store"


def explain(path: Path, error: OSError | sqlite3.Error, otherwise: str | None = None) -> str:
    """A sentence or two for the end of an error about the store at ``path``; it begins with what the system said, and ends with
    ``otherwise`` where the file system tells nothing."""
    said = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    found = _looked_at(path, error) or otherwise
    return f"{said}. {found}" if found is not None else said


def _looked_at(path: Path, error: OSError | sqlite3.Error) -> str | None:
    if os.path.isdir(path):
        return f"That is a folder; a store is a file: {_ELSEWHERE}"
    folder = _nearest(path.parent)
    if not os.path.isdir(folder):
        return f"{folder} is no folder: {_ELSEWHERE}"
    if not os.access(folder, os.X_OK, effective_ids=True):
        return _not_yours(folder, "looked into")
    disk = os.statvfs(folder)
    if disk.f_flag & os.ST_RDONLY or _errno(error) == errno.EROFS:
        return f"The file system of {folder} is mounted read-only: mount it for writing, or {_ELSEWHERE}"
    free = disk.f_bavail * disk.f_frsize
    if _errno(error) in _FULL or _code(error) == sqlite3.SQLITE_FULL or free < _LITTLE:
        room = f"{free:,} bytes are free, less a quota"
        return f"The disk of {folder} is full ({room}): make room there, or {_ELSEWHERE}. What was acknowledged is kept"
    if _code(error) == sqlite3.SQLITE_IOERR:
        room = f"{free:,} bytes are free, a quota or a limit of this process may allow less"
        return f"The disk of {folder} refuses to be read or written ({room}): make room, look into the system's log, or {_ELSEWHERE}"
    for suffix in BESIDE:
        beside = path.with_name(path.name + suffix)
        if os.path.exists(beside) and not os.access(beside, os.R_OK | os.W_OK, effective_ids=True):
            return _not_yours(beside, "written to")
    return None if os.access(folder, os.W_OK, effective_ids=True) else _not_yours(folder, "written to")


def _not_yours(path: Path, may_not_be: str) -> str:
    found = path.stat()
    owner, user = _name(found.st_uid), _name(os.geteuid())
    what = f"{path} belongs to {owner} ({stat.filemode(found.st_mode)}) and may not be {may_not_be} by {user}"
    return f"{what}: run this as {owner}, `chown {user}` it, or {_ELSEWHERE}" if owner != user else f"{what}: `chmod u+rwX` it"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the one in which it would be made."""
    return next((one for one in (folder, *folder.parents) if os.path.lexists(one)), folder)


def _errno(error: Exception) -> int | None:
    return error.errno if isinstance(error, OSError) else None


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF

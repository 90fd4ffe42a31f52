"""What a validation leaves for the next one, in the project's `.sounding/validate.json`.

It holds hashes, findings and names, never anything that is run. It counts only for the engine that wrote it, and only as far as files
are what they were: by size, time and inode, or else by the hash of their bytes. One that cannot be read or written is as good as none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from engine.checks.report import Report, Texts
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.span import Span

FOLDER = ".sounding"
_NAME = "validate.json"
# A file that was written this shortly before we began may be written again without another time: its bytes are compared.
_RACY = 2_000_000_000  # nanoseconds
# Whose new release may find something else in the same files.
_LIBRARIES = ("pyyaml", "jsonschema", "cronsim", "google_re2", "snowballstemmer")

Row = list[Any]


class ChangedMeanwhileError(Exception):
    """A file is not any more what it was a moment ago, in the same validation."""


class Stamp(NamedTuple):
    size: int
    modified: int  # nanoseconds
    inode: int


def stamps_of(root: Path, names: Sequence[str]) -> dict[str, Stamp | None]:
    """Each file's stamp, by its name; none where it cannot be looked at."""
    return {name: _stamp(os.path.join(root, name)) for name in names}


def _stamp(path: str) -> Stamp | None:
    try:
        state = os.stat(path)
    except OSError:
        return None
    return Stamp(state.st_size, state.st_mtime_ns, state.st_ino)


def digest_of(data: bytes | None) -> str:
    """The hash of a file's bytes; of one that cannot be read, none that a file could have."""
    return hashlib.blake2b(data, digest_size=16).hexdigest() if data is not None else ""


class Cache:
    """``standing`` are the files that are what they were; it is known once ``open`` was called."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder = root / FOLDER
        self._began = 0
        self._spare: Path | None = None  # written in place of the old one at the end
        self._body = b""
        self._header: dict[str, Any] = {}

    def __enter__(self) -> Cache:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)  # the store may come to stand there
            handle, name = tempfile.mkstemp(prefix="validate.", dir=self._folder)
            # The clock that counts is that of the file system.
            self._began = os.fstat(handle).st_mtime_ns
            os.close(handle)
            self._spare = Path(name)
        except OSError:  # a project that only can be read is validated all the same
            self._spare = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._spare is not None:
            with contextlib.suppress(OSError):
                self._spare.unlink()

    def standing(self, stamps: Mapping[str, Stamp | None]) -> set[str]:
        """The files that have the bytes that they had."""
        self._header = self._read()
        known: Mapping[str, Row] = self._header.get("files", {})
        before = self._header.get("began", 0) - _RACY
        found = set()
        for name, stamp in stamps.items():
            row = known.get(name)
            if row is None or stamp is None:
                continue
            same = Stamp(*row[:3]) == stamp and stamp.modified < before
            if same or (row[0] == stamp.size and row[3] == digest_of(_bytes(self._root / name))):
                found.add(name)
        return found

    def _read(self) -> dict[str, Any]:
        try:
            digest, _, rest = (self._folder / _NAME).read_bytes().partition(b"\n")
        except OSError:
            return {}
        if digest != _seal(rest):
            return {}
        head, _, self._body = rest.partition(b"\n")
        header: dict[str, Any] = orjson.loads(head)
        return header

    def report(self, names: Sequence[str], standing: set[str]) -> Report | None:
        """The last report, where nothing has changed."""
        if len(standing) < len(names) or list(self._header.get("files", {})) != list(names):
            return None
        return Report(
            diagnostics=tuple(diagnostic(row) for row in self._header["diagnostics"]),
            texts=Texts(self._root, tuple(names)),
            homes=self._header["homes"],
            environments=self._environments(),
        )

    def _environments(self) -> tuple[str, ...] | None:
        names = self._header["environments"]
        return tuple(names) if names is not None else None

    def body(self) -> dict[str, Any]:
        """What is known of each file, and of what was judged together."""
        found: dict[str, Any] = orjson.loads(self._body) if self._header else {}
        return found

    def save(self, stamps: Mapping[str, Stamp | None], digests: Mapping[str, str], body: Mapping[str, Any], report: Report) -> None:
        if self._spare is None:
            return
        header = {
            "began": self._began,
            "files": {name: [*(stamp or (0, 0, 0)), digests[name]] for name, stamp in stamps.items()},
            "diagnostics": [row_of(found) for found in report.diagnostics],
            "homes": report.homes,
            "environments": report.environments,
        }
        try:
            rest = b"\n".join(orjson.dumps(part, default=_plain) for part in (header, body))
            self._spare.write_bytes(b"\n".join((_seal(rest), rest)))
            self._spare.replace(self._folder / _NAME)
            ignored = self._folder / ".gitignore"
            if not ignored.exists():
                ignored.write_text("*\n", encoding="utf-8")
        except (OSError, orjson.JSONEncodeError):  # a full disk, a name that is no text: the next validation begins anew
            return
        self._spare = None


def _plain(value: object) -> list[object]:
    assert isinstance(value, tuple)  # a place, which is more than a tuple
    return list(value)


def _seal(rest: bytes) -> bytes:
    """What stands before the rest of the file: nobody else's words, and not half of ours."""
    return digest_of(engine_digest().encode() + rest).encode()


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def row_of(found: Diagnostic) -> Row:
    return [found.code, found.severity.value, found.message, found.file, found.span, found.hint, found.address]


def diagnostic(row: Row) -> Diagnostic:
    code, severity, message, file, span, hint, address = row
    place = Span(*span) if span is not None else None
    return Diagnostic(code=code, severity=Severity(severity), message=message, file=file, span=place, hint=hint, address=address)


@cache
def engine_digest() -> str:
    """The hash of all that a finding can follow from besides the project: our own code, Python, and the libraries that read for us."""
    package = Path(__file__).parents[1]
    found = hashlib.blake2b(sys.version.encode(), digest_size=16)
    for path in sorted(package.rglob("*.py")):
        found.update(path.relative_to(package).as_posix().encode())
        found.update(path.read_bytes())
    for folder in sys.path:
        with contextlib.suppress(OSError):
            releases = [name for name in os.listdir(folder or ".") if name.endswith(".dist-info") and name.lower().startswith(_LIBRARIES)]
            found.update(" ".join(sorted(releases)).encode())
    return found.hexdigest()

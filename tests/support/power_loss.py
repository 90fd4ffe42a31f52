"""What a loss of power leaves of a file: what was written before a sync that was through, and any part of what was not.

The writes and syncs are those that strace saw. A disk keeps sectors, so a write that was not synced may be there in part.
"""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from system_calls import SYNCS, Call

SECTOR = 512
_PWRITE = re.compile(r'\d+<[^>]*>, (".*"), (\d+), (\d+)', re.DOTALL)
_TRUNCATE = re.compile(r"\d+<[^>]*>, (\d+)")


@dataclass(frozen=True, slots=True)
class _Change:
    """One write, or a change of the size."""

    at: int
    content: bytes | None  # none: the file ends at ``at`` from then on

    def apply(self, to: bytearray) -> None:
        if self.content is None:
            del to[self.at :]
            to.extend(bytes(self.at - len(to)))
            return
        to.extend(bytes(max(0, self.at + len(self.content) - len(to))))
        to[self.at : self.at + len(self.content)] = self.content

    def sectors(self) -> Iterator[_Change]:
        """What of it the disk takes or leaves as one."""
        if self.content is None:
            yield self
            return
        start = 0
        while start < len(self.content):
            end = start + SECTOR - (self.at + start) % SECTOR
            yield _Change(self.at + start, self.content[start:end])
            start = end


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, _Change]] = field(default_factory=list)  # with the line at which it ended

    def sync(self, begun: int) -> None:
        """Whatever ended before the sync began is on disk."""
        for ended, change in self.pending:
            if ended < begun:
                change.apply(self.synced)
        self.pending = [one for one in self.pending if one[0] >= begun]

    def left(self, chance: random.Random | None) -> bytes:
        """After a loss of power; ``chance`` says which sectors came through that nobody had synced, without it none."""
        found = bytearray(self.synced)
        for _, change in self.pending if chance is not None else ():
            for sector in change.sectors():
                if chance is not None and chance.random() < 0.5:
                    sector.apply(found)
        return bytes(found)


def losses(
    calls: Sequence[Call], store: Path, moments: Iterable[int], into: Path, chance: random.Random
) -> Iterator[tuple[int, list[Path]]]:
    """For each moment (a line of the trace, ascending): the store as a loss of power just before it would leave it, once with nothing
    of what was not synced, once with a random part of it. Each pair of copies is gone when the next is made."""
    files = {str(store): _File(), f"{store}-wal": _File()}
    ours = sorted((call for call in calls if _path(call) in files and call.result >= 0), key=lambda call: call.ended)
    done = 0
    for moment in moments:
        while done < len(ours) and ours[done].ended < moment:
            _take(files[_path(ours[done])], ours[done])
            done += 1
        yield moment, [_copy(files, store, into / name, one) for name, one in (("none", None), ("some", chance))]


def _copy(files: dict[str, _File], store: Path, folder: Path, chance: random.Random | None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{store.name}-shm").unlink(missing_ok=True)
    for path, file in files.items():
        (folder / Path(path).name).write_bytes(file.left(chance))
    return folder / store.name


def _path(call: Call) -> str:
    return call.file.partition("<")[2].removesuffix(">")


def _take(file: _File, call: Call) -> None:
    if call.name in SYNCS:
        file.sync(call.begun)
    elif call.name == "pwrite64":
        found = _PWRITE.fullmatch(call.text)
        assert found is not None, call.text[:200]
        content: bytes = ast.literal_eval("b" + found[1])  # strace writes as C does
        assert call.result == len(content) == int(found[2]), "strace shortened it, or the disk took a part"
        file.pending.append((call.ended, _Change(int(found[3]), content)))
    elif call.name == "ftruncate":
        found = _TRUNCATE.fullmatch(call.text)
        assert found is not None, call.text
        file.pending.append((call.ended, _Change(int(found[1]), None)))

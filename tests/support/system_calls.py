"""What strace saw: the system calls of a process in the order in which they began and ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

# Whole pages must be seen, or a mark in the middle of one would be missed.
_RECEIVES = ("recvfrom", "read", "readv", "recvmsg")  # asyncio and uvloop have each their own
_SENDS = ("sendto", "write", "writev", "sendmsg")
SYNCS = ("fdatasync", "fsync")
_CALLS = ("pwrite64", "ftruncate", *SYNCS, *_RECEIVES, *_SENDS)
STRACE = ("strace", "-D", "-f", "-y", "-s", "70000", "-e", "trace=" + ",".join(_CALLS), "-o")

_WHOLE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+).*", re.DOTALL)
_BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>", re.DOTALL)
_ENDED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+).*", re.DOTALL)
_FILE = re.compile(r"(\d+<[^>]*>)")


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    file: str  # descriptor and what it stands for: 7</x/store.db-wal>
    text: str  # its arguments
    begun: int  # line of the trace
    ended: int
    result: int


def read(trace: Path) -> list[Call]:
    return parse(trace.read_text(encoding="utf-8", errors="replace").splitlines())


def parse(lines: Iterable[str]) -> list[Call]:
    """The calls that came to an end, in the order of their ends."""
    found: list[Call] = []
    begun: dict[str, Call] = {}
    for number, line in enumerate(lines):
        if whole := _WHOLE.fullmatch(line):
            found.append(_call(whole[2], whole[3], number, number, int(whole[4])))
        elif start := _BEGUN.fullmatch(line):
            begun[start[1]] = _call(start[2], start[3], number, number, 0)
        elif (end := _ENDED.fullmatch(line)) and end[1] in begun:
            first = begun.pop(end[1])
            text = first.text + end[3]  # what was received is known at the end only
            found.append(replace(first, text=text, ended=number, result=int(end[4])))
    return found


def _call(name: str, text: str, begun: int, ended: int, result: int) -> Call:
    file = _FILE.match(text)
    return Call(name, file[1] if file else "", text, begun, ended, result)


def acknowledged(calls: Sequence[Call], marks: Iterable[str]) -> dict[str, Call]:
    """By mark, the sending of the 2xx that answers the request with that mark."""
    found: dict[str, Call] = {}
    asked: dict[str, str] = {}  # connection → the mark of the request that it waits with
    wanted = list(marks)
    for call in calls:
        if call.name in _RECEIVES:
            mark = next((mark for mark in wanted if mark in call.text), None)
            if mark is not None:
                asked[call.file] = mark
        elif call.name in _SENDS and '"HTTP/1.1 2' in call.text and call.file in asked:
            found[asked.pop(call.file)] = call
    return found


def acknowledged_too_soon(calls: Sequence[Call], marks: Iterable[str]) -> dict[str, str]:
    """Marks whose request was answered with a 2xx before its data were on disk, with what was missing.

    On disk: the mark was written to the store's log, and a sync of that file began afterwards and was through, well, before
    the answer began.
    """
    wrong: dict[str, str] = {}
    to_log = [call for call in calls if call.file.endswith("-wal>")]
    for mark, answer in acknowledged(calls, marks).items():
        written = min((c.ended for c in to_log if c.name == "pwrite64" and mark in c.text), default=None)
        if written is None or written > answer.begun:
            wrong[mark] = "not written before"
        elif not any(c.name in SYNCS and c.result == 0 and written < c.begun and c.ended < answer.begun for c in to_log):
            wrong[mark] = "written, but not synced before"
    return wrong

"""The processes that validate: this one, and for a large project others that do a share of its files each."""

from __future__ import annotations

import gc
import os
import pickle
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from engine.checks.cache import ChangedMeanwhileError
from engine.checks.workshop import FileOutline, Group, Made, Place, Plan, Workshop
from engine.dsl.diagnostics import Diagnostic
from engine.dsl.others import Others, Seen
from engine.dsl.outline import Declared
from engine.errors import SoundingError
from engine.model.definitions import Project

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_HELD_TOGETHER = 6_000  # files whose nodes all processes keep: fewer than one alone, since each has a memory of its own besides
_WORTH = 600  # files to be read for which it is worth to begin other processes
_PORTION = 250  # documents that are done between two answers
_MOST = 8  # processes; more would wait for the one that gathers what they find


def worth(files: int) -> int:
    """How many processes as many files are worth on this machine."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(processors, _MOST) if files >= _WORTH and hasattr(os, "fork") else 1


class Crew:
    """What a workshop does, by as many as there are. What is given back does not depend on how many that is."""

    def __init__(self, root: Path, workers: int) -> None:
        self._own = Workshop(root)
        self._remote: list[_Remote] = []
        self._shares: dict[str, int] = {}  # file → who has read it
        if workers > 1:
            gc.freeze()  # what the collector does not touch stays shared between the processes
            for _ in range(workers):
                self._remote.append(_Remote(root, _HELD_TOGETHER // workers, self._remote))

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for remote in self._remote:
            remote.close()

    @property
    def project(self) -> Project | None:
        return self._own.project

    @property
    def others(self) -> Others:
        return self._own.others

    def outline(self, names: Sequence[str]) -> list[FileOutline]:
        if not self._remote:
            return self._own.outline(names)
        self._shares = {name: number % len(self._remote) for number, name in enumerate(names)}
        parts = self._portions("outline", [[name for name in names if self._shares[name] == me] for me in range(len(self._remote))])
        return [outline for part in parts for outline in part]

    def begin(self, plan: Plan) -> Made:
        self._all("begin", [plan for _ in self._remote])
        return self._own.begin(plan)

    def take(self, stage: Sequence[Seen]) -> None:
        self._all("take", [stage for _ in self._remote])
        self._own.take(stage)

    def build(self, documents: Sequence[tuple[Place, Declared]]) -> list[Made]:
        if not self._remote:
            return self._own.build(documents)
        parts: list[list[tuple[Place, Declared]]] = [[] for _ in self._remote]
        turns = [self._shares.get(name, number % len(parts)) for number, ((name, _), _) in enumerate(documents)]
        for turn, document in zip(turns, documents, strict=True):
            parts[turn].append(document)
        made = [iter(part) for part in self._portions("build", parts)]
        return [next(made[turn]) for turn in turns]

    def _portions(self, method: str, parts: Sequence[Sequence[object]]) -> list[list[Any]]:
        """Have each do its part, portion by portion: while one of them is read here, the next is being made."""
        portions = [[part[at : at + _PORTION] for at in range(0, len(part), _PORTION)] or [[]] for part in parts]
        found: list[list[Any]] = [[] for _ in parts]
        for remote, waiting in zip(self._remote, portions, strict=True):
            remote.ask(method, waiting.pop(0))
        busy = list(range(len(parts)))
        while busy:
            for me in list(busy):
                # Nothing is asked before the last answer has come: two that write to each other would wait for ever.
                answer = self._remote[me].answer_unread()
                if portions[me]:
                    self._remote[me].ask(method, portions[me].pop(0))
                else:
                    busy.remove(me)
                found[me] += _read(answer)
        return found

    def judge(self, groups: Sequence[Group]) -> list[list[Diagnostic]]:
        if not self._remote:
            return self._own.judge(groups)
        many = len(self._remote)
        parts = [iter(part) for part in self._portions("judge", [groups[me::many] for me in range(many)])]
        return [next(parts[number % many]) for number in range(len(groups))]

    def fetch(self, address: str) -> Made:
        return self._own.fetch(address)

    def _all(self, method: str, arguments: Sequence[object]) -> list[Any]:
        """Have each do its part at the same time."""
        for remote, argument in zip(self._remote, arguments, strict=True):
            remote.ask(method, argument)
        return [remote.answer() for remote in self._remote]


class _Remote:
    """A workshop in a process of its own."""

    def __init__(self, root: Path, most_held: int, earlier: Sequence[_Remote]) -> None:
        from multiprocessing.connection import Pipe  # slow to import, and a small project needs none

        self._pipe, theirs = Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            # Whoever holds an end open keeps the others from seeing that it was closed.
            for pipe in (self._pipe, *(remote._pipe for remote in earlier)):
                pipe.close()
            _serve(Workshop(root, most_held), theirs)
        theirs.close()

    def ask(self, method: str, argument: object) -> None:
        self._pipe.send((method, argument))

    def answer(self) -> Any:
        return _read(self.answer_unread())

    def answer_unread(self) -> bytes:
        try:
            return self._pipe.recv_bytes()
        except EOFError as error:
            raise SoundingError("a process that validates ended early; what it said stands above") from error

    def close(self) -> None:
        self._pipe.close()
        os.waitpid(self._pid, 0)


def _read(answer: bytes) -> Any:
    found = pickle.loads(answer)
    if isinstance(found, ChangedMeanwhileError):
        raise found
    return found


def _serve(workshop: Workshop, pipe: Connection) -> NoReturn:
    """Do what is asked until nobody can ask any more. The process ends here, whatever happens: its parent's work is not its own."""
    status = 1
    try:
        _answer_all(workshop, pipe)
        status = 0
    except (EOFError, KeyboardInterrupt, BrokenPipeError):
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def _answer_all(workshop: Workshop, pipe: Connection) -> None:
    do: dict[str, Callable[[Any], object]] = {
        "outline": workshop.outline,
        "begin": workshop.begin,
        "take": workshop.take,
        "build": workshop.build,
        "judge": workshop.judge,
    }
    while True:
        method, argument = pipe.recv()
        try:
            found = do[method](argument)
        except ChangedMeanwhileError as error:
            found = error
        pipe.send(found)

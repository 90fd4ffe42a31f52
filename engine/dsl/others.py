"""What one definition may look up of the others. Every look-up is noted with its answer.

A definition is built from its own text, the project, and answers from here; nothing else. So what was found in it stands as long as
its text, the project and those answers stand. The answers are small: of a survey, others see its *face*, in which no text appears,
and changing a text changes nothing for them.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from engine.model.frozen import frozen
from engine.model.types import Type

T = TypeVar("T")
Key = str  # what is asked, a space, and of which address, kind or name
Answer = str | bool | None


def hash_of(said: bytes | str) -> str:
    return hashlib.blake2b(said.encode() if isinstance(said, str) else said, digest_size=12).hexdigest()


class _Sink:
    """What a pickler writes to."""

    __slots__ = ("pieces",)

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self.pieces.append(bytes(piece))
        return len(piece)


def _packed(value: object) -> bytes:
    sink = _Sink()
    pickler = pickle.Pickler(sink, protocol=pickle.HIGHEST_PROTOCOL)
    # Without references to what was written before: equal values are equal bytes, whichever of their parts are the same object.
    pickler.fast = True
    pickler.dump(value)
    return b"".join(sink.pieces)


class _Absent:
    """In place of a value that is not here."""


_ABSENT = _Absent()


class Sealed(Generic[T]):
    """A value with the hash of what it says. It travels between processes as bytes that are read only when they are needed."""

    __slots__ = ("_blob", "_value", "digest")

    def __init__(self, value: T, digest: str | None = None) -> None:
        """``digest`` may be given where there is a hash of what the value follows from."""
        self._value: T | _Absent = value
        self._blob: bytes | None = None  # as it came from another process, until somebody reads it
        self.digest = digest if digest is not None else hash_of(_packed(value))

    @classmethod
    def known_by(cls, digest: str) -> Sealed[T]:
        """One of which no more is known for now than its hash."""
        sealed = cls.__new__(cls)
        sealed.__setstate__((None, digest))
        return sealed

    @property
    def is_empty(self) -> bool:
        return self._blob is None and isinstance(self._value, _Absent)

    @property
    def value(self) -> T:
        if self._blob is not None:
            self._value = pickle.loads(self._blob)  # made by this program a moment ago; never read from a file
            self._blob = None
        assert not isinstance(self._value, _Absent)
        return self._value

    def __getstate__(self) -> tuple[bytes | None, str]:
        blob = self._blob
        if blob is None and not isinstance(self._value, _Absent):
            blob = pickle.dumps(self._value, protocol=pickle.HIGHEST_PROTOCOL)
        return blob, self.digest

    def __setstate__(self, state: tuple[bytes | None, str]) -> None:
        self._blob, self.digest = state
        self._value = _ABSENT


@frozen
class SurveyFace:
    """What other definitions see of a survey."""

    name: str
    metric: str
    about: str
    anonymous: bool
    open: bool
    answers: Mapping[str, Type]  # each name that an answer may hold
    answer: Type  # the object `answer`: the answers, category and sentiment
    invitation: Type  # the object `invitation`


@frozen
class AudienceFace:
    of: str


Face = SurveyFace | AudienceFace
Names = dict[str, Type]


class Seen(NamedTuple):
    """What others can see of a definition. A refused one is not ``sound``. A tuple: of a large project there are tens of thousands."""

    address: str
    sound: bool
    metric: str | None  # of a survey
    face: Sealed[Face] | None
    scopes: tuple[tuple[str, Sealed[Names]], ...]  # what each template that it uses can read here


@dataclass(slots=True)
class Others:
    """``names`` has every name declared, sound or not; ``refused`` the addresses of what is not sound: nothing that refers to it is
    blamed. ``incomplete``: a document could not be read, so what it declares is not known.
    """

    names: dict[str, set[str]] = field(default_factory=dict)  # by kind
    refused: set[str] = field(default_factory=set)
    incomplete: bool = False
    metrics: dict[str, str] = field(default_factory=dict)  # of the sound surveys
    faces: dict[str, Sealed[Face]] = field(default_factory=dict)  # by address, of what is sound
    # By template: what the places that use it can read, with the address of each.
    scopes: dict[str, list[tuple[str, Sealed[Names]]]] = field(default_factory=dict)
    blueprints: dict[str, str] = field(default_factory=dict)  # by name: the file that it is in, and its hash
    noted: dict[Key, Answer] = field(default_factory=dict)
    # Gives the face, or a template's scopes, of which only the hash is known, by building the definition of that address.
    fetch: Callable[[str], Seen] | None = None

    def take(self, seen: Seen) -> None:
        """Let a definition be seen by those of the stages to come."""
        if not seen.sound:
            self.refused.add(seen.address)
        if seen.face is not None:
            self.faces[seen.address] = seen.face
        if seen.metric is not None:
            self.metrics[seen.address.split(".", 1)[1]] = seen.metric
        for template, scope in seen.scopes:
            self.scopes.setdefault(template, []).append((seen.address, scope))

    def answer(self, key: Key) -> Answer:
        """What is answered to a look-up, or the hash of it where it is large."""
        what, _, of = key.partition(" ")
        match what:
            case "standing":
                kind, name = of.split(".", 1)
                return "unknown" if name not in self.names.get(kind, ()) else "refused" if of in self.refused else "sound"
            case "face":
                return self.faces[of].digest if of in self.faces else None
            case "incomplete":
                return self.incomplete
            case "names":
                return _digest(self.names.get(of, ()))
            case "refusals":
                return any(address.startswith(f"{of}.") for address in self.refused)
            case "metric":
                return _digest(self._measuring(of))
            case "scopes":
                return _digest({scope.digest for _, scope in self.scopes.get(of, ())})
            case "blueprint":
                return self.blueprints.get(of)
        raise AssertionError(f"nobody can ask for {what}")

    def _note(self, what: str, of: str = "") -> Answer:
        key = f"{what} {of}"
        if key not in self.noted:
            self.noted[key] = self.answer(key)
        return self.noted[key]

    def standing(self, kind: str, name: str) -> str:
        """`sound`, `refused`, or `unknown`."""
        return str(self._note("standing", f"{kind}.{name}"))

    def is_incomplete(self) -> bool:
        return bool(self._note("incomplete"))

    def any_refused(self, kind: str) -> bool:
        return bool(self._note("refusals", kind))

    def all_names(self, kind: str) -> set[str]:
        """Every name of a kind, for hints."""
        self._note("names", kind)
        return self.names.get(kind, set())

    def survey(self, name: str) -> SurveyFace | None:
        """The face of a sound survey."""
        found = self._face(f"survey.{name}")
        assert found is None or isinstance(found, SurveyFace)
        return found

    def audience(self, name: str) -> AudienceFace | None:
        """The face of a sound audience."""
        found = self._face(f"audience.{name}")
        assert found is None or isinstance(found, AudienceFace)
        return found

    def surveys(self, metric: str | None = None) -> list[str]:
        """The names of the sound surveys, or of those with one metric, in order."""
        self._note("metric", metric or "")
        return self._measuring(metric or "")

    def _measuring(self, metric: str) -> list[str]:
        names = sorted(address.split(".", 1)[1] for address in self.faces if address.startswith("survey."))
        return [name for name in names if not metric or self.metrics.get(name) == metric]

    def scopes_of(self, template: str) -> list[Names]:
        """What the places that use a template can read; of those that can read the same, one."""
        self._note("scopes", template)
        distinct = {scope.digest: (address, scope) for address, scope in reversed(self.scopes.get(template, []))}
        return [self._scope(template, *found).value for _, found in sorted(distinct.items())]

    def uses(self, blueprint: str) -> None:
        """Note that a definition is made of a blueprint."""
        self._note("blueprint", blueprint)

    def _face(self, address: str) -> Face | None:
        if self._note("face", address) is None:
            return None
        if self.faces[address].is_empty:
            seen = self._fetched(address)
            assert seen.face is not None
            self.faces[address] = seen.face
        return self.faces[address].value

    def _scope(self, template: str, address: str, scope: Sealed[Names]) -> Sealed[Names]:
        if not scope.is_empty:
            return scope
        return next(own for name, own in self._fetched(address).scopes if (name, own.digest) == (template, scope.digest))

    def _fetched(self, address: str) -> Seen:
        assert self.fetch is not None
        return self.fetch(address)


def _digest(parts: Iterable[str]) -> str:
    return hash_of("\n".join(sorted(parts)))

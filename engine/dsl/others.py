"""What one definition may look up of the others. Every look-up is noted with its answer.

A definition is built from its own text, the project, and answers from here; nothing else. So what was found in it stands as long as
its text, the project and those answers stand. The answers are small: of a survey, others see its *face*, in which no text appears,
and changing a text changes nothing for them.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.model.types import Type

T = TypeVar("T")
Key = tuple[str, str]  # what is asked, and of which address, kind or name
Answer = str | bool | None


class Sealed(Generic[T]):
    """A value with the hash of what it says. It travels between processes as bytes that are read only when they are needed."""

    __slots__ = ("_blob", "_value", "digest")

    def __init__(self, value: T) -> None:
        self._value: T | None = value
        self._blob = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
        self.digest = hashlib.blake2b(self._blob, digest_size=12).hexdigest()

    @property
    def value(self) -> T:
        if self._value is None:
            self._value = pickle.loads(self._blob)  # made by this program a moment ago; never read from a file
        assert self._value is not None
        return self._value

    def __getstate__(self) -> tuple[bytes, str]:
        return self._blob, self.digest

    def __setstate__(self, state: tuple[bytes, str]) -> None:
        self._blob, self.digest = state
        self._value = None


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class AudienceFace:
    of: str


Face = SurveyFace | AudienceFace
Names = dict[str, Type]


@dataclass(slots=True)
class Others:
    """``names`` has every name declared, sound or not; ``refused`` the addresses of what is not sound: nothing that refers to it is
    blamed. ``incomplete``: a document could not be read, so what it declares is not known.
    """

    names: dict[str, set[str]] = field(default_factory=dict)  # by kind
    refused: set[str] = field(default_factory=set)
    incomplete: bool = False
    faces: dict[str, Sealed[Face]] = field(default_factory=dict)  # by address, of what is sound
    scopes: dict[str, list[Sealed[Names]]] = field(default_factory=dict)  # by template: what the places that use it can read
    noted: dict[Key, Answer] = field(default_factory=dict)

    def answer(self, key: Key) -> Answer:
        """What is answered to a look-up, or the hash of it where it is large."""
        what, of = key
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
                return _digest(scope.digest for scope in self.scopes.get(of, ()))
        raise AssertionError(f"nobody can ask for {what}")

    def _note(self, what: str, of: str = "") -> Answer:
        key = (what, of)
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
        address = f"survey.{name}"
        found = self.faces[address].value if self._note("face", address) is not None else None
        assert found is None or isinstance(found, SurveyFace)
        return found

    def audience(self, name: str) -> AudienceFace | None:
        """The face of a sound audience."""
        address = f"audience.{name}"
        found = self.faces[address].value if self._note("face", address) is not None else None
        assert found is None or isinstance(found, AudienceFace)
        return found

    def surveys(self, metric: str | None = None) -> list[str]:
        """The names of the sound surveys, or of those with one metric, in order."""
        self._note("metric", metric or "")
        return self._measuring(metric or "")

    def _measuring(self, metric: str) -> list[str]:
        faces = ((address, sealed.value) for address, sealed in self.faces.items() if address.startswith("survey."))
        return sorted(f.name for _, f in faces if isinstance(f, SurveyFace) and metric in ("", f.metric))

    def scopes_of(self, template: str) -> list[Names]:
        """What each place that uses a template can read."""
        self._note("scopes", template)
        return [scope.value for scope in self.scopes.get(template, ())]


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(sorted(parts)).encode(), digest_size=12).hexdigest()

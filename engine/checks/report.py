"""What a validation gives: findings, and what is needed to select and print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.dsl import source
from engine.dsl.diagnostics import Diagnostic, Severity


class Texts(Mapping[str, str]):
    """The text of each file of a project. It is read when somebody asks for it: only files with findings are shown."""

    def __init__(self, root: Path, names: tuple[str, ...]) -> None:
        self._root = root
        self._names = dict.fromkeys(names)
        self._read: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = source.text_of(self._root / name)
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``diagnostics`` are sorted by place. ``homes`` has the file of each sound definition, by address."""

    diagnostics: tuple[Diagnostic, ...]
    texts: Texts
    homes: Mapping[str, str]
    environments: tuple[str, ...] | None  # that the project has; None where the project itself was refused

    @property
    def files(self) -> int:
        return len(self.texts)

    @property
    def errors(self) -> bool:
        return any(found.severity is Severity.ERROR for found in self.diagnostics)

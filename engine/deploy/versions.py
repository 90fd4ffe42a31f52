"""Definitions → a deployment and back, with the compiled rules kept."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from engine.deploy.executable import check_executable
from engine.errors import RefusedError
from engine.model.codec import LANGUAGE, decode, encode, fingerprint, joint_fingerprint
from engine.model.definitions import KIND_OF, KINDS, Definition, Definitions, Project
from engine.rules.compile import RuleSet
from engine.store.protocol import Deployment, Transaction

_KEPT = 32  # compiled versions; an older one is compiled again when a run or an answer still needs it


def pack(definitions: Definitions, *, at: dt.datetime, by: str, commit: str | None) -> Deployment:
    """The deployment that would make ``definitions`` current; its number is given by the store. Raises RefusedError for
    what this version cannot carry out."""
    check_executable(definitions)
    by_address = definitions.by_address()
    fingerprints = {name: fingerprint(definition) for name, definition in by_address.items()}
    return Deployment(
        id=0,
        at=at,
        by=by,
        commit=commit,
        fingerprint=joint_fingerprint(fingerprints),
        language=LANGUAGE,
        bodies={name: json.dumps(encode(definition), ensure_ascii=False, separators=(",", ":")) for name, definition in by_address.items()},
        fingerprints=fingerprints,
    )


def unpack(deployment: Deployment, known: Mapping[str, Definition] = MappingProxyType({})) -> Definitions:
    """The definitions of a deployment; those in ``known``, by address, are taken as they are. Raises RefusedError where they
    were written in a later language."""
    if deployment.language > LANGUAGE:
        raise RefusedError(
            f"deployment {deployment.id} is written in language {deployment.language}; this version knows {LANGUAGE}. Update Sounding"
        )
    groups: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS if kind != "project"}
    project: Project | None = None
    for name, body in deployment.bodies.items():
        definition: Definition = known[name] if name in known else decode(json.loads(body))
        if isinstance(definition, Project):
            project = definition
        else:
            groups[KIND_OF[type(definition)]][definition.name] = definition
    if project is None:
        raise RefusedError(f"deployment {deployment.id} has no project: the store is damaged")
    return Definitions(
        project=project,
        surveys=groups["survey"],
        audiences=groups["audience"],
        cadences=groups["cadence"],
        automations=groups["automation"],
        templates=groups["template"],
        reports=groups["report"],
        scenarios=groups["scenario"],
    )


class Version:
    """One deployment, compiled. What is the same in an ``earlier`` one is taken over from it, as a whole or compiled."""

    def __init__(self, deployment: Deployment, earlier: Version | None = None) -> None:
        self.number = deployment.id
        self.fingerprint = deployment.fingerprint
        self.fingerprints = deployment.fingerprints
        self._digests = {name: hashlib.sha256(body.encode()).digest() for name, body in deployment.bodies.items()}
        self.definitions = unpack(deployment, earlier._same(self._digests) if earlier is not None else {})
        self.rules: RuleSet = RuleSet(self.definitions, earlier.rules if earlier is not None else None)
        self.zone = ZoneInfo(self.definitions.project.timezone)

    def _same(self, digests: Mapping[str, bytes]) -> dict[str, Definition]:
        """The definitions that another deployment has word by word, places included."""
        return {name: one for name, one in self.definitions.by_address().items() if self._digests[name] == digests.get(name)}


class Versions:
    """The current version, and the earlier ones by number. Used within transactions, from the writer's thread and the readers'."""

    def __init__(self) -> None:
        self.current: Version | None = None
        self._kept: OrderedDict[int, Version] = OrderedDict()
        self._lock = threading.Lock()

    def refresh(self, tx: Transaction) -> Version | None:
        """Take the newest deployment up as the current one. Only the writer does so."""
        newest, current = tx.deployed(), self.current
        # The number alone does not tell: that of a deployment whose commit failed is given again, to another one.
        if newest is not None and (current is None or (current.number, current.fingerprint) != newest):
            self.current = self._load(tx, newest[0])
        return self.current

    def get(self, tx: Transaction, number: int) -> Version:
        with self._lock:
            found = self._kept.get(number)
            if found is not None:
                self._kept.move_to_end(number)
                return found
        return self._load(tx, number)

    def _load(self, tx: Transaction, number: int) -> Version:
        deployment = tx.deployment(number)
        if deployment is None:
            raise RefusedError(f"the store has no deployment {number}")
        version = Version(deployment, self.current)
        with self._lock:
            self._kept[number] = version
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return version


def apply(tx: Transaction, deployment: Deployment) -> tuple[int, bool]:
    """Make a deployment current. Returns its number, and whether anything changed: applying the same again does nothing."""
    current = tx.deployed()
    if current is not None and current[1] == deployment.fingerprint:
        return current[0], False
    return tx.deploy(deployment), True

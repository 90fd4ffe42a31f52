"""Who and what an event is about: objects found by their names, merged with what is stored.

Newer data win by the event's time, field by field. A contact is known under each source's id and by the identity fields of
the project; every other object under its source's id.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

from engine.model.definitions import Definitions
from engine.model.events import Record
from engine.model.types import object_type
from engine.rules.facts import conform
from engine.rules.misfits import Misfit, no_object
from engine.store.protocol import PARTITIONS, Transaction, Waiting


def object_key(kind: str, source: str, id_: str) -> str:
    """The key of an object seen for the first time. It says nothing about whom it stands for."""
    return hashlib.blake2b(f"{kind}\0{source}\0{id_}".encode(), digest_size=12).hexdigest()


def part_of(key: str) -> int:
    """The partition of a key."""
    return crc32(key.encode()) % PARTITIONS


def event_part(source: str, id_: str, data: Mapping[str, Any]) -> int:
    """Where an event waits: with its contact as far as that is known before anything is looked up."""
    contact = data.get("contact")
    name = contact.get("id") if isinstance(contact, Mapping) else None
    return part_of(object_key("contact", source, str(name)) if name is not None else f"{source}\0{id_}")


@dataclass(slots=True)
class Brought:
    """The objects that one event carries, merged: kind → record; and what was wrong with its data."""

    records: dict[str, Record] = field(default_factory=dict)
    changed: dict[str, list[str]] = field(default_factory=dict)  # kind → fields whose value is another one now
    misfits: list[Misfit] = field(default_factory=list)
    names: list[tuple[str, str]] = field(default_factory=list)  # by which its contact is known from now on


class People:
    """The objects behind a batch of events: loaded together, changed in memory, written back together."""

    def __init__(self, tx: Transaction, definitions: Definitions, waiting: Iterable[Waiting]) -> None:
        self._tx = tx
        self._objects = definitions.project.objects
        contract = self._objects.get("contact")
        known = contract.fields if contract is not None else {}
        self._identity = object_type({name: known[name] for name in definitions.project.identity if name in known})
        self._records: dict[tuple[str, str], Record | None] = {}  # none: it was looked for, and is not stored
        self._dirty: set[tuple[str, str]] = set()
        self._new_aliases: dict[tuple[str, str], str] = {}
        rows = list(waiting)
        self._names = {row.seq: self._contact_names(row.event.source, row.event.data.get("contact")) for row in rows}
        self._aliases = tx.aliases(name for names in self._names.values() for name in names)
        self._load(self._keys(rows))
        self._load((kind, key) for record in list(self._records.values()) if record is not None for kind, key in record.links.items())

    def _keys(self, rows: list[Waiting]) -> Iterator[tuple[str, str]]:
        for row in rows:
            if row.subjects is not None:
                yield from row.subjects.items()
                continue
            for kind, raw in row.event.data.items():
                if kind in self._objects and isinstance(raw, Mapping):
                    key = self._find(kind, row, raw)
                    if key is not None:
                        yield kind, key

    def _load(self, wanted: Iterable[tuple[str, str]]) -> None:
        new = [pair for pair in wanted if pair not in self._records]
        self._records.update(dict.fromkeys(new))
        self._records.update(self._tx.records(new))

    def _contact_names(self, source: str, raw: object) -> list[tuple[str, str]]:
        """The names by which a contact's data say who it is: the source's id, then the identity fields in the project's order."""
        if not isinstance(raw, Mapping):
            return []
        names = [(f"contact@{source}", str(raw["id"]))] if raw.get("id") not in (None, "") else []
        given, _ = conform("contact", self._identity, raw)
        names += [(f"contact.{name}", value.casefold()) for name, value in given.items() if isinstance(value, str) and value]
        return names

    def _find(self, kind: str, row: Waiting, raw: Mapping[str, Any]) -> str | None:
        """The key of the object that ``raw`` is about; None where it names nobody."""
        if kind != "contact":
            return object_key(kind, row.event.source, str(raw["id"])) if raw.get("id") not in (None, "") else None
        names = self._names[row.seq]
        for name in names:
            known = self._new_aliases.get(name) or self._aliases.get(name)
            if known is not None:
                return known
        return object_key("contact", *names[0]) if names else None

    def record(self, kind: str, key: str) -> Record | None:
        if (kind, key) not in self._records:
            self._load([(kind, key)])
        return self._records[kind, key]

    def known_as(self, row: Waiting) -> list[str]:
        """Every name of the contact that an event is about: its key, and what the event's data call it."""
        keys = dict(self._keys([row]))
        found = {kind: record for kind, key in keys.items() if (record := self.record(kind, key)) is not None}
        contact = self.around(found).get("contact")
        key = contact.key if contact is not None else keys.get("contact")
        return [*([key] if key is not None else []), *(f"{kind}/{value}" for kind, value in self._names[row.seq])]

    def bring(self, row: Waiting) -> Brought:
        """Merge what an event carries; nothing is kept yet. A required field that does not fit leaves no records."""
        event = row.event
        brought = Brought()
        merged: dict[str, tuple[Record | None, Record]] = {}
        for kind, contract in self._objects.items():
            raw = event.data.get(kind)
            if raw is None:
                continue
            if not isinstance(raw, Mapping):
                brought.misfits.append(no_object(kind, raw))
                continue
            key = self._find(kind, row, raw)
            if key is None:
                brought.misfits.append(Misfit(f"{kind}.id", "text", "missing", True))
                continue
            fields, misfits = conform(kind, contract, raw)
            brought.misfits += misfits
            before = self.record(kind, key)
            merged[kind] = before, _merge(before, kind, key, event.source, fields, event.time)
        if any(misfit.required for misfit in brought.misfits):
            return brought
        for kind, (before, record) in merged.items():
            linked = {other: to.key for other, (_, to) in merged.items() if other != kind and _links(kind, other)}
            brought.records[kind] = replace(record, links={**record.links, **linked}) if linked else record
            old = before.data if before is not None else {}
            brought.changed[kind] = [name for name in {**old, **record.data} if old.get(name) != record.data.get(name)]
        if "contact" in merged:
            brought.names = self._names[row.seq]
        return brought

    def keep(self, brought: Brought) -> None:
        """What an event brought counts from now on: for the later events of the batch, and in the store with `flush`."""
        for record in brought.records.values():
            if record != self._records.get((record.kind, record.key)):
                self._put(record)
        for name in brought.names:
            if name not in self._aliases:
                self._new_aliases.setdefault(name, brought.records["contact"].key)

    def around(self, records: Mapping[str, Record]) -> dict[str, Record]:
        """The records with the contact and company that they are linked to."""
        found = dict(records)
        for kind in ("contact", "company"):
            for record in list(found.values()):
                key = record.links.get(kind)
                linked = self.record(kind, key) if key is not None and kind not in found else None
                if linked is not None:
                    found[kind] = linked
        return found

    def update(self, kind: str, key: str, values: Mapping[str, Any], at: dt.datetime) -> None:
        """Change our copy of an object."""
        record = self.record(kind, key)
        if record is not None:
            self._put(_merge(record, kind, key, record.source, values, at))

    def _put(self, record: Record) -> None:
        self._records[record.kind, record.key] = record
        self._dirty.add((record.kind, record.key))

    def flush(self) -> None:
        self._tx.save_records(record for pair in self._dirty if (record := self._records[pair]) is not None)
        self._tx.add_aliases((kind, value, key) for (kind, value), key in self._new_aliases.items())


def _links(kind: str, other: str) -> bool:
    """Objects lead to their contact and company; a contact to its company."""
    return other == "company" if kind == "contact" else kind != "company" and other in ("contact", "company")


def _merge(before: Record | None, kind: str, key: str, source: str, fields: Mapping[str, Any], at: dt.datetime) -> Record:
    stamp = at.isoformat(timespec="microseconds")
    if before is None:
        data = {name: value for name, value in fields.items() if value is not None}
        return Record(
            kind=kind,
            key=key,
            part=part_of(key),
            source=source,
            id=str(fields.get("id", "")),
            data=data,
            times=dict.fromkeys((name for name in fields if name != "id"), stamp),
        )
    data, times = dict(before.data), dict(before.times)
    for name, value in fields.items():
        if name == "id" or times.get(name, "") > stamp:
            continue
        times[name] = stamp
        if value is None:
            data.pop(name, None)
        else:
            data[name] = value
    return replace(before, data=data, times=times)

"""Whom a row of the store is for, in the words of those who ask: the contact's own id at its source, and the event's id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.model.events import Event
from engine.store.protocol import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Whom:
    """Contacts and events by the keys that rows hold."""

    contacts: Mapping[str, Sequence[tuple[str, str]]]  # key → (source, id); no addresses
    events: Mapping[int, Event]  # by sequence number

    def text(self, contact: str | None, event: int | None) -> list[str]:
        """`contact 17 of crm`, `event e5 of shop`; a contact without an id of its own by our key."""
        found = []
        if contact is not None:
            ids = " = ".join(f"{id_} of {source}" for source, id_ in self.contacts.get(contact, ()))
            found.append(f"contact {ids or contact}")
        behind = self.events.get(event) if event is not None else None
        if behind is not None:
            found.append(f"event {behind.id} of {behind.source}")
        return found

    def json(self, contact: str | None, event: int | None) -> dict[str, Any]:
        behind = self.events.get(event) if event is not None else None
        return {
            "contact": contact,
            "contact_ids": [{"source": source, "id": id_} for source, id_ in self.contacts.get(contact or "", ())],
            "event_id": behind.id if behind is not None else None,
            "event_source": behind.source if behind is not None else None,
        }


def whom(tx: Transaction, rows: Iterable[tuple[str | None, int | None]]) -> Whom:
    """``rows``: the key of the contact and the sequence number of the event, of each row."""
    pairs = list(rows)
    known = tx.contact_ids(contact for contact, _ in pairs if contact is not None)
    # A source may use the address itself as its id.
    contacts = {key: [(source, id_) for source, id_ in names if "@" not in id_] for key, names in known.items()}
    waiting = tx.events(event for _, event in pairs if event is not None)
    return Whom(contacts=contacts, events={seq: row.event for seq, row in waiting.items()})

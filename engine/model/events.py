"""What happens: events, and what is known of the objects that they carry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Data = Mapping[str, Any]  # JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One CloudEvent, as accepted. (source, id) names it for good: the same pair twice is the same event."""

    id: str
    source: str
    type: str
    time: dt.datetime  # aware; when it happened, by its sender
    data: Data  # objects by name, own fields beside them
    outcome: str | None = None  # extension `outcome`: won or lost, where a CRM says so of a deal


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An object of the data contract as stored: a contact, company, deal, …"""

    kind: str
    key: str  # ours; stable, says nothing about the person
    part: int  # its partition, fixed at first sight
    source: str  # whose id it carries
    id: str  # the source's
    data: Data  # by field, JSON values; a missing optional field is absent
    times: Mapping[str, str] = field(default_factory=dict)  # field → time of the newest value (ISO 8601, UTC)
    links: Mapping[str, str] = field(default_factory=dict)  # kind → key of the linked object

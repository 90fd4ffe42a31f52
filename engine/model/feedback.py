"""Invitations and answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class InvitationState(StrEnum):
    PLANNED = "planned"  # decided, not sent yet
    SENT = "sent"
    ANSWERED = "answered"
    EXPIRED = "expired"
    DROPPED = "dropped"  # will not be sent; `reason` says why


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One request to one contact to answer one survey."""

    id: str
    part: int
    contact: str  # key
    survey: str
    cadence: str
    deployment: int  # the version that asks
    event: int  # sequence number of the event behind it
    subjects: Mapping[str, str]  # kind → key of the objects that the event carried
    state: InvitationState
    due: dt.datetime
    lifetime: float | None  # seconds from sending to expiry; none: never
    expires: dt.datetime | None = None
    channel: str | None = None
    language: str | None = None
    sent: dt.datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A line of the ask ledger: a message that asks somebody, counted for one group. Reserved at the claim for sending, and freed where
    it was certainly not accepted."""

    part: int  # of the contact
    group: str  # contact/KEY, company/KEY, or the value of a field: contact.country=UA
    at: dt.datetime
    survey: str
    channel: str
    invitation: str
    message: int = 0  # 0: the invitation itself; n: its n-th reminder


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one contact said to one invitation, under the version of the survey that asked."""

    id: str
    part: int
    invitation: str | None
    contact: str | None
    survey: str
    fingerprint: str  # of the survey's version
    subjects: Mapping[str, str]
    values: Mapping[str, Any]  # question (or ID_other, ID.ROW) → value; hidden ones are absent
    score: float | None  # of the metric question
    category: str | None  # promoter, passive, detractor; positive, neutral, negative; yes, partly, no
    channel: str | None
    language: str | None
    at: dt.datetime
    extra: Mapping[str, Any] = field(default_factory=dict)

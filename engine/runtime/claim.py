"""The claim: rows of the outbox become `sending` before anything is sent, each rechecked with the data as they are now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.deploy.versions import Version, Versions
from engine.model.definitions import Automation, Cadence, Step
from engine.model.delivery import Delivery, DeliveryState
from engine.model.events import Record
from engine.model.feedback import Invitation, InvitationState
from engine.respond.tokens import digest, mint
from engine.rules.eligibility import may_send
from engine.rules.scope import situation
from engine.store.protocol import Timer, Transaction, Waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A delivery that may go out now, with all that its words are made of. It lives in memory only."""

    delivery: Delivery
    version: Version | None = None
    scope: Mapping[str, object] | None = None
    step: Step | None = None
    cadence: Cadence | None = None
    invitation: Invitation | None = None
    token: str | None = None


def claim(
    tx: Transaction, versions: Versions, connection: str, now: dt.datetime, deadline: dt.datetime, limit: int
) -> tuple[list[Claimed], int]:
    """Up to ``limit`` deliveries of a connection, and how many rows were taken: some may have been dropped at the recheck."""
    current = versions.refresh(tx)
    rows = tx.claim(connection, now, deadline, limit)
    if not rows or current is None:
        return [], len(rows)
    invitations = tx.invitations(row.invitation for row in rows if row.invitation is not None)
    events = tx.events(row.event for row in rows if row.event is not None)
    records = tx.records((kind, key) for row in rows for kind, key in row.subjects.items())
    found = []
    for row in rows:
        if row.action == "fetch":
            found.append(Claimed(delivery=row))
            continue
        # An invitation follows the newest version until it is sent; what an automation began stays with its version.
        version = current if row.action == "invite" else versions.get(tx, row.deployment)
        scope, missing = _scope(version, events.get(row.event or 0), row, records, now)
        if row.action == "invite":
            claimed = _invitation(tx, version, row, invitations[row.invitation or ""], scope, missing, now)
        else:
            claimed = _step(tx, version, row, scope, missing)
        if claimed is not None:
            found.append(claimed)
    return found, len(rows)


def _scope(
    version: Version, waiting: Waiting | None, row: Delivery, records: Mapping[tuple[str, str], Record], now: dt.datetime
) -> tuple[Mapping[str, object], str | None]:
    """What can be read now, and what keeps it from being read: an event or a required field that is gone."""
    if waiting is None:
        return {}, "its event is not stored any more"
    kind = version.rules.events.get(waiting.event.type)
    if kind is None:
        return {}, f"the event {waiting.event.type} is not declared any more"
    objects = {name: records[name, key].data for name, key in row.subjects.items() if (name, key) in records}
    there = situation(version.definitions, kind, waiting.event.data, objects, now, version.zone)
    refused = there.refused
    return there.scope, f"{refused[0].path} is missing" if refused else None


def _drop(tx: Transaction, row: Delivery, reason: str) -> None:
    tx.finish(row, DeliveryState.DROPPED, reason=reason, external_id=None, url=None)


def _invitation(
    tx: Transaction,
    version: Version,
    row: Delivery,
    invitation: Invitation,
    scope: Mapping[str, object],
    missing: str | None,
    now: dt.datetime,
) -> Claimed | None:
    cadence = version.definitions.cadences.get(invitation.cadence)
    if cadence is None:
        reason: str | None = f"cadence.{invitation.cadence} is not deployed any more"
    else:
        reason = missing or may_send(version.definitions, cadence, invitation, scope, now).reason
    if reason is not None or cadence is None:
        _drop(tx, row, reason or "")
        if invitation.state is InvitationState.PLANNED:
            tx.save_invitation(replace(invitation, state=InvitationState.DROPPED, reason=reason))
        return None
    token = mint()
    tx.add_token(digest(token), invitation.id)
    fixed = replace(invitation, deployment=version.number, survey=cadence.survey)
    tx.save_invitation(fixed)
    return Claimed(delivery=row, version=version, scope=scope, cadence=cadence, invitation=fixed, token=token)


def _step(tx: Transaction, version: Version, row: Delivery, scope: Mapping[str, object], missing: str | None) -> Claimed | None:
    name, number = row.origin.removeprefix("automation.").split("/")
    automation: Automation = version.definitions.automations[name]
    reason = missing
    contact: Any = scope.get("contact")
    if reason is None and row.respondent and isinstance(contact, Mapping) and contact.get("opted_out"):
        reason = "contact.opted_out"
    if reason is not None:
        _drop(tx, row, reason)
        return None
    return Claimed(delivery=row, version=version, scope=scope, step=automation.then[int(number)])


def recover(tx: Transaction, repeatable: Sequence[str], now: dt.datetime | None, due: dt.datetime) -> tuple[int, int]:
    """Rows that nobody is at work on any more: sent again where that is safe, else `unknown`.

    ``repeatable`` names the connections whose receiver honours our key. Returns how many are repeated and how many unknown.
    """
    again = unknown = 0
    for row in tx.overdue(now):
        if row.connection in repeatable or not row.respondent:
            again += tx.postpone(row, due, "the daemon ended while this was being sent")
        else:
            unknown += doubt(tx, row, "the daemon ended while this was being sent", due)
    return again, unknown


def doubt(tx: Transaction, row: Delivery, reason: str, now: dt.datetime) -> bool:
    """Nobody knows whether it arrived: it is not repeated, and its link works."""
    if not tx.finish(row, DeliveryState.UNKNOWN, reason=reason, external_id=None, url=None):
        return False
    if row.invitation is not None:
        invitation = tx.invitations([row.invitation]).get(row.invitation)
        if invitation is not None and invitation.state is InvitationState.PLANNED:
            mark_sent(tx, replace(invitation, reason=reason), now)
    return True


def mark_sent(tx: Transaction, invitation: Invitation, now: dt.datetime) -> Invitation:
    """The invitation is out: its lifetime begins."""
    expires = now + dt.timedelta(seconds=invitation.lifetime) if invitation.lifetime is not None else None
    sent = replace(invitation, state=InvitationState.SENT, sent=now, expires=expires)
    tx.save_invitation(sent)
    if expires is not None:
        tx.add_timers([Timer(part=invitation.part, due=expires, kind="expire", ref=invitation.id)])
    return sent

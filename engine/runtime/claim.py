"""The claim: rows of the outbox become `sending` before anything is sent, each rechecked with the data as they are now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from engine.deploy.versions import Version, Versions
from engine.dsl.uses import USES
from engine.errors import StoreError
from engine.messages.compose import language_of
from engine.model.definitions import Cadence, Step
from engine.model.delivery import Delivery, DeliveryState
from engine.model.events import Record
from engine.model.feedback import Invitation, InvitationState
from engine.respond.tokens import digest, mint
from engine.rules.eligibility import may_send
from engine.rules.needs import absent
from engine.rules.scope import situation
from engine.runtime.turn import in_sight
from engine.store.protocol import Timer, Transaction, Waiting

_log = structlog.get_logger("claim")


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
    rows = tx.claim(connection, now, deadline, limit) if current is not None else []
    if not rows or current is None:
        return [], 0
    known = _Known(
        invitations=tx.invitations(row.invitation for row in rows if row.invitation is not None),
        events=tx.events(row.event for row in rows if row.event is not None),
        records=tx.records((kind, key) for row in rows for kind, key in row.subjects.items()),
        now=now,
    )
    return _recheck_all(tx, versions, current, rows, known), len(rows)


def _recheck_all(tx: Transaction, versions: Versions, current: Version, rows: Sequence[Delivery], known: _Known) -> list[Claimed]:
    """One row in which the engine fails must not hold up the others: it is found by taking each alone, and given up."""
    try:
        with tx.attempt():
            return [found for row in rows if (found := _recheck(tx, versions, current, row, known)) is not None]
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever it is, it is said, and the row says so too
        if len(rows) == 1:
            _log.error("a claim failed in the engine", origin=rows[0].origin, key=rows[0].key, exc_info=error)
            give_up(tx, rows[0], DeliveryState.DEAD, f"the engine failed at the recheck: {type(error).__name__}")
            return []
        return [found for row in rows for found in _recheck_all(tx, versions, current, [row], known)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the rows of one claim refer to, loaded together."""

    invitations: Mapping[str, Invitation]
    events: Mapping[int, Waiting]
    records: Mapping[tuple[str, str], Record]
    now: dt.datetime


def _recheck(tx: Transaction, versions: Versions, current: Version, row: Delivery, known: _Known) -> Claimed | None:
    if row.action == "fetch":
        return Claimed(delivery=row)
    # An invitation follows the newest version until it is sent; what an automation began stays with its version.
    version = current if row.action == "invite" else versions.get(tx, row.deployment)
    scope, reason = _scope(version, row, known)
    if row.action == "invite":
        return _invitation(tx, version, row, known.invitations[row.invitation or ""], scope, reason, known.now)
    return _step(tx, version, row, scope, reason)


def _scope(version: Version, row: Delivery, known: _Known) -> tuple[Mapping[str, object], str | None]:
    """What can be read now, and what keeps it from being read: an event, a rule, an object or a required field that is gone."""
    waiting = known.events.get(row.event or 0)
    if waiting is None:
        return {}, "its event is not stored any more"
    kind = version.rules.events.get(waiting.event.type)
    if kind is None:
        return {}, f"the event {waiting.event.type} is not declared any more"
    rule, _, step = row.origin.partition("/")
    candidate = version.rules.candidate(kind.name, rule)
    if candidate is None:
        why = f"does not wait for {kind.name} any more" if rule in version.fingerprints else "is not deployed any more"
        return {}, f"{rule} {why}"
    records = {name: known.records[name, key] for name, key in row.subjects.items() if (name, key) in known.records}
    data = {**waiting.event.data, **row.payload}
    there = situation(version.definitions, kind, data, in_sight(kind, records), known.now, version.zone)
    if there.refused:
        return there.scope, f"{there.refused[0].path} is missing"
    needs = version.rules.flow(candidate.rule.name).nodes[step].needs if step else candidate.says
    return there.scope, absent(needs, there.scope)


def give_up(tx: Transaction, row: Delivery, state: DeliveryState, reason: str) -> None:
    """It will not be sent: the row says why, and so does the invitation that it carries."""
    if not tx.finish(row, state, reason=reason, external_id=None, url=None) or row.invitation is None:
        return
    invitation = tx.invitations([row.invitation]).get(row.invitation)
    if invitation is not None and invitation.state is InvitationState.PLANNED:
        tx.save_invitation(replace(invitation, state=InvitationState.DROPPED, reason=reason))


def _invitation(
    tx: Transaction,
    version: Version,
    row: Delivery,
    invitation: Invitation,
    scope: Mapping[str, object],
    reason: str | None,
    now: dt.datetime,
) -> Claimed | None:
    if reason is not None:
        give_up(tx, row, DeliveryState.DROPPED, reason)
        return None
    cadence = version.definitions.cadences[invitation.cadence]
    verdict = may_send(version.definitions, cadence, invitation, scope, now)
    if verdict.reason is not None:
        give_up(tx, row, DeliveryState.DROPPED, verdict.reason)
        return None
    token = mint()
    tx.add_token(digest(token), invitation.id)
    # Fixed before it goes out: where the outcome is never known, the link works all the same and the answer knows its channel.
    connection = version.definitions.project.connections.get(row.connection)
    fixed = replace(
        invitation,
        deployment=version.number,
        survey=cadence.survey,
        channel=USES[connection.use].channel if connection is not None else None,
        language=language_of(scope, version.definitions),
    )
    tx.save_invitation(fixed)
    return Claimed(delivery=row, version=version, scope=scope, cadence=cadence, invitation=fixed, token=token)


def _step(tx: Transaction, version: Version, row: Delivery, scope: Mapping[str, object], reason: str | None) -> Claimed | None:
    name, _, at = row.origin.removeprefix("automation.").partition("/")
    contact: Any = scope.get("contact")
    if reason is None and row.respondent and isinstance(contact, Mapping) and contact.get("opted_out"):
        reason = "contact.opted_out"
    if reason is not None:
        give_up(tx, row, DeliveryState.DROPPED, reason)
        return None
    return Claimed(delivery=row, version=version, scope=scope, step=version.rules.flow(name).nodes[at].step)


def recover(tx: Transaction, rows: Iterable[Delivery], repeatable: Collection[str], reason: str, now: dt.datetime) -> tuple[int, int]:
    """Rows that nobody is at work on any more: sent again where that is safe, else `unknown`.

    ``repeatable`` names the connections whose receiver honours our key. Returns how many are repeated and how many unknown.
    """
    again = unknown = 0
    for row in rows:
        if row.connection in repeatable or not row.respondent:
            again += tx.postpone(row, now, reason)
        else:
            unknown += doubt(tx, row, reason, now)
    return again, unknown


def doubt(tx: Transaction, row: Delivery, reason: str, now: dt.datetime) -> bool:
    """Nobody knows whether it arrived: it is not repeated, and its link works."""
    if not tx.finish(row, DeliveryState.UNKNOWN, reason=reason, external_id=None, url=None):
        return False
    if row.invitation is not None:
        invitation = tx.invitations([row.invitation]).get(row.invitation)
        if invitation is not None:
            mark_sent(tx, replace(invitation, reason=reason), now)
    return True


def mark_sent(tx: Transaction, invitation: Invitation, now: dt.datetime) -> None:
    """The invitation is out: its lifetime begins."""
    if invitation.state is not InvitationState.PLANNED:
        # The respondent was quicker than the mail server's last word: that it was answered stays.
        tx.save_invitation(replace(invitation, sent=now))
        return
    expires = now + dt.timedelta(seconds=invitation.lifetime) if invitation.lifetime is not None else None
    tx.save_invitation(replace(invitation, state=InvitationState.SENT, sent=now, expires=expires))
    if expires is not None:
        tx.add_timers([Timer(part=invitation.part, due=expires, kind="expire", ref=invitation.id)])

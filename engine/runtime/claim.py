"""The claim: rows of the outbox become `sending` before anything is sent, each rechecked with the data as they are now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from engine.deploy.versions import Version, Versions
from engine.dsl.uses import USES
from engine.errors import StoreError
from engine.messages.compose import language_of, written_to
from engine.model.definitions import Cadence, Step
from engine.model.delivery import ANSWERED_LATER, MESSAGE, Delivery, DeliveryState
from engine.model.events import Record
from engine.model.feedback import Asked, Invitation, InvitationState
from engine.model.runs import Delivered, Died, Outcome, Replied, Run, Skipped
from engine.respond.tokens import digest, mint
from engine.rules.eligibility import ALLOWED, SUPPRESSED, Asking, Ledger, Verdict
from engine.rules.flow import results_of
from engine.rules.needs import absent
from engine.rules.scope import situation
from engine.runtime.effects import effect_key, in_sight
from engine.runtime.runs import adopt
from engine.runtime.suppression import is_suppressed
from engine.store.protocol import NewDelivery, Timer, Told, Transaction, Waiting

PATIENCE = dt.timedelta(minutes=10)  # nobody stands back for an invitation that has waited longer than this for its courier
YIELD = dt.timedelta(seconds=2)
LEDGER_KEPT = dt.timedelta(days=400)  # at least, since a longer cap may be applied some day
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
    tx: Transaction,
    versions: Versions,
    connection: str,
    now: dt.datetime,
    deadline: dt.datetime,
    limit: int,
    held: Collection[str] = (),
) -> tuple[list[Claimed], int]:
    """Up to ``limit`` deliveries of a connection, and how many rows were taken: some may have been dropped at the recheck.

    ``held`` has the addresses that are paused.
    """
    current = versions.refresh(tx)
    rows = tx.claim(connection, now, deadline, limit, held) if current is not None else []
    if not rows or current is None:
        return [], 0
    known = _Known(
        invitations=tx.invitations(row.invitation for row in rows if row.invitation is not None),
        events=tx.events(row.event for row in rows if row.event is not None and row.run is None),
        runs=tx.runs(row.run for row in rows if row.run is not None),
        records=tx.records((kind, key) for row in rows for kind, key in row.subjects.items()),
        now=now,
    )
    if current.definitions.project.frequency:
        rows = sorted(rows, key=lambda row: _rank(current, row, known))
    return _recheck_all(tx, versions, current, rows, known), len(rows)


def _rank(version: Version, row: Delivery, known: _Known) -> tuple[int, dt.datetime, str]:
    """Which of several comes first where a cap leaves room for one."""
    cadence = version.definitions.cadences.get(row.origin.removeprefix("cadence.")) if row.action == "invite" else None
    invitation = known.invitations.get(row.invitation or "")
    return (-cadence.priority if cadence is not None else 0, invitation.due if invitation is not None else known.now, row.origin)


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
    runs: Mapping[str, Run]  # what one of them knows of its event is frozen
    records: Mapping[tuple[str, str], Record]
    now: dt.datetime


def _recheck(tx: Transaction, versions: Versions, current: Version, row: Delivery, known: _Known) -> Claimed | None:
    if row.action == "fetch":
        return Claimed(delivery=row)
    if row.action in ("invite", "remind"):
        return _invitation(tx, versions, current, row, known)
    # What an automation began stays with its version.
    version = versions.get(tx, row.deployment)
    scope, reason = _scope(version, row, known)
    return _step(tx, version, current, row, scope, reason, known.now)


def _scope(version: Version, row: Delivery, known: _Known) -> tuple[Mapping[str, object], str | None]:
    """What can be read now, and what keeps it from being read: an event, a rule, an object or a required field that is gone."""
    run = known.runs.get(row.run) if row.run is not None else None
    waiting = known.events.get(row.event or 0)
    if run is not None:
        type_, data = run.type, run.data
    elif waiting is not None and row.run is None:
        type_, data = waiting.event.type, {**waiting.event.data, **row.payload}
    else:
        return {}, f"its {'event' if row.run is None else 'run'} is not stored any more"
    kind = version.rules.events.get(type_)
    if kind is None:
        return {}, f"the event {type_} is not declared any more"
    rule, _, step = row.origin.partition("/")
    candidate = version.rules.candidate(kind.name, rule)
    if candidate is None:
        why = f"does not wait for {kind.name} any more" if rule in version.fingerprints else "is not deployed any more"
        return {}, f"{rule} {why}"
    records = {name: known.records[name, key] for name, key in row.subjects.items() if (name, key) in known.records}
    there = situation(version.definitions, kind, data, in_sight(kind, records), known.now, version.zone)
    if there.refused:
        return there.scope, f"{there.refused[0].path} is missing"
    flow = version.rules.flow(candidate.rule.name) if step else None
    scope = {**there.scope, **results_of(flow, run)} if run is not None and flow is not None else there.scope
    return scope, absent(flow.nodes[step].needs if flow is not None else candidate.says, scope)


def tell(tx: Transaction, row: Delivery, *what: Outcome | Replied) -> None:
    """The run that a delivery belongs to goes on in the next turn; what it is told is kept with the result."""
    run = row.run
    if run is None and row.position and any(isinstance(one, Died) for one in what):
        run = adopt(tx, row)
    if run is None:
        return
    tx.tell([Told(run=run, what=one) for one in what])
    if row.action in ANSWERED_LATER and not tx.expects_replies(row.connection):
        tx.forget_replies(row.connection)  # they were about what we did not make


def give_up(tx: Transaction, row: Delivery, state: DeliveryState, reason: str) -> None:
    """It will not be sent: the row says why, and so does the invitation that it carries, which does not count as asked any more."""
    if not tx.finish(row, state, reason=reason, external_id=None, url=None):
        return
    tell(tx, row, Died(row.position, reason) if state is DeliveryState.DEAD else Skipped(row.position, reason))
    if row.invitation is None:
        return
    tx.release(row.invitation, row.message)
    invitation = tx.invitations([row.invitation]).get(row.invitation)
    if invitation is not None and invitation.state is InvitationState.PLANNED:
        tx.save_invitation(replace(invitation, state=InvitationState.DROPPED, reason=reason))


def _invitation(tx: Transaction, versions: Versions, current: Version, row: Delivery, known: _Known) -> Claimed | None:
    """An invitation follows the newest version until it is sent, that of a step the version of its run; the policy is the current one.

    A reminder is one more message of an invitation that was sent.
    """
    name, _, at = row.origin.partition("/")
    version = versions.get(tx, row.deployment) if at else current
    invitation, now = known.invitations[row.invitation or ""], known.now
    scope, reason = _scope(version, row, known)
    if reason is not None:
        give_up(tx, row, DeliveryState.DROPPED, reason)
        return None
    cadence = version.definitions.cadences[invitation.cadence] if not at else None
    rules, asking = current.rules.eligibility, _asking(tx, version, cadence, row, invitation, scope, now)

    ledger = Ledger(lambda group: tx.asked(group, now - rules.lookback), lambda line: _settled(tx, line))
    verdict = rules.may_send(asking, invitation, scope, row.subjects, ledger, now)
    if row.message and invitation.state is InvitationState.PLANNED and cadence is not None and cadence.remind is not None:
        verdict = Verdict("its invitation is not out yet", cadence.remind.every.after(now, version.zone, version.definitions.project.works))
    elif row.message and (cadence is None or cadence.remind is None or row.message > cadence.remind.max):
        verdict = Verdict(f"{name} reminds no more")
    elif verdict.allowed and current.definitions.project.frequency and not row.message:
        verdict = _after_rivals(tx, current, row, known, (asking, scope), ledger)
    if verdict.until is not None:
        tx.postpone(row, verdict.until, verdict.reason or "")
        return None
    if verdict.reason is not None:
        give_up(tx, row, DeliveryState.DROPPED, verdict.reason)
        return None
    tx.reserve(rules.lines(asking, scope, row.subjects, now), now - max(rules.lookback, LEDGER_KEPT))
    token = mint()
    tx.add_token(digest(token), invitation.id)
    _plan_reminder(tx, version, cadence, row, now)
    if row.message:
        return Claimed(delivery=row, version=version, scope=scope, cadence=cadence, invitation=invitation, token=token)
    # Fixed before it goes out: where the outcome is never known, the link works all the same and the answer knows its channel.
    connection = version.definitions.project.connections.get(row.connection)
    fixed = replace(
        invitation,
        deployment=version.number,
        survey=asking.survey,
        channel=USES[connection.use].channel if connection is not None else None,
        language=language_of(scope, version.definitions),
    )
    tx.save_invitation(fixed)
    step = version.rules.flow(name.removeprefix("automation.")).nodes[at].step if at else None
    return Claimed(delivery=row, version=version, scope=scope, cadence=cadence, step=step, invitation=fixed, token=token)


def _plan_reminder(tx: Transaction, version: Version, cadence: Cadence | None, row: Delivery, now: dt.datetime) -> None:
    """The next message, from when this one is claimed: where it is never known to have arrived, the reminder is the retry."""
    remind, number = cadence.remind if cadence is not None else None, row.message + 1
    if remind is None or number > remind.max:
        return
    next_one = replace(
        row,
        id=0,
        key=_reminder_key(row.invitation or "", number),
        action="remind",
        payload={**row.payload, MESSAGE: number},
        state=DeliveryState.PENDING,
        attempt=0,
    )
    tx.enqueue([NewDelivery(delivery=next_one, due=remind.every.after(now, version.zone, version.definitions.project.works))])


def _asking(
    tx: Transaction,
    version: Version,
    cadence: Cadence | None,
    row: Delivery,
    invitation: Invitation,
    scope: Mapping[str, object],
    now: dt.datetime,
) -> Asking:
    connection = version.definitions.project.connections.get(row.connection)
    channel = (USES[connection.use].channel if connection is not None else None) or row.connection
    return Asking(
        cadence=cadence,
        survey=cadence.survey if cadence is not None else invitation.survey,
        channel=channel,
        part=row.part,
        invitation=invitation.id,
        due=invitation.due,
        lifetime=(invitation.expires - invitation.due).total_seconds() if invitation.expires is not None else invitation.lifetime,
        message=row.message,
        suppressed=is_suppressed(tx, channel, scope.get("contact"), now),
    )


def _after_rivals(
    tx: Transaction, version: Version, row: Delivery, known: _Known, mine: tuple[Asking, Mapping[str, object]], ledger: Ledger
) -> Verdict:
    """Where a cap leaves room for one: other invitations of the contact that are due come first by priority, then due, then address."""
    (asking, scope), rules, now = mine, version.rules.eligibility, known.now
    rivals = tx.rivals(row.contact or "", now, now - PATIENCE)
    if not rivals:
        return ALLOWED
    others = replace(
        known,
        invitations=tx.invitations(rival.invitation or "" for rival in rivals),
        events=tx.events(rival.event or 0 for rival in rivals),
        records=tx.records((kind, key) for rival in rivals for kind, key in rival.subjects.items()),
    )
    for rival in rivals:
        other = version.definitions.cadences.get(rival.origin.removeprefix("cadence."))
        if other is None or _rank(version, rival, others) >= _rank(version, row, known):
            continue
        there, reason = _scope(version, rival, others)
        invitation = others.invitations[rival.invitation or ""]
        wanted = _asking(tx, version, other, rival, invitation, there, now)
        if reason is not None or not rules.may_send(wanted, invitation, there, rival.subjects, ledger, now).allowed:
            continue
        lines = rules.lines(wanted, there, rival.subjects, now)
        behind = rules.may_send(asking, None, scope, row.subjects, _with(ledger, lines), now)
        if not behind.allowed:
            return Verdict(f"cadence.{other.name} goes first", now + YIELD)
    return ALLOWED


def _with(ledger: Ledger, lines: Sequence[Asked]) -> Ledger:
    return replace(ledger, lines=lambda group: [*ledger.lines(group), *(line for line in lines if line.group == group)])


def _settled(tx: Transaction, line: Asked) -> bool:
    """Whether it is known what became of a message that has reserved a line. One that was rejected has none."""
    if line.message:
        reminder = tx.delivery(_reminder_key(line.invitation, line.message))
        return reminder is None or reminder.state not in (DeliveryState.PENDING, DeliveryState.SENDING)
    invitation = tx.invitations([line.invitation]).get(line.invitation)
    return invitation is None or invitation.state is not InvitationState.PLANNED


def _reminder_key(invitation: str, number: int) -> str:
    return effect_key(invitation, f"remind/{number}")


def _step(
    tx: Transaction,
    version: Version,
    current: Version,
    row: Delivery,
    scope: Mapping[str, object],
    reason: str | None,
    now: dt.datetime,
) -> Claimed | None:
    name, _, at = row.origin.removeprefix("automation.").partition("/")
    if reason is not None:
        give_up(tx, row, DeliveryState.DROPPED, reason)
        return None
    step = version.rules.flow(name).nodes[at].step
    unwanted = _unwanted(tx, version, step, scope, now) if row.respondent else None
    if unwanted is not None:
        give_up(tx, row, DeliveryState.DROPPED, unwanted)
        return None
    quiet = current.rules.eligibility.quiet_until(scope, now) if row.respondent else None
    if quiet is not None:
        tx.postpone(row, quiet, "quiet")
        return None
    return Claimed(delivery=row, version=version, scope=scope, step=step)


def _unwanted(tx: Transaction, version: Version, step: Step, scope: Mapping[str, object], now: dt.datetime) -> str | None:
    """Why nothing of a step is wanted where it would go; None where that is not known."""
    contact = scope.get("contact")
    if isinstance(contact, Mapping) and contact.get("opted_out"):
        return "contact.opted_out"
    return SUPPRESSED if is_suppressed(tx, "email", {"email": written_to(version.definitions, step, scope)}, now) else None


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
    # What goes to a customer is not repeated, so as far as the run is concerned it is out. Of anything else the result is missing.
    tell(tx, row, Delivered(row.position) if row.respondent else Died(row.position, reason))
    if row.invitation is not None and not row.message:
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

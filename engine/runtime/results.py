"""What the outcome of an attempt makes of its row of the outbox, and of all that hangs on it."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from engine.errors import RefusedError
from engine.model.delivery import ANSWERED_LATER, Delivery, DeliveryState, Outcome, Rejected, Repeat, Sent, Unclear
from engine.model.runs import Delivered, Replied
from engine.runtime.claim import Claimed, doubt, give_up, mark_sent, tell
from engine.runtime.effects import own_event
from engine.runtime.people import event_part
from engine.store.protocol import Incoming, Transaction

FIRST_RETRY = 1.0  # seconds
LAST_RETRY = 900.0
MAX_ATTEMPTS = 100  # with the waits above, about a day
_log = structlog.get_logger("deliver")


@dataclass(frozen=True, slots=True)
class Unsendable:
    """There was nothing to send: the contact has no address any more, or the engine failed to say it."""

    state: DeliveryState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One attempt, and what is known of it."""

    item: Claimed
    outcome: Outcome | Unsendable
    state: DeliveryState
    at: dt.datetime
    wait: dt.timedelta  # until the next attempt, where there is one

    @property
    def reason(self) -> str:
        """A filter that refuses a message may quote the link in it, and a token is never stored."""
        if isinstance(self.outcome, Sent):
            return ""
        token = self.item.token
        return self.outcome.reason.replace(token, "…") if token is not None else self.outcome.reason


def state_after(delivery: Delivery, outcome: Outcome | Unsendable, repeat: Repeat) -> DeliveryState:
    """Whether an attempt may be repeated is decided here alone."""
    again = delivery.attempt < MAX_ATTEMPTS
    match outcome:
        case Sent():
            return DeliveryState.DONE
        case Unsendable():
            return outcome.state
        case Rejected():
            return DeliveryState.PENDING if again and not outcome.permanent else DeliveryState.DEAD
        case Unclear():
            harmless = repeat is not Repeat.NEITHER or not delivery.respondent
            return DeliveryState.PENDING if again and harmless else DeliveryState.UNKNOWN


def backoff(delivery: Delivery, outcome: Outcome | Unsendable, chance: random.Random) -> dt.timedelta:
    """Exponential with jitter over its upper half, never sooner than the receiver asked for."""
    ceiling = min(LAST_RETRY, FIRST_RETRY * 2 ** min(delivery.attempt - 1, 20))
    asked = outcome.retry_after if isinstance(outcome, Rejected) and outcome.retry_after is not None else 0.0
    return dt.timedelta(seconds=max(chance.uniform(ceiling / 2, ceiling), asked))


def write_results(tx: Transaction, results: Sequence[Result]) -> bool:
    """Write each where its attempt is still the one that counts. True where a turn has something to do because of it.

    One in which the engine fails must not take the others with it: it stays `sending`, and is in doubt when its deadline is over.
    """
    try:
        with tx.attempt():
            return sum(_write(tx, result) for result in results) > 0
    except RefusedError:
        raise
    except Exception as error:  # noqa: BLE001  # a defect of ours; the others are written all the same
        if len(results) == 1:
            delivery = results[0].item.delivery
            _log.error("a result failed in the engine", origin=delivery.origin, key=delivery.key, exc_info=error)
            return False
        return sum(write_results(tx, [result]) for result in results) > 0


def _write(tx: Transaction, result: Result) -> bool:
    delivery = result.item.delivery
    if isinstance(result.outcome, Sent):
        return _done(tx, result.item, result.outcome, result.at)
    match result.state:
        case DeliveryState.PENDING:
            postponed = tx.postpone(delivery, result.at + result.wait, result.reason)
            if postponed and delivery.invitation is not None and isinstance(result.outcome, Rejected):
                tx.release(delivery.invitation, delivery.message)  # it was certainly not asked, and is judged again before the next attempt
        case DeliveryState.UNKNOWN:
            doubt(tx, delivery, result.reason, result.at)
        case _:
            give_up(tx, delivery, result.state, result.reason)
    # A run hears of it; where a step is given up whose automation needed none, there is one from now on.
    return result.state is not DeliveryState.PENDING and bool(delivery.position)


def _done(tx: Transaction, item: Claimed, outcome: Sent, now: dt.datetime) -> bool:
    delivery = item.delivery
    if not tx.finish(delivery, DeliveryState.DONE, reason=None, external_id=outcome.external_id, url=outcome.url):
        return False
    _tell_run(tx, delivery, outcome)
    incoming = [Incoming(event=event, part=event_part(event.source, event.id, event.data)) for event in outcome.events]
    if item.invitation is not None and item.version is not None and not delivery.message:
        stored = tx.invitations([item.invitation.id]).get(item.invitation.id)
        if stored is not None:
            mark_sent(tx, stored, now)
            tell(tx, delivery, Replied(delivery.position, "sent"))
        type_ = f"survey.{item.invitation.survey}.sent"
        if item.version.rules.candidates(type_) or tx.listened(type_):
            incoming.append(own_event(type_, item.invitation.id, now, {}, delivery.subjects, delivery.part))
    if incoming:
        tx.accept(incoming, now)
    return bool(incoming) or delivery.run is not None


def _tell_run(tx: Transaction, delivery: Delivery, outcome: Sent) -> None:
    """What its step gave, and what the other side has said of it before our own call returned."""
    if delivery.run is None:
        if delivery.action in ANSWERED_LATER and outcome.external_id is not None:
            tx.early_replies(delivery.connection, outcome.external_id)  # nobody waits for them
        return
    result = {"id": outcome.external_id, **({"url": outcome.url, "status": "open"} if delivery.action in ANSWERED_LATER else {})}
    early = tx.early_replies(delivery.connection, outcome.external_id) if outcome.external_id is not None else []
    tell(tx, delivery, Delivered(delivery.position, result), *(Replied(delivery.position, reply.verb, reply.status) for reply in early))

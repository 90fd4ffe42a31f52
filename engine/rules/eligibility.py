"""Whether an invitation may go out now. One implementation: a pre-filter when deciding, the truth at the claim for sending."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.dsl.expressions.interpret import evaluate
from engine.model.definitions import Cadence, Definitions
from engine.model.feedback import Invitation, InvitationState


@dataclass(frozen=True, slots=True)
class Verdict:
    """``reason`` is None where the invitation may go out; else it names the rule that says no."""

    reason: str | None = None

    @property
    def allowed(self) -> bool:
        return self.reason is None


_ALLOWED = Verdict()


def may_ask(definitions: Definitions, cadence: Cadence, scope: Mapping[str, object], *, condition_counts: bool = True) -> Verdict:
    """Consent, audience and the cadence's own condition, on the data as they are in ``scope``."""
    contact = scope.get("contact")
    if not isinstance(contact, Mapping):
        return Verdict("no contact")
    if contact.get("opted_out"):
        return Verdict("contact.opted_out")
    policy = definitions.project.may_ask
    if policy is not None and not evaluate(policy.term, scope):
        return Verdict(f"may_ask: {policy.text}")
    audience = definitions.audiences.get(cadence.audience)
    if audience is not None and audience.where is not None:
        if scope.get(audience.of) is None:
            return Verdict(f"audience.{audience.name}: no {audience.of}")
        if not evaluate(audience.where.term, scope):
            return Verdict(f"audience.{audience.name}: {audience.where.text}")
    if condition_counts and cadence.condition is not None and not evaluate(cadence.condition.term, scope):
        return Verdict(f"cadence.{cadence.name}: if {cadence.condition.text}")
    return _ALLOWED


def may_send(definitions: Definitions, cadence: Cadence, invitation: Invitation, scope: Mapping[str, object], now: dt.datetime) -> Verdict:
    """Everything that is rechecked at the claim for sending."""
    if invitation.state is InvitationState.ANSWERED:
        return Verdict("answered")
    if invitation.state in (InvitationState.EXPIRED, InvitationState.DROPPED):
        return Verdict(invitation.reason or invitation.state.value)
    if invitation.lifetime is not None and now > invitation.due + dt.timedelta(seconds=invitation.lifetime):
        return Verdict("expired before it could be sent")
    return may_ask(definitions, cadence, scope)


def address_for(channel: str, contact: Mapping[str, Any]) -> str | None:
    """Where a channel reaches a contact; None where it does not."""
    value = contact.get({"email": "email", "sms": "phone"}.get(channel, ""))
    return value if isinstance(value, str) and value else None

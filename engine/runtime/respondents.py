"""Opens a survey by its token and records the answer: the store behind the survey page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from engine.clock import Clock
from engine.deploy.versions import Version, Versions
from engine.model.definitions import Survey
from engine.model.feedback import Answer, Invitation, InvitationState
from engine.respond.session import Accepted, Opened, State
from engine.respond.tokens import digest, well_formed
from engine.rules.facts import hydrate
from engine.runtime.effects import own_event, tell_asker
from engine.store.protocol import Store, Transaction

Recorded = Literal["recorded", "answered", "expired"]


@dataclass(frozen=True, slots=True)
class _Found:
    invitation: Invitation
    version: Version
    survey: Survey


class StoredRespondents:
    """Implements the web's `Respondents` over a store."""

    def __init__(self, store: Store, versions: Versions, clock: Clock, wake_turn: Callable[[], None]) -> None:
        self._store, self._versions, self._clock, self._wake_turn = store, versions, clock, wake_turn

    async def open(self, token: str, *, seen_by: str) -> Opened | None:
        """What the link leads to; None for a token that nobody was given. Nothing is recorded."""
        if not well_formed(token):
            return None
        now = self._clock.now()
        return await self._store.read(lambda tx: self._open(tx, digest(token), now))

    async def answer(self, token: str, answer: Accepted, *, language: str) -> Recorded | None:
        """Returns once the answer is on disk, with the event that makes automations act. A second answer changes nothing."""
        if not well_formed(token):
            return None
        now = self._clock.now()
        said = await self._store.write(lambda tx: self._answer(tx, digest(token), answer, language, now), urgent=True)
        if said == "recorded":
            self._wake_turn()
        return said

    def _find(self, tx: Transaction, hashed: bytes) -> _Found | None:
        invitation_id = tx.invitation_of_token(hashed)
        invitation = tx.invitations([invitation_id]).get(invitation_id) if invitation_id is not None else None
        if invitation is None:
            return None
        version = self._versions.get(tx, invitation.deployment)
        return _Found(invitation, version, version.definitions.surveys[invitation.survey])

    def _open(self, tx: Transaction, hashed: bytes, now: dt.datetime) -> Opened | None:
        found = self._find(tx, hashed)
        if found is None:
            return None
        invitation, version = found.invitation, found.version
        project = version.definitions.project
        records = tx.records(invitation.subjects.items())
        scope = {kind: hydrate(project.objects[kind], r.data) for (kind, _), r in records.items() if kind in project.objects}
        contact = scope.pop("contact", {})
        language = contact.get("language")
        return Opened(
            survey=found.survey,
            languages=project.languages,
            language=language if isinstance(language, str) else None,
            default_language=project.languages[0],
            state=_state(invitation, now),
            contact=contact,
            context=scope,
            now=now,
            zone=version.zone,
        )

    def _answer(self, tx: Transaction, hashed: bytes, said: Accepted, language: str, now: dt.datetime) -> Recorded | None:
        found = self._find(tx, hashed)
        if found is None:
            return None
        invitation = found.invitation
        state = _state(invitation, now)
        if state != "open":
            return state
        answer = Answer(
            id=invitation.id,
            part=invitation.part,
            invitation=invitation.id,
            contact=invitation.contact,
            survey=invitation.survey,
            fingerprint=found.version.fingerprints[f"survey.{invitation.survey}"],
            subjects=invitation.subjects,
            values=said.values,
            score=said.score,
            category=said.category,
            channel=invitation.channel,
            language=language,
            at=now,
        )
        if not tx.add_answer(answer):
            return "answered"
        tx.save_invitation(replace(invitation, state=InvitationState.ANSWERED))
        asked: dict[str, Any] = {"channel": invitation.channel or "link", "language": language}
        if invitation.sent is not None:
            asked["sent_at"] = invitation.sent.isoformat()
        data = {"answers": dict(said.values), "invitation": asked}
        event = own_event(f"survey.{invitation.survey}.answered", invitation.id, now, data, invitation.subjects, invitation.part)
        tx.accept([event], now)
        tell_asker(tx, invitation, "answered")
        return "recorded"


def _state(invitation: Invitation, now: dt.datetime) -> State:
    if invitation.state is InvitationState.ANSWERED:
        return "answered"
    if invitation.state is InvitationState.EXPIRED or (invitation.expires is not None and now >= invitation.expires):
        return "expired"
    return "open"

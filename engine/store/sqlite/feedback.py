"""Invitations, their tokens, and answers."""

from __future__ import annotations

from collections.abc import Iterable

from orjson import loads

from engine.model.feedback import Answer, Invitation, InvitationState
from engine.store.sqlite.rows import Rows, chunks, dumps, instant, marks, maybe_instant, maybe_micros, micros

_INVITATION = (
    "id, part, contact, survey, cadence, deployment, event, subjects, state, due, lifetime, expires, channel, language, sent, reason"
)
_ANSWER = "id, part, invitation, contact, survey, fingerprint, subjects, answers, score, category, channel, language, at"


def _values(row: Invitation) -> tuple[object, ...]:
    return (
        row.id,
        row.part,
        row.contact,
        row.survey,
        row.cadence,
        row.deployment,
        row.event,
        dumps(row.subjects),
        row.state.value,
        micros(row.due),
        row.lifetime,
        maybe_micros(row.expires),
        row.channel,
        row.language,
        maybe_micros(row.sent),
        row.reason,
    )


class FeedbackRows(Rows):
    def add_invitations(self, rows: Iterable[Invitation]) -> None:
        self.db.executemany(f"INSERT INTO invitation ({_INVITATION}) VALUES ({marks(_INVITATION.split(','))})", [_values(r) for r in rows])

    def save_invitation(self, row: Invitation) -> None:
        self.db.execute(
            "UPDATE invitation SET survey = ?, deployment = ?, state = ?, expires = ?, channel = ?, language = ?, sent = ?, reason = ?"
            " WHERE id = ?",
            (
                row.survey,
                row.deployment,
                row.state.value,
                maybe_micros(row.expires),
                row.channel,
                row.language,
                maybe_micros(row.sent),
                row.reason,
                row.id,
            ),
        )

    def invitations(self, ids: Iterable[str]) -> dict[str, Invitation]:
        found: dict[str, Invitation] = {}
        for some in chunks(dict.fromkeys(ids)):
            for row in self.db.execute(f"SELECT {_INVITATION} FROM invitation WHERE id IN ({marks(some)})", some):
                found[row[0]] = Invitation(
                    id=row[0],
                    part=row[1],
                    contact=row[2],
                    survey=row[3],
                    cadence=row[4],
                    deployment=row[5],
                    event=row[6],
                    subjects=loads(row[7]),
                    state=InvitationState(row[8]),
                    due=instant(row[9]),
                    lifetime=row[10],
                    expires=maybe_instant(row[11]),
                    channel=row[12],
                    language=row[13],
                    sent=maybe_instant(row[14]),
                    reason=row[15],
                )
        return found

    def unsent(self, contact: str, cadence: str) -> list[Invitation]:
        rows = self.db.execute(
            "SELECT i.id FROM invitation i JOIN outbox o ON o.key = i.id"
            " WHERE i.contact = ? AND i.cadence = ? AND i.state = 'planned' AND o.state = 'pending'",
            (contact, cadence),
        )
        return list(self.invitations(id_ for (id_,) in rows.fetchall()).values())

    def add_token(self, digest: bytes, invitation: str) -> None:
        self.db.execute("INSERT INTO token (digest, invitation) VALUES (?,?)", (digest, invitation))

    def invitation_of_token(self, digest: bytes) -> str | None:
        row = self.db.execute("SELECT invitation FROM token WHERE digest = ?", (digest,)).fetchone()
        return None if row is None else str(row[0])

    def add_answer(self, row: Answer) -> bool:
        values = (
            row.id,
            row.part,
            row.invitation,
            row.contact,
            row.survey,
            row.fingerprint,
            dumps(row.subjects),
            dumps(row.values),
            row.score,
            row.category,
            row.channel,
            row.language,
            micros(row.at),
        )
        cursor = self.db.execute(f"INSERT INTO answer ({_ANSWER}) VALUES ({marks(values)}) ON CONFLICT DO NOTHING", values)
        return cursor.rowcount == 1

    def answers(self, ids: Iterable[str]) -> dict[str, Answer]:
        found: dict[str, Answer] = {}
        for some in chunks(dict.fromkeys(ids)):
            for row in self.db.execute(f"SELECT {_ANSWER} FROM answer WHERE id IN ({marks(some)})", some):
                found[row[0]] = Answer(
                    id=row[0],
                    part=row[1],
                    invitation=row[2],
                    contact=row[3],
                    survey=row[4],
                    fingerprint=row[5],
                    subjects=loads(row[6]),
                    values=loads(row[7]),
                    score=row[8],
                    category=row[9],
                    channel=row[10],
                    language=row[11],
                    at=instant(row[12]),
                )
        return found

    def answers_of_survey(self, survey: str) -> list[tuple[str | None, float | None, int]]:
        rows = self.db.execute("SELECT category, score, count(*) FROM answer WHERE survey = ? GROUP BY category, score", (survey,))
        return [(category, score, count) for category, score, count in rows]

    def funnel(self) -> dict[str, int]:
        return {str(state): int(count) for state, count in self.db.execute("SELECT state, count(*) FROM invitation GROUP BY state")}

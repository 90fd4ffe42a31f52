"""Deployed versions, settings, and what there is to count."""

from __future__ import annotations

from engine.store.protocol import Deployment, EventState
from engine.store.sqlite.rows import Rows, instant, micros


class VersionRows(Rows):
    def deploy(self, deployment: Deployment) -> int:
        self.db.executemany(
            "INSERT INTO definition (fingerprint, address, language, body) VALUES (?,?,?,?) ON CONFLICT DO NOTHING",
            [(deployment.fingerprints[name], name, deployment.language, body) for name, body in deployment.bodies.items()],
        )
        cursor = self.db.execute(
            "INSERT INTO deployment (at, who, git_commit, fingerprint, language) VALUES (?,?,?,?,?)",
            (micros(deployment.at), deployment.by, deployment.commit, deployment.fingerprint, deployment.language),
        )
        number = cursor.lastrowid
        assert number is not None
        self.db.executemany(
            "INSERT INTO deployment_item (deployment, address, fingerprint) VALUES (?,?,?)",
            [(number, name, fingerprint) for name, fingerprint in deployment.fingerprints.items()],
        )
        return number

    def deployment(self, number: int | None = None) -> Deployment | None:
        row = self.db.execute(
            "SELECT id, at, who, git_commit, fingerprint, language FROM deployment"
            " WHERE id = coalesce(?, (SELECT max(id) FROM deployment))",
            (number,),
        ).fetchone()
        if row is None:
            return None
        items = self.db.execute(
            "SELECT i.address, i.fingerprint, d.body FROM deployment_item i JOIN definition d USING (fingerprint) WHERE i.deployment = ?",
            (row[0],),
        ).fetchall()
        return Deployment(
            id=row[0],
            at=instant(row[1]),
            by=row[2],
            commit=row[3],
            fingerprint=row[4],
            language=row[5],
            bodies={name: body for name, _, body in items},
            fingerprints={name: fingerprint for name, fingerprint, _ in items},
        )

    def deployed(self) -> tuple[int, str] | None:
        row = self.db.execute("SELECT id, fingerprint FROM deployment ORDER BY id DESC LIMIT 1").fetchone()
        return None if row is None else (row[0], row[1])

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for state, count in self.db.execute("SELECT state, count(*) FROM event GROUP BY state"):
            found[f"events_{EventState(state).name.lower()}"] = count
        for action, state, count in self.db.execute("SELECT action, state, count(*) FROM outbox GROUP BY action, state"):
            found[f"{action}_{state}"] = count
        found["runs_failed"] = self.db.execute("SELECT count(*) FROM run WHERE state = 'failed'").fetchone()[0]
        found["answers"] = self.db.execute("SELECT count(*) FROM answer").fetchone()[0]
        found["unread"] = self.db.execute("SELECT count(*) FROM unread").fetchone()[0]
        found["contacts"] = self.db.execute("SELECT count(*) FROM object WHERE kind = 'contact'").fetchone()[0]
        return found

    def setting(self, key: str) -> str | None:
        row = self.db.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def put_setting(self, key: str, value: str) -> None:
        self.db.execute(
            "INSERT INTO setting (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
        )

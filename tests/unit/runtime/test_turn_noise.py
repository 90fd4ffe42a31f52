"""Whatever senders say of their objects, it is judged against the contract: no noise makes the engine fail."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pytest
import stored
from bench import NOON, Bench, bench, event

from engine.messages.compose import NoAddressError, invitation_email, step_request
from engine.model.events import Event
from engine.runtime.claim import Claimed

ROUNDS, EACH = 6, 100
NOISE: list[Any] = [
    *(None, True, False, 0, -1, 1, 3.5, 1e308, float("inf"), -0.0, 10**30, 2**63),
    *("", "x", "vip", "ada@example.test", "+79161234567", "2026-03-01", "2026-13-01", "2026-03-02T09:00:00Z"),
    *("a" * 3_000, "\u0000", "😀", "e\u0301", "\u202e", "  ", "en", "ru-RU"),
    *([], [1], ["x"], {}, {"a": 1}, {"id": "1"}),
]
FIELDS = {
    "contact": ("id", "name", "email", "phone", "language", "tier", "buyer", "opted_out", "revenue", "last_score", "undeclared"),
    "deal": ("id", "title", "amount", "stage", "contact"),
    "company": ("id", "name"),
}
TYPES = (
    *("order.delivered", "visit.ended", "help.wanted", "deal.created", "deal.updated", "deal.won", "contact.updated", "contact.deleted"),
    *("company.updated", "survey.nps_delivery.answered", "survey.nps_delivery.expired", "survey.csat_visit.sent", "pigeon.arrived"),
)


class Noise:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def event(self) -> Event:
        chance = self._random
        data: dict[str, Any] = {kind: self._object(kind) for kind in FIELDS if chance.random() < 0.6}
        data |= {name: self._value() for name in ("topic", "warehouse", "changed", "invitation") if chance.random() < 0.4}
        if chance.random() < 0.5:
            data["answers"] = chance.choice([self._value(), {"score": chance.randint(0, 10), "comment": self._value()}])
        time = NOON + dt.timedelta(hours=chance.randint(-50, 50))
        return event(chance.choice(TYPES), data, outcome=chance.choice([None, "won", "lost"]), time=time)

    def _object(self, kind: str) -> Any:
        if self._random.random() < 0.1:
            return self._value()
        data = {name: self._value() for name in FIELDS[kind] if self._random.random() < 0.5}
        if self._random.random() < 0.8:
            data["id"] = self._random.choice(["1", "2", "3", 4, 5])
        if self._random.random() < 0.7:
            data["title"] = "Coat"
        return data

    def _value(self) -> Any:
        return self._random.choice(NOISE)


def compose(item: Claimed) -> None:
    """What a courier makes of a claimed row."""
    assert item.version is not None
    assert item.scope is not None
    if item.cadence is not None:
        invitation_email(item.version.definitions, item.cadence, item.scope, "http://survey.test/s/x", item.delivery.key)
    elif item.step is not None:
        step_request(item.version.definitions, item.step, item.scope, item.delivery.key)


async def send_everything(engine: Bench) -> int:
    sent = 0
    for connection in ("mail", "desk", "hook"):
        for item in await engine.claim(connection, 1_000):
            try:
                compose(item)
            except NoAddressError:
                continue
            sent += 1
    return sent


@pytest.mark.parametrize("seed", range(4))
async def test_noise_is_decided_or_quarantined_and_never_fails_in_the_engine(tmp_path: Path, seed: int) -> None:
    noise, sent = Noise(seed), 0
    async with bench(tmp_path) as engine:
        for _ in range(ROUNDS):
            assert await engine.turn(*(noise.event() for _ in range(EACH))) == 0
            engine.clock.advance(dt.timedelta(days=1))
            sent += await send_everything(engine)
        counted = {
            row["state"]: row["n"] for row in stored.rows(engine.store.path, "SELECT state, count(*) AS n FROM event GROUP BY state")
        }
        assert set(counted) == {1, 2}, "some decided, some quarantined, none waiting or parked"
        assert stored.value(engine.store.path, "SELECT count(*) FROM outbox WHERE state = 'dead'") == 0
    assert sent > 20

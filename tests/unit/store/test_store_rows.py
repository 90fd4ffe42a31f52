"""What the rows of the store promise: once accepted, one claim at a time, late results refused, timers taken out once."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engine.model.delivery import Delivery, DeliveryState
from engine.model.events import Event, Record
from engine.model.feedback import Answer, Invitation, InvitationState
from engine.store.lines import Unread
from engine.store.protocol import Deployment, EventState, Incoming, NewDelivery, Settled, Store, Timer, Transaction, Work
from engine.store.sqlite.store import SqliteStore

NOON = dt.datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = SqliteStore(tmp_path / "store.db")
    yield opened
    await opened.close()


def incoming(id_: str, source: str = "shop", **data: Any) -> Incoming:
    return Incoming(event=Event(id=id_, source=source, type="order.delivered", time=NOON, data=data), part=7)


def delivery(key: str, connection: str = "mail", **given: Any) -> Delivery:
    fields: dict[str, Any] = {
        "id": 0,
        "part": 7,
        "key": key,
        "action": "email",
        "connection": connection,
        "origin": "automation.happy/0",
        "deployment": 1,
        "event": 1,
        "contact": "c",
        "invitation": None,
        "answer": None,
        "subjects": {"contact": "c"},
        "payload": {"changed": ["stage"]},
        "respondent": True,
    }
    return Delivery(**(fields | given))


async def enqueue(store: Store, *keys: str, due: dt.datetime = NOON, connection: str = "mail") -> int:
    rows = [NewDelivery(delivery=delivery(key, connection), due=due) for key in keys]
    return await store.write(lambda tx: tx.enqueue(rows))


async def claim(store: Store, connection: str = "mail", *, now: dt.datetime = NOON, limit: int = 10) -> list[Delivery]:
    return await store.write(lambda tx: tx.claim(connection, now, now + MINUTE, limit))


async def finish(store: Store, row: Delivery, state: DeliveryState = DeliveryState.DONE) -> bool:
    return await store.write(lambda tx: tx.finish(row, state, reason=None, external_id=None, url=None))


async def states(store: Store) -> dict[str, DeliveryState]:
    lines = await store.read(lambda tx: tx.outbox(tuple(DeliveryState), 100))
    return {line.delivery.key: line.delivery.state for line in lines}


# -- events ---------------------------------------------------------------------------------------------------------------


async def test_an_event_is_accepted_once_per_source_and_id(store: Store) -> None:
    first = await store.write(lambda tx: tx.accept([incoming("1"), incoming("2"), incoming("1")], NOON))
    again = await store.write(lambda tx: tx.accept([incoming("2"), incoming("1", "other shop"), incoming("3")], NOON))
    assert (first, again) == ([True, True, False], [False, True, True])
    waiting = await store.read(lambda tx: tx.waiting(10))
    assert [(row.event.source, row.event.id) for row in waiting] == [("shop", "1"), ("shop", "2"), ("other shop", "1"), ("shop", "3")]


async def test_a_hundred_senders_of_one_event_have_it_accepted_once(store: Store) -> None:
    results = await asyncio.gather(*(store.write(lambda tx: tx.accept([incoming("1")], NOON), urgent=True) for _ in range(100)))
    assert sum(fresh for [fresh] in results) == 1


async def test_an_event_comes_back_as_it_was_given(store: Store) -> None:
    event = Event(id="1", source="shop", type="deal.updated", time=NOON, data={"deal": {"id": "d", "title": "Пальто\u0000"}}, outcome="won")
    await store.write(lambda tx: tx.accept([Incoming(event=event, part=9, subjects={"deal": "k"})], NOON))
    (row,) = await store.read(lambda tx: tx.waiting(10))
    assert (row.event, row.part, row.subjects) == (event, 9, {"deal": "k"})


async def test_a_settled_event_does_not_wait_but_can_be_read(store: Store) -> None:
    await store.write(lambda tx: tx.accept([incoming("1"), incoming("2")], NOON))
    first, second = await store.read(lambda tx: tx.waiting(10))
    await store.write(lambda tx: tx.settle([Settled(seq=first.seq, state=EventState.PARKED, note="why")]))
    assert await store.read(lambda tx: tx.waiting(10)) == [second]
    assert await store.read(lambda tx: tx.events([first.seq])) == {first.seq: first}


# -- the outbox -----------------------------------------------------------------------------------------------------------


async def test_an_effect_is_enqueued_once_by_its_key(store: Store) -> None:
    assert await enqueue(store, "a", "b", "a") == 2
    assert await enqueue(store, "b", "c") == 1
    assert set(await states(store)) == {"a", "b", "c"}


async def test_a_claim_takes_what_is_due_on_its_connection_in_order_up_to_the_limit(store: Store) -> None:
    await enqueue(store, "late", due=NOON + MINUTE)
    await enqueue(store, "second", due=NOON)
    await enqueue(store, "first", due=NOON - MINUTE)
    await enqueue(store, "third", "fourth", due=NOON)
    await enqueue(store, "elsewhere", connection="desk", due=NOON - MINUTE)
    assert [row.key for row in await claim(store, limit=3)] == ["first", "second", "third"]
    assert [row.key for row in await claim(store)] == ["fourth"]
    assert await claim(store) == []


async def test_a_claimed_row_comes_back_whole_with_its_attempt_counted(store: Store) -> None:
    await enqueue(store, "a")
    (row,) = await claim(store)
    assert row == delivery("a", id=row.id, state=DeliveryState.SENDING, attempt=1, tried=row.tried)


def _postpone(row: Delivery, tx: Transaction) -> bool:
    return tx.postpone(row, NOON, "no answer")


async def test_every_claim_of_a_row_says_when_it_was_claimed_first(store: Store) -> None:
    await enqueue(store, "a")
    for minutes in range(3):
        (row,) = await claim(store, now=NOON + minutes * MINUTE)
        assert (row.attempt, row.tried) == (minutes + 1, NOON)
        assert await store.write(partial(_postpone, row))


async def test_no_row_is_claimed_twice_by_claims_at_the_same_time(store: Store) -> None:
    await enqueue(store, *(f"k{n}" for n in range(60)))
    claims = await asyncio.gather(*(claim(store, limit=7) for _ in range(20)))
    keys = [row.key for rows in claims for row in rows]
    assert len(keys) == len(set(keys)) == 60


async def test_a_result_is_written_once(store: Store) -> None:
    await enqueue(store, "a")
    (row,) = await claim(store)
    assert await finish(store, row)
    assert not await finish(store, row, DeliveryState.DEAD)
    assert await states(store) == {"a": DeliveryState.DONE}


async def test_a_late_result_of_an_older_attempt_is_refused(store: Store) -> None:
    await enqueue(store, "a")
    (older,) = await claim(store)
    assert await store.write(lambda tx: tx.postpone(older, NOON, "no answer"))
    assert not await finish(store, older), "nobody is sending it now"
    (newer,) = await claim(store)
    assert newer.attempt == 2
    assert not await finish(store, older)
    assert not await store.write(lambda tx: tx.postpone(older, NOON, "no answer"))
    assert await finish(store, newer)
    assert await states(store) == {"a": DeliveryState.DONE}


async def test_a_postponed_row_is_due_again_only_then(store: Store) -> None:
    await enqueue(store, "a")
    (row,) = await claim(store)
    await store.write(lambda tx: tx.postpone(row, NOON + MINUTE, "the server is down"))
    assert await store.read(lambda tx: tx.next_due("mail")) == NOON + MINUTE
    assert await claim(store) == []
    assert [row.key for row in await claim(store, now=NOON + MINUTE)] == ["a"]


async def test_rows_behind_their_deadline_are_overdue_and_after_a_restart_all_that_were_being_sent(store: Store) -> None:
    await enqueue(store, "a", "b")
    (row,) = await claim(store, limit=1)
    (later,) = await claim(store, now=NOON + 5 * MINUTE)
    assert await store.read(lambda tx: tx.overdue(NOON)) == []
    assert await store.read(lambda tx: tx.overdue(NOON + MINUTE)) == [row]
    assert await store.read(lambda tx: tx.overdue(None)) == [row, later]
    await finish(store, row)
    assert await store.read(lambda tx: tx.overdue(None)) == [later]


async def test_the_next_due_time_is_that_of_the_connections_earliest_pending_row(store: Store) -> None:
    assert await store.read(lambda tx: tx.next_due("mail")) is None
    await enqueue(store, "a", due=NOON + MINUTE)
    await enqueue(store, "b", due=NOON)
    await enqueue(store, "c", connection="desk", due=NOON - MINUTE)
    assert await store.read(lambda tx: tx.next_due("mail")) == NOON
    await claim(store)
    assert await store.read(lambda tx: tx.next_due("mail")) == NOON + MINUTE


async def test_what_became_of_a_row_is_told_with_its_reason(store: Store) -> None:
    await enqueue(store, "a")
    (row,) = await claim(store)
    await store.write(lambda tx: tx.finish(row, DeliveryState.DEAD, reason="no such address", external_id="x1", url=None))
    (line,) = await store.read(lambda tx: tx.outbox((DeliveryState.DEAD,), 10))
    assert (line.delivery.key, line.due, line.reason, line.external_id) == ("a", NOON, "no such address", "x1")


# -- timers ---------------------------------------------------------------------------------------------------------------


async def test_a_timer_is_taken_out_once_when_it_is_due(store: Store) -> None:
    timers = [Timer(part=1, due=NOON + n * MINUTE, kind="expire", ref=f"i{n}") for n in range(3)]
    await store.write(lambda tx: tx.add_timers(timers))
    assert await store.read(lambda tx: tx.next_timer()) == NOON
    taken = await asyncio.gather(*(store.write(lambda tx: tx.due_timers(NOON + MINUTE, 10)) for _ in range(5)))
    assert sorted(timer.ref for timers in taken for timer in timers) == ["i0", "i1"]
    assert await store.read(lambda tx: tx.next_timer()) == NOON + 2 * MINUTE


async def test_a_timer_whose_work_fails_is_still_there(store: Store) -> None:
    await store.write(lambda tx: tx.add_timers([Timer(part=1, due=NOON, kind="expire", ref="i")]))

    def fail(tx: Any) -> None:
        assert tx.due_timers(NOON, 10)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(fail)
    assert [timer.ref for timer in await store.write(lambda tx: tx.due_timers(NOON, 10))] == ["i"]


# -- objects, invitations, answers, versions ------------------------------------------------------------------------------


async def test_objects_are_found_by_kind_and_key_and_written_over(store: Store) -> None:
    record = Record(
        kind="contact", key="k", part=3, source="crm", id="1", data={"name": "Ада"}, times={"name": "t"}, links={"company": "c"}
    )
    await store.write(lambda tx: tx.save_records([record]))
    newer = Record(kind="contact", key="k", part=3, source="crm", id="1", data={"name": "Ada"}, times={"name": "u"}, links={})
    assert await store.read(lambda tx: tx.records([("contact", "k"), ("deal", "k")])) == {("contact", "k"): record}
    await store.write(lambda tx: tx.save_records([newer]))
    assert await store.read(lambda tx: tx.records([("contact", "k")])) == {("contact", "k"): newer}


async def test_a_name_leads_to_whom_it_was_given_first(store: Store) -> None:
    await store.write(lambda tx: tx.add_aliases([("contact.email", "a@b.test", "k1"), ("contact@crm", "1", "k1")]))
    await store.write(lambda tx: tx.add_aliases([("contact.email", "a@b.test", "k2")]))
    found = await store.read(lambda tx: tx.aliases([("contact.email", "a@b.test"), ("contact@crm", "1"), ("contact@crm", "2")]))
    assert found == {("contact.email", "a@b.test"): "k1", ("contact@crm", "1"): "k1"}


async def test_more_names_are_looked_up_than_a_statement_takes_parameters(store: Store) -> None:
    names = [("contact@crm", str(n)) for n in range(40_000)]
    await store.write(lambda tx: tx.add_aliases((*name, f"k{name[1]}") for name in names))
    assert len(await store.read(lambda tx: tx.aliases(names))) == 40_000


def invitation(**given: Any) -> Invitation:
    fields: dict[str, Any] = {
        "id": "i",
        "part": 1,
        "contact": "k",
        "survey": "nps",
        "cadence": "after",
        "deployment": 1,
        "event": 1,
        "subjects": {"contact": "k"},
        "state": InvitationState.PLANNED,
        "due": NOON,
        "lifetime": 60.0,
    }
    return Invitation(**(fields | given))


async def test_what_changes_about_an_invitation_is_saved(store: Store) -> None:
    await store.write(lambda tx: tx.add_invitations([invitation()]))
    changed = invitation(
        survey="csat", deployment=2, state=InvitationState.SENT, expires=NOON, channel="email", language="en", sent=NOON, reason="why"
    )
    await store.write(lambda tx: tx.save_invitation(changed))
    assert await store.read(lambda tx: tx.invitations(["i", "j"])) == {"i": changed}


async def test_a_token_is_known_by_its_digest_alone(store: Store) -> None:
    await store.write(lambda tx: tx.add_token(b"digest", "i"))
    assert await store.read(lambda tx: tx.invitation_of_token(b"digest")) == "i"
    assert await store.read(lambda tx: tx.invitation_of_token(b"another")) is None


async def test_an_invitation_is_answered_once(store: Store) -> None:
    answer = Answer(
        id="i",
        part=1,
        invitation="i",
        contact="k",
        survey="nps",
        fingerprint="f",
        subjects={"contact": "k"},
        values={"score": 9, "likes": ["price"]},
        score=9.0,
        category="promoter",
        channel="email",
        language="en",
        at=NOON,
    )
    results = await asyncio.gather(*(store.write(lambda tx: tx.add_answer(answer)) for _ in range(20)))
    assert sorted(results) == [False] * 19 + [True]
    assert await store.read(lambda tx: tx.answers(["i"])) == {"i": answer}
    assert await store.read(lambda tx: tx.answers_of_survey("nps")) == [("promoter", 9.0, 1)]


async def test_the_newest_deployment_is_told_with_and_without_its_definitions(store: Store) -> None:
    def deployment(fingerprint: str, body: str) -> Deployment:
        return Deployment(
            id=0,
            at=NOON,
            by="me",
            commit="abc",
            fingerprint=fingerprint,
            language=1,
            bodies={"survey.a": body, "survey.b": "same"},
            fingerprints={"survey.a": f"of {body}", "survey.b": "of same"},
        )

    assert await store.read(lambda tx: (tx.deployed(), tx.deployment())) == (None, None)
    first = await store.write(lambda tx: tx.deploy(deployment("f1", "old")))
    second = await store.write(lambda tx: tx.deploy(deployment("f2", "new")))
    assert await store.read(lambda tx: tx.deployed()) == (second, "f2")
    newest, older = await store.read(lambda tx: (tx.deployment(), tx.deployment(first)))
    assert newest is not None
    assert older is not None
    assert (newest.id, newest.bodies) == (second, {"survey.a": "new", "survey.b": "same"})
    assert (older.id, older.bodies, older.commit) == (first, {"survey.a": "old", "survey.b": "same"}, "abc")


async def test_unread_requests_are_kept_up_to_a_quota_and_the_oldest_go(store: Store) -> None:
    def keep(size: int) -> Work[None]:
        return lambda tx: tx.keep_unread(Unread(at=NOON, door="/events", headers={}, body=b"x" * size, reason="no JSON"), most=160)

    for size in (40, 40, 30, 100, 30):
        await store.write(keep(size))
    kept = await store.read(lambda tx: tx.unread(None, 10))
    assert [len(row.body) for row in kept] == [30, 100, 30]

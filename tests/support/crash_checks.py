"""After the kills of `crashes`: everything that was acknowledged is accounted for, and nothing was done twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import stored
from crashes import SENDER, CrashRun

from engine.channels.mime import message_id
from engine.store.sqlite.files import problems

_BEHIND = {"order.delivered": "cadence.after_delivery", "help.wanted": "automation.help/0"}


def check(run: CrashRun) -> Counter[str]:
    """Raises AssertionError where something is lost or doubled; else how much there was of everything."""
    made, seen, store = run.made, run.seen, run.made.daemon.store
    assert list(problems(store)) == []
    kept = {row["id"]: row for row in stored.rows(store, "SELECT id, seq, state FROM event")}
    effects = stored.rows(store, "SELECT key, action, connection, origin, event, state FROM outbox")
    behind = {(row["event"], row["origin"]) for row in effects}
    unknown = _check_effects(run, effects)
    _check_mail(run, [row for row in effects if row["action"] in ("invite", "email")])
    _check_events(run, kept, behind)
    _check_answers(run, store, kept, behind)
    tickets = _check_tickets(run, [row for row in effects if row["action"] == "ticket"])
    hooks = _check_webhooks(run, [row for row in effects if row["action"] == "webhook"])
    runs = _check_runs(run, store)
    return Counter(
        events=len(seen.events),
        hooks=len(seen.hooks),
        answers=len(seen.answers),
        effects=len(effects),
        runs=runs,
        closed_early=seen.early,
        in_flight=len(seen.sending),
        kills_with_waits=seen.kills_with_waits,
        kills_with_retries=seen.kills_with_retries,
        mail_never_answered=len(made.mail.unanswered),
        unknown=unknown,
        tickets_repeated=tickets,
        webhooks_repeated=hooks,
    )


def _check_events(run: CrashRun, kept: dict[str, dict[str, Any]], behind: set[tuple[int, str]]) -> None:
    for id_, type_ in run.seen.events.items():
        assert id_ in kept, f"{id_} was acknowledged and is lost"
        assert kept[id_]["state"] == 1, f"{id_} is not decided"
        if type_ in _BEHIND:
            assert (kept[id_]["seq"], _BEHIND[type_]) in behind, f"{id_} has no effect"
    for key in run.seen.hooks:
        assert kept[key.removeprefix("crm/")]["state"] == 1, f"{key} was acknowledged and its object was not fetched"


def _check_answers(run: CrashRun, store: Path, kept: dict[str, dict[str, Any]], behind: set[tuple[int, str]]) -> None:
    sql = (
        "SELECT c.data ->> 'email' AS who, c.data ->> 'last_score' AS remembered, a.score, a.invitation"
        " FROM answer a JOIN object c ON c.kind = 'contact' AND c.key = a.contact"
    )
    answers = {row["who"]: row for row in stored.rows(store, sql)}
    for who, score in run.seen.answers.items():
        assert answers[who]["score"] == answers[who]["remembered"] == score, f"the answer of {who} was acknowledged and is lost"
        event = kept[f"survey.nps_delivery.answered/{answers[who]['invitation']}"]
        assert event["state"] == 1
        if score <= 6:
            assert (event["seq"], "automation.unhappy/0") in behind
        if score >= 9:
            assert (event["seq"], "automation.happy/0") in behind


def _check_effects(run: CrashRun, effects: list[dict[str, Any]]) -> int:
    assert len({row["key"] for row in effects}) == len(effects)
    unknown = {row["key"]: row["action"] for row in effects if row["state"] == "unknown"}
    assert {row["state"] for row in effects} <= {"done", "unknown"}
    assert set(unknown.values()) <= {"invite", "email"}, "only what goes to a respondent by mail may be in doubt"
    unanswered = {str(one.message["Message-ID"]) for one in run.made.mail.unanswered}
    in_doubt = {key for key in unknown if message_id(key, SENDER) not in unanswered}
    assert in_doubt <= run.seen.sending, "in doubt though nobody was sending it"
    return len(unknown)


def _check_mail(run: CrashRun, effects: list[dict[str, Any]]) -> None:
    caught = Counter(str(one.message["Message-ID"]) for one in run.made.mail.messages)
    assert not [id_ for id_, times in caught.items() if times > 1], "a respondent was written to twice"
    expected = {message_id(row["key"], SENDER): row["state"] for row in effects}
    assert caught.keys() <= expected.keys()
    assert not [id_ for id_, state in expected.items() if state == "done" and id_ not in caught], "sent, and never arrived"


def _check_tickets(run: CrashRun, effects: list[dict[str, Any]]) -> int:
    tickets = Counter(ticket["external_id"] for ticket in run.made.desk.tickets)
    assert set(tickets) == {row["key"] for row in effects}
    assert set(tickets.values()) <= {1}
    return _check_repeated(run, "desk", len(run.made.desk.requests) - len(tickets))


def _check_webhooks(run: CrashRun, effects: list[dict[str, Any]]) -> int:
    keys = {request.headers["webhook-id"] for request in run.made.sink.requests}
    assert keys == {row["key"] for row in effects}
    return _check_repeated(run, "hook", len(run.made.sink.requests) - len(keys))


def _check_repeated(run: CrashRun, name: str, repeated: int) -> int:
    """Before the key: what was accepted without an answer that arrived, what was on its way at a kill, and what was refused for now."""
    seen = run.seen
    assert 0 <= repeated <= seen.in_flight[name] + seen.answers_lost[name] + seen.refused[name]
    return repeated


def _check_runs(run: CrashRun, store: Path) -> int:
    """Each wait was over once, in one of the ways in which it may be: a closing that overtook the answer of the desk included."""
    by_key = {request.headers["webhook-id"]: request.json() for request in run.made.sink.requests}
    told: dict[str, Counter[str]] = {}
    for said in by_key.values():
        if "of" in said:
            told.setdefault(said["what"], Counter())[said["of"]] += 1
            assert said.get("status", "solved") == "solved", f"{said}: closed, and the next step does not know it"
    calls = {f"Topic {id_.removeprefix('wanted-')}" for id_, type_ in run.seen.events.items() if type_ == "help.wanted"}
    orders = {f"Coat {id_.removeprefix('delivered-')}" for id_, type_ in run.seen.events.items() if type_ == "order.delivered"}
    assert "stalled" not in told, "a ticket that was closed counted as left alone"
    assert told["over"] == Counter(calls)
    assert told["looked back"] == Counter(orders)
    assert told["called"] + told["nobody called"] == Counter(calls)
    assert told["called"].keys() <= run.seen.called
    states = Counter(row["state"] for row in stored.rows(store, "SELECT state FROM run"))
    assert states == Counter({"done": 2 * len(calls) + len(orders)})
    return states.total()

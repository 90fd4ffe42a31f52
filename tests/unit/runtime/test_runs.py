"""Runs on a real store: they wait, go on, end, and do each thing once, whatever happens in between."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import small_project
import stored
from bench import NOON, Bench, bench, event

from engine.model.delivery import DeliveryState, Rejected, Sent, Unclear
from engine.model.events import Event
from engine.model.runs import Run, RunState
from engine.rules import flow
from engine.runtime import runs as runtime_runs
from engine.runtime.claim import doubt
from engine.store.protocol import EventState

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
ADA = {"id": "1", "name": "Ada", "email": "ada@example.test"}
RESCUE = """
automation: rescue
when: visit.ended
then:
  - ticket: {via: desk, title: "{{ contact.name|default('-') }}"}
    as: case
  - update: {contact: {last_score: "{{ 3 }}"}}
  - wait_for: case.closed
    at_most: 2d
    on_timeout:
      - webhook: {via: hook, data: {what: stalled, url: "{{ case.url }}"}}
  - webhook: {via: hook, data: {what: over, status: "{{ case.status }}", name: "{{ contact.name|default('-') }}"}}
"""
WAITS = """
automation: waits
when: visit.ended
then:
  - wait: 1d
  - webhook: {via: hook, data: {what: later, name: "{{ contact.name|default('-') }}"}}
"""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


def visit(contact: str = "1", **fields: Any) -> Event:
    return event("visit.ended", {"contact": {"id": contact, **({"name": "Ada"} if contact == "1" else {}), "buyer": False, **fields}})


async def use(engine: Bench, rules: str) -> None:
    await engine.deploy(small_project.with_rules(rules))


async def origins(engine: Bench) -> list[str]:
    """Of what was sent or is to be sent by steps of runs, in order."""
    return [row.origin.removeprefix("automation.") for row in await engine.deliveries() if row.run is not None]


async def states(engine: Bench) -> list[str]:
    return [run.state.value for run in await engine.runs()]


# -- one run --------------------------------------------------------------------------------------------------------------


async def test_later_steps_wait_until_a_step_with_a_name_is_delivered_and_read_its_results(engine: Bench) -> None:
    await use(engine, RESCUE)
    await engine.turn(visit())
    assert await origins(engine) == ["rescue/0"]
    await engine.deliver("desk", Sent(external_id="7", url="https://desk.test/7"))
    (run,) = await engine.runs()
    assert (run.state, run.events, run.results) == (
        RunState.WAITING,
        ("case.closed",),
        {"0": {"id": "7", "url": "https://desk.test/7", "status": "open"}},
    )
    assert engine.objects("contact")[0]["last_score"] == 3


async def test_time_that_runs_out_takes_its_own_branch_and_goes_on_with_what_is_there_then(engine: Bench) -> None:
    await use(engine, RESCUE)
    await engine.turn(visit())
    await engine.deliver("desk", Sent(external_id="7", url="https://desk.test/7"))
    await engine.pass_by(DAY)
    assert await origins(engine) == ["rescue/0"]
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "name": "Grace"}}, time=NOON + HOUR))
    await engine.pass_by(DAY)
    assert await origins(engine) == ["rescue/0", "rescue/2/on_timeout/0", "rescue/3"]
    stalled, over = await engine.claim("hook")
    assert stalled.scope is not None
    assert over.scope is not None
    assert stalled.scope["case"] == {"id": "7", "url": "https://desk.test/7", "status": "open"}
    assert over.scope["contact"]["name"] == "Grace"  # type: ignore[index]
    assert await states(engine) == ["done"]
    await engine.pass_by(30 * DAY)
    assert await origins(engine) == ["rescue/0", "rescue/2/on_timeout/0", "rescue/3"]


async def test_what_is_given_up_fails_the_run_and_a_failing_row_is_told_once(engine: Bench) -> None:
    await use(engine, RESCUE)
    await engine.turn(visit())
    await engine.deliver("desk", Rejected(reason="no such desk", permanent=True))
    (run,) = await engine.runs()
    assert (run.state, run.failure) == (RunState.FAILED, "no such desk")
    assert stored.value(engine.store.path, "SELECT count(*) FROM told") == 0


FALLBACK = """
automation: fallback
when: visit.ended
then:
  - email: {via: mail, subject: Hi, body: Hi}
    on_failure:
      - ticket: {via: desk, title: Call}
  - webhook: {via: hook, data: {what: after}}
"""


@pytest.mark.parametrize(
    ("outcome", "then"),
    [
        (Rejected(reason="no such user", permanent=True), ["fallback/0/on_failure/0", "fallback/1"]),
        (Sent(), ["fallback/1"]),
        (Rejected(reason="try again", permanent=False), []),
    ],
)
async def test_a_dead_letter_takes_its_own_branch_and_the_run_goes_on(engine: Bench, outcome: Sent | Rejected, then: list[str]) -> None:
    await use(engine, FALLBACK)
    await engine.turn(visit(email="ada@example.test"))
    await engine.deliver("mail", outcome)
    assert await origins(engine) == ["fallback/0", *then]


async def test_a_step_that_reaches_nobody_is_skipped_and_the_run_goes_on(engine: Bench) -> None:
    await use(engine, FALLBACK)
    await engine.turn(visit(email="ada@example.test", opted_out=True))
    assert await engine.claim("mail") == []
    await engine.turn()
    assert await origins(engine) == ["fallback/0", "fallback/1"]


async def test_a_mail_in_doubt_counts_as_out(engine: Bench) -> None:
    await use(engine, FALLBACK)
    await engine.turn(visit(email="ada@example.test"))
    (item,) = await engine.claim("mail")
    await engine.store.write(lambda tx: doubt(tx, item.delivery, "the line broke", NOON))
    await engine.turn()
    assert await origins(engine) == ["fallback/0", "fallback/1"]


async def test_a_late_result_changes_nothing(engine: Bench) -> None:
    await use(engine, RESCUE)
    await engine.turn(visit())
    (item,) = await engine.claim("desk")
    await engine.answer(item, Unclear(reason="no answer"))
    await engine.pass_by(HOUR)
    (again,) = await engine.claim("desk")
    await engine.answer(item, Rejected(reason="late", permanent=True))
    assert await states(engine) == ["waiting"]
    await engine.answer(again, Sent(external_id="7", url="u"))
    assert (await engine.runs())[0].results["0"]["id"] == "7"


# -- events that end a wait -----------------------------------------------------------------------------------------------

WAIT_FOR = """
automation: pick_up
when: visit.ended
then:
  - {wait_for: [deal.won, help.wanted], at_most: 3d, on_timeout: [{stop: nobody came}]}
  - webhook: {via: hook, data: {what: came}}
"""


def wanted(contact: str = "1") -> Event:
    return event("help.wanted", {"contact": {"id": contact}, "topic": "size"})


async def test_an_event_of_the_same_contact_ends_the_wait_and_that_of_another_does_not(engine: Bench) -> None:
    await use(engine, WAIT_FOR)
    await engine.turn(visit("1"), visit("2"))
    await engine.turn(wanted("3"))
    assert await states(engine) == ["waiting", "waiting"]
    once = wanted("2")
    await engine.turn(once)
    assert await states(engine) == ["waiting", "done"]
    assert engine.outcome(once).trace["resumed"] == [(await engine.runs())[1].id]
    await engine.turn(wanted("2"))
    assert await origins(engine) == ["pick_up/1"]


async def test_an_event_counts_from_when_the_wait_began_in_the_very_same_turn_too(engine: Bench) -> None:
    await use(engine, WAIT_FOR)
    await engine.turn(wanted(), visit(), visit("2"), wanted())
    assert await states(engine) == ["done", "waiting"]


async def test_a_run_that_is_over_listens_to_nothing(engine: Bench) -> None:
    await use(engine, WAIT_FOR)
    await engine.turn(visit(), visit("2"))
    assert stored.value(engine.store.path, "SELECT count(*) FROM listener") == 4
    await engine.turn(wanted())
    assert stored.value(engine.store.path, "SELECT count(*) FROM listener") == 2
    await engine.pass_by(4 * DAY)
    assert stored.value(engine.store.path, "SELECT count(*) FROM listener") == 0
    (_, run) = await engine.runs()
    assert (run.state, run.reason) == (RunState.DONE, "nobody came")


async def test_of_the_same_kind_of_object_only_the_runs_own_one_counts(engine: Bench) -> None:
    await use(engine, WAIT_FOR.replace("when: visit.ended", "when: order.delivered"))

    def about(type_: str, deal: str) -> Event:
        return event(type_, {"contact": {"id": "1"}, "deal": {"id": deal, "title": "Coat"}})

    await engine.turn(about("order.delivered", "a"))
    await engine.turn(about("deal.won", "b"))
    assert await states(engine) == ["waiting"]
    await engine.turn(about("deal.won", "a"))
    assert await states(engine) == ["done"]


@pytest.mark.parametrize(("after", "state"), [(2 * DAY, "done"), (4 * DAY, "stopped")])
async def test_what_was_accepted_in_time_ends_the_wait_however_late_it_is_decided(engine: Bench, after: dt.timedelta, state: str) -> None:
    await use(engine, WAIT_FOR)
    await engine.turn(visit())
    engine.clock.advance(after)  # and the daemon is down
    await engine.accept(*(visit("2") for _ in range(400)), wanted())
    await engine.pass_by(30 * DAY)
    run = (await engine.runs())[0]
    assert ("stopped" if run.reason is not None else run.state.value) == state
    assert {one.reason for one in (await engine.runs())[1:]} == {None}, "a wait begins when its event is decided"


# -- replies of a desk ----------------------------------------------------------------------------------------------------


def reply(status: str, number: str = "7", **said: Any) -> Event:
    return event("ticket.updated", {"ticket": {"id": number, "status": status, **said}}, source="desk")


async def test_a_closed_ticket_ends_the_wait_and_its_status_is_read(engine: Bench) -> None:
    await use(engine, RESCUE)
    await engine.turn(visit())
    await engine.deliver("desk", Sent(external_id="7", url="u"))
    await engine.turn(reply("pending"), reply("solved", number="8"))
    assert await states(engine) == ["waiting"]
    once = reply("solved")
    await engine.turn(once)
    assert await states(engine) == ["done"]
    assert engine.outcome(once).trace["resumed"] == [(await engine.runs())[0].id]
    (item,) = await engine.claim("hook")
    assert item.scope is not None
    assert item.scope["case"] == {"id": "7", "url": "u", "status": "solved"}
    await engine.turn(reply("closed"))
    assert await origins(engine) == ["rescue/0", "rescue/3"]


async def test_a_ticket_that_is_closed_before_our_own_call_returned_ends_the_wait(engine: Bench) -> None:
    await use(engine, RESCUE)
    await engine.turn(visit(), visit("2"))
    one, two = await engine.claim("desk")
    await engine.turn(reply("solved"), reply("solved", number="99"))
    assert await states(engine) == ["waiting", "waiting"]
    await engine.answer(two, Unclear(reason="the line broke"))
    await engine.answer(one, Sent(external_id="7", url="u"))
    assert await states(engine) == ["done", "waiting"]
    await engine.pass_by(HOUR)
    await engine.deliver("desk", Sent(external_id="8", url="u"))
    assert await states(engine) == ["done", "waiting"]
    assert stored.value(engine.store.path, "SELECT count(*) FROM early_reply") == 0, "kept no longer than anybody can need it"


async def test_a_reply_that_carries_our_own_key_finds_its_step_at_once(engine: Bench) -> None:
    await use(engine, RESCUE)
    await engine.turn(visit())
    (item,) = await engine.claim("desk")
    await engine.turn(reply("solved", external_id=item.delivery.key))
    await engine.answer(item, Sent(external_id="7", url="u"))
    assert await states(engine) == ["done"]


async def test_replies_about_what_others_made_are_not_kept(engine: Bench) -> None:
    await use(engine, RESCUE)
    await engine.turn(visit())
    await engine.turn(reply("solved"))
    assert stored.value(engine.store.path, "SELECT count(*) FROM early_reply") == 0


# -- modes ----------------------------------------------------------------------------------------------------------------


def per(kind: str, mode: str) -> str:
    return WAITS + f"run: {{per: {kind}, mode: {mode}}}\n"


async def test_in_parallel_every_event_has_a_run_of_its_own(engine: Bench) -> None:
    await use(engine, WAITS)
    await engine.turn(visit(), visit(), visit("2"))
    await engine.pass_by(DAY)
    assert await states(engine) == ["done"] * 3
    assert await origins(engine) == ["waits/1"] * 3


async def test_single_drops_the_newcomer_and_says_so(engine: Bench) -> None:
    await use(engine, per("contact", "single"))
    second = visit()
    await engine.turn(visit(), second, visit("2"))
    await engine.turn(visit())
    assert await states(engine) == ["waiting", "waiting"]
    assert engine.outcome(second).trace["skipped"]["automation.waits"] == "run: one goes on for this contact"
    await engine.pass_by(DAY)
    await engine.turn(visit())
    assert await states(engine) == ["done", "done", "waiting"]


async def test_restart_cancels_what_waits_and_what_is_not_sent_yet(engine: Bench) -> None:
    await use(engine, per("contact", "restart").replace("- wait: 1d", "- webhook: {via: hook, data: {what: first}}\n  - wait: 1d"))
    await engine.turn(visit(), visit())
    await engine.turn(visit())
    assert await states(engine) == ["cancelled", "cancelled", "waiting"]
    lines = [(line.delivery.state, line.reason) for line in await engine.outbox() if line.delivery.run is not None]
    assert lines == [(DeliveryState.DROPPED, "a newer run began"), (DeliveryState.PENDING, None)]
    await engine.pass_by(DAY)
    assert len(await engine.claim("hook")) == 2
    assert await states(engine) == ["cancelled", "cancelled", "done"]


async def test_a_queue_is_first_in_first_out(engine: Bench) -> None:
    await use(engine, per("contact", "queue"))
    await engine.turn(visit(), visit(), visit("2"))
    await engine.turn(visit())
    assert await states(engine) == ["waiting", "queued", "waiting", "queued"]
    for expected in (["done", "waiting", "done", "queued"], ["done", "done", "done", "waiting"], ["done"] * 4):
        await engine.pass_by(DAY)
        assert await states(engine) == expected


async def test_a_queue_of_runs_that_end_at_once_is_worked_off_at_once(engine: Bench) -> None:
    await use(engine, per("contact", "queue").replace("- wait: 1d\n", "- {wait: 1d, if: contact.tier == 'vip'}\n"))
    await engine.turn(visit(tier="vip"), *(visit() for _ in range(400)))
    await engine.turn(event("contact.updated", {"contact": {"id": "1", "tier": "standard"}}, time=NOON + HOUR))
    await engine.pass_by(DAY)
    assert await states(engine) == ["done"] * 401


async def test_runs_may_be_for_a_company_or_any_object(engine: Bench) -> None:
    await use(engine, per("company", "single"))

    def of(contact: str, company: str | None) -> Event:
        linked = {"company": {"id": company, "name": "Acme"}} if company is not None else {}
        return event("visit.ended", {"contact": {"id": contact, "buyer": False}, **linked})

    await engine.turn(of("1", "a"), of("2", "a"), of("3", "b"), of("4", None), of("5", None))
    assert [run.subjects.get("company") is None for run in await engine.runs()] == [False, False, True, True]
    await use(engine, per("deal", "single").replace("visit.ended", "order.delivered"))

    def order(deal: str) -> Event:
        return event("order.delivered", {"contact": {"id": "9", "buyer": False}, "deal": {"id": deal, "title": "Coat"}})

    await engine.turn(order("x"), order("x"), order("y"))
    assert len(await engine.runs()) == 6


# -- versions, clocks, failures -------------------------------------------------------------------------------------------


async def test_a_run_keeps_the_logic_and_the_words_of_the_version_that_began_it(engine: Bench) -> None:
    await use(engine, WAITS)
    await engine.turn(visit())
    await use(engine, WAITS.replace("wait: 1d", "wait: 5d").replace("what: later", "what: changed"))
    await engine.pass_by(DAY)
    (item,) = await engine.claim("hook")
    assert item.version is not None
    assert item.step is not None
    assert (item.version.number, item.step.content["data"]["what"].text) == (2, "later")  # type: ignore[index]


async def test_an_automation_that_is_not_deployed_any_more_finishes_its_runs(engine: Bench) -> None:
    await use(engine, WAITS)
    await engine.turn(visit())
    await use(engine, "")
    await engine.turn(visit())
    await engine.pass_by(DAY)
    assert await states(engine) == ["done"]
    assert len(await engine.claim("hook")) == 1


async def test_a_clock_that_is_set_back_ends_no_wait_twice_and_one_that_jumps_ahead_ends_it_at_once(engine: Bench) -> None:
    await use(engine, WAITS)
    await engine.turn(visit())
    await engine.pass_by(-10 * DAY)
    assert await states(engine) == ["waiting"]
    await engine.turn(visit("2"))
    await engine.pass_by(DAY)
    assert await states(engine) == ["waiting", "done"]
    await engine.pass_by(365 * DAY)
    await engine.pass_by(-365 * DAY)
    assert await states(engine) == ["done", "done"]
    assert await origins(engine) == ["waits/1", "waits/1"]


async def test_a_run_at_which_the_engine_fails_is_parked_and_all_others_go_on(engine: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await use(engine, WAITS)
    await engine.turn(visit("1"), visit("2"), visit("3"))
    sick = (await engine.runs())[1].id

    def advance(steps: flow.Flow, run: Run, *rest: Any) -> Run:
        if run.id == sick and run.at == "1":
            raise KeyError("defect")
        return flow.advance(steps, run, *rest)

    monkeypatch.setattr(runtime_runs, "advance", advance)
    await engine.pass_by(DAY)
    assert await states(engine) == ["done", "failed", "done"]
    (line,) = await engine.run_lines(RunState.FAILED)
    assert line.run.failure == "the engine failed: KeyError"
    assert line.note is not None
    assert "defect" in line.note
    assert await origins(engine) == ["waits/1", "waits/1"]
    once = visit("4")
    await engine.turn(once)
    assert engine.outcome(once).state is EventState.DECIDED


async def test_a_run_whose_effects_cannot_be_written_is_parked_and_all_others_go_on(engine: Bench) -> None:
    await use(engine, WAITS)
    await engine.turn(*(visit(str(number)) for number in range(1, 8)))
    sick = (await engine.runs())[4].id
    engine.store._writer.execute(
        f"CREATE TRIGGER refuse BEFORE INSERT ON outbox WHEN NEW.run = '{sick}' BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    )
    await engine.pass_by(DAY)
    assert await states(engine) == ["done"] * 4 + ["failed"] + ["done"] * 2
    (line,) = await engine.run_lines(RunState.FAILED)
    assert (line.run.id, line.run.failure) == (sick, "the engine failed: IntegrityError")
    assert "not this one" in (line.note or "")
    assert await origins(engine) == ["waits/1"] * 6
    once = visit("9")
    await engine.turn(once)
    assert engine.outcome(once).state is EventState.DECIDED


async def test_an_emitted_event_is_about_the_same_objects_and_a_circle_of_them_ends(engine: Bench) -> None:
    # Validation finds a circle in one version; over several versions, one may still come about.
    rules = """
automation: first
when: visit.ended
then: [{emit: {event: again.come, data: {round: 1}}}]
---
automation: circle
when: again.come
then:
  - emit: {event: again.come, data: {round: "{{ event.round + 1 }}"}}  # sounding: ignore SND805 what ends it is tested
"""
    declared = "help.wanted: {object: contact, topic: text}"
    await engine.deploy(
        small_project.with_rules(rules, {declared: f"{declared}\n  again.come: {{object: contact, round: integer}}"}, despite="SND805")
    )
    await engine.turn(visit())
    rounds = await engine.events_of("again.come")
    assert [row.event.data["round"] for row in rounds] == list(range(1, 17))
    assert {tuple(row.subjects or ()) for row in rounds} == {("contact",)}
    *_, last = await engine.runs()
    assert last.state is RunState.FAILED
    assert "they go round in a circle" in (last.failure or "")
    assert len(await engine.runs(RunState.DONE)) == 16

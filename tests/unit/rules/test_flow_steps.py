"""The steps of real automations: what they do, what they wait for, and what ends a wait."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.checks.run import check_project
from engine.model.definitions import Definitions
from engine.model.runs import Delivered, Died, Due, Happened, Happening, Outcome, Replied, Run, RunState, Skipped
from engine.rules.compile import RuleSet
from engine.rules.flow import MAX_DEPTH, Act, Flow, advance, begin, cancelled, listens, released, results_of, resume, retried

MONDAY = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
KYIV = ZoneInfo("Europe/Kyiv")
PROJECT = """project: shop
languages: [en]
timezone: Europe/Kyiv
objects:
  contact: {name: text, vip: boolean, last: optional integer}
  deal: {title: text}
events:
  order.delivered: {object: deal}
  order.checked: {object: deal, note: text}
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: U}, token: {env: T}}
  slack: {use: slack, url: {env: S}}
---
automation: rescue
when: order.delivered
then:
"""
RESCUE = """
  - ticket: {via: desk, title: "{{ contact.name }}"}
    as: case
  - update: {contact: {last: "{{ 3 }}"}}
  - wait_for: case.closed
    at_most: 2bd
    on_timeout:
      - message: {via: slack, text: "{{ case.url }} is stalled"}
  - if: case.status in ["solved", "closed"]
    then: [{message: {text: thanks}}]
    else: [{message: {text: call}}]
"""
TICKET = {"id": "7", "url": "https://desk/7", "status": "open"}


class Engine:
    """One run with what is around it."""

    def __init__(self, folder: Path, steps: str, *, depth: int = 0, project: str = PROJECT) -> None:
        (folder / "sounding.yaml").write_text(project + steps, encoding="utf-8")
        loaded = check_project(folder)
        assert not loaded.findings.errors, loaded.findings.items
        assert loaded.definitions is not None
        self.definitions: Definitions = loaded.definitions
        self.flow: Flow = RuleSet(self.definitions).flow("rescue")
        self.scope: dict[str, object] = {"contact": {"name": "Ada", "vip": True}, "deal": {"title": "Coat"}}
        self.done: list[str] = []
        self.notes: list[tuple[str, str]] = []
        self.now = MONDAY
        self.run = begin(
            self.flow, id="r", deployment=1, subject=None, type="order.delivered", time=MONDAY, data={}, subjects={}, depth=depth
        )
        self.go()

    def act(self, act: Act) -> Outcome | None:
        self.done.append(act.origin.removeprefix("automation.rescue/"))
        if act.step.action == "update":
            assert isinstance(self.scope["contact"], Mapping)
            self.scope["contact"] = {**self.scope["contact"], "vip": False}
        return Delivered(act.at) if act.step.via is None else None

    def go(self) -> None:
        self.run = advance(
            self.flow, self.run, lambda: self.scope, self.act, self.now, KYIV, lambda at, what: self.notes.append((at, what))
        )

    def happens(self, what: Happening, *, after: dt.timedelta = dt.timedelta()) -> Run:
        self.now += after
        self.run = resume(self.flow, self.run, what)
        self.go()
        return self.run

    def later(self, after: dt.timedelta) -> Run:
        return self.happens(Due(self.now + after), after=after)


def test_later_steps_wait_until_a_step_with_a_name_is_delivered(tmp_path: Path) -> None:
    engine = Engine(tmp_path, RESCUE)
    assert engine.done == ["0"]
    assert engine.run.state is RunState.WAITING
    engine.happens(Delivered("0", TICKET))
    assert engine.done == ["0", "1"]
    assert results_of(engine.flow, engine.run) == {"case": TICKET}
    assert (engine.run.events, engine.run.until) == (("case.closed",), MONDAY + 2 * DAY)


def test_a_closed_ticket_ends_the_wait_and_its_new_status_is_read(tmp_path: Path) -> None:
    engine = Engine(tmp_path, RESCUE)
    engine.happens(Delivered("0", TICKET))
    engine.happens(Replied("0", "updated", "pending"))
    assert engine.run.events == ("case.closed",)
    engine.happens(Replied("0", "updated", "solved"))
    assert engine.done == ["0", "1", "3/then/0"]
    assert engine.run.state is RunState.DONE
    assert results_of(engine.flow, engine.run)["case"]["status"] == "solved"


def test_a_ticket_that_was_closed_before_our_own_call_returned_ends_the_wait(tmp_path: Path) -> None:
    engine = Engine(tmp_path, RESCUE)
    engine.happens(Replied("0", "updated", "closed"))
    assert engine.run.state is RunState.WAITING
    engine.happens(Delivered("0", TICKET))
    assert engine.done == ["0", "1", "3/then/0"]


def test_time_that_runs_out_takes_its_own_branch_and_goes_on(tmp_path: Path) -> None:
    engine = Engine(tmp_path, RESCUE)
    engine.happens(Delivered("0", TICKET))
    engine.later(DAY)
    assert engine.run.state is RunState.WAITING
    engine.later(DAY)
    assert engine.done == ["0", "1", "2/on_timeout/0", "3/else/0"]
    assert engine.happens(Replied("0", "updated", "closed")).state is RunState.DONE
    assert len(engine.done) == 4, "a reply that comes late changes nothing"


def test_business_days_skip_the_weekend(tmp_path: Path) -> None:
    engine = Engine(tmp_path, "  - wait: 5bd\n  - message: {text: hello}\n")
    assert engine.run.until == MONDAY + 7 * DAY


def test_business_days_are_those_of_the_projects_country(tmp_path: Path) -> None:
    with_calendar = PROJECT.replace("timezone: Europe/Kyiv\n", "timezone: Europe/Kyiv\ncalendar: {country: RU}\n")
    assert Engine(tmp_path, "  - wait: 5bd\n", project=with_calendar).run.until == MONDAY + 8 * DAY  # the 9th of March is a holiday


def test_a_wait_keeps_the_local_time_over_a_change_of_the_clock(tmp_path: Path) -> None:
    engine = Engine(tmp_path, "  - wait: 4w\n  - message: {text: hello}\n")
    assert engine.run.until == MONDAY + 28 * DAY - dt.timedelta(hours=1)  # Kyiv is in summer time by then


def test_an_event_of_another_kind_counts_from_when_the_wait_began(tmp_path: Path) -> None:
    engine = Engine(tmp_path, "  - wait: 1d\n  - {wait_for: deal.won, at_most: 1d}\n  - message: {text: won}\n")
    engine.happens(Happened("deal.won"))
    engine.later(DAY)
    assert (engine.run.events, engine.done) == (("deal.won",), [])
    engine.happens(Happened("deal.won"))
    assert (engine.run.state, engine.done) == (RunState.DONE, ["2"])


def test_a_wait_is_for_the_object_of_the_run_or_what_its_event_was_about(tmp_path: Path) -> None:
    engine = Engine(tmp_path, "  - {wait_for: deal.won, at_most: 1d}\n")
    won, answered = RuleSet(engine.definitions).events["deal.won"], RuleSet(engine.definitions).events["contact.updated"]
    run = replace(engine.run, subjects={"deal": "d", "contact": "c", "company": "f"})
    assert (listens(run, won), listens(run, answered)) == ("deal/d", "contact/c")
    assert listens(replace(run, subject="company/f"), won) == "company/f"
    assert listens(replace(run, subjects={"contact": "c"}), won) == "contact/c"
    assert listens(replace(run, subjects={}), won) is None


def test_one_closing_ends_one_wait(tmp_path: Path) -> None:
    twice = "  - {wait_for: case.closed, at_most: 1d}\n" * 2
    engine = Engine(tmp_path, '  - ticket: {title: "{{ contact.name }}"}\n    as: case\n' + twice)
    engine.happens(Delivered("0", TICKET))
    engine.happens(Replied("0", "updated", "closed"))
    assert engine.run.at == "2"
    engine.happens(Replied("0", "updated", "open"))
    assert engine.happens(Replied("0", "updated", "solved")).state is RunState.DONE


FAILING = """
  - message: {text: hello}
    on_failure:
      - ticket: {title: "{{ contact.name }} was not told"}
  - message: {text: again}
"""


def test_what_was_given_up_takes_its_own_branch_and_goes_on(tmp_path: Path) -> None:
    engine = Engine(tmp_path, FAILING)
    engine.happens(Died("0", "410"))
    assert engine.done == ["0", "0/on_failure/0", "1"]
    assert engine.run.state is RunState.DONE


def test_what_was_given_up_without_a_branch_of_its_own_fails_the_run(tmp_path: Path) -> None:
    engine = Engine(tmp_path, RESCUE)
    engine.happens(Died("0", "the desk said 410"))
    assert (engine.run.state, engine.run.failure) == (RunState.FAILED, "the desk said 410")
    run, again = retried(engine.flow, engine.run)
    assert again == ()
    engine.run = run
    engine.go()
    assert engine.done == ["0", "0"], "it is the same effect at the same position"
    engine.happens(Delivered("0", TICKET))
    assert engine.run.events == ("case.closed",)


def test_a_message_that_is_given_up_after_the_run_has_gone_on_stops_it_until_it_is_retried(tmp_path: Path) -> None:
    engine = Engine(tmp_path, "  - message: {text: hello}\n  - wait: 1d\n  - message: {text: again}\n")
    engine.happens(Died("0", "410"))
    assert engine.run.state is RunState.FAILED
    engine.later(DAY)
    assert engine.done == ["0"]
    engine.run, again = retried(engine.flow, engine.run)
    assert [act.at for act in again] == ["0"]
    engine.go()
    assert engine.done == ["0", "2"]


def test_a_ticket_that_is_dropped_has_failed_since_its_results_are_read(tmp_path: Path) -> None:
    engine = Engine(tmp_path, RESCUE)
    assert engine.happens(Skipped("0", "contact.city is missing")).state is RunState.FAILED


def test_objects_are_read_anew_at_each_step(tmp_path: Path) -> None:
    engine = Engine(
        tmp_path,
        '  - if: contact.vip\n    then:\n      - update: {contact: {last: "{{ 3 }}"}}\n'
        "  - {message: {text: hello}, if: contact.vip}\n  - message: {text: again}\n",
    )
    assert engine.done == ["0/then/0", "2"]
    assert engine.notes == [("0", "then"), ("0/then/0", "update"), ("1", "if"), ("2", "message")]


@pytest.mark.parametrize(("behind", "done"), [("if: case is none", ["1", "2"]), ("if: case is not none", ["1"])])
def test_a_step_may_ask_whether_an_earlier_one_was_taken(tmp_path: Path, behind: str, done: list[str]) -> None:
    guarded = "  - ticket: {title: x}\n    as: case\n    if: not contact.vip\n"
    reads = """  - message: {text: "{{ case.url|default('nowhere') }}"}\n"""
    engine = Engine(tmp_path, f"{guarded}{reads}  - message: {{text: again}}\n    {behind}\n")
    assert (engine.run.state, engine.done) == (RunState.DONE, done)


def test_a_step_that_reads_what_a_skipped_step_would_have_given_is_passed_over(tmp_path: Path) -> None:
    told = "  - message: {text: hello}\n    as: hello\n"
    reads = """  - ticket: {title: "{{ deal.title }}"}\n    as: case\n  - message: {text: "{{ case.url }}"}\n"""
    engine = Engine(tmp_path, told + reads)
    del engine.scope["deal"]
    engine.happens(Delivered("0"))
    assert (engine.done, engine.notes[-2:]) == (["0"], [("1", "no deal"), ("2", "no case")])


def test_a_step_that_reads_an_object_that_is_not_linked_is_passed_over(tmp_path: Path) -> None:
    engine = Engine(tmp_path, '  - message: {text: hello}\n    as: hello\n  - message: {text: "{{ deal.title }}"}\n')
    del engine.scope["deal"]
    engine.happens(Delivered("0"))
    assert (engine.run.state, engine.done, engine.notes[-1]) == (RunState.DONE, ["0"], ("1", "no deal"))


def test_a_run_at_which_the_engine_failed_is_taken_up_again_only_by_hand(tmp_path: Path) -> None:
    engine = Engine(tmp_path, RESCUE)
    engine.happens(Delivered("0", TICKET))
    engine.run = replace(engine.run, state=RunState.FAILED, before=RunState.READY, until=None, events=(), failure="a defect")
    engine.happens(Replied("0", "updated", "closed"))
    assert (engine.run.state, engine.run.failure, engine.done) == (RunState.FAILED, "a defect", ["0", "1"])
    engine.run, _ = retried(engine.flow, engine.run)
    engine.go()
    assert (engine.run.state, engine.done) == (RunState.DONE, ["0", "1", "3/then/0"]), "what was said meanwhile counts"


def test_stop_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    engine = Engine(tmp_path, "  - if: contact.vip\n    then: [{stop: enough}]\n  - message: {text: hello}\n")
    assert (engine.run.state, engine.run.reason, engine.done) == (RunState.DONE, "enough", [])


EMIT = "  - emit: {event: order.checked, data: {note: seen}}\n  - message: {text: hello}\n"


@pytest.mark.parametrize(("depth", "state"), [(0, RunState.DONE), (MAX_DEPTH - 1, RunState.DONE), (MAX_DEPTH, RunState.FAILED)])
def test_a_chain_of_emitted_events_ends_at_sixteen(tmp_path: Path, depth: int, state: RunState) -> None:
    engine = Engine(tmp_path, EMIT, depth=depth)
    assert engine.run.state is state
    assert engine.done == (["0", "1"] if state is RunState.DONE else [])


@pytest.mark.parametrize(
    ("steps", "immediate"),
    [
        ("  - message: {text: hello}\n  - {message: {text: vip}, if: contact.vip}\n", True),
        ("  - if: contact.vip\n    then: [{message: {text: hello}}, {stop: true}]\n", True),
        ("  - message: {text: hello}\n    as: hello\n", False),
        ("  - message: {text: hello}\n    on_failure: [{stop: true}]\n", False),
        ("  - if: contact.vip\n    then: [{wait: 1d}]\n", False),
        ('  - update: {contact: {last: "{{ 3 }}"}}\n  - message: {text: hello}\n', True),
        ('  - update: {contact: {last: "{{ 3 }}"}}\n  - {message: {text: hello}, if: contact.vip}\n', False),
        ("  - message: {text: hello}\nrun: {per: contact, mode: single}\n", False),
    ],
)
def test_an_automation_that_nothing_can_happen_to_later_needs_no_run(tmp_path: Path, steps: str, immediate: bool) -> None:
    (tmp_path / "sounding.yaml").write_text(PROJECT + steps, encoding="utf-8")
    definitions = check_project(tmp_path).definitions
    assert definitions is not None
    assert RuleSet(definitions).flow("rescue").immediate is immediate


def test_a_run_that_was_cancelled_or_waits_for_its_turn_takes_no_step(tmp_path: Path) -> None:
    engine = Engine(tmp_path, RESCUE)
    engine.run = cancelled(engine.run, "a newer run began")
    assert engine.happens(Delivered("0", TICKET)).state is RunState.CANCELLED
    values: dict[str, Any] = {"id": "q", "deployment": 1, "subject": "contact/1", "type": "order.delivered", "time": MONDAY}
    queued = begin(engine.flow, **values, data={}, subjects={}, queued=True)
    assert advance(engine.flow, queued, lambda: engine.scope, engine.act, MONDAY, KYIV) is queued
    assert resume(engine.flow, queued, Due(MONDAY)) is queued
    assert released(queued).state is RunState.READY

"""What a person does to a run: cancelled it stays where it is, retried it goes on, and nothing is done twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import small_project
from bench import Bench, bench, event

from engine.errors import RefusedError
from engine.model.delivery import DeliveryState, Rejected, Sent
from engine.model.events import Event
from engine.model.runs import Run, RunState
from engine.runtime import operate
from engine.runtime.steering import cancel_run, retry_run

DAY = dt.timedelta(days=1)
GONE = Rejected(reason="the desk is gone", permanent=True)
CASE = """
automation: case
when: visit.ended
then:
  - ticket: {via: desk, title: "{{ contact.name|default('-') }}"}
    as: case
  - wait: 1d
  - webhook: {via: hook, data: {what: over, number: "{{ case.id }}"}}
"""
TWO = """
automation: two
when: visit.ended
then:
  - webhook: {via: hook, data: {what: first}}
  - wait: 1d
  - webhook: {via: hook, data: {what: second}}
"""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


def visit() -> Event:
    return event("visit.ended", {"contact": {"id": "1", "name": "Ada", "buyer": False}})


async def begun(engine: Bench, rules: str) -> str:
    await engine.deploy(small_project.with_rules(rules))
    await engine.turn(visit())
    return (await engine.runs())[-1].id


async def cancel(engine: Bench, id_: str) -> Run:
    found = await engine.store.write(lambda tx: cancel_run(tx, engine.versions, id_, "ada", engine.clock.now()))
    await engine.turn()
    return found


async def retry(engine: Bench, id_: str) -> Run:
    found = await engine.store.write(lambda tx: retry_run(tx, engine.versions, id_, engine.clock.now()))
    await engine.turn()
    return found


async def hooks(engine: Bench) -> list[tuple[str, str]]:
    lines = await engine.outbox()
    return [(line.delivery.position, line.delivery.state.value) for line in lines if line.delivery.run is not None]


async def test_a_cancelled_run_waits_for_nothing_and_sends_nothing_any_more(engine: Bench) -> None:
    id_ = await begun(engine, TWO)
    found = await cancel(engine, id_)
    assert (found.state, found.reason) == (RunState.CANCELLED, "cancelled by ada")
    await engine.pass_by(2 * DAY)
    assert await hooks(engine) == [("0", "dropped")]
    with pytest.raises(RefusedError, match="cancelled already: there is nothing to cancel"):
        await cancel(engine, id_)
    with pytest.raises(RefusedError, match="only a failed run can be retried"):
        await retry(engine, id_)


async def test_a_result_that_comes_after_the_cancelling_changes_nothing(engine: Bench) -> None:
    id_ = await begun(engine, CASE)
    (item,) = await engine.claim("desk")
    await cancel(engine, id_)
    await engine.answer(item, Sent(external_id="7", url="u"))
    await engine.pass_by(2 * DAY)
    assert await hooks(engine) == [("0", "done")]
    assert [run.state for run in await engine.runs()] == [RunState.CANCELLED]


async def test_cancelling_lets_the_next_one_of_the_queue_begin(engine: Bench) -> None:
    id_ = await begun(engine, TWO + "run: {per: contact, mode: queue}\n")
    await engine.turn(visit())
    await cancel(engine, id_)
    assert [run.state for run in await engine.runs()] == [RunState.CANCELLED, RunState.WAITING]


async def test_a_retried_run_sends_what_was_given_up_again_under_its_key_and_goes_on(engine: Bench) -> None:
    id_ = await begun(engine, CASE)
    (first,) = await engine.deliver("desk", GONE)
    assert (await engine.runs())[0].state is RunState.FAILED
    assert (await retry(engine, id_)).state is RunState.WAITING
    (second,) = await engine.deliver("desk", Sent(external_id="7", url="u"))
    assert second.delivery.key == first.delivery.key
    await engine.pass_by(DAY)
    (item,) = await engine.claim("hook")
    assert item.scope is not None
    assert item.scope["case"] == {"id": "7", "url": "u", "status": "open"}
    assert await hooks(engine) == [("0", "done"), ("2", "sending")]


async def test_a_retry_may_fail_again(engine: Bench) -> None:
    id_ = await begun(engine, CASE)
    for _ in range(3):
        await engine.deliver("desk", GONE)
        assert (await engine.runs())[0].state is RunState.FAILED
        await retry(engine, id_)
    assert (await engine.runs())[0].state is RunState.WAITING


async def test_a_run_that_failed_behind_its_back_goes_on_where_it_stands(engine: Bench) -> None:
    """The message of a step that nothing waits for was given up while the run waited for something else."""
    id_ = await begun(engine, TWO)
    await engine.deliver("hook", GONE)
    await engine.pass_by(2 * DAY)
    assert await hooks(engine) == [("0", "dead")]
    await retry(engine, id_)
    assert await hooks(engine) == [("0", "pending"), ("2", "pending")]
    assert (await engine.runs())[0].state is RunState.DONE


async def test_a_run_is_not_retried_beside_a_later_one_of_its_object(engine: Bench) -> None:
    id_ = await begun(engine, CASE + "run: {per: contact, mode: single}\n")
    await engine.deliver("desk", GONE)
    await engine.turn(visit())
    with pytest.raises(RefusedError, match=r"a later run of automation\.case goes on for contact/"):
        await retry(engine, id_)
    assert [run.state for run in await engine.runs()] == [RunState.FAILED, RunState.WAITING]


async def test_what_nobody_began_is_refused(engine: Bench) -> None:
    await begun(engine, CASE)
    for steer in (cancel, retry):
        with pytest.raises(RefusedError, match="there is no run r-0"):
            await steer(engine, "r-0")
    assert (await engine.outbox(DeliveryState.DROPPED)) == []


# -- what was given up of an automation that needed no run ----------------------------------------------------------------

PLAIN = """
automation: plain
when: visit.ended
then:
  - ticket: {via: desk, title: "{{ contact.name|default('-') }}"}
  - webhook: {via: hook, data: {n: x}}
"""


async def given_up(engine: Bench) -> Run:
    await engine.deploy(small_project.with_rules(PLAIN))
    await engine.turn(visit())
    assert await engine.runs() == []
    await engine.deliver("desk", GONE)
    (run,) = await engine.runs()
    assert (run.state, run.automation, run.failure) == (RunState.FAILED, "plain", GONE.reason)
    return run


async def test_an_automation_that_needed_no_run_has_failed_where_an_effect_of_it_is_given_up(engine: Bench) -> None:
    run = await given_up(engine)
    await retry(engine, run.id)
    (item,) = await engine.deliver("desk", Sent(external_id="7", url="u"))
    assert item.step is not None
    assert [one.state for one in await engine.runs()] == [RunState.DONE]
    await engine.deliver("hook", GONE)
    (failed,) = await engine.runs()
    assert (failed.state, failed.dead) == (RunState.FAILED, ("1",))


async def test_a_delivery_that_failed_its_run_may_be_retried_or_let_go_by_itself(engine: Bench) -> None:
    await given_up(engine)
    (line,) = await engine.outbox(DeliveryState.DEAD)
    said = {"ids": [line.delivery.id], "by": "ada"}
    done = await engine.store.write(lambda tx: operate.retry(tx, said, engine.clock.now()))
    assert done == {"done": [line.delivery.id], "refused": {}}
    await engine.deliver("desk", GONE)
    assert (await engine.runs())[0].state is RunState.FAILED
    await engine.store.write(lambda tx: operate.drop(tx, said, engine.clock.now()))
    await engine.turn()
    assert (await engine.runs())[0].state is RunState.DONE

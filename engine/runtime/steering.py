"""What a person does to a run: cancel it, or let a failed one go on."""

from __future__ import annotations

import datetime as dt

from engine.deploy.versions import Versions
from engine.errors import RefusedError
from engine.model.runs import OVER, Run, RunState
from engine.runtime.gather import Work, gather
from engine.store.protocol import Transaction


def cancel_run(tx: Transaction, versions: Versions, id_: str, by: str, now: dt.datetime) -> Run:
    """It takes no further step, and what it has not sent yet is dropped. Raises RefusedError where it is over."""
    run = _found(tx, id_)
    if run.state in OVER:
        raise RefusedError(f"run {id_} is {run.state.value} already: there is nothing to cancel")
    current = versions.refresh(tx)
    assert current is not None, "there is a run, so something is deployed"

    def cancel(work: Work) -> None:
        work.runs.cancel(id_, f"cancelled by {by}")
        work.runs.free(run)

    gather(tx, versions, current.definitions, (), now, cancel)
    return tx.runs([id_])[id_]


def retry_run(tx: Transaction, versions: Versions, id_: str, now: dt.datetime) -> Run:
    """What was given up is sent again under the same keys, and the run goes on. Raises RefusedError where it has not failed, and
    where a later run of its object goes on meanwhile, beside which it must not."""
    run = _found(tx, id_)
    if run.state is not RunState.FAILED:
        raise RefusedError(f"run {id_} is {run.state.value}: only a failed run can be retried")
    current = versions.refresh(tx)
    assert current is not None, "there is a run, so something is deployed"
    mode = versions.get(tx, run.deployment).rules.flow(run.automation).automation.run.mode
    if mode != "parallel" and run.subject is not None and tx.live_runs(run.automation, run.subject):
        raise RefusedError(f"a later run of automation.{run.automation} goes on for {run.subject}: retry {id_} when that is over")
    gather(tx, versions, current.definitions, (), now, lambda work: work.runs.retry(id_))
    return tx.runs([id_])[id_]


def _found(tx: Transaction, id_: str) -> Run:
    run = tx.runs([id_]).get(id_)
    if run is None:
        raise RefusedError(f"there is no run {id_}; `sounding runs list` names them")
    return run

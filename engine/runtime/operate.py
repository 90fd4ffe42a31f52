"""What an operator does to a store: hold sending back, send again what was given up, let go of it.

Each operation is one transaction with plain JSON in and out, so that a command does the same through a daemon's control socket and,
where none runs, by itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from engine.deploy.versions import unpack
from engine.dsl.nearest import did_you_mean
from engine.errors import RefusedError, UsageError
from engine.model.delivery import Delivery, DeliveryState
from engine.model.feedback import InvitationState
from engine.model.runs import RunState, Skipped
from engine.runtime.claim import tell
from engine.runtime.cloudevents import MalformedEventError, UnsupportedMediaError, decode
from engine.runtime.people import event_part
from engine.store.lines import Pause, Unread
from engine.store.protocol import EVERYTHING, Incoming, Transaction

CONNECTION = "connection."
MAX_HELD = 100_000  # events behind parked ones that are looked through to say what one waits for
_AGAIN = frozenset({DeliveryState.DEAD, DeliveryState.UNKNOWN, DeliveryState.DROPPED})
_WITHDRAWN = frozenset({DeliveryState.DEAD, DeliveryState.UNKNOWN, DeliveryState.PENDING})

Said = Mapping[str, Any]  # JSON
Operation = Callable[[Transaction, Said, dt.datetime], dict[str, Any]]


def pause(tx: Transaction, said: Said, now: dt.datetime) -> dict[str, Any]:
    """``what`` (an address, a connection's name, or EVERYTHING) and ``by``. Raises UsageError for what is not deployed."""
    what = _known(tx, said["what"])
    return {"what": what, "changed": tx.pause(Pause(what=what, at=now, by=said["by"]))}


def resume(tx: Transaction, said: Said, now: dt.datetime) -> dict[str, Any]:
    """The opposite of `pause`; EVERYTHING ends that pause, and leaves those of single addresses and connections."""
    paused = {row.what for row in tx.pauses()}
    wanted = said["what"]
    what = wanted if wanted in paused else f"{CONNECTION}{wanted}"
    return {"what": what if what in paused else wanted, "changed": tx.resume(what)}


def _known(tx: Transaction, what: str) -> str:
    deployment = tx.deployment()
    if deployment is None:
        raise RefusedError("nothing is applied to this store yet. Run `sounding apply`")
    definitions = unpack(deployment)
    connections = {f"{CONNECTION}{name}" for name in definitions.project.connections}
    addresses = {address for address in deployment.fingerprints if address.startswith(("cadence.", "automation."))}
    for name in (what, f"{CONNECTION}{what}"):
        if name == EVERYTHING or name in connections | addresses:
            return name
    hint = did_you_mean(what, {name.removeprefix(CONNECTION) for name in connections} | addresses)
    raise UsageError(f"`{what}` is no cadence, automation or connection that is deployed" + (f"; {hint}" if hint else ""))


def retry(tx: Transaction, said: Said, now: dt.datetime) -> dict[str, Any]:
    """Send deliveries (``ids``) again that were given up, dropped or left in doubt; whether they may go is judged anew."""

    def again(row: Delivery) -> bool:
        if not tx.reopen(row, now):
            return False
        if row.invitation is not None:
            invitation = tx.invitations([row.invitation]).get(row.invitation)
            if invitation is not None and invitation.state in (InvitationState.DROPPED, InvitationState.SENT):
                tx.save_invitation(replace(invitation, state=InvitationState.PLANNED, reason=None))
        return True

    return _each(tx, said["ids"], _AGAIN, again)


def drop(tx: Transaction, said: Said, now: dt.datetime) -> dict[str, Any]:
    """Let go of deliveries (``ids``) that are waiting, in doubt or given up; ``by`` says who did."""
    reason = f"dropped by {said['by']}"

    def let_go(row: Delivery) -> bool:
        if not tx.withdraw(row, reason):
            return False
        tell(tx, row, Skipped(row.position, reason))
        if row.invitation is not None and row.state is not DeliveryState.UNKNOWN:
            invitation = tx.invitations([row.invitation]).get(row.invitation)
            if invitation is not None and invitation.state is InvitationState.PLANNED:
                tx.save_invitation(replace(invitation, state=InvitationState.DROPPED, reason=reason))
        return True

    return _each(tx, said["ids"], _WITHDRAWN, let_go)


def _failed_at(tx: Transaction, row: Delivery) -> bool:
    """Whether the run of a delivery has failed because of it: it hears what becomes of it now."""
    run = tx.runs([row.run or ""]).get(row.run or "")
    return run is not None and run.state is RunState.FAILED and row.position in run.dead


def _each(tx: Transaction, ids: Sequence[int], states: frozenset[DeliveryState], work: Callable[[Delivery], bool]) -> dict[str, Any]:
    """Do it where it can be done: ``done`` has these ids, ``refused`` the others with the reason."""
    found = {row.id: row for row in tx.deliveries(ids)}
    done: list[int] = []
    refused: dict[str, str] = {}
    for id_ in dict.fromkeys(ids):
        row = found.get(id_)
        if row is None:
            refused[str(id_)] = "there is no such delivery"
        elif row.state not in states:
            refused[str(id_)] = f"it is {row.state.value}"
        elif row.run is not None and not _failed_at(tx, row):
            # Its run has gone on without it; the row alone would bring nothing back.
            refused[str(id_)] = f"it is a step of run {row.run}: `sounding runs` changes that"
        elif work(row):
            done.append(id_)
    return {"done": done, "refused": refused}


def replay(tx: Transaction, said: Said, now: dt.datetime) -> dict[str, Any]:
    """Decide events (``events``) that were set aside once more, and read requests (``unread``) again that were not understood."""
    done = tx.replay(said["events"])
    refused = _not_aside(tx, said["events"], done)
    found = {row.id: row for row in tx.unread(said["unread"], len(said["unread"]))}
    read: list[int] = []
    for id_ in said["unread"]:
        why = _read_again(tx, found[id_], now) if id_ in found else "there is no such request"
        if why is None:
            read.append(id_)
        else:
            refused[f"u{id_}"] = why
    tx.forget_unread(read)
    return {"done": [*done, *(f"u{id_}" for id_ in read)], "refused": refused}


def _read_again(tx: Transaction, row: Unread, now: dt.datetime) -> str | None:
    """The reason why not, where it is not understood now either."""
    if row.door != "/events":
        return f"what came through {row.door} is sent again by its system"
    try:
        events = decode(row.body, row.headers.get("content-type", ""), row.headers, row.at)
    except (MalformedEventError, UnsupportedMediaError) as error:
        return str(error)
    tx.accept([Incoming(event=event, part=event_part(event.source, event.id, event.data)) for event in events], now)
    return None


def forget(tx: Transaction, said: Said, now: dt.datetime) -> dict[str, Any]:
    """Let go of events (``events``) that were set aside, and of requests (``unread``) that were not understood; ``by`` says who did."""
    dropped = tx.discard(said["events"], said["by"])
    there = [row.id for row in tx.unread(said["unread"], len(said["unread"]))]
    tx.forget_unread(there)
    refused = _not_aside(tx, said["events"], dropped) | {
        f"u{id_}": "there is no such request" for id_ in said["unread"] if id_ not in there
    }
    return {"done": [*dropped, *(f"u{id_}" for id_ in sorted(there))], "refused": refused}


def _not_aside(tx: Transaction, seqs: Sequence[int], done: Sequence[int]) -> dict[str, str]:
    """Why the others of some events could be neither replayed nor dropped."""
    behind = {waiting.seq: parked for waiting, parked in tx.held(MAX_HELD)} if len(done) < len(set(seqs)) else {}
    return {
        str(seq): f"it waits behind event {behind[seq]}: replay or drop that one"
        if seq in behind
        else "there is no such event, or it is not set aside"
        for seq in seqs
        if seq not in done
    }


OPERATIONS: Mapping[str, Operation] = {
    "pause": pause,
    "resume": resume,
    "retry": retry,
    "drop": drop,
    "replay": replay,
    "forget": forget,
}

"""Whether somebody may be asked now. One implementation: a pre-filter when deciding, the truth at the claim for sending.

What can only be said of the moment of sending (consent, audience, frequency) is not said while sending is put off: until then it
may be another. So a verdict at decision time never refuses whom the claim would allow.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from engine.dsl.expressions import meaning
from engine.dsl.expressions.to_python import Evaluator, to_function
from engine.dsl.uses import USES
from engine.model.definitions import Audience, Cadence, Definitions
from engine.model.feedback import Asked, Invitation, InvitationState
from engine.model.policies import FrequencyCap
from engine.model.terms import Expression
from engine.schedule.calendars import WorkingDay
from engine.schedule.durations import Duration
from engine.schedule.windows import next_open

Scope = Mapping[str, object]
Keys = Mapping[str, str]  # kind → key of the object
Lines = Callable[[str], Iterable[Asked]]  # of a group, in any order; what is older than `Eligibility.lookback` may be left out

# The field of a contact by which a channel reaches them.
ADDRESS_FIELDS: Mapping[str, str] = {"email": "email", "sms": "phone"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Allowed where ``reason`` is None; else put off where there is an ``until``; else refused. The reason names the rule."""

    reason: str | None = None
    until: dt.datetime | None = None

    @property
    def allowed(self) -> bool:
        return self.reason is None


ALLOWED = Verdict()
SUPPRESSED = "suppressed"  # the reason


# What counts may be on its way still, and be freed if it is rejected. So long to wait for it: the longer, the longer it took so far.
SETTLING = (dt.timedelta(seconds=2), dt.timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Who was asked. ``settled`` says of a line whether it is known what became of its message: until then it may be freed."""

    lines: Lines
    settled: Callable[[Asked], bool] = lambda line: True


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One message that is to ask somebody."""

    cadence: Cadence | None  # none: an automation asks
    survey: str
    channel: str
    part: int  # of the contact
    invitation: str  # its id: what it has reserved itself does not count against it
    due: dt.datetime
    lifetime: float | None  # seconds from then on in which it may still go out
    message: int = 0  # 0: the invitation; n: its n-th reminder
    suppressed: bool = False  # where its channel reaches the contact, nothing is sent any more


class Eligibility:
    """The policy of a project, compiled. Safe from several threads."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._project, self._audiences = definitions.project, definitions.audiences
        self._zone, self._works = ZoneInfo(definitions.project.timezone), definitions.project.works
        self._holds: dict[int, Evaluator] = {}  # by the identity of an expression, which lives as long as the definitions
        waits = [cadence.again for cadence in definitions.cadences.values() if cadence.again is not None]
        spans = [cap.per.at_most() for cap in self._project.frequency] + [again.at_most() for again in waits]
        self.lookback = max(spans, default=dt.timedelta())  # how long a line of the ledger can count
        self._counted = frozenset({"contact", "company"} | {cap.of for cap in self._project.frequency})

    # -- at the claim -------------------------------------------------------------------------------------------------------

    def may_send(self, asking: Asking, state: Invitation | None, scope: Scope, keys: Keys, ledger: Ledger, now: dt.datetime) -> Verdict:
        """Everything that is rechecked at the claim for sending. ``state`` is None where there is no invitation yet."""
        if state is not None and state.state is InvitationState.ANSWERED:
            return Verdict("answered")
        if state is not None and state.state in (InvitationState.EXPIRED, InvitationState.DROPPED):
            return Verdict(state.reason or state.state.value)
        if scope.get("contact") is None:
            return Verdict("no contact")
        if asking.suppressed:
            return Verdict(SUPPRESSED)
        last = asking.due + dt.timedelta(seconds=asking.lifetime) if asking.lifetime is not None else None
        if last is not None and now > last:
            return Verdict("expired before it could be sent")
        closed = self._closed(asking.cadence, scope, now)
        if closed is not None and closed.until is None:
            return Verdict(f"{closed.reason}: there is no time left")
        found = closed or self._again(asking, keys, ledger, now)
        if found is None:
            refused = self.refusal(asking.cadence, scope, keys)
            found = Verdict(refused) if refused is not None else self._over(asking, scope, keys, ledger, now)
        if found.until is not None and last is not None and found.until > last:
            return Verdict(f"{found.reason}; it expires before")
        return found

    def quiet_until(self, scope: Scope, now: dt.datetime) -> dt.datetime | None:
        """When a message may reach the contact, where that is not now."""
        quiet = self._project.quiet
        if quiet is None:
            return None
        opens = next_open(now, self._zone_of(scope), within=None, outside=quiet.between, closed=quiet.days)
        return opens if opens is None or opens > now else None

    def lines(self, asking: Asking, scope: Scope, keys: Keys, now: dt.datetime) -> list[Asked]:
        """What the ledger keeps of a message that goes out now."""
        return [
            Asked(
                part=asking.part,
                group=group,
                at=now,
                survey=asking.survey,
                channel=asking.channel,
                invitation=asking.invitation,
                message=asking.message,
            )
            for group in self._groups(scope, keys)
        ]

    # -- when deciding ------------------------------------------------------------------------------------------------------

    def pre_filter(self, cadence: Cadence, scope: Scope, keys: Keys, now: dt.datetime) -> str | None:
        """Why an invitation that is due now would be refused now; None where it would go out, or is put off for any reason."""
        if scope.get("contact") is None:
            return "no contact"
        if cadence.again is not None or (self._closed(cadence, scope, now) is not None):
            return None
        return self.refusal(cadence, scope, keys)

    # -- the rules ----------------------------------------------------------------------------------------------------------

    def refusal(self, cadence: Cadence | None, scope: Scope, keys: Keys) -> str | None:
        """Consent, audience and the cadence's own condition, on the data as they are in ``scope``."""
        contact = scope.get("contact")
        if not isinstance(contact, Mapping):
            return "no contact"
        if contact.get("opted_out"):
            return "contact.opted_out"
        policy = self._project.may_ask
        if policy is not None and not self._true(policy, scope):
            return f"may_ask: {policy.text}"
        if cadence is None:
            return None
        audience = self._audiences.get(cadence.audience)
        outside = self._outside(audience, scope, keys, frozenset()) if audience is not None else None
        if outside is not None:
            return outside
        if cadence.condition is not None and not self._true(cadence.condition, scope):
            return f"cadence.{cadence.name}: if {cadence.condition.text}"
        return None

    def _true(self, expression: Expression, scope: Scope) -> bool:
        function = self._holds.get(id(expression))
        if function is None:
            function = self._holds[id(expression)] = to_function(expression.term)
        return bool(function(scope))

    def _outside(self, audience: Audience, scope: Scope, keys: Keys, seen: frozenset[str]) -> str | None:
        """Why what is in ``scope`` does not belong to an audience."""
        name = f"audience.{audience.name}"
        if scope.get(audience.of) is None:
            return f"{name}: no {audience.of}"
        if audience.where is not None and not self._true(audience.where, scope):
            return f"{name}: {audience.where.text}"
        for other in audience.exclude:
            excluded = self._audiences.get(other)
            # Audiences that exclude each other: whoever is in the other one by its own conditions is out of both.
            if other not in seen and excluded is not None and self._outside(excluded, scope, keys, seen | {audience.name}) is None:
                return f"{name}: excludes audience.{other}"
        key = keys.get(audience.of)  # none where nothing is stored: whether it is in the sample cannot be told yet
        if key is not None and not sampled(audience, key, meaning.now(scope), self._zone):
            return f"{name}: not in its sample"
        return None

    def _again(self, asking: Asking, keys: Keys, ledger: Ledger, now: dt.datetime) -> Verdict | None:
        """The same survey not too soon again."""
        again = asking.cadence.again if asking.cadence is not None else None
        if again is None or asking.message:
            return None
        earlier = self._others(asking, f"contact/{keys.get('contact')}", ledger)
        same = [line for line in earlier if line.message == 0 and line.survey == asking.survey]
        until = [(again.after(line.at, self._zone, self._works), line) for line in same]
        early = [(end, line) for end, line in until if end > now]
        if not early:
            return None
        sure = [end for end, line in early if ledger.settled(line)]
        return Verdict(f"again: {again}", max(sure) if sure else _settling(asking, now))

    def _closed(self, cadence: Cadence | None, scope: Scope, now: dt.datetime) -> Verdict | None:
        quiet, between = self._project.quiet, cadence.between if cadence is not None else None
        if quiet is None and between is None:
            return None
        opens = next_open(
            now,
            self._zone_of(scope),
            within=between,
            outside=quiet.between if quiet is not None else None,
            closed=quiet.days if quiet is not None else (),
        )
        if opens is not None and opens <= now:
            return None
        why = " and ".join([*(["quiet"] if quiet is not None else []), *([f"between: {between}"] if between is not None else [])])
        return Verdict(why, opens)

    def _zone_of(self, scope: Scope) -> ZoneInfo:
        contact = scope.get("contact")
        name = contact.get("timezone") if isinstance(contact, Mapping) else None
        try:
            return ZoneInfo(name) if isinstance(name, str) and name else self._zone
        except (ValueError, OSError, LookupError):  # the contract may call any text a time zone
            return self._zone

    def _over(self, asking: Asking, scope: Scope, keys: Keys, ledger: Ledger, now: dt.datetime) -> Verdict:
        """The cap that one more message would break; put off where that depends on what is on its way."""
        unsure = None
        for cap in self._project.frequency:
            if (asking.message and cap.count != "messages") or cap.channel not in (None, asking.channel):
                continue
            group = _group(cap.of, scope, keys)
            if group is None or (cap.condition is not None and not self._true(cap.condition, scope)):
                continue
            counted = [line for line in self._others(asking, group, ledger) if _counts(cap, line, now, self._zone, self._works)]
            if len(counted) < cap.max:
                continue
            if sum(1 for _ in islice(filter(ledger.settled, counted), cap.max)) == cap.max:
                return Verdict(f"frequency: {cap_text(cap)}")
            unsure = unsure or Verdict(f"frequency: {cap_text(cap)}", _settling(asking, now))
        return unsure or ALLOWED

    def _others(self, asking: Asking, group: str, ledger: Ledger) -> Iterator[Asked]:
        return (line for line in ledger.lines(group) if (line.invitation, line.message) != (asking.invitation, asking.message))

    def _groups(self, scope: Scope, keys: Keys) -> list[str]:
        found = (_group(of, scope, keys) for of in sorted(self._counted))
        return [group for group in found if group is not None]


def _settling(asking: Asking, now: dt.datetime) -> dt.datetime:
    """When to look again at what depends on a message that is on its way."""
    least, most = SETTLING
    return now + min(max((now - asking.due) / 4, least), most)


def _counts(cap: FrequencyCap, line: Asked, now: dt.datetime, zone: ZoneInfo, works: WorkingDay) -> bool:
    """Whether a line still counts for a cap: it does until as long as the cap's span has passed behind it."""
    if (line.message and cap.count != "messages") or cap.channel not in (None, line.channel):
        return False
    return cap.per.after(line.at, zone, works) > now


def _group(of: str, scope: Scope, keys: Keys) -> str | None:
    """What a message is counted for: an object, or all with one value of a field. None where there is none."""
    kind, _, field = of.partition(".")
    if not field:
        return f"{kind}/{keys[kind]}" if kind in keys else None
    there = scope.get(kind)
    value = there.get(field) if isinstance(there, Mapping) else None
    return None if value is None else f"{of}={meaning.text_of(value)}"


def cap_text(cap: FrequencyCap) -> str:
    """A cap as a person reads it: `1 per 30d of contact`."""
    by = f" by {cap.channel}" if cap.channel is not None else ""
    return f"{cap.max} per {cap.per} of {cap.of}{by}"


_HASHES = float(2**64)


def sampled(audience: Audience, key: str, now: dt.datetime, zone: ZoneInfo) -> bool:
    """Whether an object is in the share of an audience that is asked. Its place is a hash, so raising the share keeps everyone; with
    `rotate` the share begins where that of the period before ended."""
    if audience.sample is None:
        return True
    place = int.from_bytes(hashlib.blake2b(f"{audience.name}\0{key}".encode(), digest_size=8).digest(), "big") / _HASHES
    if audience.rotate is None:
        return place < audience.sample
    start = (_period(audience.rotate, now, zone) * audience.sample) % 1.0
    return (place - start) % 1.0 < audience.sample


def _period(every: Duration, now: dt.datetime, zone: ZoneInfo) -> int:
    """Which period of a length it is, counted from 1970 by the calendar of ``zone``; weeks begin on Monday."""
    local = now.astimezone(zone)
    days = local.date().toordinal() - dt.date(1970, 1, 5).toordinal()
    months = local.year * 12 + local.month - 1
    count = max(every.count, 1)
    match every.unit:
        case "mo" | "q" | "y":
            return months // (count * {"mo": 1, "q": 3, "y": 12}[every.unit])
        case "w":
            return days // 7 // count
        case "d" | "bd":
            return days // count
    return int(now.timestamp() // every.at_most().total_seconds()) if every.count else 0


def address_for(channel: str, contact: Mapping[str, Any]) -> str | None:
    """Where a channel reaches a contact; None where it does not."""
    value = contact.get(ADDRESS_FIELDS.get(channel, ""))
    return value if isinstance(value, str) and value else None


def reaching(definitions: Definitions, via: Sequence[str], contact: Mapping[str, Any]) -> str | None:
    """The first of several connections that has an address of the contact."""
    connections = definitions.project.connections
    for name in via:
        channel = USES[connections[name].use].channel
        if channel is not None and address_for(channel, contact) is not None:
            return name
    return None


def no_address(via: Sequence[str]) -> str:
    """The reason why nobody is written to whom none of the connections reaches."""
    return f"no address for {' or '.join(via)}"

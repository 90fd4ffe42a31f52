"""SND807 and SND808: cadences against how often anyone may be asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from engine.checks.check import Check
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.dsl.uses import USES
from engine.model.definitions import Cadence, Project, address
from engine.model.frozen import frozen
from engine.model.policies import FrequencyCap
from engine.schedule.durations import Duration

MONTH = 365.25 / 12  # days
# Days of each unit, on average: a cap and a cadence are compared over a long time.
_DAYS = {"s": 1 / 86400, "m": 1 / 1440, "h": 1 / 24, "d": 1, "bd": 7 / 5, "w": 7, "mo": MONTH, "q": 3 * MONTH, "y": 12 * MONTH}
_YEAR = dt.datetime(2026, 1, 1), dt.datetime(2027, 1, 1)  # noqa: DTZ001  # only how often is counted
_OFTEN = 366  # times a year; what fires more often is counted as daily


def days(duration: Duration) -> float:
    """How many days it lasts on average."""
    return duration.count * _DAYS[duration.unit]


def period(cadence: Cadence) -> float | None:
    """Days between two waves; None for a cadence on events, which come as they come."""
    if cadence.every is not None:
        return days(cadence.every)
    if cadence.cron is None:
        return None
    from cronsim import CronSim  # needed only where somebody writes cron

    times = 0
    for instant in CronSim(cadence.cron, _YEAR[0]):
        if instant >= _YEAR[1] or times == _OFTEN:
            break
        times += 1
    return 365 / times if times else None


def strictest(project: Project, cadence: Cadence) -> tuple[FrequencyCap, float] | None:
    """The cap that lets the fewest invitations of a cadence through to one contact, and the days it puts between them.

    A cap that counts over a company or a field is taken at its best: nobody else shares it. One with an `if` is not for everybody.
    """
    channels = {USES[project.connections[name].use].channel for name in cadence.via}
    caps = [cap for cap in project.frequency if cap.condition is None and (cap.channel is None or channels == {cap.channel})]
    found = [(cap, days(cap.per) / cap.max) for cap in caps]
    return max(found, key=lambda item: item[1], default=None)


def _one(cadence: Cadence, project: Project) -> Iterator[Diagnostic]:
    between, cap = period(cadence), strictest(project, cadence)
    if between is None or cap is None or between >= cap[1] or (cadence.again is not None and days(cadence.again) >= cap[1]):
        return
    span = cadence.places.get("every" if cadence.every is not None else "cron", cadence.at)
    yield Diagnostic(
        code=NEVER.code,
        severity=NEVER.severity,
        message=f"frequency_never: this repeats faster than the strictest cap, {cap[0].max} in {cap[0].per}, ever lets through",
        file=span.file,
        span=span,
        hint=f"repeat it less often, or add `again` with at least {cap[1]:.0f}d",
        address=address(cadence),
    )


@frozen
class _Wish:
    invitations: float  # a month that a cadence may want for one contact
    messages: float  # that each of them is at most: itself, and its reminders
    allowed: float  # a month by the strictest cap, of what that counts
    counts: str  # invitations, or messages


def _facts(cadence: Cadence, project: Project) -> Iterator[tuple[str, _Wish]]:
    between, cap = period(cadence), strictest(project, cadence)
    distances = [found for found in (between, days(cadence.again) if cadence.again is not None else None) if found]
    if distances and cap is not None:
        reminders = cadence.remind.max if cadence.remind is not None else 0
        wish = _Wish(invitations=MONTH / max(distances), messages=1 + reminders, allowed=MONTH / cap[1], counts=cap[0].count)
        yield "invitations", wish


def _judge(_group: str, facts: Sequence[_Wish], project: Project) -> Iterator[Diagnostic]:
    widest = max(facts, key=lambda wish: wish.allowed)
    reminded, allowed = widest.counts == "messages", widest.allowed
    wanted = sum(wish.invitations * (wish.messages if reminded else 1) for wish in facts)
    # One cadence that wants too many invitations is reported as that.
    alone = len(facts) == 1 and (widest.messages == 1 or widest.invitations > allowed * (1 + 1e-9))
    if alone or wanted <= allowed * (1 + 1e-9):
        return
    what = "messages (invitations and reminders)" if reminded else "invitations"
    span = min((cap.at for cap in project.frequency if cap.condition is None), key=lambda at: (at.line, at.column))
    yield Diagnostic(
        code=CROWDED.code,
        severity=CROWDED.severity,
        message=f"the cadences may want {wanted:.1f} {what} a month for one contact; the caps let {allowed:.1f} through",
        file=span.file,
        span=span,
        hint="the rest is dropped, the lowest `priority` first: ask less often, or of fewer audiences",
        address=f"project.{project.name}",
    )


def _project(every: str, again: str = "") -> str:
    return f"""project: shop
objects: {{contact: {{email: optional email}}}}
connections: {{mail: {{use: smtp, host: smtp.shop.test, from: cx@shop.test}}}}
frequency: [{{max: 1, per: 30d, of: contact}}]
---
survey: visit
metric: nps
questions: {{score: {{type: nps, ask: Would you recommend us?}}}}
---
audience: all
of: contact
---
cadence: often
survey: visit
audience: all
every: {every}
via: [mail]
{again}"""


_SECOND = "---\ncadence: other\nsurvey: visit\naudience: all\nevery: {every}\nvia: [mail]\n"
NEVER = Check(
    code="SND807",
    severity=Severity.WARNING,
    title="a cadence that repeats faster than the caps allow (frequency_never)",
    explanation=(
        "`every` or `cron` comes round sooner than the strictest cap of `frequency` lets anyone be asked again, so waves are planned that "
        "are dropped. An `again` that is at least as long says that it is meant so. Months count as 30.4 days."
    ),
    kinds=(Cadence,),
    one=_one,
    fails=_project("1w"),
    passes=_project("1w", "again: 30d\n"),
)
CROWDED = Check(
    code="SND808",
    severity=Severity.INFO,
    title="more invitations than the caps let through",
    explanation=(
        "Each cadence keeps within the caps, but a contact who is in all the audiences would be asked more often by all of them together. "
        "Counted are cadences by the calendar, and those with `again`, at their fastest; how often events come nobody knows. Reminders "
        "count where the cap does (`count: messages`), as for somebody who never answers."
    ),
    kinds=(Cadence,),
    facts=_facts,
    judge=_judge,
    whole=True,
    fails=_project("1mo") + _SECOND.format(every="1mo"),
    passes=_project("1q") + _SECOND.format(every="1q"),
)
CHECKS = (NEVER, CROWDED)

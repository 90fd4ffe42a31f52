"""Whatever the order of invitations, reminders, rejections, second attempts and time: nobody is asked more often than the policy says,
and nobody is refused whom it allows, nor for a message that may yet be rejected. The oracle looks at every window that there is."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from engine.checks.run import check_project
from engine.dsl.expressions.meaning import NOW, ZONE
from engine.model.definitions import Cadence
from engine.model.feedback import Asked
from engine.model.policies import FrequencyCap
from engine.rules.compile import RuleSet
from engine.rules.eligibility import Asking, Eligibility, Ledger

START = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
SPAN = {"6h": dt.timedelta(hours=6), "2d": dt.timedelta(days=2), "1w": dt.timedelta(weeks=1)}
CAPS = (
    "max: 1, per: 2d, of: contact",
    "max: 2, per: 1w, of: contact",
    "max: 2, per: 2d, of: contact, count: messages",
    "max: 3, per: 1w, of: company",
    "max: 2, per: 2d, of: contact.country",
    "max: 1, per: 1w, of: contact, channel: sms",
    "max: 4, per: 1w, of: company, count: messages, channel: email",
    'max: 1, per: 1w, of: contact, if: contact.country == "UA"',
    "max: 1, per: 6h, of: deal",
)
PROJECT = """project: shop
languages: [en]
timezone: UTC
objects:
  contact: {country: optional country}
  company: {name: optional text}
  deal: {title: optional text}
events: {order.delivered: {object: deal}}
connections:
  mail: {use: smtp, host: smtp.shop.test, from: cx@shop.test}
  sms: {use: twilio, account: AC1, token: {env: T}, from: "+15005550006"}
frequency:
CAPS---
survey: nps
metric: nps
questions: {score: {type: nps, ask: Score?}}
---
audience: all
of: contact
---
cadence: after_delivery
survey: nps
audience: all
when: order.delivered
via: [mail]
"""


@cache
def policy(caps: tuple[str, ...]) -> tuple[Eligibility, Cadence, tuple[FrequencyCap, ...]]:
    with TemporaryDirectory() as folder:
        (Path(folder) / "sounding.yaml").write_text(PROJECT.replace("CAPS", "".join(f"  - {{{cap}}}\n" for cap in caps)), encoding="utf-8")
        loaded = check_project(Path(folder))
    assert not loaded.findings.errors, loaded.findings.items
    assert loaded.definitions is not None
    return RuleSet(loaded.definitions).eligibility, loaded.definitions.cadences["after_delivery"], loaded.definitions.project.frequency


@dataclass(slots=True)
class Message:
    """One that is out, as the oracle remembers it."""

    invitation: str
    number: int  # 0: the invitation
    channel: str
    at: dt.datetime
    groups: dict[str, str]  # `of` → whom it counts for
    settled: bool = False  # it is known that it arrived


@dataclass(slots=True)
class Person:
    key: str
    company: str | None
    country: str | None = None
    deals: int = field(default=0)


class Frequency(RuleBasedStateMachine):
    sent = Bundle("sent")

    @initialize(caps=st.lists(st.sampled_from(CAPS), min_size=1, max_size=3, unique=True))
    def begin(self, caps: list[str]) -> None:
        self.policy, self.cadence, self.caps = policy(tuple(caps))
        self.now = START
        self.people = [Person("a", "x"), Person("b", "x"), Person("c", None)]
        self.ledger: dict[tuple[str, str, int], Asked] = {}
        self.history: list[Message] = []
        self.number = 0

    # -- what happens

    @rule(hours=st.sampled_from([1, 6, 24, 42, 48, 167, 168]))  # so that ends of windows are met exactly
    def time_passes(self, hours: int) -> None:
        self.now += dt.timedelta(hours=hours)

    @rule(who=st.integers(0, 2), country=st.sampled_from(["UA", "PL", None]))
    def somebody_moves(self, who: int, country: str | None) -> None:
        self.people[who].country = country

    @rule(target=sent, who=st.integers(0, 2), channel=st.sampled_from(["email", "sms"]), deal=st.integers(0, 1))
    def an_invitation_is_due(self, who: int, channel: str, deal: int) -> object:
        self.number += 1
        return self.try_to_send(who, Message(f"i{self.number}", 0, channel, self.now, self.groups(who, deal)), deal)

    @rule(target=sent, of=sent, later=st.integers(1, 3))
    def a_reminder_is_due(self, of: tuple[int, Message, int], later: int) -> object:
        who, first, deal = of
        return self.try_to_send(who, Message(first.invitation, first.number + later, first.channel, self.now, self.groups(who, deal)), deal)

    @rule(of=consumes(sent))
    def a_message_has_arrived(self, of: tuple[int, Message, int]) -> None:
        of[1].settled = True

    @rule(of=consumes(sent))
    def a_message_was_rejected(self, of: tuple[int, Message, int]) -> None:
        self.forget(of[1])

    @rule(target=sent, of=consumes(sent))
    def a_message_is_tried_again(self, of: tuple[int, Message, int]) -> object:
        """It may have arrived or not; the claim judges it anew, and it does not stand in its own way."""
        who, before, deal = of
        known = [one for one in self.history if (one.invitation, one.number) == (before.invitation, before.number)]
        again = Message(before.invitation, before.number, before.channel, self.now, self.groups(who, deal))
        self.history = [one for one in self.history if one not in known]
        found = self.try_to_send(who, again, deal)
        if again not in self.history:  # refused: what it has reserved stays, since it may have arrived
            self.history += known
        return found

    # -- both sides

    def groups(self, who: int, deal: int) -> dict[str, str]:
        person = self.people[who]
        known = {"contact": person.key, "company": person.company, "contact.country": person.country, "deal": f"{person.key}{deal}"}
        return {of: value for of, value in known.items() if value is not None}

    def try_to_send(self, who: int, message: Message, deal: int) -> object:
        person = self.people[who]
        scope: dict[str, object] = {"contact": {"country": person.country}, NOW: self.now, ZONE: dt.UTC}
        keys = {of: value for of, value in message.groups.items() if "." not in of}
        asking = Asking(
            cadence=self.cadence,
            survey="nps",
            channel=message.channel,
            part=0,
            invitation=message.invitation,
            due=self.now,
            lifetime=None,
            message=message.number,
        )
        verdict = self.policy.may_send(asking, None, scope, keys, Ledger(self.lines_of, self.settled), self.now)
        assert verdict.allowed is not self.breaks(message, person, self.history), verdict.reason
        if not verdict.allowed:  # for good where all arrived that it would be too many with
            refused = self.breaks(message, person, [one for one in self.history if one.settled])
            assert (verdict.until is None) is refused, verdict.reason
        if not verdict.allowed:
            return multiple()
        self.forget(message)
        for line in self.policy.lines(asking, scope, keys, self.now):
            self.ledger[line.group, line.invitation, line.message] = line
        self.history.append(message)
        return who, message, deal

    def lines_of(self, group: str) -> list[Asked]:
        return [line for line in self.ledger.values() if line.group == group and line.at >= self.now - self.policy.lookback]

    def settled(self, line: Asked) -> bool:
        return any(one.settled for one in self.history if (one.invitation, one.number) == (line.invitation, line.message))

    def forget(self, message: Message) -> None:
        self.history = [one for one in self.history if (one.invitation, one.number) != (message.invitation, message.number)]
        gone = [key for key in self.ledger if key[1:] == (message.invitation, message.number)]
        for key in gone:
            del self.ledger[key]

    # -- the oracle

    def breaks(self, message: Message, person: Person, beside: list[Message]) -> bool:
        """Whether one more message makes some window hold more than a cap allows."""
        others = [one for one in beside if (one.invitation, one.number) != (message.invitation, message.number)]
        return any(
            self.too_many(cap, [*others, message], message.groups[cap.of], since=message)
            for cap in self.caps
            if cap.of in message.groups
            and (cap.condition is None or person.country == "UA")
            and (not message.number or cap.count == "messages")
            and cap.channel in (None, message.channel)
        )

    def too_many(self, cap: FrequencyCap, messages: list[Message], group: str, since: Message | None = None) -> bool:
        counted = [
            one
            for one in messages
            if one.groups.get(cap.of) == group and (not one.number or cap.count == "messages") and cap.channel in (None, one.channel)
        ]
        for first in counted:
            inside = [one for one in counted if first.at <= one.at < first.at + SPAN[str(cap.per)]]
            if len(inside) > cap.max and (since is None or since in inside):
                return True
        return False

    @invariant()
    def nobody_was_asked_more_often_than_the_policy_says(self) -> None:
        for cap in getattr(self, "caps", ()):
            if cap.condition is None:
                for group in {one.groups[cap.of] for one in self.history if cap.of in one.groups}:
                    assert not self.too_many(cap, self.history, group)


TestFrequency = Frequency.TestCase
TestFrequency.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)

"""The same bound through the real turn, outbox and claim: several cadences, priorities, quiet hours and rejections, in any order."""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import small_project
from bench import Bench, bench, event
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from engine.model.delivery import DeliveryState, Rejected, Repeat, Sent
from engine.runtime.claim import Claimed
from engine.runtime.results import Result, state_after, write_results

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
CAPS = {"frequency: 1 per 2d of contact": (1, 2 * DAY, "contact"), "frequency: 3 per 1w of company": (3, 7 * DAY, "company")}
PROJECT = {
    "may_ask: not": "frequency: [{max: 1, per: 2d, of: contact}, {max: 3, per: 1w, of: company}]\n"
    'quiet: {between: "22:00-07:00"}\nmay_ask: not',
    "  feed: {use": '  post: {use: smtp, host: post.shop.test, from: "cx@shop.test"}\n  feed: {use',
    "via: [mail]\nexpires: 14d\n": "via: [mail]\nexpires: 14d\nagain: 4d\n---\n"
    "cadence: by_post\nsurvey: csat_visit\naudience: buyers\nwhen: order.delivered\nvia: [post]\nexpires: 3d\npriority: 5\n",
}


class Claims(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        folder = self.stack.enter_context(TemporaryDirectory())
        self.engine: Bench = self.runner.run(self.stack.enter_async_context(bench(Path(folder), small_project.definitions(PROJECT))))
        self.sent: list[tuple[dt.datetime, dict[str, str], str]] = []  # when, to whom, survey: may have arrived
        self.arrived: list[tuple[dt.datetime, dict[str, str]]] = []
        self.hands: list[Claimed] = []
        self.claimed_at: dict[int, dt.datetime] = {}
        self.judged: set[int] = set()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.stack.aclose())
            self.runner.close()

    @property
    def now(self) -> dt.datetime:
        return self.engine.clock.now()

    # -- what happens

    @rule(hours=st.sampled_from([1, 4, 14, 24, 48]))
    def time_passes(self, hours: int) -> None:
        self.engine.clock.advance(hours * HOUR)

    @rule(who=st.integers(0, 3), visit=st.booleans())
    def something_happened(self, who: int, visit: bool) -> None:
        contact = {"contact": {"id": str(who), "email": f"{who}@example.test"}, "company": {"id": str(who // 2), "name": "Acme"}}
        carried = contact if visit else {**contact, "deal": {"id": f"d{who}", "title": "Coat"}}
        self.runner.run(self.engine.turn(event("visit.ended" if visit else "order.delivered", carried, time=self.now)))

    @rule(connection=st.sampled_from(["mail", "post"]), limit=st.integers(1, 4))
    def a_courier_comes(self, connection: str, limit: int) -> None:
        claimed = self.runner.run(self.engine.claim(connection, limit))
        if claimed:
            local = (self.now + 3 * HOUR).time()  # Moscow
            assert dt.time(7) <= local < dt.time(22)
        for item in claimed:
            assert item.invitation is not None
            # As long as it is not known, it counts: it may have arrived.
            self.sent.append((self.now, dict(item.delivery.subjects), item.invitation.survey))
            self.claimed_at[item.delivery.id] = self.now
        self.hands += claimed
        self.look_at_refusals()

    @rule(index=st.integers(0, 9))
    def a_message_arrives(self, index: int) -> None:
        if self.hands:
            item = self.hands.pop(index % len(self.hands))
            claimed = item.delivery
            self.arrived.append((self.claimed_at.pop(claimed.id), dict(claimed.subjects)))
            result = Result(item=item, outcome=Sent(), state=DeliveryState.DONE, at=self.now, wait=HOUR)
            self.runner.run(self.engine.store.write(lambda tx: write_results(tx, [result])))

    @rule(index=st.integers(0, 9), permanent=st.booleans())
    def a_message_is_rejected(self, index: int, permanent: bool) -> None:
        if not self.hands:
            return
        item = self.hands.pop(index % len(self.hands))
        assert item.invitation is not None
        outcome = Rejected(reason="not now", permanent=permanent)
        state = state_after(item.delivery, outcome, Repeat.NEITHER)
        result = Result(item=item, outcome=outcome, state=state, at=self.now, wait=HOUR)
        self.runner.run(self.engine.store.write(lambda tx: write_results(tx, [result])))
        survey, subjects = item.invitation.survey, dict(item.delivery.subjects)
        mine = [one for one in self.sent if one[1] == subjects and one[2] == survey]
        self.sent.remove(mine[-1])

    # -- what must hold

    def look_at_refusals(self) -> None:
        """Whoever is refused for a cap would have broken it, whatever becomes of what is on its way: so many have arrived in the window
        that ends now."""
        for line in self.runner.run(self.engine.outbox(DeliveryState.DROPPED)):
            if line.delivery.id in self.judged or line.reason not in CAPS:
                continue
            self.judged.add(line.delivery.id)
            most, span, kind = CAPS[line.reason]
            key = line.delivery.subjects[kind]
            assert sum(to[kind] == key and at + span > self.now for at, to in self.arrived) >= most

    @invariant()
    def no_window_holds_more_than_the_policy_says(self) -> None:
        for most, span, kind in CAPS.values():
            for first, to, _ in getattr(self, "sent", ()):
                assert sum(other[kind] == to[kind] and first <= at < first + span for at, other, _ in self.sent) <= most

    @invariant()
    def the_same_survey_is_not_sent_again_too_soon(self) -> None:
        nps = [(at, to["contact"]) for at, to, survey in getattr(self, "sent", ()) if survey == "nps_delivery"]
        for at, who in nps:
            assert sum(other == who and at <= when < at + 4 * DAY for when, other in nps) == 1


TestClaims = Claims.TestCase
TestClaims.settings = settings(max_examples=12, stateful_step_count=40, deadline=None)

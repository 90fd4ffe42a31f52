"""Which automations an event fires, for 10 to 10,000 of them, beside other rule engines and beside Python written by hand.

What is measured is ``RuleSet.holding`` on the scope that the daemon builds, and for each peer the same question: which rules hold
for this answer? The project is real YAML of our language, read by the real loader; the peers' rules are translated from the checked
conditions, so that all have the same ones. Every engine must return the same matches, or the run fails.

How fair it is:

- We and `by_hand` take the dictionary that the daemon has. A peer takes the form that suits it best: a dictionary, a CEL context, the
  slots of a fact. ``us`` is its time from a dictionary, as our own is; ``prepared_us`` has that form ready before the clock starts,
  as if events came in it.
- A peer that judges conditions one by one is given an index by survey, which it does not have of its own. CLIPS and durable_rules
  have indexes and get all rules.
- All are warmed up: what is compiled lazily, here or there, has been compiled. What that costs us is printed: ``ready_s`` until the
  first event is answered, ``first_pass_us`` for an event while the code for it is still being made.
- The time is the processor's, the least of several rounds: other work on the machine slows a round, nothing speeds one up.
- Rust and C run behind a Python call in the peers; that call is theirs, since a Python program has to make it.

`by_hand` is the yardstick from the other side: a Python function with an `if` for each rule, for each survey.
`growth` compares 10,000 automations with 10 at equal numbers of hits: both without rules for every survey. `decide` is the whole
decision of an event with its effects.

One line of JSON goes to stdout, words to stderr. Nothing is asserted about speed.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from _rules_peers import PEERS, Peer, Rule, by_hand, facts, imported
from _rules_project import Answer, answers, scopes, write_project

from engine.dsl.load import load
from engine.model.definitions import Definitions
from engine.rules.compile import RuleSet
from engine.rules.decide import decide

SIZES = (10, 100, 1_000, 10_000)
ROUNDS = 7
PEER_ROUNDS = 3
PEER_SECONDS = 0.3  # of a peer's round: a slow one is asked about fewer events


def loaded(automations: int, **options: float) -> tuple[Definitions, float]:
    """The project, and the seconds that it took to load."""
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), automations, **options)
        start = time.process_time()
        found = load(Path(folder))
        taken = time.process_time() - start
    if found.definitions is None or found.findings.errors:
        raise SystemExit(f"the project does not load: {found.findings.items[:3]}")
    return found.definitions, taken


def rules_of(definitions: Definitions) -> list[Rule]:
    """The automations as the peers get them."""
    found = []
    for number, name in enumerate(sorted(definitions.automations)):
        automation = definitions.automations[name]
        assert automation.condition is not None
        survey = automation.when[0].split(".")[1] if len(automation.when) == 1 else None
        found.append(Rule(number, survey, automation.condition.term))
    return found


def least(rounds: int, run: Callable[[], object]) -> float:
    """The processor seconds of the quickest round."""
    gc.collect()
    gc.disable()
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    gc.enable()
    return min(taken)


def micro(seconds: float, events: int) -> float:
    return round(seconds / events * 1e6, 3)


def asked(holding: Callable[[str, Any], object], events: Sequence[tuple[str, Any]]) -> Callable[[], None]:
    def run() -> None:
        for kind, event in events:
            holding(kind, event)

    return run


def us(definitions: Definitions, events: Sequence[Answer]) -> tuple[dict[str, Any], list[list[int]], RuleSet]:
    """Our own figures, what holds for each event, and the rules, warm."""
    start = time.process_time()
    rules = RuleSet(definitions)
    made = time.process_time() - start
    prepared = scopes(RuleSet(definitions), events)
    start = time.process_time()
    rules.holding(*prepared[0])
    ready = made + time.process_time() - start
    start = time.process_time()
    hits = [rules.holding(kind, scope) for kind, scope in prepared]
    first_pass = time.process_time() - start
    found = {
        "ready_s": round(ready, 4),
        "first_pass_us": micro(first_pass, len(events)),
        "us": micro(least(ROUNDS, asked(rules.holding, prepared)), len(events)),
        "hits": round(sum(map(len, hits)) / len(events), 2),
    }
    return found, [[int(one.rule.name[1:]) for one in held] for held in hits], rules


def hot_reload(rules: RuleSet, events: Sequence[Answer]) -> dict[str, Any]:
    """A version in which one automation has another condition: until it has answered each event once, and all of it anew."""
    definitions = rules.definitions
    one, other = sorted(definitions.automations)[:2]
    changed = replace(definitions.automations[one], condition=definitions.automations[other].condition)
    after = replace(definitions, automations={**definitions.automations, one: changed})
    prepared = scopes(rules, events)
    taken = []
    for earlier in (rules, None):
        gc.collect()
        start = time.process_time()
        asked(RuleSet(after, earlier).holding, prepared)()
        taken.append(time.process_time() - start)
    return {"reload_s": round(taken[0], 3), "anew_s": round(taken[1], 3)}


def peer_figures(peer: Peer, rules: Sequence[Rule], events: Sequence[Answer], expected: Sequence[Sequence[int]]) -> dict[str, Any]:
    module = imported(peer)
    if module is None:
        return {"absent": f"{peer.module} is not installed"}
    if len(rules) > peer.most:
        return {"left_out": f"takes too long beyond {peer.most} rules"}
    start = time.process_time()
    prepare, matches = peer.build(module, rules)
    built = time.process_time() - start
    given = [facts(event) for event in events]
    start = time.process_time()
    for event in given[:20]:
        matches(prepare(event))
    count = max(20, min(len(events), int(PEER_SECONDS / ((time.process_time() - start) / 20))))
    prepared = [prepare(event) for event in given[:count]]
    wrong = next((at for at, event in enumerate(prepared) if list(matches(event)) != expected[at]), None)
    if wrong is not None:
        raise SystemExit(f"{peer.name} finds {matches(prepared[wrong])} for {given[wrong]}, and we {expected[wrong]}")

    def with_preparing() -> None:
        for event in given[:count]:
            matches(prepare(event))

    def alone() -> None:
        for event in prepared:
            matches(event)

    taken, prepared_taken = least(PEER_ROUNDS, with_preparing), least(PEER_ROUNDS, alone)
    return {"us": micro(taken, count), "prepared_us": micro(prepared_taken, count), "built_s": round(built, 3), "events": count}


def by_hand_us(rules: Sequence[Rule], definitions: Definitions, events: Sequence[Answer], expected: Sequence[Sequence[int]]) -> float:
    matches = by_hand(rules)
    prepared = [(event.survey, scope) for event, (_, scope) in zip(events, scopes(RuleSet(definitions), events), strict=True)]
    if [matches(survey, scope) for survey, scope in prepared] != expected:
        raise SystemExit("the rules written by hand find something else")
    return micro(least(ROUNDS, asked(matches, prepared)), len(events))


def measured(automations: int, count: int, peers: Sequence[Peer]) -> dict[str, Any]:
    definitions, load_s = loaded(automations)
    events = answers(automations, count)
    found, expected, rules = us(definitions, events)
    prepared = scopes(rules, events)
    decided = least(ROUNDS, asked(lambda kind, scope: decide(rules, kind, scope), prepared))
    flat = rules_of(definitions)
    found |= {"load_s": round(load_s, 3), **hot_reload(rules, events), "decide_us": micro(decided, len(events))}
    found["by_hand_us"] = by_hand_us(flat, definitions, events, expected)
    found["of_by_hand"] = round(found["us"] / found["by_hand_us"], 2)
    found["peers"] = {peer.name: peer_figures(peer, flat, events, expected) for peer in peers}
    for form in ("us", "prepared_us"):
        present = {name: figures[form] for name, figures in found["peers"].items() if form in figures}
        if present:
            best = min(present, key=lambda name: present[name])
            found[f"best_peer_{form}"] = {"name": best, "us": present[best], "times": round(present[best] / found["us"], 1)}
    return found


def growth(small: int, large: int, count: int) -> dict[str, Any]:
    """What an event costs among ``large`` automations, as a multiple of what it costs among ``small``, each time with as many hits."""
    found = {}
    for automations in (small, large):
        definitions, _ = loaded(automations, shared=0.0)
        figures, _, _ = us(definitions, answers(automations, count))
        found[str(automations)] = {"us": figures["us"], "hits": figures["hits"]}
    return {**found, "ratio": round(found[str(large)]["us"] / found[str(small)]["us"], 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of automations")
    parser.add_argument("--events", type=int, default=1_000, help="answers to decide on")
    parser.add_argument("--peer", action="append", help="only peers whose name contains this; `none` for none")
    options = parser.parse_args()
    peers = [peer for peer in PEERS if options.peer is None or any(word in peer.name for word in options.peer)]
    by_size = {}
    for size in options.sizes:
        by_size[str(size)] = figures = measured(size, options.events, peers)
        print(f"{size} automations: {figures['us']} µs an event, best peer: {figures.get('best_peer_us')}", file=sys.stderr)
    result = {
        "benchmark": "rules",
        "sizes": by_size,
        "growth": growth(min(options.sizes), max(options.sizes), options.events),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

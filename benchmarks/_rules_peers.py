"""Other rule engines under the same rules: each condition is translated from the checked term that our own engine compiles.

A peer that judges conditions one by one gets what one would write around it: a dictionary from the survey to its rules, so that
it is not asked about the rules of others. Engines with an index of their own (CLIPS, durable_rules) get all rules at once. Whatever
a peer lets one prepare for an event is prepared outside the clock.
"""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from _rules_project import Answer

from engine.model import terms as t

Matches = Callable[[Any], Sequence[int]]  # a prepared event → the numbers of the rules that hold, in order
Prepare = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Rule:
    number: int
    survey: str | None  # None: for the answers to every survey
    condition: t.Term


@dataclass(frozen=True, slots=True)
class Peer:
    """``build`` gives the function that is timed; ``most`` is where it takes too long to be built or asked."""

    name: str
    module: str  # what it is imported by
    build: Callable[[Any, Sequence[Rule]], tuple[Prepare, Matches]]
    most: int = 10_000


def facts(answer: Answer) -> dict[str, Any]:
    """An event as the peers get it; a missing comment is an empty one."""
    given = answer.data
    return {
        "survey": answer.survey,
        "score": given["answers"]["score"],
        "comment": given["answers"]["comment"] or "",
        **{name: dict(given[name]) for name in ("contact", "deal", "invitation")},
    }


# -- conditions in other languages --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Infix:
    """A language that differs from ours in its words."""

    words: Mapping[str, str]  # and, or, not
    listing: str = "[{}]"
    missing: str = '{} == ""'
    name: Callable[[tuple[str, ...]], str] = ".".join

    def write(self, term: t.Term) -> str:
        match term:
            case t.And() | t.Or():
                word = self.words["and" if isinstance(term, t.And) else "or"]
                return "(" + f" {word} ".join(self.write(operand) for operand in term.operands) + ")"
            case t.Not():
                return f"{self.words['not']}({self.write(term.operand)})"
            case t.Compare():
                return f"{self.write(term.left)} {term.op} {self.write(term.right)}"
            case t.Within():
                return f"{self.write(term.item)} in {self.write(term.collection)}"
            case t.Listing():
                return self.listing.format(", ".join(self.write(item) for item in term.items))
            case t.IsNone():
                return self.missing.format(self.write(term.operand))
            case t.Load():
                return self.name(term.path)
            case t.Constant():
                return json.dumps(term.value)
        raise AssertionError(f"the project has no {type(term).__name__}")


WORDS = Infix({"and": "and", "or": "or", "not": "not "})
SIGNS = Infix({"and": "&&", "or": "||", "not": "!"})


def json_logic(term: t.Term) -> Any:
    match term:
        case t.And() | t.Or():
            return {"and" if isinstance(term, t.And) else "or": [json_logic(operand) for operand in term.operands]}
        case t.Not():
            return {"!": [json_logic(term.operand)]}
        case t.Compare():
            return {term.op: [json_logic(term.left), json_logic(term.right)]}
        case t.Within():
            return {"in": [json_logic(term.item), json_logic(term.collection)]}
        case t.Listing():
            return [json_logic(item) for item in term.items]
        case t.IsNone():
            return {"==": [json_logic(term.operand), ""]}
        case t.Load():
            return {"var": ".".join(term.path)}
        case t.Constant():
            return term.value
    raise AssertionError(f"the project has no {type(term).__name__}")


@dataclass(frozen=True, slots=True)
class Test:
    """A path and what is asked of it: ``op`` is a comparison, `in`, or `not in`."""

    path: tuple[str, ...]
    op: str
    value: Any


_NEGATED = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}


def test_of(term: t.Term) -> Test | None:
    """The term as a test of one path; None for what joins others."""
    match term:
        case t.Compare(left=t.Load() as read, right=t.Constant() as constant):
            return Test(read.path, term.op, constant.value)
        case t.Compare(left=t.Constant() as constant, right=t.Load() as read):
            return Test(read.path, _TURNED[term.op], constant.value)
        case t.Within(item=t.Load() as read, collection=t.Listing() as listing):
            return Test(read.path, "in", tuple(item.value for item in listing.items if isinstance(item, t.Constant)))
        case t.IsNone(operand=t.Load() as read):
            return Test(read.path, "==", "")
        case t.Not():
            inner = test_of(term.operand)
            return Test(inner.path, _NEGATED[inner.op], inner.value) if inner is not None else None
    return None


def alternatives(term: t.Term) -> list[tuple[Test, ...]]:
    """Conjunctions of tests, one of which must hold."""
    single = test_of(term)
    if single is not None:
        return [(single,)]
    if isinstance(term, t.Or):
        return [conjunction for operand in term.operands for conjunction in alternatives(operand)]
    assert isinstance(term, t.And), f"the project negates no {type(term).__name__}"
    return [tuple(itertools.chain(*parts)) for parts in itertools.product(*(alternatives(operand) for operand in term.operands))]


# -- engines ------------------------------------------------------------------------------------------------------------


def by_survey(rules: Sequence[Rule], compiled: Callable[[Rule], Callable[[Any], Any]]) -> Callable[[str, Any], list[int]]:
    """Asks the rules of one survey and those of every survey."""
    index: dict[str, list[tuple[int, Callable[[Any], Any]]]] = {}
    common = [(rule.number, compiled(rule)) for rule in rules if rule.survey is None]
    for rule in rules:
        if rule.survey is not None:
            index.setdefault(rule.survey, []).append((rule.number, compiled(rule)))
    if not common:
        return lambda survey, event: [number for number, holds in index.get(survey, ()) if holds(event)]

    def matches(survey: str, event: Any) -> list[int]:
        found = [number for number, holds in index.get(survey, ()) if holds(event)]
        others = [number for number, holds in common if holds(event)]
        return sorted(found + others) if found and others else found or others

    return matches


def _one_by_one(rules: Sequence[Rule], compiled: Callable[[Rule], Callable[[Any], Any]], prepare: Prepare) -> tuple[Prepare, Matches]:
    matches = by_survey(rules, compiled)
    return (lambda event: (event["survey"], prepare(event))), (lambda event: matches(*event))


def _as_it_is(event: Mapping[str, Any]) -> Any:
    return event


def cel(module: Any, rules: Sequence[Rule]) -> tuple[Prepare, Matches]:
    def prepare(event: Mapping[str, Any]) -> Any:
        return module.Context(variables=event)

    return _one_by_one(rules, lambda rule: module.compile(SIGNS.write(rule.condition)).execute, prepare)


def zen_expressions(module: Any, rules: Sequence[Rule]) -> tuple[Prepare, Matches]:
    return _one_by_one(rules, lambda rule: module.compile_expression(WORDS.write(rule.condition)).evaluate, _as_it_is)


def jinja(module: Any, rules: Sequence[Rule]) -> tuple[Prepare, Matches]:
    environment = module.Environment()
    return _one_by_one(rules, lambda rule: environment.compile_expression(WORDS.write(rule.condition)), _as_it_is)


def logic(module: Any, rules: Sequence[Rule]) -> tuple[Prepare, Matches]:
    def compiled(rule: Rule) -> Callable[[Any], Any]:
        condition = json_logic(rule.condition)
        return lambda event: module.jsonLogic(condition, event)

    return _one_by_one(rules, compiled, _as_it_is)


def rule_engine(module: Any, rules: Sequence[Rule]) -> tuple[Prepare, Matches]:
    context = module.Context(resolver=module.resolve_item)
    return _one_by_one(rules, lambda rule: module.Rule(WORDS.write(rule.condition), context=context).matches, _as_it_is)


def zen_tables(module: Any, rules: Sequence[Rule]) -> tuple[Prepare, Matches]:
    """A decision table for each survey, which collects what fits, with a column for each path and one for `or`."""
    engine = module.ZenEngine()
    groups: dict[str | None, list[Rule]] = {}
    for rule in rules:
        groups.setdefault(rule.survey, []).append(rule)
    tables = {
        survey: engine.create_decision(module.ZenDecisionContent(json.dumps(_table(group)))).evaluate for survey, group in groups.items()
    }
    common = tables.pop(None, None)

    def matches(event: Mapping[str, Any]) -> list[int]:
        table = tables.get(event["survey"])
        found = [row["number"] for row in table(event)["result"]] if table is not None else []
        others = [row["number"] for row in common(event)["result"]] if common is not None else []
        return sorted(found + others) if found and others else found or others

    return _as_it_is, matches


_PATHS: tuple[tuple[str, ...], ...] = (
    ("score",),
    ("comment",),
    ("contact", "tier"),
    ("contact", "country"),
    ("deal", "amount"),
    ("invitation", "channel"),
)
_COLUMNS = {path: ".".join(path) for path in _PATHS}


def _table(rules: Sequence[Rule]) -> dict[str, Any]:
    inputs = [{"id": name, "name": name, "field": name} for name in _COLUMNS.values()] + [{"id": "or", "name": "or"}]
    table = {"hitPolicy": "collect", "inputs": inputs, "outputs": [{"id": "number", "name": "number", "field": "number"}]}
    table["rules"] = [_row(rule) for rule in rules]
    at = {"x": 0, "y": 0}
    nodes = [
        {"id": "in", "name": "in", "type": "inputNode", "position": at},
        {"id": "table", "name": "table", "type": "decisionTableNode", "position": at, "content": table},
        {"id": "out", "name": "out", "type": "outputNode", "position": at},
    ]
    edges = [{"id": f"{a}-{b}", "sourceId": a, "targetId": b, "type": "edge"} for a, b in (("in", "table"), ("table", "out"))]
    return {"nodes": nodes, "edges": edges}


def _row(rule: Rule) -> dict[str, str]:
    cells: dict[str, list[str]] = {}
    rest = []
    for operand in _flat(rule.condition):
        test = test_of(operand)
        if test is None:
            rest.append(WORDS.write(operand))
        else:
            cells.setdefault(_COLUMNS[test.path], []).append(_cell(test))
    row = {"_id": f"r{rule.number}", "number": str(rule.number), "or": " and ".join(rest)}
    return row | {name: " and ".join(f"$ {cell}" for cell in cells.get(name, ())) for name in _COLUMNS.values()}


def _flat(term: t.Term) -> Iterator[t.Term]:
    if not isinstance(term, t.And):
        yield term
        return
    for operand in term.operands:
        yield from _flat(operand)


def _cell(test: Test) -> str:
    return f"{test.op} {json.dumps(test.value)}"


def clips(module: Any, rules: Sequence[Rule]) -> tuple[Prepare, Matches]:
    """All rules in one Rete network; an event is a fact that is asserted, acted on and retracted."""
    environment = module.Environment()
    hits: list[int] = []
    environment.define_function(hits.append, name="hit")
    slots = " ".join(f"(slot {_slot(path)})" for path in (("survey",), *_PATHS))
    environment.build(f"(deftemplate answer {slots})")
    for rule in rules:
        of = f'(survey "{rule.survey}") ' if rule.survey is not None else ""
        for number, tests in enumerate(alternatives(rule.condition)):
            by_path: dict[str, list[str]] = {}
            for test in tests:
                by_path.setdefault(_slot(test.path), []).append(_constraint(test))
            pattern = of + " ".join(f"({slot} {'&'.join(found)})" for slot, found in by_path.items())
            environment.build(f"(defrule r{rule.number}_{number} (answer {pattern}) => (hit {rule.number}))")
    template = environment.find_template("answer")

    def prepare(event: Mapping[str, Any]) -> Any:
        return {_slot(path): _value(event, path) for path in (("survey",), *_PATHS)}

    def matches(fields: Any) -> list[int]:
        hits.clear()
        fact = template.assert_fact(**fields)
        environment.run()
        fact.retract()
        return sorted(set(hits))

    return prepare, matches


def _slot(path: tuple[str, ...]) -> str:
    return "_".join(path)


def _value(event: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    return event[path[0]] if len(path) == 1 else event[path[0]][path[1]]


def _constraint(test: Test) -> str:
    variable = f"?{_slot(test.path)}"
    match test.op:
        case "==":
            return json.dumps(test.value)
        case "!=":
            return f"~{json.dumps(test.value)}"
        case "in":
            return "|".join(json.dumps(value) for value in test.value)
        case "not in":
            return "&".join(f"~{json.dumps(value)}" for value in test.value)
    return f"{variable}&:({test.op} {variable} {test.value})"


def durable(module: Any, rules: Sequence[Rule]) -> tuple[Prepare, Matches]:
    """All rules in one Rete network of its own; an event is a fact again."""
    hits: list[int] = []
    m = module.m

    def asked(test: Test) -> Any:
        path = m
        for attribute in test.path:
            path = getattr(path, attribute)
        one = {"==": path.__eq__, "!=": path.__ne__, "<": path.__lt__, "<=": path.__le__, ">": path.__gt__, ">=": path.__ge__}
        if test.op == "in":
            return _folded([path == value for value in test.value], "or")
        if test.op == "not in":
            return _folded([path != value for value in test.value], "and")
        return one[test.op](test.value)

    def act(number: int) -> Callable[[Any], None]:
        def hit(_: Any) -> None:
            hits.append(number)

        return hit

    name = f"answers_{len(rules)}"  # of a registry that never forgets
    with module.ruleset(name):
        for rule in rules:
            for number, tests in enumerate(alternatives(rule.condition)):
                parts = [asked(test) for test in tests]
                if rule.survey is not None:
                    parts.insert(0, m.survey == rule.survey)
                action = act(rule.number)
                action.__name__ = f"r{rule.number}_{number}"
                module.when_all(_folded(parts, "and"))(action)
    identities = itertools.count()
    unhandled = module.engine.MessageNotHandledException

    def prepare(event: Mapping[str, Any]) -> Any:
        return {**event, "id": str(next(identities))}

    def matches(event: Any) -> list[int]:
        hits.clear()
        for turn in (module.assert_fact, module.retract_fact):
            try:
                turn(name, event)
            except unhandled:  # no rule holds
                continue
        return sorted(set(hits))

    return prepare, matches


def _folded(parts: Sequence[Any], word: str) -> Any:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole & part if word == "and" else whole | part
    return whole


PEERS = (
    Peer("Rust CEL, by survey", "cel", cel),
    Peer("zen decision tables, by survey", "zen", zen_tables),
    Peer("zen expressions, by survey", "zen", zen_expressions),
    Peer("CLIPS", "clips", clips),
    Peer("Jinja2, by survey", "jinja2", jinja),
    Peer("json-logic, by survey", "json_logic", logic),
    Peer("rule-engine, by survey", "rule_engine", rule_engine),
    Peer("durable_rules", "durable.lang", durable, most=100),
)


def imported(peer: Peer) -> Any | None:
    """The peer's library; None where it is not installed."""
    try:
        return importlib.import_module(peer.module)
    except ImportError:
        return None


# -- by hand ------------------------------------------------------------------------------------------------------------

_BY_HAND = Infix(
    {"and": "and", "or": "or", "not": "not "},
    listing="({},)",
    missing="{} is None",
    name=lambda path: path[-1],
)


def by_hand(rules: Sequence[Rule]) -> Callable[[str, Mapping[str, Any]], list[int]]:
    """What a programmer would write: a function for each survey, with an `if` for each rule, over the event as we get it."""
    groups: dict[str | None, list[Rule]] = {}
    for rule in rules:
        groups.setdefault(rule.survey, []).append(rule)
    functions = {survey: _function(group) for survey, group in groups.items()}
    common = functions.pop(None, None)
    if common is None:
        return lambda survey, event: functions[survey](event)
    return lambda survey, event: sorted(functions[survey](event) + common(event))


def _function(rules: Sequence[Rule]) -> Callable[[Mapping[str, Any]], list[int]]:
    lines = [
        "def matches(event):",
        " score, comment, contact = event['score'], event['comment'], event['contact']",
        " tier, country = contact['tier'], contact['country']",
        " amount, channel = event['deal']['amount'], event['invitation']['channel']",
        " found = []",
        *(f" if {_BY_HAND.write(rule.condition)}: found.append({rule.number})" for rule in rules),
        " return found",
    ]
    namespace: dict[str, Any] = {}
    exec("\n".join(lines), namespace)
    matches: Callable[[Mapping[str, Any]], list[int]] = namespace["matches"]
    return matches

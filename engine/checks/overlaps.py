"""SND802 and SND803: the same action twice for one answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from engine.checks.check import Check
from engine.checks.gaps import named
from engine.checks.walk import Order, file_order, templates
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Automation, Project, Step, Survey, address
from engine.model.frozen import frozen
from engine.model.span import Span
from engine.rules.analysis.answers import answers_of
from engine.rules.analysis.domains import Answers, Cube, Space
from engine.rules.analysis.leaves import Condition
from engine.rules.analysis.overlaps import Meeting, meetings
from engine.rules.analysis.reach import reached

_ANSWERS = ("answered", "edited")
_FEW = 8  # a fact stays small, however many surveys its automation is for


@frozen
class _Action:
    what: str  # two of one name are the same action
    says: str  # an update with the same value twice does no harm
    when: Condition


@frozen
class _Rule:
    automation: str  # address
    events: tuple[str, ...]  # the first few of those that start it
    only: bool  # nothing but one event starts it
    actions: tuple[_Action, ...]
    at: Span  # of its `if`
    order: tuple[int, Order]  # those for more events first: what is for one of them is judged against what is for all


def _facts(definition: Survey | Automation, project: Project) -> Iterator[tuple[str, Answers | _Rule]]:
    objects = frozenset(project.objects)
    if isinstance(definition, Survey):
        answers = answers_of(definition, objects)
        yield from ((f"survey.{definition.name}.{verb}", answers) for verb in _ANSWERS)
    else:
        events = [event for event in definition.when if event.startswith("survey.") and event.endswith(_ANSWERS)]
        if events:
            rule = _Rule(
                automation=address(definition),
                events=tuple(sorted(events)[:_FEW]),
                only=len(definition.when) == 1,
                actions=tuple(_actions(definition, objects)),
                at=definition.condition.at if definition.condition is not None else definition.at,
                order=(-len(events), file_order(definition.at)),
            )
            yield from ((event, rule) for event in events)


def _actions(automation: Automation, objects: frozenset[str]) -> Iterator[_Action]:
    """What surely happens where its conditions hold: not what follows a time-out or a failure."""
    for place in reached(automation, objects):
        if place.certain:
            for what, says in _named(place.step):
                yield _Action(what=what, says=says, when=place.taken)


def _named(step: Step) -> Iterator[tuple[str, str]]:
    content = step.content
    match step.action:
        case "update":
            for kind, fields in content.items():
                for field, value in fields.items() if isinstance(fields, Mapping) else ():
                    yield f"update {kind}.{field}", " ".join(template.text for template in templates(value))
        case "ask" | "emit":
            yield f"{step.action} {content['survey' if step.action == 'ask' else 'event']}", ""
        case "ticket" | "task" | "email" | "sms" | "message" | "webhook" | "comment" | "incentive":
            target = content.get("to") or content.get("on") or content.get("pool")
            to = target if isinstance(target, str) else " ".join(template.text for template in templates(target))
            yield f"{step.action}{f' via {step.via}' if step.via is not None else ''}{f' to {to}' if to else ''}", ""


def _judge(group: str, facts: Sequence[Answers | _Rule], _project: Project) -> Iterator[Diagnostic]:
    answers = next((fact for fact in facts if isinstance(fact, Answers)), None)
    rules = sorted((fact for fact in facts if isinstance(fact, _Rule)), key=lambda rule: rule.order)
    if len(rules) < 2:
        return
    by_action: dict[str, dict[int, list[_Action]]] = defaultdict(dict)
    for number, rule in enumerate(rules):
        for action in rule.actions:
            by_action[action.what].setdefault(number, []).append(action)
    by_action = {what: doing for what, doing in by_action.items() if len(doing) > 1}
    if not by_action:
        return
    space = Space((action.when for doing in by_action.values() for actions in doing.values() for action in actions), answers)
    worst: dict[int, tuple[str, Meeting, dict[int, Sequence[Cube]]]] = {}
    for what, doing in by_action.items():
        numbers = list(doing)
        if all(number in worst and worst[number][1].covers for number in numbers[1:]):
            continue  # nothing worse can be said of them
        # The same value written twice does no harm.
        says = {number: {action.says for action in actions} if what.startswith("update ") else number for number, actions in doing.items()}
        cubes = [[cube for action in doing[number] for cube in space.cubes(action.when) or ()] for number in numbers]
        # Pairs of rules that begin with other events are judged behind those.
        wanted = {at for at, number in enumerate(numbers) if rules[number].events[0] == group or len(rules[number].events) < _FEW}
        for meeting in meetings(space, cubes, wanted) if wanted else ():
            later = numbers[meeting.rule]
            earlier = {
                numbers[at]: where for at, where in zip(meeting.earlier, meeting.where, strict=True) if says[numbers[at]] != says[later]
            }
            if earlier and (later not in worst or (meeting.covers and not worst[later][1].covers)):
                worst[later] = what, meeting, earlier
    for later, (what, meeting, earlier) in worst.items():
        others = [rules[number] for number in earlier]
        if group == _first_common(rules[later], others[0]):
            yield _finding(space, group, rules[later], others, what, meeting, [cube for cubes in earlier.values() for cube in cubes])


def _first_common(a: _Rule, b: _Rule) -> str:
    """Rules that share several events are judged behind the first of these. Of long lists, those of `survey.*`, one holds the other."""
    return min((event for event in a.events if event in b.events), default=max(a.events[0], b.events[0]))


def _finding(
    space: Space, event: str, rule: _Rule, earlier: Sequence[_Rule], what: str, meeting: Meeting, where: Sequence[Cube]
) -> Diagnostic:
    others = ", ".join(f"`{other.automation}`" for other in earlier) + (" and others" if meeting.more else "")
    check = SHADOWED if meeting.covers else OVERLAP
    # Of what else starts the narrower of the two, nothing is said.
    elsewhere = not (earlier[0] if meeting.shadows and not meeting.shadowed else rule).only
    if meeting.shadowed:
        message = f"whenever this holds, `{earlier[0].automation}` holds too, and both do `{what}`"
    elif meeting.shadows:
        message = f"whenever `{earlier[0].automation}` holds, this holds too, and both do `{what}`"
    else:
        message = f"{_where(space, where)} {others} {'holds' if len(earlier) == 1 else 'hold'} too, and each does `{what}`"
    return Diagnostic(
        code=check.code,
        severity=check.severity,
        message=f"on `{event}`: {message}" if elsewhere else message,
        file=rule.at.file,
        span=rule.at,
        hint="one answer would be handled twice: narrow one of the conditions, or leave the action to one of them",
        address=rule.automation,
    )


def _where(space: Space, cubes: Sequence[Cube]) -> str:
    metric = space.metric
    if metric is None or not all(metric in cube for cube in cubes):
        return "where this holds,"
    mask = 0
    for cube in cubes:
        mask |= cube[metric]
    return f"for a `{metric.removeprefix('answer.')}` of {named(space.shown(metric, mask))},"


_FIRST = """automation: sorry
when: survey.nps_delivery.answered
if: score <= 6
then: [{ticket: {title: "{{ contact.name }}: {{ score }}"}}]
---
automation: ask_passive
when: survey.nps_delivery.answered
"""
_THEN = 'then: [{ticket: {title: "Call {{ contact.name }}"}}]\n'
OVERLAP = Check(
    code="SND802",
    severity=Severity.WARNING,
    title="one answer handled twice",
    explanation=(
        "Two automations on an answer hold for the same scores and do the same: two tickets in one desk, two mails to one person, two "
        "values for one field. Most often a bound belongs to both (`<= 6` and `>= 6`). What two different actions do is nobody's business, "
        "and where it cannot be told whether the conditions meet, nothing is said."
    ),
    kinds=(Survey, Automation),
    facts=_facts,
    judge=_judge,
    whole=True,
    fails=_FIRST + "if: score in [6, 7, 8]\n" + _THEN,
    passes=_FIRST + "if: score in [7, 8]\n" + _THEN,
)
# Found together with overlaps, since it is the worst of them.
SHADOWED = Check(
    code="SND803",
    severity=Severity.WARNING,
    title="an automation that another one covers",
    explanation=(
        "Of two automations on an answer that do the same, one holds only where the other holds too: whatever it was meant to handle is "
        "handled already, or is handled again by the wider one."
    ),
    fails=_FIRST + 'if: score <= 3 and contact.tier == "vip"\n' + _THEN,
    passes=_FIRST + 'if: score > 6 and contact.tier == "vip"\n' + _THEN,
)
CHECKS = (OVERLAP, SHADOWED)

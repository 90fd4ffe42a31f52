"""What must hold for each step of an automation to be taken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from engine.model import terms as t
from engine.model.definitions import Automation, Definition, Step, Survey
from engine.rules.analysis.last import kept_once
from engine.rules.analysis.leaves import ALWAYS, NEVER, Condition, Path, Reader, joint
from engine.rules.steps import positions

Naming = Callable[[Path], str]


@dataclass(frozen=True, slots=True)
class Reached:
    """A step, and where it stands among conditions. ``given`` is what holds wherever the step's own `if` is asked."""

    position: str
    step: Step
    given: Condition
    own: Condition | None  # its `if`
    name: Naming  # of the paths that its `if` reads
    certain: bool  # False behind a time-out or a failure: that depends on others

    @property
    def taken(self) -> Condition:
        """What holds where the step is taken."""
        return joint(self.given, self.own) if self.own is not None else self.given


def read(term: t.Term, name: Naming, *, holds: bool = True) -> Condition:
    return Reader(name).condition(term, holds=holds)


def naming(automation: Automation, objects: frozenset[str], moment: int = 0, results: frozenset[str] | None = None) -> Naming:
    """What paths are called, so that one name stands for one value.

    An answer's bare id is that of the answer. Objects and the results of steps are read anew at each step, so behind whatever may
    change them (a wait, an update) they are others: ``moment`` counts these, and nobody else's automation looks at the same moment.
    ``results`` are the names of the steps' results, where they are known already.
    """
    # Behind events of several kinds a bare id is not readable at all, so any of them tells.
    answered = _is_answer(automation.when[0])
    results = results_of(automation) if results is None else results

    def name(path: Path) -> str:
        root = path[0]
        if moment if root in objects else root in results:
            return f"{'.'.join(path)} of {automation.name} at {moment}"
        return _now(path, objects, answered)

    return name


def results_of(automation: Automation) -> frozenset[str]:
    """What the steps of an automation call their results."""
    return frozenset(step.name for _, step in placed(automation.then) if step.name is not None)


@kept_once
def placed(steps: tuple[Step, ...]) -> tuple[tuple[str, Step], ...]:
    """Every step with its position; all checks walk the steps of one automation before those of the next."""
    return tuple(positions(steps))


def _is_answer(event: str) -> bool:
    parts = event.split(".")
    return parts[0] == "survey" and parts[-1] in ("answered", "edited")


@kept_once
def begins(automation: Automation, objects: frozenset[str]) -> Condition:
    """What must hold for the automation to do anything. ``objects``: of the data contract."""
    if automation.condition is None:
        return ALWAYS
    return _begins(automation.condition.term, objects, _is_answer(automation.when[0]))


@lru_cache(maxsize=4096)
def _begins(term: t.Term, objects: frozenset[str], answered: bool) -> Condition:
    """What begins one automation begins others too. No step has been taken yet, so there is no result to read."""
    return read(term, _at_once(objects, answered))


def spelled(definition: Definition, objects: frozenset[str]) -> Naming:
    """What paths are called within one condition: an answer has one name there, however it is read."""
    answered = isinstance(definition, Survey) or (isinstance(definition, Automation) and _is_answer(definition.when[0]))
    return _at_once(objects, answered)


@lru_cache(maxsize=64)
def _at_once(objects: frozenset[str], answered: bool) -> Naming:
    return lambda path: _now(path, objects, answered)


def _now(path: Path, objects: frozenset[str], answered: bool) -> str:
    if answered and path[0] not in objects and path[0] not in ("answer", "event", "invitation"):
        return "answer." + ".".join(path)
    return ".".join(path)


@kept_once
def reached(automation: Automation, objects: frozenset[str]) -> tuple[Reached, ...]:
    """Every step that can be reached by its place; what stands behind a `stop` cannot. ``objects``: of the data contract."""
    walk = _Walk(automation, objects)
    walk.steps(automation.then, "", begins(automation, objects), certain=True)
    return tuple(walk.found)


class _Walk:
    def __init__(self, automation: Automation, objects: frozenset[str]) -> None:
        self._automation = automation
        self._objects = objects
        self._moment = 0
        self._names: dict[int, Naming] = {}
        self._results = results_of(automation)
        self.found: list[Reached] = []

    def steps(self, steps: tuple[Step, ...], prefix: str, given: Condition, *, certain: bool) -> Condition | None:
        """What holds behind the steps; None where the run ends in them."""
        for number, step in enumerate(steps):
            behind = self._step(step, f"{prefix}{number}", given, certain=certain)
            if behind is None:
                return None
            given = behind
        return given

    def _step(self, step: Step, at: str, given: Condition, *, certain: bool) -> Condition | None:
        name = self._names.get(self._moment)
        if name is None:
            name = self._names[self._moment] = naming(self._automation, self._objects, self._moment, self._results)
        own = read(step.condition.term, name) if step.condition is not None else None
        self.found.append(Reached(at, step, given, own, name, certain))
        if step.action == "stop":
            return joint(given, read(step.condition.term, name, holds=False)) if step.condition is not None else None
        if not (step.then or step.otherwise or step.on_timeout or step.on_failure):
            return self._behind(step, given)
        taken = joint(given, own) if own is not None else given
        if step.action == "if":
            passed = joint(given, read(step.condition.term, name, holds=False)) if step.condition is not None else NEVER
            after_then = self.steps(step.then, f"{at}/then/", taken, certain=certain)
            after_else = self.steps(step.otherwise, f"{at}/else/", passed, certain=certain)
            if after_then is None or after_else is None:
                given = passed if after_else is not None else taken
                if after_then is None and after_else is None:
                    return None
        self.steps(step.on_timeout, f"{at}/on_timeout/", taken, certain=False)
        self.steps(step.on_failure, f"{at}/on_failure/", taken, certain=False)
        return self._behind(step, given)

    def _behind(self, step: Step, given: Condition) -> Condition:
        """What is known behind a step: the same, though of objects that may be others by then."""
        if step.action in ("wait", "wait_for", "update") or step.name is not None:
            self._moment += 1
        return given

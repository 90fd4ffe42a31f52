"""SND310: a condition that does not depend on the data."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from engine.checks.check import Check
from engine.checks.walk import conditions, operand
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model import terms as t
from engine.model.definitions import Audience, Automation, Cadence, Definition, Project, Survey, address
from engine.rules.analysis.reach import Naming, spelled
from engine.rules.analysis.verdicts import constant_operands


def _constant(term: t.Term, name: Naming) -> list[tuple[t.Term, bool]]:
    """The operands that are constant. Most conditions have none, and many are the same but for where they stand."""
    return list(constant_operands(term, name=name)) if _has_constant(term, name) else []


@lru_cache(maxsize=8192)
def _has_constant(term: t.Term, name: Naming) -> bool:
    return next(constant_operands(term, name=name), None) is not None


def _one(definition: Definition, project: Project) -> Iterator[Diagnostic]:
    name = spelled(definition, frozenset(project.objects))
    for key, expression in conditions(definition):
        for term, always in _constant(expression.term, name):
            span = operand(expression, term)
            hint = "it never holds, so what depends on it never happens" if not always else "leave it out, or compare with another value"
            yield Diagnostic(
                code=CHECK.code,
                severity=CHECK.severity,
                message=f"this part of `{key}` is always {'true' if always else 'false'}",
                file=span.file,
                span=span,
                hint=hint,
                address=address(definition),
            )


CHECK = Check(
    code="SND310",
    severity=Severity.WARNING,
    title="a condition that is always true or always false",
    explanation=(
        "The condition, or the smallest operand of `and` and `or`, has the same value for all data that the contract allows: "
        "a score beyond its scale, an option excluded and wanted at once, a test for `none` on what is never missing. "
        "Of an automation on the answers to one survey, it counts too which scores belong to a category."
    ),
    kinds=(Project, Survey, Audience, Cadence, Automation),
    one=_one,
    fails="""survey: example
metric: nps
questions:
  score: {type: nps, ask: "Would you recommend us?"}
  reason: {type: text, ask: "Why?", show_if: score > 10}
""",
    passes="""survey: example
metric: nps
questions:
  score: {type: nps, ask: "Would you recommend us?"}
  reason: {type: text, ask: "Why?", show_if: score < 7}
""",
)

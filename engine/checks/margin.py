"""SND705: an audience that is too small for the interval wanted."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Audience, Project, address
from engine.stats.nps import sample_size

USUAL_RESPONSE = 0.2  # where the audience says nothing else


def _one(audience: Audience, _project: Project) -> Iterator[Diagnostic]:
    expect = audience.expect
    largest = expect.max or expect.min if expect is not None else None
    if expect is None or expect.margin is None or largest is None:
        return
    rate = expect.response if expect.response is not None else USUAL_RESPONSE
    needed = sample_size(expect.margin).n
    answers = int(largest * rate * (audience.sample or 1.0))
    if answers < needed:
        span = expect.margin_at or audience.at
        yield Diagnostic(
            code=CHECK.code,
            severity=CHECK.severity,
            message=f"±{expect.margin:g} points need {needed} answers, but {largest} contacts at {rate:.0%} give about {answers}",
            file=span.file,
            span=span,
            hint="widen the audience or the margin",
            address=address(audience),
        )


_PROJECT = "project: example\nobjects: {contact: {email: optional email}}\n---\naudience: all\nof: contact\n"
CHECK = Check(
    code="SND705",
    severity=Severity.WARNING,
    title="an audience too small for the interval wanted",
    explanation=(
        "`expect: {margin: 5}` asks for a score known to ±5 points. The answers needed (95 %, the most varied scores) are compared with "
        "the audience times the share who answer: `response`, or 20% where nothing is said."
    ),
    kinds=(Audience,),
    one=_one,
    fails=_PROJECT + "expect: {max: 500, margin: 5}\n",
    passes=_PROJECT + "expect: {max: 50000, margin: 5}\n",
)

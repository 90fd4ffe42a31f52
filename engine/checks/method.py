"""SND701–SND704 and SND706: what survey methodologists advise against."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Project, Survey, address
from engine.model.span import Span

METRIC_TYPES = frozenset({"nps", "csat", "ces", "gcr"})
MOST_REQUIRED = 10


def _finding(check: Check, survey: Survey, span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic(
        code=check.code, severity=check.severity, message=message, file=span.file, span=span, hint=hint, address=address(survey)
    )


def _several(survey: Survey, _project: Project) -> Iterator[Diagnostic]:
    measuring = [q for q in survey.questions if q.type in METRIC_TYPES]
    for question in measuring[1:]:
        message = f"`{question.id}` measures a second metric beside `{measuring[0].id}`"
        yield _finding(
            SEVERAL, survey, question.key_at or question.at, message, "ask one metric a survey: the second answer follows the first"
        )


def _first(survey: Survey, _project: Project) -> Iterator[Diagnostic]:
    asked = [q for q in survey.questions if q.type not in ("info", "consent")]
    metric = survey.question(survey.metric_question) if survey.metric_question else None
    if metric is not None and asked and asked[0].id != metric.id:
        message = f"the metric question `{metric.id}` is not the first"
        yield _finding(FIRST, survey, metric.key_at or metric.at, message, "ask it first: questions before it colour the score")


def _required(survey: Survey, _project: Project) -> Iterator[Diagnostic]:
    required = [q for q in survey.questions if q.required]
    if len(required) > MOST_REQUIRED:
        question = required[MOST_REQUIRED]
        message = f"{len(required)} questions are required"
        yield _finding(
            REQUIRED, survey, question.key_at or question.at, message, f"require at most {MOST_REQUIRED}: people leave long surveys"
        )


def _hidden(survey: Survey, _project: Project) -> Iterator[Diagnostic]:
    metric = survey.question(survey.metric_question) if survey.metric_question is not None else None
    if metric is not None and metric.required and metric.show_if is not None:
        message = f"the metric question `{metric.id}` is required, but may be hidden"
        yield _finding(HIDDEN, survey, metric.show_if.at, message, "ask it of everybody: who does not see it has no score")


def _labels(survey: Survey, _project: Project) -> Iterator[Diagnostic]:
    for question in survey.questions:
        ends = {"low", "high"} & set(question.labels)
        if len(ends) == 1:
            other = ({"low", "high"} - ends).pop()
            message = f"the scale of `{question.id}` has a word at one end only"
            yield _finding(
                LABELS, survey, question.key_at or question.at, message, f"add `{other}`: a scale with one label leans to one side"
            )


_SURVEY = """survey: example
metric: nps
questions:
  score: {type: nps, ask: "Would you recommend us?"}
"""
SEVERAL = Check(
    code="SND701",
    severity=Severity.WARNING,
    title="more than one metric question",
    explanation="Two measures in one survey influence each other, and the survey grows. Ask one, and the other in another survey.",
    kinds=(Survey,),
    one=_several,
    fails=_SURVEY + '  ease: {type: ces, ask: "How easy was it?"}\n',
    passes=_SURVEY,
)
FIRST = Check(
    code="SND702",
    severity=Severity.WARNING,
    title="the metric question is not the first",
    explanation="What is asked before the metric question colours its answer, and scores of different surveys cannot be compared.",
    kinds=(Survey,),
    one=_first,
    fails="""survey: example
metric: nps
questions:
  liked: {type: text, ask: "What did you like?"}
  score: {type: nps, ask: "Would you recommend us?"}
""",
    passes=_SURVEY,
)
REQUIRED = Check(
    code="SND703",
    severity=Severity.WARNING,
    title="more than ten required questions",
    explanation="Every required question costs answers. Require the metric, and let people skip the rest.",
    kinds=(Survey,),
    one=_required,
    fails=_SURVEY + "".join(f'  more{n}: {{type: text, ask: "More?", required: true}}\n' for n in range(10)),
    passes=_SURVEY + "".join(f'  more{n}: {{type: text, ask: "More?", required: true}}\n' for n in range(9)),
)
LABELS = Check(
    code="SND704",
    severity=Severity.WARNING,
    title="unbalanced labels of a scale",
    explanation="A scale with a word at one end only draws answers to that end.",
    kinds=(Survey,),
    one=_labels,
    fails='survey: example\nmetric: nps\nquestions:\n  score: {type: nps, ask: "Would you recommend us?", labels: {high: "Surely"}}\n',
    passes='survey: example\nmetric: nps\nquestions:\n  score: {type: nps, ask: "Would you?", labels: {low: "No", high: "Surely"}}\n',
)
HIDDEN = Check(
    code="SND706",
    severity=Severity.WARNING,
    title="a required metric question that may be hidden",
    explanation=(
        "Everybody is meant to answer the metric question, and its `show_if` keeps it from some: their answers have no score, and those "
        "who see it are no sample of all. To ask it anyway, write `required: false`."
    ),
    kinds=(Survey,),
    one=_hidden,
    fails=_SURVEY.replace("score:", 'used: {type: yes_no, ask: "Did you use it?"}\n  score:').replace(
        'us?"}', 'us?", show_if: used == true}'
    ),
    passes=_SURVEY,
)
CHECKS = (SEVERAL, FIRST, REQUIRED, LABELS, HIDDEN)

"""What checks look at in a definition."""

from __future__ import annotations

from collections.abc import Iterator

from engine.dsl.expressions.once import parsed
from engine.dsl.expressions.parse import ParseError
from engine.dsl.expressions.tree import Attribute, Chain, Invocation, Literal, Logic, Name, Node, NoneTest, Unary, children, width
from engine.dsl.nodes import Scalar
from engine.dsl.source import FOLDERS, PROJECT_FILE
from engine.model import terms as t
from engine.model.definitions import Audience, Automation, Cadence, Definition, Project, Step, Survey
from engine.model.span import Span
from engine.model.terms import Expression
from engine.model.texts import Template, Text
from engine.rules.analysis.reach import placed

Order = tuple[int, tuple[str, ...], int, int]


def file_order(span: Span) -> Order:
    """A key that sorts places as their files are read: the project's file, then folder by folder."""
    parts = tuple(span.file.split("/"))
    rank = -1 if span.file == PROJECT_FILE else FOLDERS.index(parts[0]) if parts[0] in FOLDERS else len(FOLDERS)
    return rank, parts, span.line, span.column


def steps(of: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, those of branches and of failures too."""
    return (step for _, step in placed(of))


def conditions(definition: Definition) -> Iterator[tuple[str, Expression]]:
    """Every condition of a definition: the key that it stands under, and the expression."""
    match definition:
        case Project():
            if definition.may_ask is not None:
                yield "may_ask", definition.may_ask
            yield from (("if", cap.condition) for cap in definition.frequency if cap.condition is not None)
        case Survey():
            yield from _of_survey(definition)
        case Audience() if definition.where is not None:
            yield "where", definition.where
        case Cadence() if definition.condition is not None:
            yield "if", definition.condition
        case Automation():
            yield from (("if", found) for found in _of_automation(definition))


def operand(expression: Expression, term: t.Term) -> Span:
    """Where the whole of a condition, or of one of its operands, stands."""
    origin = expression.origin
    try:
        level = [parsed(origin.text).tree] if isinstance(origin, Scalar) else []
    except ParseError:  # a number or a boolean of YAML, written as only YAML does
        level = []
    while level:
        for node in level:
            if node.offset == term.offset and _is_written(term, node):
                return expression.place(term.offset, width(node))
        level = [child for node in level for child in children(node)]
    return expression.place(term.offset)


def _is_written(term: t.Term, node: Node) -> bool:
    """Whether a term may come of a node, as far as their forms tell; two of one form never begin at one place."""
    match term:
        case t.And(chain=False):
            return isinstance(node, Logic) and node.op == "and"
        case t.Or():
            return isinstance(node, Logic) and node.op == "or"
        case t.And() | t.Compare() | t.Within():
            return isinstance(node, Chain)
        case t.Not():
            return isinstance(node, (Unary, NoneTest, Chain))
        case t.IsNone():
            return isinstance(node, NoneTest)
        case t.Load():
            return isinstance(node, (Name, Attribute))
    return isinstance(node, (Literal, Invocation))


def _of_survey(survey: Survey) -> Iterator[tuple[str, Expression]]:
    for question in survey.questions:
        if question.show_if is not None:
            yield "show_if", question.show_if
        if question.validate is not None:
            yield "validate", question.validate
    for thanks in survey.thanks:
        if thanks.condition is not None:
            yield "if", thanks.condition
    for quota in survey.quotas:
        if quota.condition is not None:
            yield "if", quota.condition


def _of_automation(automation: Automation) -> Iterator[Expression]:
    if automation.condition is not None:
        yield automation.condition
    yield from (step.condition for step in steps(automation.then) if step.condition is not None)


def templates(content: object) -> Iterator[Template]:
    """The templates in a step's content."""
    if isinstance(content, Template):
        yield content
    elif isinstance(content, Text):
        yield from content.by_language.values()
    elif isinstance(content, dict):
        for value in content.values():
            yield from templates(value)

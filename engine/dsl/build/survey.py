"""`survey:` — questions, pages and thanks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from engine.dsl.build.bench import Bench
from engine.dsl.build.earlier import Order
from engine.dsl.contract import RESERVED, SCALES, answer_type, answers_to
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.others import Names
from engine.dsl.schema.parts import METRICS
from engine.dsl.schema.survey import QUESTION_TYPES
from engine.dsl.scopes import of_contact, of_questions
from engine.model.definitions import Question, Survey, Thanks
from engine.model.policies import Incentive, Quota
from engine.model.terms import Expression, paths
from engine.model.texts import Text
from engine.model.types import object_type

_SCALED = frozenset({"csat", "scale", "stars", "smileys", "matrix"})  # take `scale: 1-10`
_WITH_OPTIONS = frozenset({"single", "multiple", "dropdown", "ranking"})
_KEYS_OF = {  # the question types that take a key
    "options": _WITH_OPTIONS | {"matrix"},
    "other": frozenset({"single", "multiple", "dropdown"}),
    "rows": frozenset({"matrix"}),
    "randomise": _WITH_OPTIONS,
    "shown_as": frozenset({"csat", "scale", "stars", "smileys"}),
    "labels": frozenset({"nps", "csat", "ces", "scale", "stars", "smileys", "matrix"}),
    "required": frozenset(QUESTION_TYPES) - {"info"},
    "validate": frozenset(QUESTION_TYPES) - {"info"},
}

_ANSWER = re.compile(r"answer|[*\\]")  # by its name, by an alias, or in escaped letters


def build_survey(bench: Bench, document: Mapping, name: str) -> Survey | None:
    about_node = document.get("about")
    about = bench.literal(about_node) if about_node is not None else "contact"
    if about_node is not None and about not in bench.objects:
        bench.error("SND201", f"the data contract has no object `{about}`", about_node.span, did_you_mean(about, bench.objects))
    questions_node = document.get("questions")
    assert isinstance(questions_node, Mapping)
    metric, metric_question = _metric(bench, document.get("metric"), questions_node)
    measured = {metric_question} if not bench.errors else set(questions_node.entries)  # of an unclear metric, any may be the one
    anonymous, open_ = bool(document.data.get("anonymous", False)), bool(document.data.get("open", False))
    questions: list[Question] = []
    answers: Names = {}  # to the questions so far
    order = Order(questions_node)

    names = of_questions(bench.objects, about, answers, anonymous=anonymous, open_=open_)
    for identifier, (key, node) in questions_node.entries.items():
        assert isinstance(node, Mapping)
        if identifier in RESERVED or identifier in bench.objects:
            bench.error(
                "SND106", f"`{identifier}` has a meaning of its own and cannot be a question", key.span, f"call it `{identifier}_answer`"
            )
        if _mentions_answer(node):
            names["answer"] = object_type(answers)
        questions.append(_question(bench, names, key, node, order, is_metric=identifier in measured))
        given = answers_to(questions[-1])
        answers.update(given)
        names.update(given)
    names["answer"] = object_type(answers)
    bench.readable()
    thanks = _thanks(bench, names, document.get("thanks"))
    pages = _pages(bench, questions, document.get("pages"))
    title_node = document.get("title")
    title = bench.text(title_node, of_contact(bench.objects)) if title_node is not None else None
    quotas = _quotas(bench, names, document.get("quotas"))
    incentive = _incentive(bench, document.get("incentive"))
    variants = _variants(bench, document.get("variants"))
    if metric != "none":
        for name in sorted({"category", "sentiment"} & set(questions_node.entries)):
            message = f"`answer.{name}` is what the metric gives, so no question is called so"
            bench.error("SND106", message, questions_node.key_span(name), f"call it `{name}_answer`")
    brand_node = document.get("brand")
    brand = bench.literal(brand_node) if brand_node is not None else None
    if brand_node is not None and brand not in bench.brands:
        bench.error("SND201", f"there is no brand `{brand}`", brand_node.span, did_you_mean(str(brand), bench.brands))
    _check_other(bench, questions, questions_node)
    if bench.errors:
        return None
    return Survey(
        name=name,
        metric=metric,
        metric_question=metric_question,
        about=about,
        title=title,
        questions=tuple(questions),
        pages=pages,
        thanks=thanks,
        partial=bench.duration(document.get("partial")),
        edit=document.data.get("edit", "until_closed"),
        incentive=incentive,
        quotas=quotas,
        variants=variants,
        version=document.data.get("version"),
        breaks_trend=bool(document.data.get("breaks_trend", False)),
        anonymous=anonymous,
        open=open_,
        brand=brand,
        renamed_from=bench.earlier_name(document),
        at=document.span,
        metric_at=document.entries["metric"][1].span,
    )


def _mentions_answer(node: Mapping) -> bool:
    """Whether a question may read `answer`: to renew that for each would take too long."""
    return _ANSWER.search(node.file.text, node.start, node.end) is not None


def _check_other(bench: Bench, questions: list[Question], node: Mapping) -> None:
    for question in questions:
        if question.other and f"{question.id}_other" in node.entries:
            message = f"`{question.id}_other` is what `other: true` adds to the question `{question.id}`"
            bench.error("SND106", message, node.key_span(f"{question.id}_other"))


def _metric(bench: Bench, node: Node | None, questions: Mapping) -> tuple[str, str | None]:
    """The metric and the question that measures it: the one of its type, or the one named."""
    assert node is not None
    if isinstance(node, Mapping):
        metric, (_, target) = next(iter(node.entries.items()))
        span = node.key_span(metric)
    else:
        metric, target, span = bench.literal(node), None, node.span
    if metric not in METRICS:
        bench.error("SND103", f"`{metric}` is no metric", span, did_you_mean(metric, METRICS))
        return "none", None
    if metric == "none":
        return "none", None
    of_type = [name for name, data in questions.data.items() if isinstance(data, dict) and data.get("type") == metric]
    if target is not None:
        name = bench.literal(target)
        if name not in questions.entries:
            bench.error("SND201", f"there is no question `{name}`", target.span, did_you_mean(name, questions.entries))
        elif name not in of_type:
            bench.error("SND205", f"the question `{name}` is not of type {metric}", target.span)
        return metric, name
    if len(of_type) != 1:
        found = "no question has that type" if not of_type else "several questions have that type: " + ", ".join(of_type)
        hint = f"name one: {{{metric}: {of_type[0]}}}" if of_type else f"add a question with `type: {metric}`"
        bench.error("SND205", f"the metric is {metric}, but {found}", span, hint)
        return "none", None
    return metric, of_type[0]


def _question(bench: Bench, names: Names, key: Scalar, node: Mapping, order: Order, *, is_metric: bool) -> Question:
    """The question; where something is wrong with it, what later questions need to know of it."""
    kind = str(node.data["type"])
    ask_node = node.get("ask")
    assert ask_node is not None
    show_if = None
    condition = node.get("show_if")
    if condition is not None:
        bench.absent = partial(order.in_condition, key.text)
        checked = bench.expression(condition, names)
        show_if = checked[0] if checked else None
    bench.absent = partial(order.in_texts, key.text)
    ask = bench.text(ask_node, names)
    options, renamed = _options(bench, kind, key, node)
    rows = _rows(bench, kind, key, node)
    for name, kinds in _KEYS_OF.items():
        if name in node.entries and kind not in kinds:
            bench.error("SND101", f"a question of type {kind} has no `{name}`", node.key_span(name))
    labels_node = node.get("labels")
    labels: dict[str, Text] = {}
    for end, (_, value) in labels_node.entries.items() if isinstance(labels_node, Mapping) else ():
        text = bench.text(value, names)
        if text is not None:
            labels[end] = text
    scale = _scale(bench, kind, node)
    validate_node = node.get("validate")
    validate = _validation(bench, names, key.text, kind, node, validate_node) if validate_node is not None else None
    required = node.data.get("required")
    return Question(
        id=key.text,
        type=kind,
        ask=ask or _silence(node),
        options=options,
        other=bool(node.data.get("other", False)),
        scale=scale,
        required=bool(required) if required is not None else is_metric,
        show_if=show_if,
        key_at=key.place,
        labels=labels,
        rows=rows,
        validate=validate,
        randomise=bool(node.data.get("randomise", False)),
        shown_as=node.data.get("shown_as"),
        renamed_from=bench.earlier_name(node),
        renamed_options=renamed,
        at=node.span,
    )


def _validation(bench: Bench, names: Names, name: str, kind: str, node: Mapping, condition: Node) -> Expression | None:
    """`validate` reads the answer itself, which is there when it is judged, and the questions before it."""
    probe = Question(
        id=name,
        type=kind,
        ask=_silence(node),
        options=dict.fromkeys(node.data.get("options", {}), _silence(node)),
        other=bool(node.data.get("other", False)),
        scale=None,
        required=True,
        show_if=None,
        key_at=node.span,
        labels={},
        at=node.span,
    )
    own = answer_type(probe)
    if own is not None:
        names[name] = own  # until the question is done, and it is known by the type that it has for others
    checked = bench.expression(condition, names)
    return checked[0] if checked else None


def _rows(bench: Bench, kind: str, question: Scalar, node: Mapping) -> dict[str, Text]:
    rows = node.get("rows")
    if kind == "matrix" and rows is None:
        bench.error("SND102", "a question of type matrix needs `rows`", question.span)
    entries = rows.entries if isinstance(rows, Mapping) else {}
    return {row: bench.text(value, {}) or _silence(value) for row, (_, value) in entries.items()}


def _quotas(bench: Bench, names: Names, node: Node | None) -> tuple[Quota, ...]:
    found = []
    for item in node.items if isinstance(node, Sequence) else ():
        assert isinstance(item, Mapping)
        condition = item.get("if")
        checked = bench.expression(condition, names) if condition is not None else None
        found.append(Quota(max=item.data["max"], condition=checked[0] if checked else None))
    return tuple(found)


def _incentive(bench: Bench, node: Node | None) -> Incentive | None:
    if not isinstance(node, Mapping):
        return None
    kinds = [key for key in ("pool", "draw", "offer") if key in node.entries]
    if len(kinds) != 1:
        bench.error("SND108", "an incentive is one of `pool`, `draw` and `offer`", node.first_key)
        return None
    offer = node.get("offer")
    text = bench.text(offer, {}) if offer is not None else None
    data = node.data
    return Incentive(pool=data.get("pool"), draw=data.get("draw"), offer=text, one_per=data.get("one_per", "contact"))


def _variants(bench: Bench, node: Node | None) -> dict[str, float]:
    if not isinstance(node, Mapping):
        return {}
    shares = {name: float(str(share).rstrip("%")) / 100 for name, share in node.data.items()}
    if abs(sum(shares.values()) - 1) > 1e-9:
        bench.error("SND103", f"the shares of the variants add up to {sum(shares.values()):.0%}, not to 100%", node.span)
    return shares


def _silence(node: Node) -> Text:
    """In place of a text that was refused."""
    return Text(by_language={}, at=node.place)


def _options(bench: Bench, kind: str, question: Scalar, node: Mapping) -> tuple[dict[str, Text], dict[str, str]]:
    """The options' texts, and the earlier names of those that were renamed."""
    found: dict[str, Text] = {}
    renamed: dict[str, str] = {}
    options = node.get("options")
    if options is None:
        if kind in _WITH_OPTIONS:
            bench.error("SND102", f"a question of type {kind} needs `options`", question.span)
        return found, renamed
    assert isinstance(options, Mapping)
    for option, (key, value) in options.entries.items():
        if option == "other":
            bench.error("SND106", "the option `other` is added by `other: true`", key.span)
        words: Node = value
        if isinstance(value, Mapping) and "text" in value.entries:
            words = value.entries["text"][1]
            if "renamed_from" in value.entries:
                renamed[option] = bench.literal(value.entries["renamed_from"][1])
        found[option] = bench.text(words, {}) or _silence(value)
    return found, renamed


def _scale(bench: Bench, kind: str, node: Mapping) -> tuple[int, int] | None:
    written = node.get("scale")
    if written is None:
        return SCALES.get(kind)
    assert isinstance(written, Scalar)
    low, high = (int(part) for part in written.text.split("-"))
    if kind not in _SCALED:
        bench.error("SND101", f"a question of type {kind} has no `scale`", node.key_span("scale"))
    elif not (low in (0, 1) and low < high <= 10):
        bench.error("SND103", "a scale begins with 0 or 1 and ends with 10 or less", written.span)
    return low, high


def _thanks(bench: Bench, names: Names, node: Node | None) -> tuple[Thanks, ...]:
    found: list[Thanks] = []
    for item in node.items if isinstance(node, Sequence) else ():
        assert isinstance(item, Mapping)
        condition, text_node, link = item.get("if"), item.get("text"), item.get("link")
        checked = bench.expression(condition, names) if condition is not None else None
        assert text_node is not None
        if condition is not None and checked is None:
            continue  # it may have been the guard of what the text reads
        text = bench.text(text_node, names, checked[1] if checked else frozenset())
        target = bench.literal(link) if link is not None else None
        if link is not None and target is not None and not target.startswith("https://"):
            bench.error("SND103", "a link for customers begins with https://", link.span)
        if text is not None:
            found.append(Thanks(condition=checked[0] if checked else None, text=text, link=target))
    return tuple(found)


def _check_order(bench: Bench, questions: list[Question], items: list[Node]) -> None:
    """A question is asked behind those that its condition and its texts read."""
    asked: set[str] = set()
    by_id = {question.id: question for question in questions}
    for item in items:
        name = bench.literal(item)
        question = by_id.get(name)
        for expressions, what in _read_by(question) if question else ():
            read = {part for expression in expressions for path in paths(expression.term) for part in path[:2] if part in by_id}
            if read := read - asked - {name}:
                message = f"`{name}` is asked before `{min(read)}`, which its {what}"
                bench.error("SND208", message, item.span, "change the order of the pages")
                break
        asked.add(name)


def _read_by(question: Question) -> Iterator[tuple[list[Expression], str]]:
    if question.show_if is not None:
        yield [question.show_if], "`show_if` reads"
    texts = (question.ask, *question.options.values(), *question.rows.values(), *question.labels.values())
    yield [found for text in texts for template in text.by_language.values() for found in template.expressions], "texts read"


def _pages(bench: Bench, questions: list[Question], node: Node | None) -> tuple[tuple[str, ...], ...]:
    if not isinstance(node, Sequence):
        return ()
    known = dict.fromkeys(question.id for question in questions)
    items = [item for page in node.items if isinstance(page, Sequence) for item in page.items]
    seen: set[str] = set()
    for item in items:
        name = bench.literal(item)
        if name not in known:
            bench.error("SND201", f"there is no question `{name}`", item.span, did_you_mean(name, known))
        elif name in seen:
            bench.error("SND104", f"`{name}` stands on a page already", item.span)
        seen.add(name)
    _check_order(bench, questions, items)
    for missing in [name for name in known if name not in seen]:
        bench.error("SND206", f"the question `{missing}` is on no page", node.span, "add it to a page")
    return tuple(bench.literals(page) for page in node.items)

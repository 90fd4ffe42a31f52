"""Tree → text. Block and flow style stay as they were written, except where a line would be too long or a comment stands within."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from engine.dsl.format import scalars
from engine.dsl.format.tokens import Comment
from engine.dsl.format.tree import Collection, Document, Entry, Node, Scalar

WIDTH = 140
_STEP = 2
_KEPT = "\1"  # no line: an empty one behind it would belong to the block scalar above, which keeps all of its own
_PRAGMA = "sounding:"  # in a comment: it speaks of its line or the next one, which must then stay one line


@dataclass(slots=True)
class _Block:
    """Lines, and the comments in front of them that are not printed yet: in front of `- key: value` they stand above the dash."""

    lead: list[tuple[bool, str]]  # whether an empty line comes first, and the comment
    blank: bool  # an empty line comes between the lead and the lines
    lines: list[str] = field(default_factory=list)  # a line may hold line breaks: of a scalar

    def printed(self, indent: int, *, first: bool) -> Iterator[str]:
        """``first``: nothing of its collection stands above it, so no empty line does."""
        for blank, text in self.lead:
            if blank and not first:
                yield ""
            yield " " * indent + text
            first = False
        if self.blank and not first:
            yield ""
        yield from self.lines


def render(documents: list[Document], rest: list[Comment]) -> str:
    lines: list[str] = []
    for document in documents:
        lines += _document(document)
    lines += _comments(rest, 0, first=not lines or bool(documents and documents[-1].end))
    return "".join(_ended(lines))


def _ended(lines: list[str]) -> Iterator[str]:
    kept = False
    for line in lines:
        if line == _KEPT:
            kept = True
        elif line or not kept:
            yield line + "\n"
            kept = False


def _document(document: Document) -> Iterator[str]:
    yield from _comments(document.header, 0, first=True)
    for text, comment in document.directives:
        yield _with_end(text, comment, 0)
    if document.start:
        yield _with_end("---", document.start_comment, 0)
    if document.root is not None:
        yield from _entry(document.root, 0, "").printed(0, first=True)
    yield from _comments(document.tail, 0, first=document.root is None)
    if document.end:
        yield _with_end("...", document.end_comment, 0)


def _comments(comments: list[Comment], indent: int, *, first: bool) -> Iterator[str]:
    return _Block([(comment.blank, comment.text) for comment in comments], False).printed(indent, first=first)


def _collection(collection: Collection, indent: int) -> _Block:
    """Its entries, each on lines of its own."""
    blocks = [_entry(entry, indent, "" if collection.mapping else "-") for entry in collection.entries]
    found = _Block(blocks[0].lead, blocks[0].blank, list(blocks[0].lines))
    for block in blocks[1:]:
        found.lines += block.printed(indent, first=False)
    found.lines += _comments(collection.after, indent, first=False)
    return found


def _entry(entry: Entry, indent: int, mark: str) -> _Block:
    """A key with its value, an item with its dash, or a document's value."""
    found = _Block([(comment.blank, comment.text) for comment in entry.before], entry.blank)
    value, opening = entry.value, " " * indent + mark
    if entry.key is not None:
        key = scalars.key(entry.key)
        if len(key) > scalars.LONGEST_KEY:
            found.lines.append(f"{opening}? {key}")
            key = ""
        opening += key + ":"
    text = _inline(entry, opening)
    if text is not None:
        found.lines.append(_with_end(_join(opening, text), entry.end, indent))
    elif isinstance(value, Scalar):
        found.lines += _scalar(entry, value, indent, opening)
    elif opening.strip() and (entry.key is not None or value.properties):
        end = _loose(entry.end) if value.flow else entry.end
        found.lines.append(_with_end(_join(opening, " ".join(value.properties)), end, indent))
        found.lines += _collection(value, indent + _STEP).printed(indent + _STEP, first=True)
    elif value.properties:  # of a document's value
        found.lines.append(_with_end(" ".join(value.properties), entry.end, indent))
        found.lines += _collection(value, indent).printed(indent, first=True)
    else:
        _add_compact(found, entry, _collection(value, indent + _STEP if mark else indent), indent, mark)
    found.lines += _comments(entry.inner, indent + _STEP, first=True)
    return found


def _add_compact(found: _Block, entry: Entry, inner: _Block, indent: int, mark: str) -> None:
    """A collection that begins on the line of its dash, or of nothing. No line is left for comments but those above."""
    lead = ([(False, entry.end.text)] if entry.end else []) + inner.lead
    if lead:
        found.lead += [(found.blank, lead[0][1]), *lead[1:]]
        found.blank = inner.blank
    first = inner.lines[0]
    found.lines += [" " * indent + mark.ljust(_STEP) + first[indent + _STEP :] if mark else first, *inner.lines[1:]]


def _scalar(entry: Entry, value: Scalar, indent: int, opening: str) -> list[str]:
    text = scalars.several_lines(value, indent)
    line = _join(opening, text)
    first, broken, others = line.partition("\n")
    if value.body is not None:
        keeps = value.body.chomping == "+"
        return [_with_end(first, entry.end, indent), *([others] if broken else []), *([_KEPT] if keeps else [])]
    end = _loose(entry.end) if broken else entry.end
    if entry.own_line and entry.key is not None and len(first) > WIDTH:
        return [opening, _with_end(" " * (indent + _STEP) + text, end, indent)]
    return [_with_end(line, end, indent)]


def _loose(comment: Comment | None) -> Comment | None:
    """The comment without its column, which meant nothing any more once its line was laid out anew."""
    return None if comment is None else replace(comment, offset=None)


def _inline(entry: Entry, opening: str) -> str | None:
    """A flow collection on the line of its entry, where it has room there."""
    value = entry.value
    text = _flow(value) if isinstance(value, Collection) and value.flow else None
    if text is None:
        return None
    fits = len(_join(opening, text)) <= WIDTH
    spoken_of = any(_PRAGMA in comment.text for comment in [*entry.before, *([entry.end] if entry.end else [])])
    return text if fits or spoken_of or not _can_break(value) else None


def _can_break(node: Node) -> bool:
    """A bare key is mostly the rest of a text that a comma cut off. `validate` says so, but could not once it had a colon."""
    if isinstance(node, Scalar):
        return True
    return bool(node.entries) and all(not entry.bare and _can_break(entry.value) for entry in node.entries)


def _flow(collection: Collection) -> str | None:
    """The collection in flow style on one line; None where a comment or a line break within needs lines."""
    if collection.after:
        return None
    parts = []
    for entry in collection.entries:
        part = None if entry.before or entry.end else _flow_entry(entry)
        if part is None:
            return None
        parts.append(part)
    inner = ", ".join(parts)
    if collection.pair and not any(isinstance(n, Scalar) and n.is_empty for n in (collection.entries[0].key, collection.entries[0].value)):
        return inner
    inner = f"{{{inner}}}" if collection.mapping else f"[{inner}]"
    return " ".join([*collection.properties, inner])


def _flow_entry(entry: Entry) -> str | None:
    value = scalars.one_line(entry.value) if isinstance(entry.value, Scalar) else _flow(entry.value)
    if entry.key is None or value is None:
        return value
    key = scalars.key(entry.key)
    if len(key) > scalars.LONGEST_KEY:
        key = "? " + key
    return key if entry.bare else f"{key}: {value}"  # an empty value keeps the blank: libyaml refuses `{a:}`


def _join(opening: str, text: str) -> str:
    return f"{opening} {text}" if text and opening.strip() else opening + text


def _with_end(line: str, comment: Comment | None, indent: int) -> str:
    """The line with its comment: in its old column as long as two blanks are left, moved with the indentation."""
    if comment is None:
        return line
    used = len(line) - line.rfind("\n") - 1
    column = max(used + 2, indent + comment.offset if comment.offset is not None else 0)
    return line + " " * (column - used) + comment.text

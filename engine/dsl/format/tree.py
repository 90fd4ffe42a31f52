"""What a file says as a tree: scalars by their source text, comments at the entry that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.dsl.format.tokens import Body, Comment


@dataclass(slots=True)
class Scalar:
    """An alias too: `*name`, in plain style. Nothing at all is a scalar without text."""

    text: str = ""
    style: str | None = None
    value: str = ""
    body: Body | None = None
    properties: list[str] = field(default_factory=list)  # its anchor, and the tag `!`

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.properties)


@dataclass(slots=True)
class Collection:
    """A mapping's entries have keys; a sequence's have none."""

    mapping: bool
    flow: bool
    column: int
    properties: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    after: list[Comment] = field(default_factory=list)  # comments behind the last entry, in its indentation
    pair: bool = False  # the `a: b` of `[a: b]`


Node = Scalar | Collection


@dataclass(slots=True)
class Entry:
    """One key with its value, one item of a list, or the one value of a document."""

    value: Node
    key: Scalar | None = None
    bare: bool = False  # a key of a flow mapping without a colon
    own_line: bool = False  # the value begins on a line of its own
    column: int = 0
    before: list[Comment] = field(default_factory=list)  # comments on the lines in front of it
    blank: bool = False  # an empty line stands between those and it
    end: Comment | None = None  # the comment at the end of its line
    inner: list[Comment] = field(default_factory=list)  # comments where its value would be


@dataclass(slots=True)
class Document:
    root: Entry | None  # None where a document is empty
    header: list[Comment]
    directives: list[tuple[str, Comment | None]]
    start: bool  # `---` stands in front of it
    start_comment: Comment | None
    tail: list[Comment]
    end: bool = False  # `...` stands behind it
    end_comment: Comment | None = None

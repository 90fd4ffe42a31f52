"""Tokens → tree. The grammar is libyaml's; where each comment belongs is decided here."""

from __future__ import annotations

import yaml

from engine.dsl.format.tokens import Comment, Token, breaks_between, scan
from engine.dsl.format.tree import Collection, Document, Entry, Node, Scalar

_FLOW_ENDS = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_DOCUMENT_ENDS = (yaml.DirectiveToken, yaml.DocumentStartToken, yaml.DocumentEndToken, yaml.StreamEndToken)
# A node that would begin with one of these is empty.
_NO_NODE = (
    yaml.KeyToken,
    yaml.ValueToken,
    yaml.BlockEntryToken,
    yaml.BlockEndToken,
    yaml.FlowEntryToken,
    *_FLOW_ENDS,
    *_DOCUMENT_ENDS,
)


def parse(text: str, tokens: list[Token] | None = None) -> tuple[list[Document], list[Comment]]:
    """The documents of a text that the loader could read, and the comments behind the last one's end. Tokens lose their comments."""
    return _Parser(text, tokens or scan(text)).stream()


class _Parser:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 1  # behind the start of the stream
        self.last_end = 0  # where the last real token ended

    @property
    def peek(self) -> Token:
        return self.tokens[self.at]

    def sees(self, *kinds: type[yaml.Token]) -> bool:
        return self.peek.kind in kinds

    def next(self) -> Token:
        """The next token. What stands in front of a virtual one, and was not taken, stands in front of the one behind it."""
        token = self.peek
        self.at += 1
        if token.start == token.end and not token.text:
            self.peek.comments = token.comments
            self.peek.blank |= token.blank
        else:
            assert not token.comments
            self.last_end = token.end
        return token

    def take(self) -> list[Comment]:
        found, self.peek.comments = self.peek.comments, []
        return found

    def take_end(self) -> list[Comment]:
        """The comment at the end of the line that was read last."""
        comments = self.peek.comments
        return [comments.pop(0)] if comments and not comments[0].own else []

    def take_deeper(self, least: int) -> list[Comment]:
        """The comments from here on that stand at the column or deeper, and deeper than what comes next."""
        at = self.at
        while not self.tokens[at].text and self.tokens[at].kind is not yaml.StreamEndToken:
            at += 1
        outer = -1 if self.tokens[at].kind in _DOCUMENT_ENDS else self.tokens[at].column
        comments = self.peek.comments
        found = []
        while comments and comments[0].own and comments[0].column >= least and comments[0].column > outer:
            found.append(comments.pop(0))
        return found

    # Documents

    def stream(self) -> tuple[list[Document], list[Comment]]:
        documents: list[Document] = []
        while not self.sees(yaml.StreamEndToken):
            documents.append(self.document())
        return documents, self.take()

    def document(self) -> Document:
        found = Document(root=None, header=[], directives=[], start=False, start_comment=None, tail=[])
        while self.sees(yaml.DirectiveToken):
            found.header += self.take()
            text = " ".join(self.next().text.split())
            found.directives.append((text, next(iter(self.take_end()), None)))
        if self.sees(yaml.DocumentStartToken):
            found.header += self.take()
            self.next()
            found.start = True
            found.start_comment = next(iter(self.take_end()), None)
        if not self.sees(*_NO_NODE):
            found.root = self.root()
        found.tail = self.take()
        while self.sees(yaml.DocumentEndToken):
            found.tail += self.take()  # of a repeated `...`, which says nothing
            self.next()
            found.end = True
            end = self.take_end()
            if found.end_comment is None:
                found.end_comment = next(iter(end), None)
            else:
                found.tail += end
        return found

    def root(self) -> Entry:
        token = self.peek
        entry = Entry(value=Scalar(), column=token.column, blank=token.blank)
        if not self._is_block(token):
            entry.before = self.take()
        head: list[Comment] = []
        entry.value = self.node(head)
        self.finish(entry, head, token.start)
        return entry

    @staticmethod
    def _is_block(token: Token) -> bool:
        return token.kind in (yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken)

    # Nodes. `head` collects the comments between the start of an entry and the start of its value's content.

    def node(self, head: list[Comment], *, indentless: bool = False) -> Node:
        properties: list[str] = []
        while self.sees(yaml.AnchorToken, yaml.TagToken):
            head += self.take()
            properties.append(self.next().text)
        token = self.peek
        if token.kind in (yaml.ScalarToken, yaml.AliasToken):
            head += self.take()
            return self.scalar(properties)
        if token.kind in (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken):
            head += self.take()
            return self.flow(properties, head)
        if token.kind is yaml.BlockMappingStartToken:
            head += self.take_end()
            return self.mapping(properties)
        if token.kind is yaml.BlockSequenceStartToken or (indentless and token.kind is yaml.BlockEntryToken):
            head += self.take_end()
            return self.sequence(properties)
        return Scalar(properties=properties)

    def scalar(self, properties: list[str]) -> Scalar:
        token = self.next()
        if token.heading is not None:
            self.peek.comments.insert(0, token.heading)
        return Scalar(token.text, token.style, token.value, token.body, properties)

    def value(self, entry: Entry, head: list[Comment], *, indentless: bool) -> Node:
        """What stands behind `:` or `-` in block style."""
        if not self.sees(*_NO_NODE) or (indentless and self.sees(yaml.BlockEntryToken)):
            entry.own_line = breaks_between(self.text, self.last_end, self.peek.start)
            return self.node(head, indentless=indentless)
        return Scalar()

    def mapping(self, properties: list[str]) -> Collection:
        start = self.next()
        found = Collection(True, False, start.column, properties)
        while not self.sees(yaml.BlockEndToken):
            found.entries.append(self.pair())
        found.after = self.take_deeper(found.column)
        self.next()
        return found

    def pair(self) -> Entry:
        token = self.peek
        entry = Entry(value=Scalar(), column=token.column, blank=token.blank, before=self.take())
        head: list[Comment] = []
        self.next()
        entry.key = self.key(head)
        if self.sees(yaml.ValueToken):
            head += self.take()
            self.next()
            entry.value = self.value(entry, head, indentless=True)
        self.finish(entry, head, token.start)
        return entry

    def key(self, head: list[Comment]) -> Scalar:
        key = Scalar() if self.sees(*_NO_NODE) else self.node(head)
        assert isinstance(key, Scalar)  # the loader refuses other keys
        return key

    def sequence(self, properties: list[str]) -> Collection:
        start = self.peek
        indentless = start.kind is yaml.BlockEntryToken
        if not indentless:
            self.next()
        found = Collection(False, False, start.column, properties)
        while self.sees(yaml.BlockEntryToken):
            token = self.peek
            entry = Entry(value=Scalar(), column=token.column, blank=token.blank, before=self.take())
            head: list[Comment] = []
            self.next()
            entry.value = self.value(entry, head, indentless=False)
            self.finish(entry, head, token.start)
            found.entries.append(entry)
        # A comment in the column of the dashes and of the key above them belongs to the mapping.
        found.after = self.take_deeper(found.column + indentless)
        if not indentless:
            self.next()
        return found

    def finish(self, entry: Entry, head: list[Comment], start: int) -> None:
        """Give the entry its comments: the last at the end of a line stays at the end of its line, others go in front of it."""
        value = entry.value
        if isinstance(value, Scalar) or value.flow:
            head += self.take_end()
        if isinstance(value, Scalar) and value.is_empty:
            entry.inner = self.take_deeper(entry.column + 1)
        self._settle(entry, head, start)

    def _settle(self, entry: Entry, head: list[Comment], start: int) -> None:
        ends = [comment for comment in head if not comment.own]
        if ends:
            entry.end = ends[-1]
            if not breaks_between(self.text, start, entry.end.index):
                entry.end.offset = entry.end.column - entry.column
        moved = [comment for comment in head if comment is not entry.end]
        for comment in moved:
            comment.blank = False
        if moved:
            moved[0].blank, entry.blank = entry.blank, False
        entry.before += moved

    # Flow collections

    def flow(self, properties: list[str], head: list[Comment]) -> Collection:
        start = self.next()
        mapping = start.kind is yaml.FlowMappingStartToken
        found = Collection(mapping, True, start.column, properties)
        head += self.take_end()
        while not self.sees(*_FLOW_ENDS):
            found.entries.append(self.flow_entry(mapping))
        if found.entries:
            found.after = self.take()
        else:
            head += self.take()
        self.next()
        return found

    def flow_entry(self, mapping: bool) -> Entry:
        token = self.peek
        entry = Entry(value=Scalar(), column=token.column, blank=token.blank, before=self.take())
        head: list[Comment] = []
        if mapping:
            self.flow_pair(entry, head)
        elif self.sees(yaml.KeyToken):
            inner = Entry(value=Scalar(), column=token.column)
            self.flow_pair(inner, head)
            entry.value = Collection(True, True, token.column, entries=[inner], pair=True)
        else:
            entry.value = self.node(head)
        if self.sees(yaml.FlowEntryToken):
            head += self.take()
            self.next()
        head += self.take_end()
        self._settle(entry, head, token.start)
        return entry

    def flow_pair(self, entry: Entry, head: list[Comment]) -> None:
        if self.sees(yaml.KeyToken):
            head += self.take()
            self.next()
        entry.key = self.key(head)
        entry.bare = not self.sees(yaml.ValueToken)
        if not entry.bare:
            head += self.take()
            self.next()
            if not self.sees(*_NO_NODE):
                entry.value = self.node(head)

"""What is left of a document that does not fit its schema, so that the rest of it can be judged all the same.

The refused parts are left out, and with them whatever cannot do without them. What the rest then lacks or does not know may only
follow from that: `Remains.follows` tells such findings from those that stand on their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from engine.dsl.diagnostics import GUARDED, Diagnostic
from engine.dsl.nearest import nearest
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.model.span import Stretches

Path = tuple[str | int, ...]
# What depends on a document as a whole: a guard before it, a question for the metric, an object that is carried, the order of pages.
_OF_THE_WHOLE = frozenset({"SND203", "SND205", "SND206", "SND208", *GUARDED})
_UNKNOWN = frozenset({"SND201", "SND202", "SND204", "SND302", "SND303"})
_NAMING = ("objects", "connections", "events", "brands", "about", "when")  # what stands behind them is known in the whole document


class Remains(Mapping):
    """The rest of a document, which is built to be judged and for nothing else. Where it is empty, there is nothing to build."""

    __slots__ = ("_around", "_lost", "_names", "_unknown")

    def __init__(self, whole: Mapping) -> None:
        super().__init__(whole.data, whole.entries, whole.file, whole.start, whole.end)
        self._lost = Stretches()  # where the parts stood that are left out
        self._around: set[tuple[str, int, int]] = set()  # where the keys stand, and the first keys, of what they were left out of
        self._names: set[str] = set()  # what those parts may have declared
        self._unknown: frozenset[str] = frozenset()  # codes of what may be unknown only since they may have declared it

    def leave_out(self, paths: Collection[Path]) -> None:
        """Leave these parts out. A document with a wrong name is given one, so that the rest of it can be judged."""
        tree: dict[str | int, Any] = {}
        kind = next(iter(self.entries))
        if () in paths:
            self.data, self.entries = {}, {}
            return
        for path in paths:
            if path == (kind,):
                key, value = self.entries[kind]
                self.entries = {**self.entries, kind: (key, Scalar("unnamed", "unnamed", True, self.file, value.start, value.end))}
            else:
                self._note(path)
                branch = tree
                for step in path[:-1]:
                    branch = branch.setdefault(step, {})
                branch[path[-1]] = {}
        rest = self._without(self, tree)
        assert isinstance(rest, Mapping)
        self.data, self.entries = {key: node.data for key, (_, node) in rest.entries.items()}, rest.entries

    def _note(self, path: Path) -> None:
        node: Node = self
        if len(path) == 1 and nearest(str(path[0]), _NAMING) is not None:
            self._unknown = _UNKNOWN
        elif path[0] == "connections":  # their channels have names of their own
            self._unknown |= {"SND204"}
        for step in path:
            if isinstance(node, Mapping):
                self._around.add(node.key_span(str(step))[:3])
                named = node.get("as")
                self._names |= {named.text} if isinstance(named, Scalar) else set()
                node = node.entries[str(step)][1]
            else:
                assert isinstance(node, Sequence)
                node = node.items[int(step)]
        self._lost.add(node.span)
        self._names |= {str(path[-1]), *_words(node)}
        if path[-1] == "other":  # it declares the answer with the words behind that option
            self._names.add(f"{path[-2]}_other")

    def _without(self, node: Node, tree: dict[str | int, Any]) -> Node:
        """The node without the leaves of the tree."""
        if isinstance(node, Mapping):
            kept = ((name, key, value, tree.get(name)) for name, (key, value) in node.entries.items())
            entries = {name: (key, self._without(value, inner) if inner else value) for name, key, value, inner in kept if inner != {}}
            rest = Mapping({name: value.data for name, (_, value) in entries.items()}, entries, node.file, node.start, node.end)
            self._around |= {node.first_key[:3], rest.first_key[:3]}
            return rest
        assert isinstance(node, Sequence)
        found = ((value, tree.get(number)) for number, value in enumerate(node.items))
        items = [self._without(value, inner) if inner else value for value, inner in found if inner != {}]
        return Sequence([item.data for item in items], items, node.file, node.start, node.end)

    def follows(self, finding: Diagnostic) -> bool:
        """Whether a finding about the rest may only follow from what was left out."""
        span = finding.span
        if span is None or finding.code in _OF_THE_WHOLE or finding.code in self._unknown:
            return True
        if span[:3] in self._around or self._lost.any_within(span):
            return True
        written = self.file.written(span).strip("'\"")
        return written in self._names or not self._names.isdisjoint(written.split("."))


def refused_parts(error: Any) -> Iterator[Path]:
    """What has to go where jsonschema finds this error."""
    path: Path = tuple(error.absolute_path)
    if error.validator == "additionalProperties":
        yield from ((*path, key) for key in error.instance if key not in error.schema["properties"])
    elif list(error.absolute_schema_path)[-2:-1] == ["propertyNames"]:
        yield (*path, error.instance)
    else:  # where a key is missing, what should hold it
        yield path


def _words(node: Node) -> Iterator[str]:
    """Every key and every text in a node."""
    if isinstance(node, Scalar):
        yield node.text
    for item in node.items if isinstance(node, Sequence) else ():
        yield from _words(item)
    for name, (_, value) in node.entries.items() if isinstance(node, Mapping) else ():
        yield name
        yield from _words(value)

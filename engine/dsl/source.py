"""Reads YAML files: YAML 1.2's core schema over libyaml's parser, with the place of every node. The only file reader of the language."""

from __future__ import annotations

import operator
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from yaml.nodes import MappingNode, ScalarNode

from engine.dsl.broken_yaml import explain
from engine.dsl.diagnostics import Findings
from engine.dsl.libyaml import CParser as CParser
from engine.dsl.libyaml import masked
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence, SourceFile
from engine.errors import UsageError

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_ALIASED = 10_000
_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
# Every level of nesting needs one of these characters. libyaml's composer recurses in C, so what could be deep is measured first.
_INDICATORS = b"[{-?:"
_SAFE_INDICATORS = 5_000

FOLDERS = ("surveys", "audiences", "cadences", "automations", "templates", "reports", "scenarios", "blueprints")
PROJECT_FILE = "sounding.yaml"

_INTEGER = re.compile(r"[-+]?[0-9]+").fullmatch
_OCTAL = re.compile(r"0o[0-7]+").fullmatch
_HEX = re.compile(r"0x[0-9a-fA-F]+").fullmatch
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?").fullmatch
_INFINITE = re.compile(r"[-+]?\.(inf|Inf|INF)").fullmatch
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER_STARTS = frozenset("0123456789+-.")
_PLAIN, _QUOTED = "plain", "quoted"
_ANCHOR = re.compile(r"&\S+(?:\s+(?:#[^\n]*)?)+")
_UNTAGGED = "write the value without a tag, or quote it if the `!` belongs to it"


class _RefusedError(Exception):
    """What is wrong from ``start`` to before ``end`` of the text."""

    def __init__(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.start, self.end, self.hint = code, message, start, end, hint


class _Composer(CParser):
    """libyaml composes the nodes; the tag says only whether a scalar was plain, or names the explicit tag."""

    def resolve(self, kind: type, value: str, implicit: Any) -> str:
        return _PLAIN if kind is ScalarNode and implicit[0] else _QUOTED

    # Called around each node, for nothing here: functions of the interpreter that take as many arguments cost the least.
    descend_resolver = operator.is_
    ascend_resolver = bool


def find_files(root: Path) -> list[Path]:
    """The files of the project in ``root``, in a stable order. Raises UsageError where there is no project."""
    return [root / name for name in find_names(root)]


def find_names(root: Path) -> list[str]:
    """The same by their names, relative to ``root``."""
    if root.is_file():
        raise UsageError(f"{root} is a file: a project is a folder. Name the one that holds {PROJECT_FILE}")
    if not (root / PROJECT_FILE).is_file():
        raise UsageError(f"no {PROJECT_FILE} in {root}: a project is the folder that holds it. Name one with --project")
    found = {str(root / PROJECT_FILE): None}
    for folder in _folders(root):
        below = sorted(_below(str(root / folder), str(root)), key=_parts)
        # The current folder is called `.` in the names of what is in it, but not in those of what is in its folders.
        found.update(dict.fromkeys([path.removeprefix(f".{os.sep}") for path in below] if str(root / folder) == "." else below))
    before = len(str(root / PROJECT_FILE)) - len(PROJECT_FILE)
    return [path[before:].replace(os.sep, "/") for path in found]


def _below(folder: str, root: str) -> Iterator[str]:
    """The YAML files of a folder and the ones below it, but for those of other projects."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # not there, or not ours to look into
        return
    if folder != root and any(entry.name == PROJECT_FILE for entry in entries):
        return
    for entry in entries:
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _below(entry.path, root)
        elif entry.name.endswith((".yaml", ".yml")) and (entry.is_file() or entry.is_symlink()):
            yield entry.path  # a link that leads nowhere too: that is no reason to pass over what someone wanted to be read


def _parts(path: str) -> list[str]:
    return path.split(os.sep)


def _folders(root: Path) -> tuple[str, ...]:
    """Those that the project names with `paths`, else the usual ones."""
    try:
        data = (root / PROJECT_FILE).read_bytes()
    except OSError:  # reported where it is read
        return FOLDERS
    for document in parse(data, PROJECT_FILE, Findings())[0] if b"paths" in data else ():
        listing = document.get("paths")
        if "project" in document.entries and isinstance(listing, Sequence):
            return tuple(item.text for item in listing.items if isinstance(item, Scalar) and leads_inside(item.text))
    return FOLDERS


def leads_inside(folder: str) -> bool:
    """Whether a folder that `paths` names is one of the project."""
    path = PurePosixPath(folder)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in folder


def read(path: Path, name: str, findings: Findings) -> tuple[list[Mapping], str]:
    """The documents of a file, and its text. What cannot be read is a finding."""
    data = content(path, name, findings)
    return parse(data, name, findings) if data is not None else ([], "")


def content(path: Path, name: str, findings: Findings) -> bytes | None:
    """The bytes of a file. None where it cannot be read, which is a finding."""
    try:
        return path.read_bytes()
    except OSError as error:
        findings.unreadable("SND001", f"cannot be read: {error.strerror}", name)
        return None


def text_of(path: Path) -> str:
    """The text of a file, to show lines of it; empty where it cannot be read."""
    data = content(path, "", Findings())
    try:
        return _normal(data.decode("utf-8-sig")) if data is not None and len(data) <= MAX_BYTES else ""
    except UnicodeDecodeError:
        return ""


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(data: bytes, name: str, findings: Findings) -> tuple[list[Mapping], str]:
    """The documents of a file's bytes, and the decoded text."""
    if len(data) > MAX_BYTES:
        findings.unreadable("SND003", f"has {len(data):,} bytes; a file has at most {MAX_BYTES:,}", name, hint="split it")
        return [], ""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.unreadable("SND004", f"is not UTF-8: byte {error.start + 1}, in line {line}", name, hint="save it as UTF-8")
        return [], ""
    text = _normal(text)
    file = SourceFile(name, text)
    read, unmask = masked(text)
    try:
        return _documents(file, read, unmask), text
    except _RefusedError as refused:
        findings.error(refused.code, refused.message, file.within_line(refused.start, refused.end), hint=refused.hint)
    except yaml.MarkedYAMLError as error:
        message, at, hint = explain(read, error)
        # Newer libyamls have a limit of their own, and look ahead so far that they meet it before we meet ours.
        deep = "nesting depth" in message
        code, message = ("SND003", _TOO_DEEP) if deep else ("SND001", message)
        findings.error(code, message, file.within_line(at, at + 1), hint=hint)
    except yaml.reader.ReaderError as error:
        at = len(read.encode()[: error.position].decode())  # libyaml counts bytes here
        findings.error("SND001", f"the character U+{ord(text[at]):04X} is not allowed in YAML", file.within_line(at, at + 1))
    return [], text


def _documents(file: SourceFile, text: str, unmask: dict[int, int]) -> list[Mapping]:
    """``text`` is the file's with what ``unmask`` takes back."""
    encoded = text.encode()
    if sum(encoded.count(bytes([char])) for char in _INDICATORS) > _SAFE_INDICATORS:
        _check_depth(text)
    composer = _Composer(text)
    found: list[Mapping] = []
    try:
        builder = _Builder(file, unmask)
        while composer.check_node():
            raw: Any = composer.get_node()
            node = builder.build(raw, 1)
            if isinstance(node, Mapping):
                found.append(node)
            elif not (isinstance(node, Scalar) and node.data is None):
                message = "a document is a mapping that begins with its kind, as `survey: name`"
                raise _RefusedError("SND105", message, node.start, node.end)
    finally:
        composer.dispose()
    return found


def _check_depth(text: str) -> None:
    depth = 0
    parser = CParser(text)
    try:
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    mark: Any = event.start_mark
                    raise _too_deep(mark.index)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    finally:
        parser.dispose()


def _too_deep(at: int) -> _RefusedError:
    return _RefusedError("SND003", _TOO_DEEP, at, at + 1)


class _Builder:
    """libyaml's nodes → ours, with YAML 1.2's values, within the limits."""

    def __init__(self, file: SourceFile, unmask: dict[int, int]) -> None:
        self.file = file
        self.unmask = unmask
        self.has_anchors = "&" in file.text
        self.seen: set[int] = set()
        self.repeated = 0

    def build(self, node: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _too_deep(node.start_mark.index)
        kind = type(node)
        if self.has_anchors:
            self._count(node)
        if kind is ScalarNode:
            return self.scalar(node)
        start, end = self._extent(node)
        if node.tag is not _QUOTED and node.tag is not _PLAIN:
            raise _RefusedError("SND005", f"the tag `{_tag(node.tag)}` is not allowed", start, start + 1, _UNTAGGED)
        if kind is MappingNode:
            return self.mapping(node, depth, start, end)
        items = [self.build(item, depth + 1) for item in node.value]
        return Sequence([item.data for item in items], items, self.file, start, end)

    def _extent(self, node: Any) -> tuple[int, int]:
        """From the value itself, behind the anchor that it may have, to its end."""
        start, end = int(node.start_mark.index), int(node.end_mark.index)
        if self.has_anchors and self.file.text.startswith("&", start):
            anchor = _ANCHOR.match(self.file.text, start, end)
            start = anchor.end() if anchor is not None else end
        return start, end

    def _count(self, node: Any) -> None:
        if id(node) in self.seen:
            self.repeated += 1
            if self.repeated > MAX_ALIASED:
                start, end = self._extent(node)
                raise _RefusedError("SND003", f"aliases repeat more than {MAX_ALIASED:,} nodes", start, end, "write less by alias")
        self.seen.add(id(node))

    def scalar(self, node: Any) -> Scalar:
        tag, text = node.tag, node.value if not self.unmask else node.value.translate(self.unmask)
        start, end = self._extent(node) if self.has_anchors else (node.start_mark.index, node.end_mark.index)
        if tag is _PLAIN:
            return Scalar(_plain(text), text, True, self.file, start, end)
        if tag is not _QUOTED:
            raise _RefusedError("SND005", f"the tag `{_tag(tag)}` is not allowed", start, end, _UNTAGGED)
        return Scalar(text, text, False, self.file, start, end)

    def mapping(self, node: Any, depth: int, start: int, end: int) -> Mapping:
        data: dict[str, Any] = {}
        entries: dict[str, tuple[Scalar, Node]] = {}
        quick = not self.has_anchors and depth < MAX_DEPTH
        for key_node, value_node in node.value:
            if type(key_node) is not ScalarNode:
                braces = self.file.text.startswith("{{", start)
                at = start if braces else key_node.start_mark.index
                hint = 'quote it: "{{ … }}"' if braces else None
                raise _RefusedError("SND001", "a key is a name, not a list or a mapping", at, at + 1, hint)
            key = self.scalar(key_node)
            key.text = sys.intern(key.text)  # the same few keys, in every file
            if key.text == "<<" and key.plain:
                raise _RefusedError("SND005", "merge keys (`<<`) are not allowed", key.start, key.end, "write the keys out")
            if key.text in data:
                raise _RefusedError("SND002", f"`{key.text}` stands here twice", key.start, key.end, "keep one of them")
            if type(value_node) is ScalarNode and quick:
                value: Node = self.scalar(value_node)
            else:
                value = self.build(value_node, depth + 1)
            data[key.text] = value.data
            entries[key.text] = (key, value)
        return Mapping(data, entries, self.file, start, end)


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


def _plain(text: str) -> Any:
    """YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMBER_STARTS and len(text) <= 300:
        if _INTEGER(text):
            return int(text)
        if _FLOAT(text):
            return float(text)
        if _OCTAL(text):
            return int(text[2:], 8)
        if _HEX(text):
            return int(text[2:], 16)
        if _INFINITE(text):
            return float("-inf" if text[0] == "-" else "inf")
    return text

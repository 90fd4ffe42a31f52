"""Reads YAML files: YAML 1.2's core schema over libyaml's parser, with the place of every node. The only file reader of the language."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, ScalarNode

from engine.dsl.diagnostics import Findings
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence, SourceFile
from engine.errors import SoundingError, UsageError
from engine.model.span import Span

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]  # the stubs leave out what libyaml's binding exports
except ImportError as error:  # the pure Python parser reads some documents differently, so it is no substitute
    raise SoundingError(
        "PyYAML was installed without libyaml. Install a wheel that has it: pip install --force-reinstall --only-binary=:all: pyyaml"
    ) from error

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_ALIASED = 10_000
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


class _RefusedError(Exception):
    def __init__(self, code: str, message: str, mark: Any, end: Any, hint: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.mark, self.end, self.hint = code, message, mark, end, hint


class _Composer(CParser):
    """libyaml composes the nodes; the tag says only whether a scalar was plain, or names the explicit tag."""

    def resolve(self, kind: type, value: str, implicit: Any) -> str:
        return _PLAIN if kind is ScalarNode and implicit[0] else _QUOTED

    def descend_resolver(self, parent: Any, index: Any) -> None: ...

    def ascend_resolver(self) -> None: ...


def find_files(root: Path) -> list[Path]:
    """The files of the project in ``root``, in a stable order. Raises UsageError where there is no project."""
    if not (root / PROJECT_FILE).is_file():
        raise UsageError(f"no {PROJECT_FILE} in {root}: a project is the folder that holds it. Name one with --project")
    found = [root / PROJECT_FILE]
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            inner = [parent for parent in path.parents if parent != root and root in parent.parents]
            if path.suffix in (".yaml", ".yml") and path.is_file() and not any((parent / PROJECT_FILE).is_file() for parent in inner):
                found.append(path)
    return found


def read(path: Path, name: str, findings: Findings) -> tuple[list[Mapping], str]:
    """The documents of a file, and its text. What cannot be read is a finding."""
    try:
        data = path.read_bytes()
    except OSError as error:
        findings.unreadable("SND001", f"cannot be read: {error.strerror}", name)
        return [], ""
    return parse(data, name, findings)


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
    file = SourceFile(name, text)
    try:
        return _documents(file), text
    except _RefusedError as refused:
        findings.error(refused.code, refused.message, _span(file, refused.mark, refused.end), hint=refused.hint)
    except yaml.MarkedYAMLError as error:
        findings.error(*_syntax_error(file, error))
    except yaml.reader.ReaderError as error:
        line, column = file.place(error.position)
        span = Span(name, line, column, line, column + 1)
        findings.error("SND001", f"the character U+{int(error.character):04X} is not allowed in YAML", span)
    return [], text


def _documents(file: SourceFile) -> list[Mapping]:
    encoded = file.text.encode()
    if sum(encoded.count(bytes([char])) for char in _INDICATORS) > _SAFE_INDICATORS:
        _check_depth(file.text)
    composer = _Composer(file.text)
    found: list[Mapping] = []
    try:
        builder = _Builder(file)
        while composer.check_node():
            raw: Any = composer.get_node()
            node = builder.build(raw, 1)
            if isinstance(node, Mapping):
                found.append(node)
            elif not (isinstance(node, Scalar) and node.data is None):
                raise _RefusedError(
                    "SND105", "a document is a mapping that begins with its kind, as `survey: name`", raw.start_mark, raw.end_mark
                )
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
                    raise _too_deep(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    finally:
        parser.dispose()


def _too_deep(at: Any) -> _RefusedError:
    return _RefusedError("SND003", f"nested more than {MAX_DEPTH} levels deep", at.start_mark, None)


class _Builder:
    """libyaml's nodes → ours, with YAML 1.2's values, within the limits."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.has_aliases = "*" in file.text and "&" in file.text
        self.seen: set[int] = set()
        self.repeated = 0

    def build(self, node: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise _too_deep(node)
        if self.has_aliases:
            self._count(node)
        kind = type(node)
        if kind is ScalarNode:
            return self.scalar(node)
        if node.tag is not _QUOTED and node.tag is not _PLAIN:
            raise _RefusedError(
                "SND005", f"the tag `{_tag(node.tag)}` is not allowed", node.start_mark, None, "write the value without a tag"
            )
        if kind is MappingNode:
            return self.mapping(node, depth)
        items = [self.build(item, depth + 1) for item in node.value]
        return Sequence([item.data for item in items], items, self.file, node.start_mark, node.end_mark)

    def _count(self, node: Any) -> None:
        if id(node) in self.seen:
            self.repeated += 1
            if self.repeated > MAX_ALIASED:
                raise _RefusedError(
                    "SND003", f"aliases repeat more than {MAX_ALIASED:,} nodes", node.start_mark, None, "write less by alias"
                )
        self.seen.add(id(node))

    def scalar(self, node: Any) -> Scalar:
        tag, text = node.tag, node.value
        if tag is _PLAIN:
            return Scalar(_plain(text), text, True, self.file, node.start_mark, node.end_mark)
        if tag is not _QUOTED:
            raise _RefusedError(
                "SND005", f"the tag `{_tag(tag)}` is not allowed", node.start_mark, node.end_mark, "write the value without a tag"
            )
        return Scalar(text, text, False, self.file, node.start_mark, node.end_mark)

    def mapping(self, node: Any, depth: int) -> Mapping:
        data: dict[str, Any] = {}
        entries: dict[str, tuple[Scalar, Node]] = {}
        for key_node, value_node in node.value:
            if type(key_node) is not ScalarNode:
                braces = self.file.text.startswith("{{", node.start_mark.index)
                hint = 'quote it: "{{ … }}"' if braces else None
                at = node if braces else key_node
                raise _RefusedError("SND001", "a key is a name, not a list or a mapping", at.start_mark, None, hint)
            key = self.scalar(key_node)
            if key.text == "<<" and key.plain:
                raise _RefusedError(
                    "SND005", "merge keys (`<<`) are not allowed", key_node.start_mark, key_node.end_mark, "write the keys out"
                )
            if key.text in data:
                raise _RefusedError("SND002", f"`{key.text}` stands here twice", key_node.start_mark, key_node.end_mark, "keep one of them")
            value = self.build(value_node, depth + 1)
            data[key.text] = value.data
            entries[key.text] = (key, value)
        return Mapping(data, entries, self.file, node.start_mark, node.end_mark)


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


def _span(file: SourceFile, mark: Any, end: Any) -> Span:
    line, column = mark.line + 1, mark.column + 1
    if end is not None and end.line == mark.line and end.column > mark.column:
        return Span(file.name, line, column, line, end.column + 1)
    return Span(file.name, line, column, line, column + 1)


def _syntax_error(file: SourceFile, error: yaml.MarkedYAMLError) -> tuple[str, str, Span]:
    """libyaml's complaint, with the hint for the usual cause where the line shows one."""
    mark = error.problem_mark or error.context_mark
    problem = error.problem or "not valid YAML"
    line = file.text.split("\n")[mark.line] if mark else ""
    value = re.match(r"\s*(?:- )?[\w.]+:\s+(.*)", line)
    hint = ""
    if value and value[1].startswith(("*", "&", "%", "@", "`")):
        hint = "; quote the value: it begins with a character that YAML reserves"
    elif value and re.match(r"""(["']).*\1\s*\S""", value[1]):
        hint = "; quote the whole value: it begins with a quote and goes on behind it"
    elif "{{" in line:
        hint = '; quote the value: "{{ … }}"'
    elif "mapping values are not allowed" in problem:
        hint = "; quote the value: it has a `: ` in it"
    elif "\t" in line[: len(line) - len(line.lstrip())]:
        hint = "; indent with spaces, not tabs"
    return "SND001", f"not valid YAML: {problem}{hint}", _span(file, mark, None)

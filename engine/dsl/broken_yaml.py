"""What libyaml's complaints mean for a person: where the cause stands, and what to do about the usual ones."""

from __future__ import annotations

import re
from typing import Any

import yaml

from engine.dsl.libyaml import CParser

# What a value may stand behind: `key: `, `- `, `[`, `{` or a comma.
_BEFORE_VALUE = re.compile(r"(?:^\s*|[\[{,]\s*)-\s+|:\s+|[\[{,]\s*")
_GOES_ON = re.compile(r"""(?:(["']).*\1|\[.*\])\s*(?:\S\s?)?$""")
_COMMENT = re.compile(r"[:,\[{]\s+#\S")
# What shows that a quote ran on into what stands behind it: a line of its text that begins as an entry does, or a closing quote
# that looks like an opening one.
_NEXT_ENTRY = re.compile(r"""\n[ \t]*(?:-[ \t]+\S|[\w.-]+:\s|[{["'])""")
_OPENS = re.compile(r"(?:[:,(\[{=<>+\s-][ \t]*|^)$")
_OPENERS = (yaml.FlowSequenceStartToken, yaml.FlowMappingStartToken)
_CLOSERS = (yaml.FlowSequenceEndToken, yaml.FlowMappingEndToken)
_REACH = 500  # characters of a line, before the place where the parser gave up, that are searched for the cause


def explain(text: str, error: yaml.MarkedYAMLError) -> tuple[str, int, str | None]:
    """The message, the offset to point at, and a hint."""
    mark: Any = error.problem_mark or error.context_mark
    at = min(mark.index, len(text))
    problem, context = error.problem or "it cannot be read", error.context or ""
    tokens = _tokens(text, at)
    quote = _open_quote(text, at, tokens)
    if quote is not None:
        return "not valid YAML: this quote is never closed", quote, None
    bracket = _unmatched(text, at, tokens)
    if bracket is not None and bracket == at:
        return f"not valid YAML: this `{text[at]}` closes nothing", at, "leave it out, or write what it should close"
    if bracket is not None:
        return f"not valid YAML: this `{text[bracket]}` is never closed", bracket, None
    trap = _trap(text, at, "anchor" in context)
    if trap is not None:
        return f"not valid YAML: {problem}", *trap
    if "quoted scalar" in context and ("end of stream" in problem or "document indicator" in problem) and error.context_mark is not None:
        return "not valid YAML: this quote is never closed", int(error.context_mark.index), None
    opener = _open_bracket(text) if "did not find expected" in problem else None
    if opener is not None and ("\n" in text[opener:at] or at == len(text) or text[at] in "]}"):
        cut = _COMMENT.search(text[opener : text.find("\n", opener) if "\n" in text[opener:] else len(text)])
        hint = "quote what begins with `#`: it is a comment from there on" if cut is not None else None
        return f"not valid YAML: this `{text[opener]}` is never closed", opener, hint
    line = text[text.rfind("\n", 0, at) + 1 : at]
    hint = None
    if "mapping values" in problem:
        hint = "quote it: the value has a `: ` in it" if ": " in line else "begin the key below the keys that it belongs to"
    elif line.isspace() or text.startswith("\t", at):
        hint = "indent with spaces, not tabs" if "\t" in text[at - len(line) : at + 1] else None
    return f"not valid YAML: {problem}", at, hint


def _tokens(text: str, at: int) -> list[Any]:
    """The brackets and scalars up to the place where the parser gave up, and what stands there."""
    found: list[Any] = []
    parser = CParser(text)
    try:
        while parser.check_token():
            token: Any = parser.get_token()
            if token.start_mark.index > at:
                break
            if isinstance(token, (yaml.ScalarToken, *_OPENERS, *_CLOSERS)):
                found.append(token)
    except yaml.YAMLError:
        pass  # the one that is explained here
    finally:
        parser.dispose()
    return found


def _open_quote(text: str, at: int, tokens: list[Any]) -> int | None:
    """Where the quote begins that ran over lines to the next one, behind which nothing makes sense."""
    quoted = [token for token in tokens if isinstance(token, yaml.ScalarToken) and token.style in ("'", '"') and token.end_mark.index <= at]
    if not quoted:
        return None
    start, end = quoted[-1].start_mark.index, quoted[-1].end_mark.index
    written = text[start + 1 : end - 1]
    if "\n" not in written or "\n" in text[end:at]:
        return None
    return start if _NEXT_ENTRY.search(written) or _OPENS.search(written[written.rfind("\n") + 1 :]) else None


def _unmatched(text: str, at: int, tokens: list[Any]) -> int | None:
    """Where the parser gave up at a closing bracket: the open one that is of the other kind, or itself if none is open."""
    if not tokens or tokens[-1].start_mark.index != at or not isinstance(tokens[-1], _CLOSERS):
        return None
    stack: list[int] = []
    for token in tokens[:-1]:
        if isinstance(token, _OPENERS):
            stack.append(token.start_mark.index)
        elif isinstance(token, _CLOSERS) and stack:
            stack.pop()
    if not stack:
        return at
    return stack[-1] if text[stack[-1]] + text[at] not in ("[]", "{}") else None


def _trap(text: str, at: int, in_anchor: bool) -> tuple[int, str] | None:
    """Where a value begins that YAML reads in another way than it was meant, and how to write it."""
    begin = max(text.rfind("\n", 0, at) + 1, at - _REACH)
    line = text[begin : at + 1]
    for before in _BEFORE_VALUE.finditer(line):
        value, start = line[before.end() :], begin + before.end()
        if value[:1] in ("*", "%", "@", "`") or (value[:1] == "&" and in_anchor):
            return start, f"quote it: YAML reserves a `{value[0]}` at the beginning of a value"
        if _GOES_ON.match(value):
            return start, f"quote it: the whole value, since it begins with {value[0]} and goes on behind it"
        if value.startswith("{{"):
            return start, 'quote it: "{{ … }}"'
    return None


def _open_bracket(text: str) -> int | None:
    """The innermost `[` or `{` that is open where the parser gives up."""
    stack: list[int] = []
    parser = CParser(text)
    try:
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                mark: Any = event.start_mark
                stack.append(mark.index if event.flow_style else -1)
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
    except yaml.YAMLError:
        pass
    finally:
        parser.dispose()
    return stack[-1] if stack and stack[-1] >= 0 else None

"""A scalar in its new place. Its source text is kept; only line breaks and indentation that do not count are laid out anew."""

from __future__ import annotations

from engine.dsl.format.tree import Scalar

_BLANKS = " \t"
# libyaml takes a key without `?` for one only up to 1,024 characters.
LONGEST_KEY = 1000


def one_line(scalar: Scalar) -> str | None:
    """The scalar with its properties on one line; None where it needs several."""
    text = scalar.text
    if scalar.body is not None:
        return None
    if "\n" in text:
        lines = text.split("\n")
        folds = all(line.strip(_BLANKS) for line in lines)
        if not folds or (scalar.style == '"' and any(_ends_escaped(line) for line in lines[:-1])):
            return None
        text = " ".join([lines[0].rstrip(_BLANKS), *(line.strip(_BLANKS) for line in lines[1:-1]), lines[-1].lstrip(_BLANKS)])
    return " ".join(filter(None, [*scalar.properties, text]))


def key(scalar: Scalar) -> str:
    """A key on one line, whatever it was written like, with the blank that an alias needs in front of its colon."""
    if scalar.is_empty:
        return '""'
    text = one_line(scalar)
    if text is None:
        text = " ".join([*scalar.properties, f'"{_escaped(scalar.value)}"'])
    return text + " " if text.startswith("*") or not scalar.text else text


def _escaped(text: str) -> str:
    return "".join(char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)


def several_lines(scalar: Scalar, indent: int) -> str:
    """The scalar as the value of an entry that is indented by ``indent``. Lines behind the first bring their indentation."""
    if scalar.body is not None:
        text = _block(scalar, indent + 2)
    elif scalar.style is None and scalar.text == "-":
        text = '"-"'  # from a flow collection; in block style it would begin a list
    elif "\n" in scalar.text:
        text = _folded(scalar, indent + 2)
    else:
        text = scalar.text
    return " ".join(filter(None, [*scalar.properties, text]))


def _block(scalar: Scalar, indent: int) -> str:
    body = scalar.body
    assert body is not None
    first = next(filter(None, body.lines), "")
    digit = "2" if first.startswith((" ", "\t")) else ""  # else the first line would tell a wrong indentation
    header = body.style + digit + body.chomping
    return "\n".join([header, *(" " * indent + line if line else "" for line in body.lines)])


def _folded(scalar: Scalar, indent: int) -> str:
    """A plain or quoted scalar of several lines: the author's lines, in the new indentation."""
    lines = scalar.text.split("\n")
    found = []
    for index, line in enumerate(lines):
        text = line.lstrip(_BLANKS) if index else line
        if index < len(lines) - 1:
            bare = text.rstrip(_BLANKS)
            # `\` and a blank at the end of a line of a double-quoted scalar are a blank that counts.
            kept = len(text) > len(bare) and scalar.style == '"' and _ends_escaped(bare)
            text = text[: len(bare) + 1] if kept else bare
        found.append((" " * indent if index and text else "") + text)
    return "\n".join(found)


def _ends_escaped(line: str) -> bool:
    text = line.rstrip(_BLANKS)
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1

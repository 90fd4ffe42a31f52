"""Inputs that nobody would write: projects of ours with bytes, lines and tokens changed, and documents made up by the schemas.

Each is decided by its seed alone, so one that breaks something can be looked at again:
`python tests/support/inputs.py FOLDER FIRST COUNT` reads inputs FIRST … in turn, and names the one that it is at in FOLDER/at.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from engine.checks.formats import json as json_format
from engine.checks.formats import text as text_format
from engine.checks.run import check_project
from engine.dsl.schema.kinds import kind_schemas

ROOT = Path(__file__).parents[2]
TOKENS = (
    *(
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "{{ ",
        " }}",
        "{% if ",
        "{% for x in ",
        "{% endif %}",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        '"',
        "'",
        "\\",
        "|",
        ">",
    ),
    *(
        "&a ",
        "*a",
        "!x ",
        "!!str ",
        "<<: ",
        "? ",
        "- ",
        ": ",
        ":",
        ",",
        "#",
        " #",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "\t",
        "\r",
        "\r\n",
        "\n",
        "\n\n",
    ),
    *(
        "\x00",
        "\x85",
        "\u2028",
        "\ufeff",
        "\ud7ff",
        "😀",
        "é",
        "e\u0301",
        "\x1b",
        "~",
        "null",
        "true",
        "NaN",
        ".inf",
        "1e999",
        "0x",
        "-0",
        "9" * 40,
    ),
    *(
        " and ",
        " or ",
        "not ",
        " in ",
        " is none",
        " == ",
        "==",
        "<",
        "//",
        "|default(",
        "|round",
        "contains(",
        "matches(",
        "now()",
        "contact.",
        "answer.",
    ),
    *(
        "$x",
        "$",
        "survey.*.answered",
        "..",
        ".",
        "a.b.c.d",
        "2bd",
        "999999y",
        "25%",
        "09:00-18:00",
        "renamed_from: ",
        "show_if: ",
        "use: ",
        "with: ",
    ),
    *("[" * 70, "{a: " * 70, "- " * 70, "(" * 70, "not " * 70, "-" * 70, "a." * 70, "*a, " * 40, "x" * 5000, "{{ x }}" * 200, "%" * 30),
)


@dataclass(frozen=True, slots=True)
class Made:
    """The content of a project's one file."""

    seed: int
    data: bytes


def corpus() -> list[str]:
    """Sound and defective projects, each as one file."""
    folders = [path.parent for place in ("tests/fixtures", "examples") for path in sorted((ROOT / place).rglob("sounding.yaml"))]
    texts = []
    for folder in folders:
        files = sorted(folder.rglob("*.y*ml"), key=lambda path: (path.name != "sounding.yaml", path))
        texts.append("\n---\n".join(path.read_bytes().decode("utf-8", "replace") for path in files))
    return texts


def made(seed: int, texts: list[str]) -> Made:
    """The input of a seed: of four, one is made up, and three are changed."""
    chance = Random(seed)
    if chance.randrange(4) == 0:
        return Made(seed, _made_up(chance))
    return Made(seed, _changed(chance.choice(texts), chance, texts))


def _changed(text: str, chance: Random, texts: list[str]) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 3, 8, 30))):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.choice((1, 1, 3, 10, 80, 2000)))
        match chance.randrange(8):
            case 0:
                text = text[:at] + text[end:]
            case 1 | 2:
                text = text[:at] + chance.choice(TOKENS) + text[at:]
            case 3:
                text = text[:at] + chance.choice(TOKENS) + text[end:]
            case 4:
                text = text[:end] + text[at:end] * chance.choice((1, 2, 20)) + text[end:]
            case 5:
                other = chance.choice(texts)
                begin = chance.randrange(len(other) + 1)
                text = text[:at] + other[begin : begin + chance.choice((5, 50, 500))] + text[at:]
            case 6:
                lines = text.split("\n")
                one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[one], lines[two] = lines[two], " " * chance.randrange(4) + lines[one]
                text = "\n".join(lines)
            case _:
                text = text[:at] + chr(chance.choice((chance.randrange(128), chance.randrange(0xD800)))) + text[at + 1 :]
    data = bytearray(text[: 1 << 18].encode("utf-8", "replace"))
    if chance.randrange(10) == 0 and data:
        for _ in range(chance.randrange(1, 5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _made_up(chance: Random) -> bytes:
    schemas = kind_schemas()
    documents: list[Any] = [_document("project", chance)]
    for number in range(chance.randrange(1, 5)):
        kind = chance.choice(list(schemas)[1:])
        documents.append(_document(kind, chance) | {kind: f"made_{number}"})
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=chance.random() < 0.5).encode("utf-8", "replace")


def _document(kind: str, chance: Random) -> dict[str, Any]:
    """One whose first key is its kind."""
    schema = kind_schemas()[kind]
    found = _value(schema, schema, chance, 0)
    rest = {key: value for key, value in found.items() if key != kind} if isinstance(found, dict) else {}
    return {kind: "made", **rest}


_WORDS = ("score", "contact", "deal", "name", "tier", "a", "b", "made_1", "nps", "mail", "desk", "event", "company", "order.delivered")
_TEXTS = (
    *("contact.tier == 'vip'", "score <= 6 and reason is not none", "{{ contact.name }}", "a: b", "", " ", "2d", "0 9 * * mon", "*", "25%"),
    *("survey.made_1.answered", "optional text", "list of text", "money RUB", "https://a.test", "#006633", "2026-03-01", "1-10", "ru", "Ж"),
    *("{% if score > 3 %}{{ score }}{% endif %}", "not (" * 20 + "score" + ")" * 20, "1 < 2 < 3 < 4", "x" * 300, "$x", "09:00-18:00"),
)


def _value(schema: Mapping[str, Any], root: Mapping[str, Any], chance: Random, depth: int) -> Any:
    """A value that mostly fits a schema."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if chance.randrange(40) == 0 or depth > 7:
        return chance.choice((None, True, 5, -1.5, [], {}, *_TEXTS))
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kinds = schema.get("type", "string")
    match chance.choice(kinds) if isinstance(kinds, list) else kinds:
        case "object":
            properties = schema.get("properties", {})
            needed = schema.get("required", ())
            keys = [key for key in properties if key in needed or chance.randrange(3) == 0]
            found = {key: _value(properties[key], root, chance, depth + 1) for key in keys}
            other = schema.get("additionalProperties")
            if isinstance(other, dict):
                found |= {chance.choice(_WORDS): _value(other, root, chance, depth + 1) for _ in range(chance.randrange(4))}
            return found
        case "array":
            return [_value(schema.get("items", {}), root, chance, depth + 1) for _ in range(chance.randrange(4))]
        case "integer":
            return chance.choice((0, 1, 5, 100, 2**40))
        case "number":
            return chance.choice((0, 2.5, -1, 1e300))
        case "boolean":
            return chance.random() < 0.5
    return chance.choice((*_WORDS, *_TEXTS))


def judge(folder: Path, data: bytes) -> float:
    """Check a project of this one file, and print what is found. Returns the CPU seconds. A place outside the file is an error."""
    (folder / "sounding.yaml").write_bytes(data)
    begun = time.process_time()
    loaded = check_project(folder)
    found = loaded.findings.sorted()
    json.loads(json_format.render(found, loaded.files))
    text_format.render(found, loaded.files, loaded.texts)
    spent = time.process_time() - begun
    for finding in found:
        assert finding.message
        if finding.span is not None:
            lines = loaded.texts[finding.span.file].split("\n")
            span = finding.span
            assert 1 <= span.line <= span.end_line <= len(lines), finding
            assert 1 <= span.column <= len(lines[span.line - 1]) + 1, finding
            assert (span.line, span.column) < (span.end_line, span.end_column), finding
    return spent


def peak() -> int:
    """The most memory that this process ever had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(folder: Path, first: int, count: int) -> None:
    texts = corpus()
    slowest, at, begun = 0.0, first, peak()
    for seed in range(first, first + count):
        (folder / "at").write_text(str(seed))
        spent = judge(folder, made(seed, texts).data)
        if spent > slowest:
            slowest, at = spent, seed
    print(json.dumps({"slowest": slowest, "slowest_seed": at, "grown": peak() - begun, "peak": peak()}))  # noqa: T201  # what it is called for


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

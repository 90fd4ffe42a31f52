"""A damaged project is refused or accepted, but never breaks the command: one that uses the whole language, changed at random places."""

from __future__ import annotations

import copy
from pathlib import Path
from random import Random

import pytest
import yaml

from engine.checks.formats import json as json_format
from engine.checks.formats import text as text_format
from engine.checks.run import check_project
from engine.dsl.diagnostics import Findings
from engine.dsl.source import parse
from engine.rules.compile import RuleSet

EVERYTHING = Path(__file__).parents[2] / "fixtures" / "good" / "everything"
JUNK: list[object] = [
    *(None, True, 0, -1, 5, 2.5, float("inf"), 10**30, "", " ", "x", "nps", "contact", "contact.tier", "score", "{{ x }}", "{{"),
    *("{% if", "2d", "999999y", "0d", "25%", "*", "a.b.c", "survey.*.answered", "$x", "Ж😀", "\x85\u2028", "not a and (b"),
    *(
        [],
        {},
        [[]],
        [None],
        {"a": None},
        {"x": "y"},
        ["x"],
        {"env": "X"},
        {"": ""},
        [{"if": "true"}],
        {"ru": "x", "en": ""},
        {"type": "matrix"},
    ),
    *({"nps": "score"}, "true", "none"),
]

Place = tuple[list[object] | dict[object, object], object]


def documents() -> list[object]:
    return [document.data for path in sorted(EVERYTHING.rglob("*.yaml")) for document in parse(path.read_bytes(), path.name, Findings())[0]]


def places(value: object) -> list[Place]:
    """Every place in a document that holds a value."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    found: list[Place] = []
    for key, inner in items:
        assert isinstance(value, (dict, list))
        found += [(value, key), *places(inner)]
    return found


def damage(whole: list[object], chance: Random) -> None:
    holder, key = chance.choice([place for document in whole for place in places(document)])
    match chance.randrange(4), holder:
        case 0, dict():
            holder[chance.choice(["x", "if", "via", "when", "use", "as", "then", "type"])] = holder.pop(key)
        case 1, dict():
            del holder[key]
        case 2, _:
            other, place = chance.choice([place for document in whole for place in places(document)])
            holder[key] = copy.deepcopy(other[place])  # type: ignore[call-overload]  # a key of a dict, or an index of a list
        case _:
            holder[key] = copy.deepcopy(chance.choice(JUNK))  # type: ignore[call-overload]  # likewise


def test_undamaged_it_is_sound(tmp_path: Path) -> None:
    (tmp_path / "sounding.yaml").write_text(yaml.safe_dump_all(documents(), sort_keys=False, allow_unicode=True), encoding="utf-8")
    assert not check_project(tmp_path).findings.items


@pytest.mark.parametrize("seed", range(8))
def test_any_damage_is_survived(tmp_path: Path, seed: int) -> None:
    chance = Random(seed)
    original = documents()
    for _ in range(12):
        whole = copy.deepcopy(original)
        for _ in range(chance.randrange(1, 4)):
            damage(whole, chance)
        (tmp_path / "sounding.yaml").write_text(yaml.safe_dump_all(whole, sort_keys=False, allow_unicode=True), encoding="utf-8")
        loaded = check_project(tmp_path)
        found = loaded.findings.sorted()
        json_format.render(found, loaded.files)
        text_format.render(found, loaded.files, loaded.texts)
        if not loaded.findings.errors:
            assert loaded.definitions is not None
            # Nothing is passed over in silence.
            assert len(loaded.definitions.by_address()) == len(whole)
            rules = RuleSet(loaded.definitions)
            for event in rules.events:
                rules.holding(event, {})

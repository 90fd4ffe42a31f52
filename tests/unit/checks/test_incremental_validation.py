"""What a validation keeps never changes what the next one finds: after any edits it finds what one from nothing does."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from engine.checks.cache import FOLDER
from engine.checks.run import check_project
from engine.checks.validate import validate
from engine.dsl.diagnostics import Diagnostic

PROJECT = """\
project: shop
languages: [en, uk]
objects:
  contact: {email: optional email, name: text, tier: [standard, vip], last_nps: optional integer}
  deal: {title: text, amount: optional number}
events:
  order.delivered: {object: deal, warehouse: text}
  case.escalated: {object: contact, level: integer}
connections:
  desk: {use: zendesk, url: "https://shop.zendesk.test", user: {env: ZD_USER}, token: {env: ZD_TOKEN}}
  mail: {use: smtp, host: smtp.shop.test, from: "Shop <cx@shop.test>"}
  chat: {use: slack, url: {env: CHAT_URL}}
"""
PROJECTS = (
    PROJECT,
    PROJECT.replace("tier: [standard, vip]", "tier: [standard, gold]"),
    PROJECT.replace("name: text", "name: optional text"),
    PROJECT.replace("warehouse: text", "warehouse: optional text, depot: text"),
    PROJECT + "checks: {SND207: warning, SND310: off}\n",
    PROJECT.replace("  chat:", "  # moved down\n  chat:"),
    "# nothing here\n",
    PROJECT.replace("objects:", "objcts:"),
)


def survey(random: Random, name: str) -> str:
    kind = random.choice(["nps", "csat", "ces"])
    more = random.choice(
        ["", "  size: {type: single, ask: Size?, options: {s: S, m: M}}\n", "  reason: {type: text, ask: Why?, show_if: score <= 3}\n"]
    )
    about = random.choice(["contact", "deal", "deal", "parcel"])
    extra = random.choice(["", "", "anonymous: true\n", "open: true\n", "titel: x\n"])
    text = random.choice(["How was it?", "Hello {{ contact.name }}", "{en: Hi, uk: Привіт}", "{en: Hi}", "{{ nobody }}"])
    quoted = text if text.startswith("{en") else f'"{text}"'
    return f"survey: {name}\nmetric: {kind}\nabout: {about}\n{extra}questions:\n  score: {{type: {kind}, ask: {quoted}}}\n{more}"


def automation(random: Random, name: str, surveys: list[str]) -> str:
    when = random.choice(
        [f"survey.{random.choice(surveys)}.answered", "survey.*.answered", "{survey.*.answered: {metric: nps}}", "order.delivered"]
    )
    condition = random.choice(["score <= 3", 'contact.tier == "vip"', "score > 99", 'size == "m"', "event.warehouse == 'x'"])
    step = random.choice(
        [
            'ticket: {via: desk, title: "{{ contact.name }}"}',
            'message: {via: chat, to: "#x", text: "{{ reason }}"}',
            "email: {template: words}",
            "email: {template: thanks}",
            "emit: {event: case.escalated, data: {level: 2}}",
            f"ask: {{survey: {random.choice(surveys)}}}",
        ]
    )
    return f"automation: {name}\nwhen: {when}\nif: {condition}\nthen: [{{{step}}}]\n"


def cadence(random: Random, name: str, surveys: list[str]) -> str:
    return (
        f"cadence: {name}\nsurvey: {random.choice(surveys)}\naudience: {random.choice(['all', 'vips', 'gone'])}\n"
        f"when: {random.choice(['order.delivered', 'deal.won', 'contact.created', 'survey.s1.answered'])}\nvia: [mail]\n"
        f"invite: {random.choice(['words', 'thanks'])}\n"
    )


def template(random: Random, name: str) -> str:
    text = random.choice(["{{ deal.title }}", "{{ contact.name }}", "{{ score }}", "{{ link }}", "{{ contact.email }}"])
    comment = random.choice(["", "  # sounding: ignore SND207 it is for later"])
    return f'template: {name}{comment}\nsubject: Hello\ntext: "{text}"\n'


def audience(random: Random, name: str) -> str:
    where = random.choice(["true", 'contact.tier == "vip"', 'contact.tier == "gold"', "contact.last_nps > 3", "deal.amount > 3"])
    exclude = random.choice(["", "exclude: [vips]\n", "exclude: [gone]\n"])
    return f"audience: {name}\nof: {random.choice(['contact', 'contact', 'deal'])}\nwhere: {where}\n{exclude}"


def scenario(random: Random, name: str, surveys: list[str]) -> str:
    return (
        f"scenario: {name}\nstart: 2026-03-02T09:00:00Z\ncontacts: {{ada: {{name: Ada}}}}\ntimeline:\n"
        f"  - {{at: 0d, answer: {random.choice(surveys)}, contact: ada, answers: {{{random.choice(['score', 'size', 'reason'])}: 3}}}}\n"
    )


BLUEPRINT = """\
blueprint: recovery
inputs: {survey: survey, low: {type: integer, default: 3}}
automation: {when: survey.$survey.answered, if: score <= $low, then: [{ticket: {via: desk, title: "{{ contact.name }}"}}]}
"""


class Editor:
    """Changes a project as people do: somewhere, in any order, sometimes wrongly."""

    def __init__(self, root: Path, random: Random) -> None:
        self.root, self.random = root, random
        root.mkdir()
        self.write("sounding.yaml", PROJECT)
        self.surveys = ["s1", "s2", "s3"]
        for _ in range(8):
            self.change()

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text, encoding="utf-8")

    def document(self) -> str:
        random = self.random
        makers: list[Callable[[], str]] = [
            lambda: survey(random, random.choice(self.surveys)),
            lambda: survey(random, random.choice(self.surveys)),
            lambda: automation(random, random.choice(["a1", "a2", "a3"]), self.surveys),
            lambda: automation(random, random.choice(["a1", "a2", "a3"]), self.surveys),
            lambda: cadence(random, random.choice(["c1", "c2"]), self.surveys),
            lambda: template(random, random.choice(["words", "thanks"])),
            lambda: audience(random, random.choice(["all", "vips"])),
            lambda: scenario(random, "t1", self.surveys),
            lambda: BLUEPRINT if random.random() < 0.7 else BLUEPRINT.replace("score <=", "socre <="),
            lambda: f"automation: b1\nuse: recovery\nwith: {{survey: {random.choice(self.surveys)}}}\n",
            lambda: f"report: r1\nevery: 1mo\nsurveys: [{random.choice(self.surveys)}]\n",
        ]
        return random.choice(makers)()

    def change(self) -> None:
        random = self.random
        files = sorted(path for path in self.root.rglob("*.yaml") if path.name != "sounding.yaml")
        match random.choice(["write", "write", "write", "append", "delete", "rename", "project", "break", "shift", "touch"]):
            case "write":
                self.write(f"surveys/f{random.randrange(9)}.yaml", self.document())
            case "append" if files:
                path = random.choice(files)
                path.write_text(path.read_text(encoding="utf-8") + "---\n" + self.document(), encoding="utf-8")
            case "delete" if files:
                random.choice(files).unlink()
            case "rename" if files:
                target = self.root / random.choice(["surveys", "automations"]) / f"g{random.randrange(5)}.yaml"
                target.parent.mkdir(exist_ok=True)
                random.choice(files).rename(target)
            case "project":
                self.write("sounding.yaml", random.choice(PROJECTS) if random.random() < 0.5 else PROJECT)
            case "break" if files:
                path = random.choice(files)
                path.write_text(path.read_text(encoding="utf-8").replace(":", " :{", 1), encoding="utf-8")
            case "shift" if files:
                path = random.choice(files)
                path.write_text("# a line more\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
            case "touch" if files:
                os.utime(random.choice(files))


def from_nothing(root: Path) -> tuple[Diagnostic, ...]:
    return tuple(check_project(root).findings.sorted())


@pytest.mark.parametrize("seed", range(30))
def test_after_any_edits_it_finds_what_a_validation_from_nothing_finds(seed: int, tmp_path: Path) -> None:
    editor = Editor(tmp_path / "project", Random(seed))
    for _ in range(12):
        for _ in range(editor.random.randint(1, 2)):
            editor.change()
        report = validate(editor.root, workers=1)
        assert report.diagnostics == from_nothing(editor.root)
        assert validate(editor.root, workers=1).diagnostics == report.diagnostics


def test_several_processes_find_what_one_finds(tmp_path: Path) -> None:
    for seed in range(4):
        editor = Editor(tmp_path / f"project{seed}", Random(100 + seed))
        for _ in range(4):
            editor.change()
            assert validate(editor.root, workers=3).diagnostics == from_nothing(editor.root)


def test_nothing_is_left_behind_where_nothing_can_be_written(tmp_path: Path) -> None:
    Editor(tmp_path / "project", Random(1))
    before = from_nothing(tmp_path / "project")
    (tmp_path / "project" / FOLDER).write_text("in the way", encoding="utf-8")
    assert validate(tmp_path / "project").diagnostics == before


def damaged(text: str) -> list[str]:
    return ["", "x", text[: len(text) // 2], text.replace("diagnostics", "diagnostisc"), text.replace('"SND', '"XXX'), "[]\n{}", "{}\n"]


def test_a_damaged_or_older_cache_is_ignored_and_written_anew(tmp_path: Path) -> None:
    root = Editor(tmp_path / "project", Random(2)).root
    expected = validate(root).diagnostics
    path = root / FOLDER / "validate.json"
    sound = path.read_text(encoding="utf-8")
    for text in (*damaged(sound), "0" + sound):
        path.write_text(text, encoding="utf-8")
        assert validate(root).diagnostics == expected
        assert validate(root).diagnostics == expected


def test_the_cache_is_no_part_of_the_repository(tmp_path: Path) -> None:
    root = Editor(tmp_path / "project", Random(3)).root
    validate(root)
    assert (root / FOLDER / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert sorted(path.name for path in (root / FOLDER).iterdir()) == [".gitignore", "validate.json"]


def test_a_fresh_checkout_with_the_cache_of_another_is_not_read_again(tmp_path: Path) -> None:
    root = Editor(tmp_path / "project", Random(4)).root
    report = validate(root)
    shutil.copytree(root, tmp_path / "checkout")
    for path in (tmp_path / "checkout").rglob("*.yaml"):
        os.utime(path, ns=(1, 1))
    assert validate(tmp_path / "checkout").diagnostics == report.diagnostics

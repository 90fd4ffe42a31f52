"""`sounding init`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from engine import __version__
from engine.cli.options import format_option, project_argument, project_option
from engine.dsl.format.parse import parse
from engine.dsl.format.render import render
from engine.dsl.format.tree import Collection, Entry, Node, Scalar
from engine.dsl.source import PROJECT_FILE
from engine.errors import SoundingError, UsageError

LANGUAGES = ("ru", "uk", "en")  # that the texts of the templates are written in

_TEMPLATES = Path(__file__).with_name("templates") / "init"
_PROJECT = (
    "sounding.yaml",
    "surveys/nps_delivery.yaml",
    "audiences/customers.yaml",
    "cadences/after_delivery.yaml",
    "automations/nps_delivery.yaml",
    "templates/nps_delivery.yaml",
)
# Under other names in the package, where they mean nothing.
_BESIDE = {
    "README.md": "readme.txt",
    ".gitignore": "gitignore.txt",
    ".pre-commit-config.yaml": "pre-commit.yaml",
    ".github/workflows/feedback.yml": "workflow.yaml",
}

# What a file that was there may lack.
_LACKS = {
    "README.md": ": begin with `sounding validate` and `sounding graph`",
    ".gitignore": ": add `.sounding/` to it",
    ".pre-commit-config.yaml": ": `sounding validate` and `sounding fmt` have hooks to add",
}


def _codes(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(code.strip() for code in value.split(",")))
    for code in found:
        if code not in LANGUAGES:
            known = ", ".join(LANGUAGES)
            raise click.BadParameter(f"`{code}` is none of {known}: begin with those, and add other languages to the texts", ctx, param)
    return found


@click.command("init")
@project_option
@project_argument
@click.option(
    "--languages", callback=_codes, metavar="CODES", default="en", help="Of the texts, separated by commas; the first is the default."
)
@format_option("text", "json")
def command(project: Path, folder: Path | None, languages: tuple[str, ...], format_: str) -> int:
    """Write a project that works: an NPS survey after a delivery, and what follows an answer.

    With it come a README with the next steps, a GitHub workflow and a pre-commit configuration. Files that are there already, as in a
    repository, are kept as they are. Where there is a project already, nothing is written.
    """
    folder = folder or project
    files = _files(_name(folder), languages)
    kept = [name for name in files if (folder / name).exists() or (folder / name).is_symlink()]
    if PROJECT_FILE in kept:
        raise UsageError(f"nothing was written: there is a project already, with its {folder / PROJECT_FILE}")
    written = {name: text for name, text in files.items() if name not in kept}
    # The project's file comes last: until then, whatever keeps a file from being written, the command can be repeated.
    for name, text in sorted(written.items(), key=lambda file: file[0] == PROJECT_FILE):
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with (folder / name).open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise SoundingError(f"{folder / name} cannot be written: {error.strerror}") from error
        if format_ == "text":
            click.echo(name)
    if format_ == "json":
        click.echo(json.dumps({"project": str(folder.resolve()), "files": list(written), "kept": kept}, ensure_ascii=False))
    for name in kept:
        click.echo(f"kept {name}, which was there already{_LACKS.get(name, '')}", err=True)
    steps = "" if "README.md" in kept else "; its README.md has the next steps"
    click.echo(f"a new project is in {folder.resolve()}{steps}", err=True)
    return 0


def _files(project: str, languages: Sequence[str]) -> Mapping[str, str]:
    """The text of each file, by its name below the project's folder."""
    found = {name: _localised(_template(name), project, languages) for name in _PROJECT}
    return found | {name: _template(source).replace("@VERSION@", __version__) for name, source in _BESIDE.items()}


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _name(folder: Path) -> str:
    """The project is called like its folder, as far as a name can be."""
    words = re.findall("[a-z0-9]+", folder.resolve().name.lower())
    return "_".join(words).lstrip("0123456789_") or "feedback"


def _localised(text: str, project: str, languages: Sequence[str]) -> str:
    """A template has every text in every language; of these the wanted ones are kept, in the wanted order."""
    documents, rest = parse(text)
    for document in documents:
        if document.root is not None:
            _choose(document.root, languages)
            _rename(document.root.value, project)
    return render(documents, rest)


def _choose(entry: Entry, languages: Sequence[str]) -> None:
    node = entry.value
    if not isinstance(node, Collection):
        return
    by_code = {_text(inner.key if node.mapping else inner.value): inner for inner in node.entries}
    if set(by_code) == set(LANGUAGES):
        node.entries = [by_code[code] for code in languages]
        if node.mapping and len(languages) == 1:
            entry.value = node.entries[0].value  # a plain text serves every language
        return
    for inner in node.entries:
        _choose(inner, languages)


def _rename(root: Node, project: str) -> None:
    if isinstance(root, Collection) and _text(root.entries[0].key) == "project":
        root.entries[0].value = Scalar(project)


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""

"""What the documents of one file are, told from the file alone: kinds, names, and whether each fits its schema."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingT
from dataclasses import replace
from typing import NamedTuple

from engine.dsl.blueprints import KINDS as BLUEPRINT_KINDS
from engine.dsl.blueprints import Blueprint, expand, read_blueprint
from engine.dsl.diagnostics import Findings
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Scalar
from engine.dsl.others import Others
from engine.dsl.schema.kinds import KINDS
from engine.dsl.schema.parts import NAME_PATTERN
from engine.dsl.schema.validate import fitting, meant_kind
from engine.model.frozen import frozen
from engine.model.span import Span

_NAME = re.compile(NAME_PATTERN)


class Declared(NamedTuple):
    """A document by its name. ``refused``: it does not fit its schema; what remains of it is built for its findings alone."""

    kind: str
    name: str
    at: Span  # of the name
    refused: bool = False
    uses: str | None = None  # the blueprint that it is made of

    @property
    def address(self) -> str:
        return f"{self.kind}.{self.name}"


@frozen
class Outline:
    """``declared`` and ``documents`` go together; of a refused one, the document is what remains of it.

    What else stood in the file is in the findings of who made this.

    ``incomplete``: something could not be read, so what it declares is not known.
    """

    declared: tuple[Declared, ...]
    documents: tuple[Mapping, ...]
    blueprints: MappingT[str, Blueprint | None]  # None: refused
    incomplete: bool


def outline(documents: Iterable[Mapping], findings: Findings) -> Outline:
    """The documents of a file in order. ``findings`` may hold what made the file unreadable, and takes what is found here."""
    incomplete = findings.errors
    found: list[tuple[Declared, Mapping]] = []
    blueprints: dict[str, Blueprint | None] = {}
    for document in documents:
        kind = next(iter(document.entries), "")
        if kind == "blueprint":
            name, blueprint = str(document.data["blueprint"]), read_blueprint(document, findings)
            blueprints.setdefault(name, blueprint)
            # It is built only where it is used, but of two with one name the later one is one too many.
            found.append((Declared(kind=kind, name=name, at=document.entries[kind][1].span, refused=blueprint is None), document))
            continue
        if _misplaced(kind, document, findings):
            incomplete = True
            continue
        value = document.entries[kind][1]
        name = value.text if isinstance(value, Scalar) else ""
        declared = Declared(kind=kind, name=name, at=value.span, uses=_blueprint_of(kind, document))
        fits = document if declared.uses is not None else fitting(kind, document, findings, declared.address)
        if fits is not document:
            declared = declared._replace(refused=True)
            incomplete |= not _NAME.fullmatch(name)  # which name was meant is not known
        found.append((declared, fits))
    return Outline(
        declared=tuple(declared for declared, _ in found),
        documents=tuple(document for _, document in found),
        blueprints=blueprints,
        incomplete=incomplete,
    )


def _blueprint_of(kind: str, document: Mapping) -> str | None:
    uses = document.get("use") if kind in BLUEPRINT_KINDS else None
    return str(uses.data) if uses is not None else None


def _misplaced(kind: str, document: Mapping, findings: Findings) -> bool:
    """Whether the first key of the document is no kind, or not the one that was meant."""
    if kind not in KINDS:
        span = document.key_span(kind) if kind else document.span
        findings.error("SND105", f"`{kind}` is no kind of document", span, hint=did_you_mean(kind, (*KINDS, "blueprint")))
        return True
    meant = meant_kind(kind, document)
    if meant is not None:
        message = f"the first key of a document is its kind, so this is a {kind}, but its keys are those of a {meant}"
        findings.error("SND105", message, document.key_span(kind), hint=f"begin it with `{meant}: name`")
    return meant is not None


def written_out(declared: Declared, document: Mapping, blueprints: MappingT[str, Blueprint | None], findings: Findings) -> Mapping | None:
    """The document itself, or what it makes of its blueprint; None where that is refused."""
    if declared.uses is None:
        return document
    written = expand(document, declared.kind, dict(blueprints), findings)
    if written is None:
        return None
    own = Findings()
    fits = fitting(declared.kind, written, own, declared.address)
    findings.items += [replace(item, message=f"{item.message} (in a blueprint used at {document.first_key})") for item in own.items]
    return fits


def gather(files: Iterable[tuple[Declared, ...]], others: Others, findings: Findings) -> list[list[int]]:
    """Note what is declared by all files, in order. Tells which documents of each are built: of those with one name, the first."""
    first: dict[str, Declared] = {}
    has_project = False
    chosen: list[list[int]] = []
    for file in files:
        numbers = []
        for number, declared in enumerate(file):
            address = declared.address
            others.names.setdefault(declared.kind, set()).add(declared.name)
            if declared.refused:
                others.refused.add(address)
            if declared.kind == "project" and has_project:
                findings.error("SND104", "a project is declared once", declared.at, address=address)
            elif address in first:
                if _NAME.fullmatch(declared.name):
                    message = f"`{address}` is declared already, at {first[address].at}"
                    findings.error("SND104", message, declared.at, address=address)
            else:
                first[address] = declared
                has_project |= declared.kind == "project"
                numbers.append(number)
        chosen.append(numbers)
    return chosen

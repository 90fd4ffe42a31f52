"""One document → its definition, and what others may see of it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as MappingT

from engine.dsl.blueprints import Blueprint
from engine.dsl.build.asking import build_audience, build_cadence, build_report, build_template
from engine.dsl.build.automation import build_automation
from engine.dsl.build.bench import Bench
from engine.dsl.build.inputs import inputs_exist
from engine.dsl.build.project import build_project
from engine.dsl.build.scenario import build_scenario
from engine.dsl.build.survey import build_survey
from engine.dsl.contract import face_of
from engine.dsl.diagnostics import Diagnostic, Findings
from engine.dsl.nodes import Mapping
from engine.dsl.others import Answer, AudienceFace, Face, Key, Sealed, Seen
from engine.dsl.outline import Declared, written_out
from engine.dsl.schema.remains import Remains
from engine.model.definitions import Audience, Definition, Survey
from engine.model.frozen import frozen

# Each stage looks up only what the ones before it have made.
STAGES: tuple[tuple[str, ...], ...] = (
    ("survey",),
    ("audience",),
    ("cadence", "automation", "report", "scenario"),
    ("template",),
)
BUILDERS: MappingT[str, Callable[[Bench, Mapping, str], Definition | None]] = {
    "project": build_project,
    "survey": build_survey,
    "audience": build_audience,
    "cadence": build_cadence,
    "automation": build_automation,
    "template": build_template,
    "report": build_report,
    "scenario": build_scenario,
}


@frozen
class Built:
    """What came of a document. ``definition`` is None where it was refused; ``noted`` has what it looked up, with the answers."""

    definition: Definition | None
    findings: tuple[Diagnostic, ...]
    seen: Seen
    noted: MappingT[Key, Answer]


def build(bench: Bench, declared: Declared, document: Mapping, blueprints: MappingT[str, Blueprint | None]) -> Built:
    """Build one document of a project that ``bench`` knows; or the project itself, which it knows from then on."""
    findings = Findings()
    bench.begin(findings, declared.address)
    usable = declared.uses is None or _usable(bench, document, declared.uses, blueprints)
    written = written_out(declared, document, blueprints, findings) if usable else None
    before = len(findings.items)
    definition = BUILDERS[declared.kind](bench, written, declared.name) if written is not None and written.entries else None
    if isinstance(written, Remains):
        definition, bench.scopes = None, []
        findings.items[before:] = [item for item in findings.items[before:] if not written.follows(item)]
    face = _face(definition)
    seen = Seen(
        address=declared.address,
        sound=definition is not None,
        metric=definition.metric if isinstance(definition, Survey) else None,
        face=Sealed(face) if face is not None else None,
        scopes=tuple((template, Sealed(names)) for template, names in bench.scopes),
    )
    return Built(definition=definition, findings=tuple(findings.items), seen=seen, noted=bench.others.noted)


def _usable(bench: Bench, document: Mapping, uses: str, blueprints: MappingT[str, Blueprint | None]) -> bool:
    """Whether all that a blueprint is given exists."""
    bench.others.uses(uses)
    blueprint = blueprints.get(uses)
    bench.blueprint = f"given to the blueprint `{uses}`"
    usable = blueprint is None or inputs_exist(bench, document, blueprint)
    bench.blueprint = f"in a blueprint used at {document.first_key}"
    return usable


def _face(definition: Definition | None) -> Face | None:
    """None where others need to know nothing but that it is there."""
    if isinstance(definition, Survey):
        return face_of(definition)
    return AudienceFace(of=definition.of) if isinstance(definition, Audience) else None

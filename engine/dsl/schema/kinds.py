"""The JSON Schema (2020-12) of every kind of document."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from engine.dsl.schema.asking import audience_schema, cadence_schema, report_schema, template_schema
from engine.dsl.schema.automation import automation_schema, scenario_schema
from engine.dsl.schema.parts import METRICS, Schema
from engine.dsl.schema.project import project_schema
from engine.dsl.schema.survey import LABELS, survey_schema

__all__ = ["KINDS", "LABELS", "METRICS", "Schema", "kind_schemas"]


@cache
def kind_schemas() -> Mapping[str, Schema]:
    """The schema of each kind, by name."""
    return {
        "project": project_schema(),
        "survey": survey_schema(),
        "audience": audience_schema(),
        "cadence": cadence_schema(),
        "automation": automation_schema(),
        "template": template_schema(),
        "report": report_schema(),
        "scenario": scenario_schema(),
    }


KINDS = ("project", "survey", "audience", "cadence", "automation", "template", "report", "scenario")

"""A project as it runs in one of its environments."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from engine.dsl.nearest import did_you_mean
from engine.errors import UsageError
from engine.model.definitions import Definitions


def check_environment(environments: Collection[str], name: str | None) -> None:
    """Raises UsageError where ``name`` is none of the environments of a project. None, production, is always there."""
    if name is not None and name not in environments:
        hint = did_you_mean(name, environments) or "it has none: add `environments` to sounding.yaml"
        raise UsageError(f"the project has no environment `{name}`; {hint}")


def in_environment(definitions: Definitions, name: str | None) -> Definitions:
    """The definitions with what the environment ``name`` says in place of the usual; None is production, where nothing is.

    Raises UsageError where the project has no such environment.
    """
    if name is None:
        return definitions
    project = definitions.project
    check_environment(project.environments, name)
    environment = project.environments[name]
    connections = {
        key: replace(connection, settings={**connection.settings, **environment.connections.get(key, {})})
        for key, connection in project.connections.items()
    }
    return replace(definitions, project=replace(project, connections=connections, only_to=environment.only_to))

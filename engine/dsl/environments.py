"""A project as it runs in one of its environments."""

from __future__ import annotations

from dataclasses import replace

from engine.dsl.nearest import did_you_mean
from engine.errors import UsageError
from engine.model.definitions import Definitions


def in_environment(definitions: Definitions, name: str | None) -> Definitions:
    """The definitions with what the environment ``name`` says in place of the usual; None is production, where nothing is.

    Raises UsageError where the project has no such environment.
    """
    if name is None:
        return definitions
    project = definitions.project
    environment = project.environments.get(name)
    if environment is None:
        hint = did_you_mean(name, project.environments) or "it has none: add `environments` to sounding.yaml"
        raise UsageError(f"the project has no environment `{name}`; {hint}")
    connections = {
        key: replace(connection, settings={**connection.settings, **environment.connections.get(key, {})})
        for key, connection in project.connections.items()
    }
    return replace(definitions, project=replace(project, connections=connections, only_to=environment.only_to))

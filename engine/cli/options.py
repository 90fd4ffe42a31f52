"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

_FORMATS = frozenset({"text", "json", "github", "sarif", "junit", "mermaid", "dot", "svg"})  # of some verb

F = TypeVar("F", bound=Callable[..., Any])

MAX_NUMBER = (1 << 63) - 1  # of a row in a store


def _project(ctx: click.Context, param: click.Parameter, value: Path) -> Path:
    """The folder named behind the verb, else the one before it, else what the environment says."""
    said = ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
    return ctx.obj if isinstance(ctx.obj, Path) and not said else value


def project_option(function: F) -> F:
    return click.option(
        "-C",
        "--project",
        type=click.Path(path_type=Path),
        default=Path(),
        callback=_project,
        help="The project's folder.",
        show_default="the current folder",
        envvar="SOUNDING_PROJECT",
        show_envvar=True,
    )(function)


def project_argument(function: F) -> F:
    return click.argument("folder", type=click.Path(path_type=Path), required=False)(function)


def environment_option(function: F) -> F:
    return click.option(
        "--env",
        "environment",
        metavar="NAME",
        help="An environment of the project: its settings and `only_to` count.",
        envvar="SOUNDING_ENV",
        show_envvar=True,
    )(function)


class _FormatOption(click.Option):
    """What the environment says counts for the verbs that can print it; SOUNDING_FORMAT=sarif is meant for `validate` alone."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        value = super().resolve_envvar_value(ctx)
        assert isinstance(self.type, click.Choice)
        return None if value in _FORMATS and value not in self.type.choices else value


def format_option(*formats: str) -> Callable[[F], F]:
    return click.option(
        "--format",
        "format_",
        cls=_FormatOption,
        type=click.Choice(formats),
        default="text",
        help="How to print.",
        envvar="SOUNDING_FORMAT",
        show_envvar=True,
    )


def store_option(function: F) -> F:
    return click.option(
        "--store",
        default="sqlite:///.sounding/sounding.db",
        help="Where state is kept: sqlite:///PATH, relative to the project.",
        envvar="SOUNDING_STORE",
        show_envvar=True,
    )(function)

"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def project_option(function: F) -> F:
    return click.option(
        "-C",
        "--project",
        type=click.Path(path_type=Path),
        default=Path(),
        help="The project's folder.",
        show_default="the current folder",
        envvar="SOUNDING_PROJECT",
        show_envvar=True,
    )(function)


def project_argument(function: F) -> F:
    return click.argument("folder", type=click.Path(path_type=Path), required=False)(function)


def format_option(*formats: str) -> Callable[[F], F]:
    return click.option(
        "--format",
        "format_",
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

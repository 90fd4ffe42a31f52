"""SND602: colours that not everybody can read."""

from __future__ import annotations

from collections.abc import Iterator

from engine.checks.check import Check
from engine.dsl.diagnostics import Diagnostic, Severity
from engine.model.definitions import Project
from engine.model.policies import Theme

LEAST = 4.5  # WCAG 2.2, 1.4.3, level AA


def contrast(a: str, b: str) -> float:
    """The contrast ratio of two colours `#rrggbb`, 1 to 21, by WCAG 2.2's definition."""
    lighter, darker = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _one(project: Project, _project: Project) -> Iterator[Diagnostic]:
    themes = [project.theme, *(brand.theme for brand in project.brands.values())]
    for theme in themes:
        for key, colour, other, name in _pairs(theme) if theme is not None else ():
            ratio = contrast(colour, other)
            if ratio < LEAST and theme is not None:
                span = theme.places.get(key, theme.at)
                yield Diagnostic(
                    code=CHECK.code,
                    severity=CHECK.severity,
                    message=f"{colour} on {name} {other} has a contrast of {ratio:.1f}, less than {LEAST}",
                    file=span.file,
                    span=span,
                    hint="choose a darker or lighter shade",
                    address=f"project.{project.name}",
                )


def _pairs(theme: Theme) -> Iterator[tuple[str, str, str, str]]:
    """What stands on what: the accent and the text on the background; white letters on the accent."""
    background = theme.background or "#ffffff"
    if theme.accent is not None:
        yield "accent", theme.accent, background, "the background"
    if theme.text is not None:
        yield "text", theme.text, background, "the background"


CHECK = Check(
    code="SND602",
    severity=Severity.WARNING,
    title="too little contrast",
    explanation="Buttons, links and text need a contrast of 4.5 to 1 (WCAG 2.2, level AA), or many people cannot read them.",
    kinds=(Project,),
    one=_one,
    fails='project: example\ntheme: {accent: "#ffcc00"}\n',
    passes='project: example\ntheme: {accent: "#006633"}\n',
)

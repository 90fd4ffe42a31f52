"""Which language a page speaks."""

from __future__ import annotations

from collections.abc import Iterable

_HEADER_LIMIT = 500  # characters of Accept-Language that are read; browsers send fewer than 100


def choose_language(wanted: Iterable[str], offered: Iterable[str], default: str) -> str:
    """The first wanted language that is offered, exactly or by its main part (``ru-RU`` takes ``ru``)."""
    by_code = {code.lower(): code for code in offered}
    for code in wanted:
        found = by_code.get(code.lower()) or by_code.get(code.partition("-")[0].lower())
        if found is not None:
            return found
    return default


def accepted_languages(header: str) -> list[str]:
    """The codes in an Accept-Language header, the most wanted first; what is not understood is left out."""
    weighted: list[tuple[float, str]] = []
    for part in header[:_HEADER_LIMIT].split(","):
        code, _, parameter = part.partition(";")
        name, _, weight = parameter.strip().partition("=")
        try:
            quality = float(weight) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if code.strip() and quality > 0:
            weighted.append((quality, code.strip()))
    return [code for _, code in sorted(weighted, key=lambda item: -item[0])]

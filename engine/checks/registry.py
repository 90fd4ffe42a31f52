"""All checks."""

from __future__ import annotations

from collections.abc import Mapping

from engine.checks import (
    channels,
    constant,
    contrast,
    cycles,
    dead,
    frequency,
    gaps,
    ignore,
    languages,
    links,
    margin,
    method,
    overlaps,
    personal,
    unreachable,
    unused,
    waits,
)
from engine.checks.check import Check
from engine.model.definitions import KIND_OF

CHECKS: tuple[Check, ...] = (
    *languages.CHECKS,
    links.CHECK,
    unused.CHECK,
    constant.CHECK,
    personal.CHECK,
    contrast.CHECK,
    *method.CHECKS,
    margin.CHECK,
    *unreachable.CHECKS,
    gaps.GAP,
    *overlaps.CHECKS,
    dead.CHECK,
    cycles.CHECK,
    waits.CHECK,
    *frequency.CHECKS,
    channels.CHECK,
)
# By the kind of a definition: whoever asks all checks of each definition mostly asks in vain.
BY_KIND: Mapping[type, tuple[Check, ...]] = {kind: tuple(check for check in CHECKS if kind in check.kinds) for kind in KIND_OF}
BY_CODE = {check.code: check for check in CHECKS}
CODES = frozenset(BY_CODE)
# What a project may turn off or weigh differently; an error of reading or typing stays one.
ADJUSTABLE = CODES | {ignore.INCOMPLETE, ignore.UNUSED}

"""k-anonymity of groups: none so small that its members can be guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.stats.inputs import InvalidInputError, check_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """Which groups may be shown; both in the order in which the groups were given."""

    shown: tuple[str, ...]
    hidden: tuple[str, ...]


def k_anonymity(groups: Mapping[str, int], k: int) -> Disclosure:
    """Hide each group (name → answers) of fewer than ``k``, and another where the hidden ones can be computed from the total.

    Threshold with complementary suppression (Hundepool and others, Statistical Disclosure Control, 2012, ch. 4): where all hidden
    groups together have fewer than ``k``, the total less the shown groups would give them away, so the next smallest group is hidden
    too (of equal ones, the first by name). A group without answers is hidden as any other; leave it out where that is known
    anyway. InvalidInputError for a bad count or ``k`` < 1.
    """
    if check_count("k", k) < 1:
        raise InvalidInputError("k must be at least 1")
    hidden = {name for name, n in groups.items() if check_count(f"the size of {name}", n) < k}
    if hidden and sum(groups[name] for name in hidden) < k:
        rest = [(n, name) for name, n in groups.items() if name not in hidden]
        if rest:
            hidden.add(min(rest)[1])  # it has at least k by itself, so one is enough
    return Disclosure(shown=tuple(name for name in groups if name not in hidden), hidden=tuple(name for name in groups if name in hidden))

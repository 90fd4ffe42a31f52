from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.stats.anonymity import k_anonymity
from engine.stats.inputs import InvalidInputError


@pytest.mark.parametrize(
    ("groups", "shown", "hidden"),
    [
        ({"a": 9, "b": 7}, ("a", "b"), ()),
        ({"a": 9, "b": 2, "c": 7}, ("a",), ("b", "c")),  # b alone would be the total less the rest
        ({"a": 9, "b": 3, "c": 3, "d": 8}, ("a", "d"), ("b", "c")),  # six together give nobody away
        ({"c": 7, "b": 7, "a": 2}, ("c",), ("b", "a")),  # of equal ones, the first by name
        ({"a": 2}, (), ("a",)),
        ({}, (), ()),
    ],
)
def test_small_groups_are_hidden(groups: dict[str, int], shown: tuple[str, ...], hidden: tuple[str, ...]) -> None:
    result = k_anonymity(groups, 5)
    assert (result.shown, result.hidden) == (shown, hidden)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 20)), st.integers(1, 10))
def test_what_is_hidden_cannot_be_computed(groups: dict[str, int], k: int) -> None:
    result = k_anonymity(groups, k)
    assert sorted(result.shown + result.hidden) == sorted(groups)
    assert all(groups[name] >= k for name in result.shown)
    if result.hidden and result.shown:
        assert sum(groups[name] for name in result.hidden) >= k


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="k must be"):
        k_anonymity({}, 0)
    with pytest.raises(InvalidInputError, match="size of a"):
        k_anonymity({"a": -1}, 5)

"""A frozen record is what `dataclass(frozen=True)` would make of it, only sooner."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from typing import cast

import pytest

from engine.model.frozen import frozen
from engine.model.span import Span


@frozen
class Base:
    kind: str = field(hash=False)
    offset: int = field(default=0, compare=False)


@frozen
class Pair(Base):
    left: object
    right: tuple[str, ...] = ()
    notes: dict[str, int] = field(default_factory=dict, hash=False)

    @property
    def both(self) -> tuple[object, object]:
        return self.left, self.right


@frozen
class Placed:
    name: str
    at: Span = field(compare=False)
    end: Span | None = field(default=None, compare=False)


AT = Span("a.yaml", 1, 2, 3, 4)


class _Node:
    def __init__(self) -> None:
        self.asked = 0

    @property
    def span(self) -> Span:
        self.asked += 1
        return AT

    @property
    def place(self) -> Span:
        return cast(Span, self)


def test_a_record_has_what_it_was_given_and_its_defaults() -> None:
    pair = Pair(kind="a", left=1)
    assert (pair.kind, pair.offset, pair.both, pair.notes) == ("a", 0, (1, ()), {})
    assert type(pair) is Pair
    assert isinstance(pair, Base)
    assert repr(pair) == "Pair(kind='a', offset=0, left=1, right=(), notes={})"


def test_each_record_has_a_default_of_its_own() -> None:
    assert Pair(kind="a", left=1).notes is not Pair(kind="a", left=1).notes


def test_nothing_of_a_record_can_be_changed() -> None:
    pair = Pair(kind="a", left=1)
    for name in ("kind", "left", "new"):
        with pytest.raises((FrozenInstanceError, TypeError)):  # on 3.11, slots and an unknown name give the other
            setattr(pair, name, 2)
    with pytest.raises(FrozenInstanceError):
        del pair.left
    assert not hasattr(pair, "__dict__")


@pytest.mark.parametrize("given", [{}, {"kind": "a"}, {"kind": "a", "left": 1, "more": 2}])
def test_a_field_that_is_missing_or_unknown_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="__new__"):
        Pair(**given)  # type: ignore[arg-type]


def test_fields_are_given_by_name() -> None:
    with pytest.raises(TypeError, match="positional"):
        Base("a")  # type: ignore[call-arg]


def test_equality_and_hash_look_at_the_fields_that_count() -> None:
    assert Pair(kind="a", left=1) == Pair(kind="a", left=1, offset=9)
    assert Pair(kind="a", left=1) != Pair(kind="b", left=1)
    assert Base(kind="a") != Pair(kind="a", left=1)
    assert hash(Pair(kind="a", left=1)) == hash(Pair(kind="b", left=1, offset=3))


def test_a_record_can_be_replaced_copied_sent_and_taken_apart() -> None:
    pair = Pair(kind="a", left=Base(kind="b"), right=("x",), offset=4)
    assert replace(pair, left=2) == Pair(kind="a", left=2, right=("x",))
    for same in (copy.copy(pair), copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))):
        assert same == pair
        assert same.offset == 4
        assert type(same) is Pair
    assert asdict(pair)["left"] == {"kind": "b", "offset": 0}
    assert [one.name for one in fields(pair)] == ["kind", "offset", "left", "right", "notes"]


def test_a_record_matches_by_its_fields() -> None:
    match Pair(kind="a", left=1):
        case Pair(kind="a", left=left):
            assert left == 1
        case _:
            pytest.fail("it has these fields")


def test_a_place_may_be_given_as_something_that_has_one() -> None:
    given = _Node()
    record = Placed(name="a", at=given.place)
    assert given.asked == 0
    assert record.at == AT
    assert given.asked == 1
    assert (record.end, Placed(name="a", at=AT, end=given.place).end) == (None, AT)
    again = pickle.loads(pickle.dumps(record))
    assert (again, again.at) == (record, AT)
    assert repr(again) == repr(record) == f"Placed(name='a', at={AT!r}, end=None)"
    assert replace(record, name="b").at == AT
    with pytest.raises((AttributeError, TypeError)):
        setattr(record, "at", AT)  # noqa: B010  # mypy refuses the assignment, as it should

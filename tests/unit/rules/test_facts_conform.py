"""Raw JSON against the data contract: what fits is in one canonical form, what does not is missing or refuses the object."""

from __future__ import annotations

import datetime as dt
import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.model.types import Type, object_type
from engine.rules.facts import conform, hydrate, missing
from engine.rules.misfits import Misfit

KINDS = ["text", "integer", "number", "boolean", "date", "datetime", "email", "phone", "language", "country", "timezone"]
TIER = Type("one_of", options=("standard", "vip", "café"))
MONEY = {"amount": Type("number"), "currency": Type("text")}
FIELDS = {
    **{kind: Type(kind) for kind in KINDS},
    **{f"maybe_{kind}": Type(kind, optional=True) for kind in KINDS},
    "tier": TIER,
    "tags": Type("list", item=Type("text")),
    "days": Type("list", item=Type("date"), optional=True),
    "price": Type("money", fields=MONEY),
    "rubles": Type("money", fields=MONEY, currency="RUB"),
    "id": Type("text"),
}
CONTACT = object_type(FIELDS)


def fit(field: str, value: object) -> object:
    """The value that is kept; raises LookupError where it does not fit."""
    found, misfits = conform("contact", CONTACT, {field: value})
    if misfits:
        raise LookupError(misfits[0])
    return found[field]


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("text", "Ada", "Ada"),
        ("text", "e\u0301", "é"),
        ("text", " two\nlines ", " two\nlines "),
        ("integer", 5, 5),
        ("integer", 5.0, 5),
        ("integer", -(2**53), -(2**53)),
        ("number", 5, 5),
        ("number", 0.5, 0.5),
        ("number", 1e300, 1e300),
        ("boolean", False, False),
        ("date", "2026-03-02", "2026-03-02"),
        ("date", "2026-W10-1", "2026-03-02"),
        ("datetime", "2026-03-02T12:00:00+03:00", "2026-03-02T09:00:00+00:00"),
        ("datetime", "2026-03-02T09:00:00.5Z", "2026-03-02T09:00:00.500000+00:00"),
        ("email", " ada@example.test ", "ada@example.test"),
        ("phone", "+7 (916) 123-45-67", "+79161234567"),
        ("phone", "+380.44.123.45.67", "+380441234567"),
        ("language", "uk", "uk"),
        ("language", "pt-BR", "pt-BR"),
        ("country", "UA", "UA"),
        ("timezone", "Europe/Kyiv", "Europe/Kyiv"),
        ("tier", "vip", "vip"),
        ("tags", ["e\u0301", ""], ["é", ""]),
        ("days", ["2026-03-02"], ["2026-03-02"]),
        ("id", 17, "17"),
        ("maybe_text", None, None),
        ("tier", "cafe\u0301", "café"),
        ("price", {"amount": 5, "currency": "EUR", "note": "x"}, {"amount": 5, "currency": "EUR"}),
        ("rubles", {"amount": 5.5, "currency": "RUB"}, {"amount": 5.5, "currency": "RUB"}),
        ("rubles", {"amount": 5}, {"amount": 5, "currency": "RUB"}),
        ("rubles", 5, {"amount": 5, "currency": "RUB"}),
    ],
)
def test_what_fits_is_kept_in_its_canonical_form(field: str, value: object, kept: object) -> None:
    found = fit(field, value)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("text", value) for value in (5, None, True, ["a"], {"a": 1}, "a\x00b", "\ud800")),
        *(("integer", value) for value in ("5", 5.5, True, 2**53 + 1, 1e300, float("nan"), None)),
        *(("number", value) for value in ("5", False, float("inf"), float("nan"), 10**400, [1])),
        *(("boolean", value) for value in ("true", 0, 1, None)),
        *(("date", value) for value in ("2026-02-30", "02.03.2026", "20260302", "2026-03-02T00:00:00Z", 20260302)),
        *(("datetime", value) for value in ("2026-03-02", "2026-03-02T09:00:00", "0001-01-01T00:00:00+05:00", "yesterday")),
        *(("email", value) for value in ("ada", "a@b@c", "a b@c", "")),
        *(("phone", value) for value in ("8 916 123-45-67", "+7", "call me", "+0123456789")),
        *(("language", value) for value in ("ua", "russian", "RU")),
        *(("country", value) for value in ("Ukraine", "ua", "XX")),
        *(("timezone", value) for value in ("Moscow", "UTC+3")),
        *(("tier", value) for value in ("gold", 1, None, ["vip"])),
        *(("tags", value) for value in ("a", [1], {"a": "b"}, ["a", None])),
        *(("days", value) for value in (["2026-02-30"], "2026-03-02")),
        *(("price", value) for value in (5, "5", {"amount": 5}, {"currency": "EUR"}, {"amount": "5", "currency": "EUR"})),
        *(("price", {"amount": 5, "currency": value}) for value in ("euro", "eur", None, 978)),
        *(("rubles", value) for value in ("5", True, None, [5], float("nan"), {"amount": 5, "currency": "EUR"})),
        ("id", 1.5),
        ("id", True),
    ],
)
def test_what_does_not_fit_is_a_misfit(field: str, value: object) -> None:
    with pytest.raises(LookupError):
        fit(field, value)


def test_a_misfit_in_an_optional_field_is_a_missing_value_and_in_a_required_one_refuses() -> None:
    found, misfits = conform("contact", CONTACT, {"maybe_integer": "5", "integer": "5", "text": "Ada"})
    assert found == {"maybe_integer": None, "text": "Ada"}
    assert misfits == [
        Misfit("contact.integer", "a whole number", "text", True),
        Misfit("contact.maybe_integer", "a whole number", "text", False),
    ]


def test_a_misfit_does_not_repeat_the_value() -> None:
    _, misfits = conform("contact", CONTACT, {"email": "ada at home", "tier": "secret"})
    assert "ada" not in str(misfits)
    assert "secret" not in str(misfits)


def test_what_the_contract_does_not_declare_is_left_out_and_what_is_absent_is_no_misfit() -> None:
    assert conform("contact", CONTACT, {"shoe_size": 42, "text": "Ada"}) == ({"text": "Ada"}, [])


def test_required_fields_that_are_not_there_are_missing() -> None:
    kind = object_type({"id": Type("text"), "name": Type("text"), "role": Type("text", optional=True), "age": Type("integer")})
    assert missing("contact", kind, {"name": "Ada", "age": None}) == [Misfit("contact.age", "a whole number", "missing", True)]


def test_dates_and_instants_are_such_where_expressions_read_them() -> None:
    stored = {"date": "2026-03-02", "datetime": "2026-03-02T09:00:00+00:00", "days": ["2026-03-02"], "tags": ["a"], "text": "2026-03-02"}
    assert hydrate(CONTACT, stored) == {
        "date": dt.date(2026, 3, 2),
        "datetime": dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC),
        "days": (dt.date(2026, 3, 2),),
        "tags": ("a",),
        "text": "2026-03-02",
    }


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["2026-03-02", "+79161234567", "vip", "é"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(list(FIELDS)), json_values, max_size=6))
def test_any_json_is_judged_and_what_is_kept_stays_as_it_is(raw: dict[str, object]) -> None:
    found, misfits = conform("contact", CONTACT, raw)
    assert {misfit.path for misfit in misfits} <= {f"contact.{field}" for field in raw}
    assert conform("contact", CONTACT, found) == (found, [])
    json.dumps(found, allow_nan=False).encode()
    assert all(unicodedata.is_normalized("NFC", value) for value in found.values() if isinstance(value, str))
    hydrate(CONTACT, found)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("score", 11, "a whole number from 0 to 10, but is larger"),
        ("score", -1, "a whole number from 0 to 10, but is smaller"),
        ("score", 4.5, "a whole number from 0 to 10, but is a fraction"),
        ("number", float("nan"), "a number, but is no finite number"),
        ("number", 10**400, "a number, but is larger"),
        ("integer", True, "a whole number, but is true or false"),
        ("tier", "gold", "one of standard, vip, café, but is another text"),
        ("text", "a\x00b", "text, but is text with characters that cannot be stored"),
        ("text", None, "text, but is missing"),
        ("email", "ada", "an e-mail address, but is another text"),
        ("tags", [1], "a list, each of it text, but is a list with something else in it"),
        ("rubles", {"amount": 5, "currency": "USD"}, "an amount of money in RUB, but is an object with other fields"),
    ],
)
def test_a_misfit_says_in_what_the_value_is_another_one(field: str, value: object, said: str) -> None:
    kind = object_type({**FIELDS, "score": Type("integer", range=(0, 10))})
    _, (misfit,) = conform("contact", kind, {field: value})
    assert str(misfit) == f"contact.{field} must be {said}"

"""From the values of Bitrix24 to those of the data contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from engine.crm.bitrix24_fields import FieldMap
from engine.model.types import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Type, object_type

MONEY = Type("money", optional=True)
CONTACT = {"contact": object_type({"name": TEXT, "email": Type("email", optional=True), "phone": Type("phone", optional=True)})}


def mapped(source: Any, type: Type, **rest: Any) -> Any:
    """The value that field ``x`` of this type gets from a user field with ``source``; "absent" where it is left out."""
    fields = FieldMap({"deal": object_type({"x": type})}, {"deal.x": "UF_CRM_X"})
    return fields.object("deal", "1", {"ufCrmX": source, **rest}).get("x", "absent")


@pytest.mark.parametrize(
    ("source", "type", "value"),
    [
        ("Y", BOOLEAN, True),
        ("N", BOOLEAN, False),
        ("1", BOOLEAN, True),
        (0, BOOLEAN, False),
        (True, BOOLEAN, True),
        ("maybe", BOOLEAN, "maybe"),
        ("Y", TEXT, "Y"),
        ("12.50", NUMBER, 12.5),
        ("12", INTEGER, 12),
        (12.0, INTEGER, 12),
        (7, NUMBER, 7),
        ("100|RUB", NUMBER, 100),
        ("nan", NUMBER, "nan"),
        ("many", NUMBER, "many"),
        (45, TEXT, "45"),
        ("2026-02-20T03:00:00+03:00", DATE, "2026-02-20"),
        ("20.02.2026", DATE, "20.02.2026"),
        ("2026-02-20T03:00:00+03:00", Type("datetime"), "2026-02-20T03:00:00+03:00"),
        ("100|EUR", MONEY, {"amount": 100, "currency": "EUR"}),
        (100.5, MONEY, {"amount": 100.5, "currency": "RUB"}),
        (["a", "", "b"], Type("list", item=TEXT), ["a", "b"]),
        (["1", "2"], Type("list", item=INTEGER), [1, 2]),
        (["", "b"], TEXT, "b"),
        ([], TEXT, "absent"),
        ([""], TEXT, "absent"),
        ("", TEXT, "absent"),
        (None, NUMBER, "absent"),
        (0, NUMBER, 0),
    ],
)
def test_a_value_is_read_as_its_declared_type(source: Any, type: Type, value: Any) -> None:
    found = mapped(source, type, currencyId="RUB")
    assert found == value
    assert isinstance(found, bool) is isinstance(value, bool)


@pytest.mark.parametrize("name", ["UF_CRM_10_DIGIT", "ufCrm10Digit", "ufCrm_10_DIGIT"])
def test_a_user_field_is_found_under_each_spelling(name: str) -> None:
    fields = FieldMap({"deal": object_type({"x": TEXT})}, {"deal.x": "UF_CRM_10_DIGIT"})
    assert fields.object("deal", "1", {name: "v"}) == {"id": "1", "x": "v"}


def test_the_exact_name_goes_before_a_similar_one() -> None:
    fields = FieldMap({"deal": object_type({"x": TEXT})}, {"deal.x": "UF_CRM_A_B"})
    assert fields.object("deal", "1", {"UF_CRM_AB": "other", "UF_CRM_A_B": "this"})["x"] == "this"


@pytest.mark.parametrize(
    ("contact", "expected"),
    [
        ({"fm": [{"typeId": "EMAIL", "valueType": "HOME", "value": "h@x.test"}]}, {"email": "h@x.test"}),
        ({"fm": [{"typeId": "EMAIL", "valueType": "WORK", "value": ""}], "email": "e@x.test"}, {"email": "e@x.test"}),
        ({"fm": None, "phone": "+7916"}, {"phone": "+7916"}),
        (
            {"fm": [{"typeId": "PHONE", "valueType": "MOBILE", "value": "1"}, {"typeId": "PHONE", "valueType": "WORK", "value": "2"}]},
            {"phone": "2"},
        ),
        ({"name": "Ada", "lastName": None}, {"name": "Ada"}),
        ({"name": "", "lastName": "Lovelace"}, {"name": "Lovelace"}),
        ({"name": None, "email": ""}, {}),
    ],
)
def test_a_contact_can_be_reached_where_the_crm_says_so(contact: Mapping[str, Any], expected: Mapping[str, str]) -> None:
    assert FieldMap(CONTACT, {}).object("contact", "1", contact) == {"id": "1", **expected}

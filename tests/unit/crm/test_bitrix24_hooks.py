"""Bitrix24's hooks as they come in, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from engine.crm.bitrix24_events import Hook, MalformedHookError, has_token, parse_hook

HOOKS = Path(__file__).parents[2] / "fixtures" / "bitrix24" / "hooks"


def form(name: str) -> list[tuple[str, str]]:
    return parse_qsl((HOOKS / f"{name}.form").read_text().strip(), keep_blank_values=True)


@pytest.mark.parametrize(
    ("name", "event", "entity_type", "id", "handler", "means"),
    [
        ("deal_add", "ONCRMDEALADD", 2, "7405", "31", ("deal", "created")),
        ("deal_update", "ONCRMDEALUPDATE", 2, "7405", "32", ("deal", "updated")),
        ("deal_delete", "ONCRMDEALDELETE", 2, "7405", "33", ("deal", "deleted")),
        ("contact_add", "ONCRMCONTACTADD", 3, "82", "34", ("contact", "created")),
        ("contact_update", "ONCRMCONTACTUPDATE", 3, "82", "35", ("contact", "updated")),
        ("company_update", "ONCRMCOMPANYUPDATE", 4, "15", "36", ("company", "updated")),
        ("lead_add", "ONCRMLEADADD", 1, "250", "37", ("lead", "created")),
        ("timeline_comment_add", "ONCRMTIMELINECOMMENTADD", None, "999", None, (None, None)),
        ("dynamic_item_update", "ONCRMDYNAMICITEMUPDATE", 1220, "24", "38", (None, None)),
    ],
)
def test_every_documented_hook_is_read(
    name: str, event: str, entity_type: int | None, id: str, handler: str | None, means: tuple[str | None, str | None]
) -> None:
    hook = parse_hook(form(name))
    assert (hook.event, hook.entity_type, hook.id, hook.handler) == (event, entity_type, id, handler)
    assert (hook.kind, hook.verb) == means
    assert hook.time.tzinfo is dt.UTC


def test_a_hook_survives_keeping_without_its_token() -> None:
    hook = parse_hook(form("contact_add"))
    kept = json.dumps(hook.as_json())
    assert "token" not in kept
    assert "77aa" not in kept
    again = Hook.from_json(json.loads(kept))
    assert again.key == hook.key
    assert again.time == hook.time == dt.datetime.fromtimestamp(1772445601, dt.UTC)


def test_a_hook_has_the_same_key_each_time_and_another_for_another_moment() -> None:
    pairs = form("deal_update")
    assert parse_hook(pairs).key == parse_hook(list(reversed(pairs))).key == "ONCRMDEALUPDATE/2/7405/1772532000/32"
    later = [(name, "1772532001" if name == "ts" else value) for name, value in pairs]
    assert parse_hook(later).key != parse_hook(pairs).key


def test_the_token_is_compared_and_never_shown() -> None:
    assert has_token(form("deal_add"), "app-token-5d1c")
    assert not has_token(form("deal_add"), "app-token-5d1d")
    assert not has_token(form("deal_add"), "")
    assert "5d1c" not in repr(parse_hook(form("deal_add")))
    unsigned = [pair for pair in form("deal_add") if not pair[0].startswith("auth")]
    assert not has_token(unsigned, "app-token-5d1c")
    assert not has_token(unsigned, "")
    assert not has_token([*form("deal_add"), ("auth[application_token]", "\udcff")], "ключ")


GOOD = [("event", "ONCRMDEALADD"), ("data[FIELDS][ID]", "1"), ("ts", "1772445600")]


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([], "`event`"),
        ([("event", ""), *GOOD[1:]], "`event`"),
        ([("event", "ON CRM"), *GOOD[1:]], "`event`"),
        ([("event[0]", "ONCRMDEALADD"), *GOOD[1:]], "`event`"),
        (GOOD[:2], "`ts`"),
        ([*GOOD[:2], ("ts", "yesterday")], "`ts`"),
        ([*GOOD[:2], ("ts", "9" * 12)], "`ts`"),
        ([*GOOD[:2], ("ts", "-1")], "`ts`"),
        ([GOOD[0], GOOD[2]], "number of an object"),
        ([GOOD[0], ("data[FIELDS][ID]", "0"), GOOD[2]], "number of an object"),
        ([GOOD[0], ("data[FIELDS][ID]", "1 OR 1=1"), GOOD[2]], "number of an object"),
        ([GOOD[0], ("data[FIELDS][ID]", "9" * 19), GOOD[2]], "number of an object"),
        ([GOOD[0], ("data[FIELDS][ID][x]", "1"), GOOD[2]], "number of an object"),
        ([*GOOD, ("data[FIELDS", "1")], "do not close"),
        ([*GOOD, ("", "1")], "do not close"),
        ([*GOOD, ("data]x[", "1")], "do not close"),
        ([*GOOD, ("a[b][c][d][e][f]", "1")], "deeper"),
        ([*GOOD, ("data", "1")], "both"),
        ([*GOOD, ("ts[x]", "1")], "both"),
        ([*GOOD, *[(f"x{n}", "1") for n in range(200)]], "more than"),
    ],
)
def test_a_malformed_hook_is_refused_with_a_reason(pairs: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(MalformedHookError, match=reason):
        parse_hook(pairs)


def test_php_lists_and_repeated_keys_are_read_as_php_does() -> None:
    hook = parse_hook([*GOOD, ("data[FIELDS][ID]", "2"), ("list[]", "a"), ("list[]", "b"), ("deep[][x]", "c")])
    assert hook.id == "2"

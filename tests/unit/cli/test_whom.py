"""`outbox list` and `runs list` say whom, in words that whoever asks can know: ids of the source, and no address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import small_project
from bench import Bench, bench, event
from click.testing import CliRunner

from engine.cli.main import cli

WAITS = """
automation: two
when: visit.ended
then:
  - webhook: {via: hook, data: {what: first}}
  - wait: 1d
  - webhook: {via: hook, data: {what: second}}
"""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def visited(engine: Bench, **contact: Any) -> None:
    await engine.deploy(small_project.with_rules(WAITS))
    await engine.turn(event("visit.ended", {"contact": {"name": "Ada", "buyer": False, **contact}}, id="visit-7"))


def listed(engine: Bench, what: str, *more: str) -> str:
    found = CliRunner().invoke(cli, [what, "list", "--store", f"sqlite:///{engine.store.path}", *more], catch_exceptions=False)
    assert found.exit_code == 0, found.stderr
    return found.stdout


@pytest.mark.parametrize("what", ["outbox", "runs"])
async def test_the_contact_is_named_by_its_id_at_its_source_and_the_event_by_its_own(engine: Bench, what: str) -> None:
    await visited(engine, id="c-17", email="ada@shop.test")
    text = listed(engine, what)
    assert "contact c-17 of shop  event visit-7 of shop" in text
    row, *_ = json.loads(listed(engine, what, "--format", "json"))
    assert row["contact_ids"] == [{"source": "shop", "id": "c-17"}]
    assert (row["event_id"], row["event_source"]) == ("visit-7", "shop")
    assert "ada@shop.test" not in text + json.dumps(row)


@pytest.mark.parametrize("what", ["outbox", "runs"])
@pytest.mark.parametrize("contact", [{"email": "ada@shop.test"}, {"id": "ada@shop.test"}])
async def test_who_is_known_by_an_address_alone_is_named_by_our_key(engine: Bench, what: str, contact: dict[str, str]) -> None:
    await visited(engine, **contact)
    row, *_ = json.loads(listed(engine, what, "--format", "json"))
    text = listed(engine, what)
    assert row["contact_ids"] == []
    assert f"contact {row['contact']}  event visit-7" in text
    assert "ada@" not in text + json.dumps(row)

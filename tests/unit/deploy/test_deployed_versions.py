"""Deployments: applied once, taken up by whoever decides, and kept for what still follows them."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import small_project

from engine.deploy.versions import Version, Versions, apply, pack, unpack
from engine.errors import RefusedError, StoreError
from engine.model.definitions import Definitions
from engine.store.protocol import Deployment, Transaction
from engine.store.sqlite.store import SqliteStore

NOON = dt.datetime(2026, 3, 2, 12, 0, tzinfo=dt.UTC)
REWORDED = {"How was your visit?": "How did you like it?"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.db")
    yield opened
    await opened.close()


def packed(definitions: Definitions) -> Deployment:
    return pack(definitions, at=NOON, by="me", commit="abc")


async def deploy(store: SqliteStore, definitions: Definitions) -> tuple[int, bool]:
    return await store.write(lambda tx: apply(tx, packed(definitions)))


def question(versions: Versions) -> str:
    assert versions.current is not None
    return versions.current.definitions.surveys["csat_visit"].questions[0].ask.by_language[""].text


async def test_a_project_comes_back_from_the_store_as_it_was_packed(store: SqliteStore) -> None:
    definitions = small_project.definitions()
    await deploy(store, definitions)
    deployment = await store.read(lambda tx: tx.deployment())
    assert deployment is not None
    assert unpack(deployment) == definitions


async def test_applying_the_same_again_changes_nothing(store: SqliteStore) -> None:
    assert await deploy(store, small_project.definitions()) == (1, True)
    assert await deploy(store, small_project.definitions()) == (1, False)
    assert await deploy(store, small_project.definitions(REWORDED)) == (2, True)
    assert await deploy(store, small_project.definitions()) == (3, True), "going back is a new deployment"


async def test_a_new_deployment_is_taken_up_and_the_old_one_kept(store: SqliteStore) -> None:
    versions = Versions()
    assert await store.write(versions.refresh) is None
    await deploy(store, small_project.definitions())
    old = await store.write(versions.refresh)
    assert question(versions) == "How was your visit?"
    await deploy(store, small_project.definitions(REWORDED))
    await store.write(versions.refresh)
    assert question(versions) == "How did you like it?"
    assert await store.read(lambda tx: versions.get(tx, 1)) is old


async def test_an_unchanged_deployment_is_not_compiled_again(store: SqliteStore) -> None:
    versions = Versions()
    await deploy(store, small_project.definitions())
    assert await store.write(versions.refresh) is await store.write(versions.refresh)


async def test_a_deployment_whose_commit_failed_is_forgotten_though_its_number_is_given_again(store: SqliteStore) -> None:
    versions = Versions()
    await deploy(store, small_project.definitions())

    def fail(tx: Transaction) -> None:
        apply(tx, packed(small_project.definitions(REWORDED)))
        versions.refresh(tx)
        raise StoreError("the disk is full")

    with pytest.raises(StoreError):
        await store.write(fail)
    assert question(versions) == "How did you like it?", "seen before it was on disk"
    await store.write(versions.refresh)
    assert question(versions) == "How was your visit?"
    await deploy(store, small_project.definitions({"How was your visit?": "And?"}))
    await store.write(versions.refresh)
    assert question(versions) == "And?"


async def test_a_version_is_asked_for_by_many_at_once(store: SqliteStore) -> None:
    versions = Versions()
    for number in range(40):  # more than are kept
        await deploy(store, small_project.definitions({"expires: 7d": f"expires: {number + 10}d"}))
    found = await asyncio.gather(*(store.read(partial(_get, versions, n % 40 + 1)) for n in range(200)))
    assert [version.number for version in found] == [n % 40 + 1 for n in range(200)]


def _get(versions: Versions, number: int, tx: Transaction) -> Version:
    return versions.get(tx, number)


async def test_a_deployment_that_is_not_there_is_refused(store: SqliteStore) -> None:
    with pytest.raises(RefusedError, match="no deployment 7"):
        await store.read(lambda tx: Versions().get(tx, 7))


async def test_a_deployment_in_a_later_language_is_refused(store: SqliteStore) -> None:
    await deploy(store, small_project.definitions())
    store._writer.execute("UPDATE deployment SET language = 99")
    with pytest.raises(RefusedError, match=r"written in language 99.*Update Sounding"):
        await store.write(Versions().refresh)


def test_a_version_takes_over_what_is_the_same_in_the_one_before() -> None:
    before = Version(packed(small_project.definitions()))
    after = Version(packed(small_project.definitions(REWORDED)), before)
    assert after.definitions == small_project.definitions(REWORDED)
    old, new = before.definitions.by_address(), after.definitions.by_address()
    assert [name for name in new if new[name] is not old.get(name)] == ["survey.csat_visit"]


def test_a_definition_that_only_moved_is_known_at_its_new_place() -> None:
    definitions = small_project.definitions()
    before = Version(packed(definitions))
    name, automation = next(iter(definitions.automations.items()))
    moved = replace(automation, at=automation.at._replace(line=999))
    after = Version(packed(replace(definitions, automations={**definitions.automations, name: moved})), before)
    assert after.definitions.automations[name].at.line == 999
    assert before.definitions.automations[name].at.line != 999


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ("{emit: {event: help.wanted, data: {topic: t, contact: {name: Ada}}}}", "an object in the `data` of `emit`"),
        ("{wait_for: survey.nps_delivery.opened, at_most: 1d}", "`survey.NAME.opened`"),
        ("{wait_for: metric.nps_delivery.changed, at_most: 1d}", "`metric.SURVEY.changed`"),
    ],
)
def test_a_step_that_is_not_carried_out_yet_is_refused_in_every_branch(step: str, why: str) -> None:
    branch = f"  - {{wait_for: help.wanted, at_most: 1d, on_timeout: [{step}]}}\n"
    found = small_project.with_rules(f"automation: later\nwhen: visit.ended\nthen:\n{branch}")
    with pytest.raises(RefusedError, match=re.escape(why)):
        pack(found, at=dt.datetime(2026, 3, 2, tzinfo=dt.UTC), by="test", commit=None)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ('calendar: {country: RU, hours: "09:00-18:00"}', "`hours` of the calendar"),
        ("calendars: {warehouse: {country: UA}}", "calendar warehouse: no step can name it"),
    ],
)
def test_what_a_calendar_says_without_effect_is_refused_and_its_country_is_not(said: str, why: str) -> None:
    def packing(said: str) -> None:
        pack(small_project.definitions({"languages: [en]": f"languages: [en]\n{said}"}), at=small_at, by="test", commit=None)

    small_at = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    with pytest.raises(RefusedError, match=rf"sounding\.yaml:\d+:\d+: {re.escape(why)}"):
        packing(said)
    packing("calendar: {country: RU}")

"""Scores as they are read out: with interval and n, or not at all where they would give persons away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import small_project
from bench import Bench, bench, event

from engine.insight.scores import SurveyScore, Withheld, survey_scores
from engine.insight.words import score_line
from engine.respond.session import Accepted
from engine.runtime.respondents import StoredRespondents

SURVEY = "nps_delivery"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path, small_project.definitions({"may_ask:": "anonymity: 3\nmay_ask:"})) as made:
        yield made


async def scores(engine: Bench) -> list[SurveyScore | Withheld]:
    version = await engine.store.write(engine.versions.refresh)
    assert version is not None
    return await engine.store.read(lambda tx: survey_scores(tx, version.definitions))


async def test_a_score_of_fewer_answers_than_anonymity_allows_is_withheld(engine: Bench) -> None:
    lines = []
    people = StoredRespondents(engine.store, engine.versions, engine.clock, lambda: None)
    for number in range(4):
        lines += [score_line(score) for score in await scores(engine) if score.survey == SURVEY]
        contact = {"id": str(number), "email": f"c{number}@example.test"}
        sent = await engine.invite(event("order.delivered", {"contact": contact, "deal": {"id": str(number), "title": "Coat"}}))
        (token,) = [item.token for item in sent if item.token is not None]  # beside the thanks for the answer before
        await people.answer(token, Accepted(values={"score": 9}, score=9.0, category="promoter"), language="en")
        await engine.turn()
    assert ["no data" in line for line in lines] == [True, False, False, False]
    assert ["fewer than 3 answers, so not shown" in line for line in lines] == [False, True, True, False]
    assert "100.0" in lines[3]

"""A survey as a person answers it: the real daemon, a real mail, a real browser without scripts, the keyboard alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Browser, Page, async_playwright

from engine.lab.demo import FEED_TOKEN, Demo, Stage
from engine.lab.respondents import survey_link

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None and os.environ.get("SOUNDING_NO_SKIP"):
    pytest.fail("no chromium on this machine", pytrace=False)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
FORWARD = "button[name=_go][value=next]"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        await started.close()


@pytest.fixture
async def demo(tmp_path: Path) -> AsyncIterator[tuple[Demo, Stage]]:
    demo = Demo(ROOT, folder=tmp_path / "demo")
    async with demo.stage() as stage:
        yield demo, stage


async def _invited(demo: Demo, stage: Stage, language: str) -> str:
    """The link in the mail that a delivery leads to."""
    event = {
        "specversion": "1.0",
        "id": f"delivered-{language}",
        "source": "/browser",
        "type": "order.delivered",
        "time": "2026-11-02T09:00:00Z",
        "data": {
            "contact": {"id": f"c-{language}", "name": "Ada", "email": f"ada.{language}@example.com", "language": language},
            "deal": {"id": f"d-{language}", "title": "Coat"},
        },
    }
    headers = {"Authorization": f"Bearer {FEED_TOKEN}", "Content-Type": "application/cloudevents+json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{stage.public}/events", data=json.dumps(event), headers=headers) as response,
    ):
        assert response.status == 202
    caught = await demo.catcher.next_message(20)
    body = caught.message.get_body(("plain",))
    assert body is not None
    link = survey_link(str(body.get_content()), stage.public)
    assert link is not None
    return link


async def _fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("language", ["ru", "uk", "en"])
async def test_a_promoter_answers_by_keyboard_on_a_small_phone_without_scripts(
    browser: Browser, demo: tuple[Demo, Stage], language: str
) -> None:
    link = await _invited(*demo, language)
    context = await browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = await context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    await page.goto(link)
    assert await page.locator("html").get_attribute("lang") == language
    assert requests == [link]
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.locator("input[type=radio]:focus").count():
            break
    await page.locator("input[type=radio]:focus").press("Space")
    for _ in range(9):
        await page.keyboard.press("ArrowRight")
    score = await page.locator("input[type=radio]:checked").get_attribute("value")
    assert score == "9"
    for _ in range(6):
        if not await page.locator(FORWARD).count():
            break
        await page.locator(FORWARD).focus()
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
    assert not await page.locator(FORWARD).count()
    caught = await demo[0].catcher.next_message(20)
    assert caught.recipients == (f"ada.{language}@example.com",)  # the thank-you that a promoter gets
    await page.goto(link)
    assert not await page.locator("form").count()  # answered already
    await context.close()


async def test_no_page_is_wider_than_a_small_phone(browser: Browser, demo: tuple[Demo, Stage]) -> None:
    link = await _invited(*demo, "ru")
    context = await browser.new_context(viewport={"width": 320, "height": 640})
    page = await context.new_page()
    for url in (link, f"{demo[1].public}/s/unknown"):
        await page.goto(url)
        assert await _fits(page)
    await page.goto(demo[1].admin)
    assert await page.locator("h1").inner_text() == "sounding"
    await context.close()


async def test_opening_the_link_answers_nothing(browser: Browser, demo: tuple[Demo, Stage]) -> None:
    link = await _invited(*demo, "en")
    page = await browser.new_page()
    for score in range(11):
        await page.goto(f"{link}?score={score}")
    async with aiohttp.ClientSession() as session, session.get(f"{demo[1].admin}/metrics") as response:
        text = await response.text()
    assert 'sounding_rows{what="answers"} 0.0' in text

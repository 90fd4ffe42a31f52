"""The survey pages over real HTTP, as a browser without JavaScript meets them."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
import io
import re
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import uvicorn
from starlette.applications import Starlette

from engine.dsl.load import load
from engine.errors import StoreBusyError
from engine.model.definitions import Survey
from engine.respond.session import Accepted, Opened, State
from engine.respond.tokens import mint
from engine.web.survey import Result, survey_routes

FORM = "application/x-www-form-urlencoded"
PROJECT = """
project: acme
languages: [ru, uk, en]
timezone: Europe/Moscow
objects:
  contact: {name: text, tier: [standard, vip]}
  deal: {title: text}
---
survey: delivery
metric: nps
about: deal
title: {ru: Ваше мнение, uk: Ваша думка, en: Your opinion}
questions:
  score:
    type: nps
    ask: {ru: "{{ contact.name }}, порекомендуете нас?", uk: "{{ contact.name }}, порадите нас?", en: "{{ contact.name }}, recommend us?"}
  reason:
    type: text
    ask: {ru: "Что не так с «{{ deal.title }}»?", uk: "Що не так?", en: "What went wrong with {{ deal.title }}?"}
    show_if: score <= 6
  likes:  {type: multiple, ask: Likes, options: {price: Price, speed: Speed}, other: true, show_if: score >= 9}
thanks:
  - {if: score >= 9, text: {ru: Ура!, uk: Ура!, en: "Great, {{ contact.name }}!"}, link: "https://reviews.example.test/acme?a=1&b=2"}
  - {if: score <= 6, text: {ru: Простите., uk: Вибачте., en: Sorry.}}
---
survey: everything
metric: csat
questions:
  hello: {type: info, ask: Hello}
  score: {type: csat, ask: Score}
  easy: {type: ces, ask: Easy}
  stars: {type: stars, ask: Stars}
  faces: {type: smileys, ask: Faces}
  fit: {type: scale, scale: 1-10, ask: Fit, labels: {low: Small, high: Large}}
  goal: {type: gcr, ask: Goal}
  help: {type: yes_no, ask: Help}
  one: {type: single, ask: One, options: {a: A, b: B}, other: true}
  drop: {type: dropdown, ask: Drop, options: {n: North, s: South}}
  count: {type: number, ask: Count}
  mail: {type: email, ask: Mail, required: true}
  tel: {type: phone, ask: Tel}
  day: {type: date, ask: Day}
  more: {type: text, ask: More}
  ok: {type: consent, ask: Consent, required: true}
"""


@dataclass
class Invitation:
    survey: str = "delivery"
    contact: str = "Ada"
    language: str | None = "en"
    state: State = "open"


@dataclass
class Book:
    """Respondents in memory."""

    surveys: Mapping[str, Survey]
    invitations: dict[str, Invitation] = field(default_factory=dict)
    answers: list[tuple[str, Accepted, str]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    busy: bool = False

    def invite(self, invitation: Invitation | None = None) -> str:
        token = mint()
        self.invitations[token] = invitation or Invitation()
        return token

    async def open(self, token: str, *, seen_by: str) -> Opened | None:
        found = self.invitations.get(token)
        if found is None:
            return None
        self.opened.append(seen_by)
        return Opened(
            survey=self.surveys[found.survey],
            languages=("ru", "uk", "en"),
            language=found.language,
            default_language="ru",
            state=found.state,
            contact={"name": found.contact, "tier": "vip"},
            context={"deal": {"title": "<b>Coat</b>"}},
            now=dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC),
            zone=ZoneInfo("Europe/Moscow"),
        )

    async def answer(self, token: str, answer: Accepted, *, language: str) -> Result | None:
        if self.busy:
            raise StoreBusyError("the queue is full")
        found = self.invitations.get(token)
        if found is None:
            return None
        if found.state != "open":
            return found.state
        found.state = "answered"
        self.answers.append((token, answer, language))
        return "recorded"


@dataclass(frozen=True)
class Page:
    status: int
    headers: Mapping[str, str]
    html: str

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the form: what a browser sends along."""
        found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', self.html)
        return {name: unescape(value) for name, value in found}

    @property
    def heading(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.html)
        assert found is not None
        return unescape(found[1])

    def checked(self, name: str) -> list[str]:
        boxes = [box for box in re.findall(r"<input [^>]*>", self.html) if f'name="{name}"' in box and " checked" in box]
        return [value[1] for box in boxes if (value := re.search(r'value="([^"]*)"', box))]


@dataclass
class Browser:
    session: aiohttp.ClientSession
    root: str

    async def get(self, path: str, accept: str = "en", method: str = "GET") -> Page:
        async with self.session.request(method, self.root + path, headers={"Accept-Language": accept, "User-Agent": "test"}) as response:
            return Page(response.status, response.headers, await response.text())

    async def post(self, token: str, fields: Mapping[str, str | list[str]] | bytes, accept: str = "en", kind: str = FORM) -> Page:
        data = fields if isinstance(fields, bytes) else urlencode(fields, doseq=True).encode()
        headers = {"Accept-Language": accept, "Content-Type": kind}
        async with self.session.post(f"{self.root}/s/{token}", data=io.BytesIO(data), headers=headers) as response:
            return Page(response.status, response.headers, await response.text())


@pytest.fixture(scope="module")
def surveys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Survey]:
    root: Path = tmp_path_factory.mktemp("project")
    (root / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    loaded = load(root)
    assert not loaded.findings.errors, loaded.findings.items
    assert loaded.definitions is not None
    return loaded.definitions.surveys


@pytest.fixture
def book(surveys: Mapping[str, Survey]) -> Book:
    return Book(surveys)


@pytest.fixture
async def browser(book: Book) -> AsyncIterator[Browser]:
    app = Starlette(routes=survey_routes(book, default_language="ru"))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as listener:  # it takes connections before the server serves them
        running = asyncio.create_task(server.serve(sockets=[listener]))
        async with aiohttp.ClientSession() as session:
            yield Browser(session, f"http://127.0.0.1:{listener.getsockname()[1]}")
        server.should_exit = True
        await running


WHOLE = {"score": "4", "mail": "ada@example.test", "ok": "yes"}


async def test_a_get_records_no_answer(book: Book, browser: Browser) -> None:
    token = book.invite()
    for query in ("", "?score=9", "?score=9&_page=1&_go=next"):
        page = await browser.get(f"/s/{token}{query}")
        assert page.status == 200
    assert book.answers == []
    assert book.opened == ["test"] * 3


async def test_a_head_request_records_nothing_at_all(book: Book, browser: Browser) -> None:
    known = await browser.get(f"/s/{book.invite()}", method="HEAD")
    unknown = await browser.get(f"/s/{mint()}", method="HEAD")
    assert known.status == unknown.status == 200
    assert book.opened == []


async def test_a_link_may_choose_the_score_beforehand(book: Book, browser: Browser) -> None:
    token = book.invite()
    assert (await browser.get(f"/s/{token}?score=9")).checked("score") == ["9"]
    for query in ("", "?score=99", "?score=x%22%3E%3Cscript%3E", "?score="):
        page = await browser.get(f"/s/{token}{query}")
        assert page.checked("score") == []
        assert "<script" not in page.html


async def test_an_answer_goes_through_its_pages_and_is_recorded_once(book: Book, browser: Browser) -> None:
    token = book.invite()
    first = await browser.get(f"/s/{token}")
    assert first.html.count('type="radio"') == 11
    assert "Step 1 of 2" in first.html

    second = await browser.post(token, {**first.hidden, "score": "10"})
    assert second.status == 200
    assert book.answers == []
    assert "Likes" in second.html
    assert "What went wrong" not in second.html
    assert "Step 2 of 2" in second.html

    last = await browser.post(token, {**second.hidden, "likes": ["speed", "other"], "likes_other": "smell", "reason": "hidden"})
    assert last.status == 200
    assert last.heading == "Great, Ada!"
    assert 'href="https://reviews.example.test/acme?a=1&amp;b=2"' in last.html
    recorded = Accepted(values={"score": 10, "likes": ["speed", "other"], "likes_other": "smell"}, score=10.0, category="promoter")
    assert book.answers == [(token, recorded, "en")]

    again = await browser.post(token, {**second.hidden, "likes": "price"})
    assert (again.status, again.heading) == (200, "You have already answered")
    assert (await browser.get(f"/s/{token}")).heading == "You have already answered"
    assert book.answers == [(token, recorded, "en")]


async def test_a_page_with_nothing_to_ask_is_skipped(book: Book, browser: Browser) -> None:
    token = book.invite()
    done = await browser.post(token, {"_page": "1", "score": "8"})
    assert done.heading == "Thank you!"
    assert [answer.values for _, answer, _ in book.answers] == [{"score": 8}]


async def test_a_form_without_a_page_number_is_meant_to_be_whole(book: Book, browser: Browser) -> None:
    token = book.invite()
    done = await browser.post(token, {"score": "3", "reason": "late"})
    assert done.heading == "Sorry."
    assert [answer.values for _, answer, _ in book.answers] == [{"score": 3, "reason": "late"}]


async def test_two_posts_at_once_record_one_answer(book: Book, browser: Browser) -> None:
    token = book.invite()
    pages = await asyncio.gather(*(browser.post(token, {"score": "8"}) for _ in range(5)))
    assert sorted(page.heading for page in pages) == ["Thank you!"] + ["You have already answered"] * 4
    assert len(book.answers) == 1


async def test_the_way_back_keeps_what_was_said(book: Book, browser: Browser) -> None:
    token = book.invite()
    second = await browser.post(token, {"_page": "1", "score": "3"})
    assert 'value="back"' in second.html
    back = await browser.post(token, {**second.hidden, "reason": "first\r\nsecond", "_go": "back"})
    assert back.status == 200
    assert back.checked("score") == ["3"]
    assert back.hidden["reason"] == "first\r\nsecond"
    forth = await browser.post(token, {**back.hidden, "score": "4"})
    assert "first\r\nsecond</textarea>" in forth.html
    assert book.answers == []


@pytest.mark.parametrize("score", ["11", "-1", "٩", "9.0", "nine", ""])
async def test_a_wrong_score_is_shown_and_not_recorded(book: Book, browser: Browser, score: str) -> None:
    token = book.invite()
    page = await browser.post(token, {"_page": "1", "score": score})
    assert page.status == 422
    assert book.answers == []
    assert "<title>Error: Your opinion</title>" in page.html
    assert '<a href="#score-0">' in page.html
    assert 'id="score-0"' in page.html
    assert 'id="score-error"' in page.html
    assert page.html.index('role="alert"') < page.html.index("<form")


async def test_every_value_is_kept_beside_the_errors(book: Book, browser: Browser) -> None:
    token = book.invite(Invitation("everything"))
    said = {
        "stars": "3",
        "faces": "2",
        "fit": "7",
        "goal": "no",
        "help": "yes",
        "one": "other",
        "one_other": "TV",
        "drop": "s",
        "more": "a\nb",
    }
    wrong = {"mail": "ada@", "count": "many", "tel": "1", "day": "soon"}
    page = await browser.post(token, {"_page": "1", **said, **wrong})
    assert page.status == 422
    for name in ("stars", "faces", "fit", "goal", "help", "one"):
        assert page.checked(name) == [said[name]]
    assert '<option value="s" selected>' in page.html
    assert "\na\nb</textarea>" in page.html
    for value in ("TV", *wrong.values()):
        assert f'value="{value}"' in page.html
    failed = re.findall(r'id="(\w+)-error"', page.html)
    assert failed == ["score", "count", "mail", "tel", "day", "ok"]
    for focus in re.findall(r'<a href="#([^"]+)">', page.html):
        assert f'id="{focus}"' in page.html
    ids = re.findall(r' id="([^"]+)"', page.html)
    assert len(ids) == len(set(ids))

    assert (await browser.post(token, WHOLE)).status == 200
    assert [answer.values for _, answer, _ in book.answers] == [{"score": 4, "mail": "ada@example.test", "ok": True}]


async def test_a_wrong_carried_answer_leads_back_to_its_page(book: Book, browser: Browser) -> None:
    page = await browser.post(book.invite(), {"_page": "2", "score": "99", "reason": "x"})
    assert page.status == 422
    assert 'id="score-error"' in page.html
    assert page.hidden["reason"] == "x"


async def test_pages_that_lead_nowhere_are_all_the_same(book: Book, browser: Browser) -> None:
    lost = [await browser.get(f"/s/{path}") for path in (mint(), "short", "A" * 21 + "B", "x/y", "%00", "A" * 5000)]
    lost += [await browser.post(mint(), {"score": "9"}), await browser.post("short", {"score": "9"})]
    assert {page.status for page in lost} == {404}
    assert len({page.html for page in lost}) == 1
    assert len({tuple(sorted((k, v) for k, v in page.headers.items() if k.lower() != "date")) for page in lost}) == 1
    assert lost[0].heading == "Page not found"
    assert book.opened == []


async def test_a_survey_that_is_over_takes_nothing(book: Book, browser: Browser) -> None:
    token = book.invite(Invitation(state="expired"))
    for page in (await browser.get(f"/s/{token}"), await browser.post(token, {"score": "9"})):
        assert (page.status, page.heading) == (410, "This survey is closed")
    assert book.answers == []


async def test_a_busy_store_loses_nothing(book: Book, browser: Browser) -> None:
    token = book.invite()
    book.busy = True
    page = await browser.post(token, {"_page": "2", "score": "3", "reason": "it was late"})
    assert page.status == 503
    assert page.headers["Retry-After"] == "60"
    assert "it was late</textarea>" in page.html
    assert "Nothing is lost" in page.html
    book.busy = False
    done = await browser.post(token, {**page.hidden, "reason": "it was late"})
    assert done.heading == "Sorry."
    assert len(book.answers) == 1


async def test_nothing_that_people_write_becomes_markup(book: Book, browser: Browser) -> None:
    script = '"><script>alert(1)</script>'
    token = book.invite(Invitation(contact=script))
    first = await browser.get(f"/s/{token}?lang={script}")
    second = await browser.post(token, {"_page": "1", "_lang": script, "score": "3", "reason": script, "likes_other": script})
    back = await browser.post(token, {**second.hidden, "reason": "</textarea>" + script, "_go": "back"})
    wrong = await browser.post(token, {"_page": "1", "score": script, "reason": script})
    done = await browser.post(token, {"score": "9", "likes": "other", "likes_other": script})
    pages = [first, second, back, wrong, done]
    assert [page.status for page in pages] == [200, 200, 200, 422, 200]
    for page in pages:
        assert "<script" not in page.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;, recommend us?" in first.html
    assert "What went wrong with &lt;b&gt;Coat&lt;/b&gt;?" in second.html
    assert back.hidden["reason"] == "</textarea>" + script
    assert book.answers[0][1].values["likes_other"] == script


async def test_headers_shut_everything_but_the_page_itself(book: Book, browser: Browser) -> None:
    token = book.invite()
    pages = [
        await browser.get(f"/s/{token}"),
        await browser.post(token, {}),
        await browser.get("/s/x"),
        await browser.post(token, {"score": "8"}),
    ]
    assert [page.status for page in pages] == [200, 422, 404, 200]
    for page in pages:
        style = re.search(r"<style>(.*?)</style>", page.html, re.S)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        policy = page.headers["Content-Security-Policy"].split("; ")
        assert sorted(policy) == sorted(
            [
                "default-src 'none'",
                f"style-src 'sha256-{digest}'",
                "img-src 'self' data:",
                "form-action 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
            ]
        )
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"\s(style|on\w+)=|<script|src=|https?://(?!reviews)", page.html)


@pytest.mark.parametrize(
    ("language", "ask", "sent", "wrong", "end"),
    [
        ("ru", "Ada, порекомендуете нас?", "Простите.", "Ответьте, пожалуйста", "Точно не порекомендую"),
        ("uk", "Ada, порадите нас?", "Вибачте.", "Дайте, будь ласка, відповідь", "Обов’язково порекомендую"),
        ("en", "Ada, recommend us?", "Sorry.", "Please answer", "Not at all likely"),
    ],
)
async def test_languages(book: Book, browser: Browser, language: str, ask: str, sent: str, wrong: str, end: str) -> None:
    token = book.invite(Invitation(language=language))
    page = await browser.get(f"/s/{token}", accept="de")
    assert f'<html lang="{language}">' in page.html
    assert ask in page.html
    assert end in page.html
    assert wrong in (await browser.post(token, page.hidden, accept="de")).html
    assert (await browser.post(token, {**page.hidden, "_page": "2", "score": "3"}, accept="de")).heading == sent
    assert book.answers[0][2] == language


async def test_the_respondents_choice_of_language_goes_before_all_others(book: Book, browser: Browser) -> None:
    token, stranger = book.invite(Invitation(language="en")), book.invite(Invitation(language=None))

    async def spoken(path: str, accept: str) -> str:
        found = re.search('<html lang="(.*?)">', (await browser.get(path, accept)).html)
        assert found is not None
        return found[1]

    assert await spoken(f"/s/{token}", "uk") == "en"
    assert await spoken(f"/s/{token}?lang=uk", "ru") == "uk"
    assert await spoken(f"/s/{stranger}", "de;q=0.9, uk-UA;q=0.8, en;q=0.1") == "uk"
    assert await spoken(f"/s/{stranger}", "de") == "ru"
    page = await browser.get(f"/s/{token}?lang=uk&score=7")
    assert page.hidden["_lang"] == "uk"
    assert '<a href="?lang=ru&amp;score=7" lang="ru" hreflang="ru">Русский</a>' in page.html


@pytest.mark.parametrize("letter", ["я", "😀", "\n"])
async def test_what_the_page_lets_people_type_is_never_too_large_to_be_sent(book: Book, browser: Browser, letter: str) -> None:
    token = book.invite(Invitation(survey="everything"))
    typed = f"({letter * 9_998})"
    posted = {**WHOLE, "one": "other", "one_other": typed.replace("\n", "\r\n"), "more": typed.replace("\n", "\r\n")}
    page = await browser.post(token, posted)
    assert page.status == 200, page.heading
    (answered,) = book.answers
    assert (answered[1].values["one_other"], answered[1].values["more"]) == (typed, typed)


async def test_a_form_of_nobody_is_not_read(book: Book, browser: Browser) -> None:
    assert (await browser.post(mint(), b"score=3&reason=" + b"x" * (2 << 20))).status == 404


async def test_a_body_has_a_limit_and_a_type(book: Book, browser: Browser) -> None:
    token = book.invite()
    longest = "я" * 10_000
    assert (await browser.post(token, {"score": "3", "reason": longest + "я"})).status == 422
    large = await browser.post(token, b"score=3&reason=" + b"x" * (1 << 20))
    assert (large.status, large.heading) == (413, "That was too much")
    assert (await browser.post(token, b'{"score": 3}', kind="application/json")).status == 415
    assert (await browser.post(token, b"score=3&reason=%FF")).status == 400
    assert (await browser.post(token, b"score=3" + b"&x=" * 2_000)).status == 400
    assert book.answers == []
    assert (await browser.post(token, {"score": "3", "reason": longest})).status == 200
    assert book.answers[0][1].values["reason"] == longest


async def test_the_first_page_is_one_light_request(book: Book, browser: Browser) -> None:
    page = await browser.get(f"/s/{book.invite()}")
    assert len(page.html.encode()) < 12 * 1024
    assert not re.search(r"<(script|img|iframe|object|embed)|@import|url\(", page.html)

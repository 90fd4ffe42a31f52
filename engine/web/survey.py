"""``GET|POST /s/TOKEN``: the survey. A GET answers nothing; an answer is acknowledged when it is on disk."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Literal, Protocol
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from engine.errors import RefusedError
from engine.respond.form import Form
from engine.respond.parsing import Fields
from engine.respond.session import Accepted, Invalid, Opened, Reading, read
from engine.respond.tokens import well_formed
from engine.web.forms import posted_fields
from engine.web.languages import accepted_languages, choose_language
from engine.web.pages import GO, LANGUAGE, PAGE, Pages
from engine.web.words import BUNDLED, words_for

Result = Literal["recorded", "answered", "expired"]

_AGENT_LIMIT = 300  # characters of the User-Agent header
_PAGE_NUMBER = re.compile(r"[0-9]{1,4}")


class Respondents(Protocol):
    """What the pages need of the store. Tokens are checked for their shape before they come here."""

    async def open(self, token: str, *, seen_by: str) -> Opened | None:
        """The survey behind a token, None where there is none. Records at most that it was opened, by which user agent."""
        ...

    async def answer(self, token: str, answer: Accepted, *, language: str) -> Result | None:
        """Record the answer once; returns when it is on disk. The others say why nothing was recorded."""
        ...


def survey_routes(respondents: Respondents, *, default_language: str = "en") -> list[Route]:
    """``default_language`` is that of the pages which belong to no survey, for browsers that ask for none of ours."""
    return [Route("/s/{token:path}", _SurveyEndpoint(respondents, default_language).respond, methods=["GET", "POST"])]


class _SurveyEndpoint:
    def __init__(self, respondents: Respondents, default_language: str) -> None:
        self._respondents = respondents
        self._default_language = default_language
        self._pages = Pages()

    async def respond(self, request: Request) -> Response:
        token: str = request.path_params["token"]
        stranger = choose_language(accepted_languages(request.headers.get("accept-language", "")), BUNDLED, self._default_language)
        if not well_formed(token):
            return self._say(404, stranger, words_for(stranger).not_found)
        if request.method == "HEAD":  # link checkers; they learn nothing, and nothing is recorded
            return self._page(200, "")
        try:
            opened = await self._respondents.open(token, seen_by=request.headers.get("user-agent", "")[:_AGENT_LIMIT])
            if opened is None:  # before anything is read: a stranger's form may be large
                return self._say(404, stranger, words_for(stranger).not_found)
            fields = await posted_fields(request) if request.method == "POST" else {}
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except RefusedError:
            return self._busy(self._pages.message(stranger, words_for(stranger).busy))
        if isinstance(fields, HTTPStatus):
            said = words_for(stranger).too_large if fields == HTTPStatus.REQUEST_ENTITY_TOO_LARGE else words_for(stranger).unreadable
            return self._say(fields, stranger, said)
        language = _language(request, fields, opened)
        if opened.state != "open":
            return self._closed(opened.state, language)
        if request.method == "POST":
            return await self._take(token, opened, fields, language)
        return self._first_page(request, opened, language)

    def _first_page(self, request: Request, opened: Opened, language: str) -> Response:
        form = Form.of(opened.survey)
        score = request.query_params.get("score")
        chosen = {opened.survey.metric_question: [score]} if opened.survey.metric_question and score is not None else {}
        reading = read(form, chosen, opened.background)
        kept = {"score": score} if score is not None else {}
        links = {code: "?" + urlencode({"lang": code, **kept}) for code in opened.languages} if len(opened.languages) > 1 else {}
        page = reading.next_page(-1) or 0
        return self._page(200, self._pages.questions(opened, reading, chosen, page, language, links=links))

    async def _take(self, token: str, opened: Opened, fields: Fields, language: str) -> Response:
        form = Form.of(opened.survey)
        reading = read(form, fields, opened.background)
        last = len(form.pages) - 1
        page = _page_number(fields, last)
        back = fields.get(GO) == ["back"]
        if back:
            page = before if (before := reading.page_before(page)) is not None else page
        wrong = reading.first_error(page - 1 if back else page)
        if wrong is not None:
            return self._page(422, self._pages.questions(opened, reading, fields, wrong, language, complain=True))
        following = page if back else reading.next_page(page)
        if following is not None:
            return self._page(200, self._pages.questions(opened, reading, fields, following, language))
        answer = reading.outcome
        assert not isinstance(answer, Invalid), "no page is left to ask, so none can be wrong"
        return await self._record(token, opened, reading, fields, answer, language)

    async def _record(self, token: str, opened: Opened, reading: Reading, fields: Fields, answer: Accepted, language: str) -> Response:
        try:
            result = await self._respondents.answer(token, answer, language=language)
        except RefusedError:
            page = max((n for n in range(len(reading.form.pages)) if reading.shown(n)), default=0)
            return self._busy(self._pages.questions(opened, reading, fields, page, language, trouble=True))
        if result is None:
            return self._say(404, language, words_for(language).not_found)
        if result != "recorded":
            return self._closed(result, language)
        return self._page(200, self._pages.thanks(opened, reading, language))

    def _closed(self, state: Literal["answered", "expired"], language: str) -> Response:
        words = words_for(language)
        if state == "answered":
            return self._page(200, self._pages.message(language, words.answered, good=True))
        return self._say(410, language, words.expired)

    def _say(self, status: int, language: str, said: tuple[str, str]) -> Response:
        return self._page(status, self._pages.message(language, said))

    def _busy(self, html: str) -> Response:
        response = self._page(503, html)
        response.headers["Retry-After"] = "60"
        return response

    def _page(self, status: int, html: str) -> Response:
        headers = {
            "Content-Security-Policy": self._pages.policy,
            "Referrer-Policy": "no-referrer",  # the address is the key to the survey
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex, nofollow",
        }
        return HTMLResponse(html, status_code=status, headers=headers)


def _language(request: Request, fields: Fields, opened: Opened) -> str:
    """What the respondent chose on the page, else the contact's, else the browser's, else the project's first."""
    chosen = [*fields.get(LANGUAGE, ()), *request.query_params.getlist("lang")]
    known = [opened.language] if opened.language else []
    browser = accepted_languages(request.headers.get("accept-language", ""))
    return choose_language([*chosen, *known, *browser], opened.languages, opened.default_language)


def _page_number(fields: Fields, last: int) -> int:
    """Which page was posted, from 0; the last where the form does not say: then it is meant to be whole."""
    said = next(iter(fields.get(PAGE, ())), "")
    number = int(said) - 1 if _PAGE_NUMBER.fullmatch(said) else last
    return min(max(number, 0), last)

"""The caught mail as pages, for a person to look at."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from aiohttp import web

from engine.lab.receivers.server import Receiver
from engine.lab.receivers.smtp import CaughtMessage, MailCatcher

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1c2321;background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #d8dedb}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #d8dedb;border-radius:8px;padding:1rem}a{color:#00583a}"
    "@media(prefers-color-scheme:dark){body{background:#141917;color:#e6ebe8}a{color:#7fd6b0}td,th,pre{border-color:#3a4440}}"
)
_LINK = re.compile(r"https?://[^\s<>]+")
_SHOWN = 500  # newest messages


class MailboxPages(Receiver):
    """Lists what a catcher caught."""

    def __init__(self, catcher: MailCatcher, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._catcher = catcher

    def routes(self) -> Iterable[web.RouteDef]:
        return [web.get("/", self._list), web.get("/{number:[0-9]+}", self._one)]

    async def _list(self, request: web.Request) -> web.Response:
        messages = self._catcher.messages
        rows = "".join(
            f'<tr><td><a href="/{number}">{_subject(message)}</a></td><td>{html.escape(", ".join(message.recipients))}</td></tr>'
            for number, message in list(enumerate(messages, 1))[::-1][:_SHOWN]
        )
        return _page("Caught mail", f"<h1>{len(messages)} caught messages</h1><table><tr><th>Subject</th><th>To</th></tr>{rows}</table>")

    async def _one(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if not 1 <= number <= len(self._catcher.messages):
            return _page("No such message", "<h1>No such message</h1>", status=404)
        message = self._catcher.messages[number - 1]
        body = message.message.get_body(("plain",))
        text = html.escape(str(body.get_content()) if body is not None else "")
        linked = _LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', text)
        to = html.escape(", ".join(message.recipients))
        return _page(str(number), f'<p><a href="/">all messages</a></p><h1>{_subject(message)}</h1><p>To {to}</p><pre>{linked}</pre>')


def _subject(message: CaughtMessage) -> str:
    return html.escape(str(message.message.get("Subject", "(no subject)")))


def _page(title: str, body: str, status: int = 200) -> web.Response:
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    text = f"{head}<title>{html.escape(title)}</title><style>{_STYLE}</style>{body}</html>"
    return web.Response(text=text, content_type="text/html", status=status)

"""What somebody would write by hand in place of the engine, as fast as a plain script is: the peer of `end_to_end.py`.

It takes the same events at the same path, asks for the same token, evaluates the same two conditions, makes the same ticket
with aiohttp or the same mail with aiosmtplib, over connections that stay open, and answers once the receiver has accepted.
It keeps nothing: what is under way when it ends is lost, an event sent twice acts twice, a receiver that is down is an error.

It is served through the engine's own wrapper of uvicorn, so that both sides have the very same settings. `--loop` names the
event loop.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
import sys
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import aiohttp
import aiosmtplib
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.web.server import HttpServer

SENDER = "feedback@sounding.test"


class Script:
    def __init__(self, session: aiohttp.ClientSession, lines: list[aiosmtplib.SMTP]) -> None:
        self._session = session
        self._lines: asyncio.LifoQueue[aiosmtplib.SMTP] = asyncio.LifoQueue()
        for line in lines:
            self._lines.put_nowait(line)
        self._desk = os.environ["DESK_URL"] + "/api/v2/tickets.json"
        self._wanted = "Bearer " + os.environ["FEED_TOKEN"]

    async def events(self, request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("authorization", ""), self._wanted):
            return JSONResponse({"error": "token"}, status_code=401)
        body = await request.json()
        if isinstance(body, list):
            await asyncio.gather(*(self._act(event["data"]) for event in body))
            return JSONResponse({"accepted": len(body)}, status_code=202)
        await self._act(body["data"])
        return JSONResponse({"accepted": 1}, status_code=202)

    async def _act(self, data: dict[str, Any]) -> None:
        score, ref, contact = data["score"], data["ref"], data["contact"]
        if score <= 6:
            await self._ticket(score, ref, contact)
        if score >= 9:
            await self._thank(score, ref, contact)

    async def _ticket(self, score: int, ref: str, contact: dict[str, str]) -> None:
        ticket = {
            "subject": f"Score {score} from {contact['name']} ({ref})",
            "comment": {"body": f"{contact['name']} gave {score} of 10. Call back today.", "public": False},
            "external_id": ref,
            "requester": {"name": contact["name"], "email": contact["email"]},
            "priority": "high",
        }
        async with self._session.post(self._desk, json={"ticket": ticket}) as response:
            response.raise_for_status()
            await response.json()

    async def _thank(self, score: int, ref: str, contact: dict[str, str]) -> None:
        message = EmailMessage(policy=SMTP)
        message["From"] = f"Benchmark <{SENDER}>"
        message["To"] = f"{contact['name']} <{contact['email']}>"
        message["Subject"] = f"Thank you, {contact['name']} ({ref})"
        message.set_content(f"{contact['name']}, thank you for the {score}. It helps us.")
        line = await self._lines.get()
        try:
            # Not `send_message`: it would copy the message first.
            await line.sendmail(SENDER, [contact["email"]], message.as_bytes())
        finally:
            self._lines.put_nowait(line)


async def main() -> None:
    lines = [
        aiosmtplib.SMTP(hostname=os.environ["MAIL_HOST"], port=int(os.environ["MAIL_PORT"]), start_tls=False)
        for _ in range(int(os.environ["MAIL_CONNECTIONS"]))
    ]
    for line in lines:
        await line.connect()
    login = aiohttp.BasicAuth(os.environ["DESK_USER"] + "/token", os.environ["DESK_TOKEN"])
    async with aiohttp.ClientSession(auth=login) as session:
        script = Script(session, lines)
        # The protocol is named so that asyncio turns Nagle's delay off: an answer leaves in two writes.
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.bind(("127.0.0.1", 0))
        server = HttpServer(Starlette(routes=[Route("/events", script.events, methods=["POST"])]), sock)
        await server.start()
        print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", file=sys.stderr, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if sys.argv[1:] == ["--loop", "uvloop"] else None) as runner:
        runner.run(main())

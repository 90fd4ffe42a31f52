"""Secrets go to the system that they are for, and nowhere else: no log, no error, no page, no byte of the store."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, urlencode

import stored
from daemon_process import CRM_TOKEN, DESK_TOKEN, FEED_TOKEN, STRUCTURED, World, delivered, token_in, wanted, world

PASSWORD = "mail-password-91ab"
LOGIN = {"tls: none, from": "tls: none, user: {env: MAIL_USER}, password: {env: MAIL_PASSWORD}, from"}
HOOK = {"event": "ONCRMDEALUPDATE", "data[FIELDS][ID]": "1", "ts": "1772532000"}


def spellings(secret: str) -> list[bytes]:
    """A secret as it is, as in a URL, and in the base64 of basic authentication and of SMTP's AUTH PLAIN."""
    found = {secret, quote(secret, safe="")}
    for user in ("agent@desk.test/token:", "\0cx\0", ""):
        found.add(base64.b64encode(f"{user}{secret}".encode()).decode().rstrip("="))
    return [spelling.encode() for spelling in found]


async def provoke(made: World) -> list[str]:
    """Everything that may go wrong with secrets at hand; what the daemon answered."""
    daemon, said = made.daemon, []
    made.desk.fail_next(500, body={"error": f"token {DESK_TOKEN} is tired"})
    made.desk.fail_next(401, body={"error": f"no such token: {DESK_TOKEN}"})
    made.mail.refuse_next(535, "authenticate again", stage="mail")
    made.mail.refuse_next(550, "the link in your message is bad", stage="data")
    made.portal.refuse_next("NO_AUTH_FOUND")
    await daemon.send(*(delivered(n) for n in range(5)), *(wanted(n) for n in range(5)))
    right = {"Authorization": f"Bearer {FEED_TOKEN}", "Content-Type": STRUCTURED}
    posts: list[tuple[str, str, dict[str, str]]] = [
        *(("/hooks/crm", urlencode({**HOOK, "auth[application_token]": token}), {}) for token in (CRM_TOKEN, "wrong")),
        *(("/events", "{}", {"Authorization": header}) for header in (f"Bearer {FEED_TOKEN}x", f"Basic {FEED_TOKEN}")),
        *(("/events", body, right) for body in ("{", json.dumps({"id": FEED_TOKEN}), json.dumps([FEED_TOKEN]))),
    ]
    said += [(await daemon.post(*post))[1] for post in posts]
    await daemon.quiet()
    for caught in list(made.mail.messages):
        token = token_in(caught)
        if token is not None:
            said.append((await daemon.post(f"/s/{token}", "score=eleven", {"Content-Type": "application/x-www-form-urlencoded"}))[1])
            assert await daemon.answer(token, 10) == 200
            said.append((await daemon.post(f"/s/{token}x", "score=1"))[1])
    await daemon.quiet()
    for path in ("/", "/metrics", "/readyz"):
        async with daemon.http.get(daemon.admin + path) as response:
            said.append(await response.text())
    for arguments in (("outbox", "list", "--state", "dead"), ("outbox", "list", "--format", "json"), ("apply",)):
        found = await daemon.run(*arguments)
        said += [found.out, found.err]
    return said


async def test_no_secret_is_in_a_log_an_answer_or_the_store(tmp_path: Path) -> None:
    async with world(tmp_path, LOGIN, started=False) as made:
        made.daemon.environment |= {"MAIL_USER": "cx", "MAIL_PASSWORD": PASSWORD}
        await made.daemon.start()
        said = "\n".join(await provoke(made)).encode()
        tokens = [token for caught in made.mail.messages if (token := token_in(caught)) is not None]
        assert len(tokens) >= 4
        assert stored.value(made.daemon.store, "SELECT count(*) FROM answer") >= 4
        secrets = [FEED_TOKEN, DESK_TOKEN, CRM_TOKEN, PASSWORD, "portal-secret", *tokens]
        running = {path.name: path.read_bytes() for path in stored.files(made.daemon.store)}
        assert await made.daemon.stop() == 0
        places = {
            "the store while it was in use": b"".join(running.values()),
            "the store": made.daemon.store.read_bytes(),
            "the log": made.daemon.log_file.read_bytes(),
            "what it answered": _without_own_links(said, tokens),
        }
        assert {"store.db", "store.db-wal"} <= set(running)
        for place, content in places.items():
            for secret in secrets:
                assert not [spelling for spelling in spellings(secret) if spelling in content], f"{secret} is in {place}"


async def test_what_was_said_to_a_customer_is_not_kept(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.daemon.send(delivered(1))
        await made.daemon.quiet()
        (caught,) = made.mail.messages
        token = token_in(caught)
        assert token is not None
        assert await made.daemon.answer(token, 10) == 200
        await made.daemon.quiet()
        thanks = made.mail.messages[-1].message.get_body(("plain",))
        assert thanks is not None
        assert "Dear Person 1, thank you." in thanks.get_content()
        content = b"".join(path.read_bytes() for path in stored.files(made.daemon.store))
        assert b"Dear Person 1" not in content


def _without_own_links(said: bytes, tokens: list[str]) -> bytes:
    """A survey's page may name its own address: whoever sees it has that address already."""
    for token in tokens:
        said = said.replace(f'action="/s/{token}"'.encode(), b"")
    return said

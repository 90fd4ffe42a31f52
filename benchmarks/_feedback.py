"""What is measured: feedback comes in as events, half of which become tickets and half thank-yous."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _harness import Post

SMTP_CONNECTIONS = 8
TOKEN = "benchmark-token"
CUSTOMERS = 2_000  # who come back, so that both new and known contacts are met
SCORES = (0, 9, 1, 10, 2, 9, 3, 10, 4, 9, 5, 10, 6, 9)  # half tickets, half thank-yous; passives would have no effect to wait for

PROJECT = f"""\
project: benchmark
languages: [en]
timezone: UTC
objects:
  contact:
    email: optional email
    name: text
    language: optional language
events:
  feedback.given: {{object: contact, score: integer, ref: text}}
connections:
  desk: {{use: zendesk, url: {{env: DESK_URL}}, user: {{env: DESK_USER}}, token: {{env: DESK_TOKEN}}, allow_private: true}}
  mail:
    use: smtp
    host: {{env: MAIL_HOST}}
    port: {{env: MAIL_PORT}}
    tls: none
    from: "Benchmark <feedback@sounding.test>"
    connections: {SMTP_CONNECTIONS}
  feed: {{use: events, token: {{env: FEED_TOKEN}}}}
"""

AUTOMATIONS = """\
automation: rescue
when: feedback.given
if: event.score <= 6
then:
  - ticket:
      via: desk
      title: "Score {{ event.score }} from {{ contact.name }} ({{ event.ref }})"
      body: "{{ contact.name }} gave {{ event.score }} of 10. Call back today."
      priority: high
---
automation: thank
when: feedback.given
if: event.score >= 9
then:
  - email:
      via: mail
      subject: "Thank you, {{ contact.name }} ({{ event.ref }})"
      body: "{{ contact.name }}, thank you for the {{ event.score }}. It helps us."
"""


def write_project(folder: Path) -> None:
    (folder / "automations").mkdir(parents=True)
    (folder / "sounding.yaml").write_text(PROJECT, encoding="utf-8")
    (folder / "automations" / "feedback.yaml").write_text(AUTOMATIONS, encoding="utf-8")


def surroundings(desk: int, mail: int) -> dict[str, str]:
    """The environment that the project reads, for receivers at these ports."""
    return {
        "DESK_URL": f"http://127.0.0.1:{desk}",
        "DESK_USER": "agent@desk.test",
        "DESK_TOKEN": "desk-token",
        "MAIL_HOST": "127.0.0.1",
        "MAIL_PORT": str(mail),
        "MAIL_CONNECTIONS": str(SMTP_CONNECTIONS),
        "FEED_TOKEN": TOKEN,
    }


def posts_of(numbers: Iterator[int], events: int, batch: int) -> list[Post]:
    """Requests made beforehand, so that the client has nothing to do but write them."""
    made = []
    for start in range(0, events, batch):
        some = [event(next(numbers)) for _ in range(min(batch, events - start))]
        kind = "application/cloudevents+json" if batch == 1 else "application/cloudevents-batch+json"
        body = json.dumps(some[0] if batch == 1 else some).encode()
        head = f"POST /events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
        head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        made.append(Post(tuple(event["id"] for event in some), head.encode() + body))
    return made


def event(number: int) -> dict[str, Any]:
    ref, customer = f"ref-{number:08}", number % CUSTOMERS
    return {
        "specversion": "1.0",
        "id": ref,
        "source": "benchmark",
        "type": "feedback.given",
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "data": {
            "contact": {"id": f"c{customer}", "name": f"Customer {customer}", "email": f"customer{customer}@example.test"},
            "score": SCORES[number % len(SCORES)],
            "ref": ref,
        },
    }

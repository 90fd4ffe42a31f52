"""What each connection's `use` takes and serves. Adapters live in other rooms; this is what the language knows of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """``secret`` keys take only `{env: …}` or `{file: …}`; any key may take such a reference."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()  # what a step or a cadence can have done through it
    channel: str | None = None  # email, sms, …: how it reaches a contact
    hooks: bool = False  # the system posts to /hooks/CONNECTION

    @property
    def keys(self) -> frozenset[str]:
        return self.required | self.optional | {"use"}


USES: Mapping[str, Use] = {
    "smtp": Use(
        required=frozenset({"host", "from"}),
        optional=frozenset({"port", "tls", "user", "password", "timeout", "connections"}),
        secret=frozenset({"password"}),
        actions=frozenset({"email"}),
        channel="email",
    ),
    "zendesk": Use(
        required=frozenset({"url", "user", "token"}),
        optional=frozenset({"allow_private"}),
        secret=frozenset({"token"}),
        actions=frozenset({"ticket"}),
    ),
    "bitrix24": Use(
        required=frozenset({"url", "token"}),
        optional=frozenset({"fields", "allow_private"}),
        secret=frozenset({"url", "token"}),
        hooks=True,
    ),
    "webhook": Use(
        required=frozenset({"url"}),
        optional=frozenset({"secret", "allow_private"}),
        secret=frozenset({"secret"}),
        actions=frozenset({"webhook"}),
    ),
    "events": Use(required=frozenset({"token"}), secret=frozenset({"token"})),
}
TLS = ("starttls", "tls", "none")
ACTIONS = ("ticket", "email", "webhook", "update")
# Of the language page, not executed by this version.
LATER_USES = frozenset({"slack", "twilio", "telegram", "jira", "hubspot", "amocrm", "sms_gateway", "apprise"})
LATER_ACTIONS = frozenset(
    {"task", "sms", "message", "comment", "ask", "incentive", "suppress", "emit", "wait", "wait_for", "stop", "then", "else"}
)


def reaching(action: str) -> list[str]:
    """The uses that can carry out an action."""
    return [name for name, use in USES.items() if action in use.actions]

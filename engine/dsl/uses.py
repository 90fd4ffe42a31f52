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
    inside: bool = False  # a system of the house: personal data may go there

    @property
    def keys(self) -> frozenset[str]:
        return self.required | self.optional | {"use"}


def _use(
    required: str,
    optional: str = "",
    secret: str = "",
    actions: str = "",
    *,
    channel: str | None = None,
    hooks: bool = False,
    inside: bool = False,
) -> Use:
    return Use(
        required=frozenset(required.split()),
        optional=frozenset(optional.split()),
        secret=frozenset(secret.split()),
        actions=frozenset(actions.split()),
        channel=channel,
        hooks=hooks,
        inside=inside,
    )


USES: Mapping[str, Use] = {
    "smtp": _use("host from", "port tls user password timeout connections rate dkim", "password", "email", channel="email"),
    "zendesk": _use("url user token", "secret allow_private", "token secret", "ticket", inside=True, hooks=True),
    "jira": _use("url user token project", "allow_private issue_type", "token", "ticket task", inside=True, hooks=True),
    "bitrix24": _use("url token", "fields allow_private", "url token", "task comment update", hooks=True, inside=True),
    "hubspot": _use("token", "secret fields allow_private", "token secret", "task comment update", hooks=True, inside=True),
    "amocrm": _use("url token", "fields allow_private", "token", "task comment update", hooks=True, inside=True),
    "twilio": _use("account token from", "url rate allow_private", "token", "sms", channel="sms", hooks=True),
    "sms_gateway": _use("url", "token from rate allow_private", "url token", "sms", channel="sms"),
    "telegram": _use("token", "url allow_private", "token", "message", channel="telegram", hooks=True),
    "slack": _use("url", "allow_private", "url", "message"),
    "apprise": _use("url", "", "url", "message"),
    "webhook": _use("url", "secret allow_private", "secret", "webhook"),
    "events": _use("token", "", "token"),
}
TLS = ("starttls", "tls", "none")
# Actions that no connection carries out: the engine does them itself.
OWN_ACTIONS = frozenset({"update", "ask", "incentive", "suppress", "emit"})


def reaching(action: str) -> list[str]:
    """The uses that can carry out an action."""
    return [name for name, use in USES.items() if action in use.actions]

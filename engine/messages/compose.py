"""A step or an invitation, with the scope of its moment → the request that an adapter carries out."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from engine.dsl.expressions.codes import wrong_literal
from engine.messages import bundled
from engine.messages.render import render_template, template_value
from engine.model.definitions import Cadence, Definitions, MessageTemplate, Step
from engine.model.delivery import EmailRequest, Request, TicketRequest, WebhookRequest
from engine.model.texts import Template, Text

Scope = Mapping[str, object]


class NoAddressError(Exception):
    """The contact cannot be reached by this channel; the message is the reason."""


def language_of(scope: Scope, definitions: Definitions) -> str:
    """The contact's language where the project speaks it, else the project's first."""
    contact = scope.get("contact")
    wanted = contact.get("language") if isinstance(contact, Mapping) else None
    languages = definitions.project.languages
    if isinstance(wanted, str):
        return wanted if wanted in languages else next((known for known in languages if known == wanted.split("-")[0]), languages[0])
    return languages[0]


def invitation_email(
    definitions: Definitions, asks: Cadence | Step, scope: Scope, link: str, key: str, *, reminder: bool = False
) -> EmailRequest:
    """The mail of an invitation, of a cadence or of a step, or a reminder's. Raises NoAddressError."""
    name: object
    if isinstance(asks, Step):
        name = asks.content.get("invite")
    else:
        name = (asks.remind.template if reminder and asks.remind is not None else None) or asks.invite
    template = definitions.templates.get(name) if isinstance(name, str) else bundled.invitation()
    return _email(definitions, template or bundled.invitation(), {**scope, "link": link}, key)


def written_to(definitions: Definitions, step: Step, scope: Scope) -> str | None:
    """The address that an e-mail step writes to: what its `to` says, else the contact's; None where there is none."""
    to, contact = step.content.get("to"), scope.get("contact")
    if isinstance(to, Text):
        return render_template(to.pick(language_of(scope, definitions), definitions.project.languages[0]), scope).strip()
    return contact.get("email") if isinstance(contact, Mapping) else None


def step_request(definitions: Definitions, step: Step, scope: Scope, key: str) -> Request:
    """What a step asks for. Raises NoAddressError."""
    language = language_of(scope, definitions)

    def words(name: str) -> str | None:
        value = step.content.get(name)
        return render_template(value.pick(language, definitions.project.languages[0]), scope) if isinstance(value, Text) else None

    match step.action:
        case "ticket":
            contact = scope.get("contact")
            person = contact if isinstance(contact, Mapping) else {}
            priority, tags = step.content.get("priority"), step.content.get("tags")
            return TicketRequest(
                key=key,
                title=words("title") or "",
                body=words("body") or words("title") or "",
                priority=priority if isinstance(priority, str) else None,
                requester_name=person.get("name"),
                requester_email=person.get("email"),
                tags=tags if isinstance(tags, tuple) else (),
            )
        case "email":
            name = step.content.get("template")
            if isinstance(name, str):
                return _email(definitions, definitions.templates[name], scope, key, words("to"))
            to, to_name = _recipient(definitions, scope, words("to"))
            return EmailRequest(key=key, to=to, to_name=to_name, subject=words("subject") or "", text=words("body") or "")
        case "webhook":
            data = step.content["data"]
            assert isinstance(data, Mapping)
            return WebhookRequest(key=key, body={name: _json(template, scope) for name, template in data.items()})
    raise AssertionError(f"no request for {step.action}")


def _json(template: object, scope: Scope) -> object:
    assert isinstance(template, Template)
    value = template_value(template, scope)
    return value if value is None or isinstance(value, (bool, int, float, str)) else render_template(template, scope)


def _email(definitions: Definitions, template: MessageTemplate, scope: Scope, key: str, to_other: str | None = None) -> EmailRequest:
    language, fallback = language_of(scope, definitions), definitions.project.languages[0]
    to, to_name = _recipient(definitions, scope, to_other)
    subject = (
        render_template(template.subject.pick(language, fallback), scope) if template.subject is not None else definitions.project.name
    )
    return EmailRequest(
        key=key, to=to, to_name=to_name, subject=subject, text=render_template(template.text.pick(language, fallback), scope)
    )


def _recipient(definitions: Definitions, scope: Scope, other: str | None) -> tuple[str, str | None]:
    """The address of the contact, or the one that a step names, where the environment lets it be written to; and the name."""
    contact = scope.get("contact")
    person = contact if isinstance(contact, Mapping) else {}
    to, name = (person.get("email"), person.get("name")) if other is None else (other.strip(), None)
    if other is None and not isinstance(contact, Mapping):
        raise NoAddressError("no contact")
    if not isinstance(to, str) or not to:
        raise NoAddressError("the contact has no e-mail address")
    if other is not None and wrong_literal("email", to) is not None:
        raise NoAddressError("what `to` says is no e-mail address")
    only_to = definitions.project.only_to
    if only_to and not any(fnmatchcase(to.casefold(), pattern.casefold()) for pattern in only_to):
        raise NoAddressError(f"only_to: this environment writes to {', '.join(only_to)} alone")
    return to, name if isinstance(name, str) else None

"""`connections:` and what `environments:` say in their place: each setting is one that the kind of system takes, and of its form."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingT

from engine.dsl.build.bench import Bench
from engine.dsl.expressions.codes import is_mailbox
from engine.dsl.nearest import did_you_mean
from engine.dsl.nodes import Mapping, Node, Scalar, Sequence
from engine.dsl.uses import TLS, USES
from engine.model.definitions import Connection
from engine.model.policies import Environment

_URL = re.compile(r"https?://[^\s/?#]+(?:[/?#]\S*)?")
_RATE = re.compile(r"[1-9][0-9]{0,5}/(s|m|h|d)")
_COUNTS = {"port": 65_535, "connections": 1_000}  # setting → the largest
_MAX_TIMEOUT = 3_600  # seconds


def connections(bench: Bench, node: Node | None) -> dict[str, Connection]:
    found = {}
    for name, (key, value) in node.entries.items() if isinstance(node, Mapping) else ():
        assert isinstance(value, Mapping)
        kind = str(value.data["use"])
        settings = _settings(bench, kind, value)
        for missing in sorted(USES[kind].required - set(value.entries)):
            bench.error("SND102", f"a `{kind}` connection needs `{missing}`", key.span)
        found[name] = Connection(name=name, use=kind, settings=settings, at=value.span)
    return found


def environments(bench: Bench, node: Node | None, connections: MappingT[str, Connection]) -> dict[str, Environment]:
    """Each may say other settings for the connections there are; an empty one changes nothing."""
    found = {}
    for name, (_, environment) in node.entries.items() if isinstance(node, Mapping) else ():
        assert isinstance(environment, Mapping)
        only_to, changed = environment.get("only_to"), environment.get("connections")
        settings: dict[str, dict[str, object]] = {}
        for connection, (key, values) in changed.entries.items() if isinstance(changed, Mapping) else ():
            assert isinstance(values, Mapping)
            known = connections.get(connection)
            if known is None:
                bench.error("SND201", f"there is no connection `{connection}`", key.span, did_you_mean(connection, connections))
                continue
            if "use" in values.entries:
                message = f"`{connection}` stays a {known.use} connection in every environment"
                bench.error("SND101", message, values.key_span("use"), "declare a connection of the other kind beside it")
            settings[connection] = _settings(bench, known.use, values)
        found[name] = Environment(only_to=_only_to(bench, only_to), connections=settings)
    return found


def _only_to(bench: Bench, node: Node | None) -> tuple[str, ...]:
    for item in node.items if isinstance(node, Sequence) else ():
        if not bench.literal(item).startswith(("+", "*")) and "@" not in bench.literal(item):
            bench.error("SND103", f"expected a pattern of addresses, as `*@acme.test`, but got `{item.data}`", item.span)
    return bench.literals(node) if node is not None else ()


def _settings(bench: Bench, kind: str, node: Mapping) -> dict[str, object]:
    use = USES[kind]
    found: dict[str, object] = {}
    for setting, (key, value) in node.entries.items():
        if setting == "use":
            continue
        if setting not in use.keys:
            bench.error("SND101", f"a `{kind}` connection has no key `{setting}`", key.span, did_you_mean(setting, use.keys - {"use"}))
        elif setting == "fields":
            found[setting] = _fields(bench, value)
        elif setting == "dkim":
            found[setting] = _dkim(bench, key, value)
        else:
            found[setting] = bench.setting(value, secret_only=setting in use.secret)
            if isinstance(value, Scalar) and setting not in use.secret:
                _check_form(bench, kind, setting, value)
    return found


def _check_form(bench: Bench, kind: str, setting: str, node: Scalar) -> None:
    """What a written value is judged by; what a reference leads to is known only where the project runs."""
    wanted: str | None = None
    match setting:
        case "tls" if node.text not in TLS:
            bench.error("SND103", f"`{node.text}` is not how a line is secured", node.span, did_you_mean(node.text, TLS))
        case "url":
            check_address(bench, node)
        case "rate" if not _RATE.fullmatch(node.text):
            wanted = "a rate, as 50/s, 600/m or 10000/h"
        case "timeout" if type(node.data) not in (int, float) or not 0 < node.data <= _MAX_TIMEOUT:
            wanted = f"a number of seconds, at most {_MAX_TIMEOUT:,}"
        case "port" | "connections" if type(node.data) is not int or not 0 < node.data <= _COUNTS[setting]:
            wanted = f"a whole number from 1 to {_COUNTS[setting]:,}"
        case "from" if kind == "smtp":
            check_mailbox(bench, node)
    if wanted is not None:
        bench.error("SND103", f"expected {wanted}, but got `{node.text}`", node.span)


def check_address(bench: Bench, node: Scalar) -> None:
    if not _URL.fullmatch(node.text):
        bench.error("SND103", f"expected an address that begins with https://, but got `{node.text}`", node.span)


def check_mailbox(bench: Bench, node: Scalar) -> None:
    """A sender: `cx@acme.test` or `Acme <cx@acme.test>`."""
    if not is_mailbox(node.text):
        bench.error("SND103", f"expected a sender, as `Acme <cx@acme.test>`, but got `{node.text}`", node.span)


def _dkim(bench: Bench, key: Scalar, node: Node) -> dict[str, object]:
    assert isinstance(node, Mapping)
    for missing in sorted({"selector", "key"} - set(node.entries)):
        bench.error("SND102", f"a DKIM key needs `{missing}`", key.span)
    return {name: bench.setting(value, secret_only=name == "key") for name, (_, value) in node.entries.items()}


def _fields(bench: Bench, node: Node) -> dict[str, str]:
    """Our field to the CRM's name for it."""
    assert isinstance(node, Mapping)
    found = {}
    for ours, (key, theirs) in node.entries.items():
        kind, field = ours.split(".", 1)
        known = bench.objects.get(kind)
        if known is None or field not in known.fields:
            hint = did_you_mean(ours, [f"{k}.{f}" for k, o in bench.objects.items() for f in o.fields])
            bench.error("SND303", f"the data contract has no `{ours}`", key.span, hint)
        found[ours] = bench.literal(theirs)
    return found

"""The composition root: a store, the runtime, an adapter for each connection, and two listeners become one daemon."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import structlog
from starlette.applications import Starlette
from yarl import URL

from engine.channels.email import SmtpAdapter
from engine.channels.webhook import WebhookAdapter
from engine.clock import Clock, SystemClock
from engine.connections.rates import Rate, parse_rate
from engine.connections.secrets import resolve, settings
from engine.crm.bitrix24 import Bitrix24Adapter
from engine.deploy.versions import Version, pack
from engine.desks.zendesk import ZendeskAdapter
from engine.desks.zendesk_hooks import ZendeskHooks
from engine.errors import RefusedError, UsageError
from engine.model.definitions import Definitions
from engine.model.delivery import Adapter
from engine.net.client import HttpClient
from engine.runtime.respondents import StoredRespondents
from engine.runtime.service import Service
from engine.store.open import open_store, store_path
from engine.web.admin import admin_app
from engine.web.control import control_app, socket_path
from engine.web.inbound import InboundApp
from engine.web.server import HttpServer, bind, bind_unix, is_loopback
from engine.web.survey import survey_routes

Settings = Mapping[str, object]

_NOTHING = "nothing is applied to this store yet. Run `sounding apply`, or `sounding run --apply`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    root: Path  # of the project; relative paths start here
    store: str
    listen: str
    admin: str
    apply: Definitions | None  # to be made current before anything starts
    by: str = "run --apply"
    commit: str | None = None


async def run(options: Options, ready: Callable[[str, str], None]) -> None:
    """Runs until SIGTERM or SIGINT, then finishes what is at hand. Calls ``ready`` with the addresses of both listeners.

    Raises a SoundingError that says why it will not start.
    """
    if not is_loopback(options.admin):
        raise UsageError(f"--admin {options.admin}: beyond loopback the overview needs a login, which this version does not have")
    clock, stopped = SystemClock(), _on_signals()
    async with contextlib.AsyncExitStack() as stack:
        public, admin = bind(options.listen, "--listen"), bind(options.admin, "--admin")
        stack.callback(public.close)
        stack.callback(admin.close)
        here = f"http://{_address(public.getsockname())}"
        if options.apply is None and not store_path(options.store, options.root).exists():  # which is not made by looking for it
            raise RefusedError(f"there is no store at {store_path(options.store, options.root)}: {_NOTHING}")
        store = open_store(options.store, options.root)
        stack.push_async_callback(store.close)
        service = Service(store, clock, public_url=here)
        if options.apply is not None:
            await service.deploy(pack(options.apply, at=clock.now(), by=options.by, commit=options.commit))
        version = await service.load()
        if version is None:
            raise RefusedError(_NOTHING)
        service.public_url = _public_url(version, options, here)
        connected = _connect(version, options.root, clock, stack)
        _say_what_is_missing(connected, service.public_url)
        await service.start(connected.adapters, connected.at_once, connected.rates)
        stack.push_async_callback(service.stop)
        respondents = StoredRespondents(store, service.versions, clock, service.wake)
        language = version.definitions.project.languages[0]
        pages = Starlette(routes=survey_routes(respondents, default_language=language))
        doors = InboundApp(
            service, clock, pages, event_tokens=connected.event_tokens, hook_tokens=connected.hook_tokens, desks=connected.desks
        )
        control = bind_unix(str(socket_path(store_path(options.store, options.root))))
        stack.callback(_remove, socket_path(store_path(options.store, options.root)))
        stack.callback(control.close)
        servers = (
            HttpServer(doors, public),
            HttpServer(admin_app(service), admin),
            HttpServer(control_app(service, version.definitions.project), control),
        )
        stack.push_async_callback(_stop_all, servers)
        for server in servers:
            await server.start()
        ready(here, f"http://{_address(admin.getsockname())}")
        await _until_told(stopped, service)
        structlog.get_logger("daemon").info("stopping: finishing what is at hand")
    structlog.get_logger("daemon").info("stopped: the rest is on disk")


async def _stop_all(servers: Sequence[HttpServer]) -> None:
    await asyncio.gather(*(server.stop() for server in servers))


async def _until_told(stopped: asyncio.Event, service: Service) -> None:
    """Until a signal comes. A part of the engine that ends by itself raises: a daemon that only looks alive helps nobody."""
    told = asyncio.create_task(stopped.wait())
    watching = (asyncio.create_task(service.watch()), asyncio.create_task(service.store.watch()))
    try:
        ended, _ = await asyncio.wait((told, *watching), return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()
    finally:
        for task in (told, *watching):
            task.cancel()


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _address(name: tuple[str, int] | tuple[str, int, int, int]) -> str:
    host = f"[{name[0]}]" if ":" in name[0] else name[0]
    return f"{host}:{name[1]}"


def _public_url(version: Version, options: Options, here: str) -> str:
    configured = version.definitions.project.public_url
    if configured is not None:
        address = _web_address(resolve(configured, options.root, "project.public_url"), "project.public_url")
        if "?" in address or "#" in address:
            raise UsageError("project.public_url must end before `?` and `#`: the links to surveys are it and /s/TOKEN")
        return address
    if not is_loopback(options.listen):
        raise RefusedError(f"--listen {options.listen}: links to surveys need `public_url` in sounding.yaml when customers can reach this")
    return here


def _web_address(value: object, place: str) -> str:
    """An http or https URL. Raises UsageError, which does not repeat it: in some the path is the secret."""
    try:
        url = URL(str(value))
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise UsageError(f"{place} must be an address that begins with https:// or http://, and a host")
    return str(value)


def _on_signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT, from the very start: a daemon that is told to end while it starts leaves nothing in doubt either."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        stopped.set()
        # A second signal ends the daemon at once: what is on disk is safe anyway.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    return stopped


@dataclass(slots=True)
class _Connected:
    """What the connections of a project come to."""

    adapters: dict[str, Adapter] = field(default_factory=dict)
    mail_hosts: dict[str, str] = field(default_factory=dict)
    at_once: dict[str, int] = field(default_factory=dict)  # deliveries under way, where the connection sets a limit
    rates: dict[str, Rate] = field(default_factory=dict)
    event_tokens: list[str] = field(default_factory=list)  # each opens `/events`
    hook_tokens: dict[str, str] = field(default_factory=dict)  # the one that each hook of a CRM must carry
    desks: dict[str, ZendeskHooks] = field(default_factory=dict)


def _connect(version: Version, root: Path, clock: Clock, stack: contextlib.AsyncExitStack) -> _Connected:
    connected = _Connected()
    for name, connection in version.definitions.project.connections.items():
        values = settings(connection, root)
        if "url" in values:
            _web_address(values["url"], f"connections.{name}.url")
        if connection.use == "events":
            connected.event_tokens.append(str(values["token"]))
            continue
        http = HttpClient(allow_private=bool(values.get("allow_private", False)))
        stack.push_async_callback(http.close)
        connected.adapters[name] = _FACTORIES[connection.use](name, values, version, http, clock)
        if connection.use == "smtp":
            connected.mail_hosts[name] = str(values["host"])
            connected.at_once[name] = _lines(name, values)
        if "rate" in values:
            connected.rates[name] = parse_rate(str(values["rate"]))
        if connection.use in _HOOKED:
            connected.hook_tokens[name] = str(values["token"])
        if connection.use == "zendesk":
            connected.desks[name] = ZendeskHooks(name, token=str(values["token"]), secret=_text(values.get("secret")))
    return connected


def _say_what_is_missing(connected: _Connected, public_url: str) -> None:
    """What a daemon can run without, and whoever runs it for customers cannot."""
    log = structlog.get_logger("daemon")
    if not connected.event_tokens and not connected.hook_tokens and not connected.desks:
        log.warning("nothing can come in: the project has no connection `{use: events, token: {env: …}}`, and none that takes hooks")
    if is_loopback(f"{URL(public_url).host}:0"):
        for name, host in connected.mail_hosts.items():
            if not is_loopback(f"{host}:0"):
                log.warning(
                    "links in mail lead to this machine alone: set `public_url` in sounding.yaml to where customers reach it",
                    connection=name,
                    host=host,
                    link=public_url,
                )


_HOOKED = frozenset({"bitrix24"})  # whose hooks this version understands

Factory = Callable[[str, Settings, Version, HttpClient, Clock], Adapter]


_TLS: Mapping[str, Literal["starttls", "tls", "none"]] = {"starttls": "starttls", "tls": "tls", "none": "none"}


def _smtp(name: str, values: Settings, version: Version, http: HttpClient, clock: Clock) -> Adapter:
    tls = _TLS.get(str(values.get("tls", "starttls")))
    if tls is None:
        raise UsageError(f"connections.{name}.tls must be one of {', '.join(_TLS)}")
    return SmtpAdapter(
        host=str(values["host"]),
        port=_integer(name, "port", values.get("port", 465 if tls == "tls" else 587)),
        tls=tls,
        user=_text(values.get("user")),
        password=_text(values.get("password")),
        sender=str(values["from"]),
        timeout=float(_integer(name, "timeout", values.get("timeout", 30))),
        connections=_lines(name, values),
        clock=clock,
    )


def _lines(name: str, values: Settings) -> int:
    """How many connections to a mail server are open at once."""
    return max(1, _integer(name, "connections", values.get("connections", 4)))


def _zendesk(name: str, values: Settings, version: Version, http: HttpClient, clock: Clock) -> Adapter:
    return ZendeskAdapter(http, url=str(values["url"]), user=str(values["user"]), token=str(values["token"]))


def _bitrix24(name: str, values: Settings, version: Version, http: HttpClient, clock: Clock) -> Adapter:
    fields = values.get("fields", {})
    assert isinstance(fields, Mapping)
    return Bitrix24Adapter(http, url=str(values["url"]), source=name, objects=version.definitions.project.objects, fields=fields)


def _webhook(name: str, values: Settings, version: Version, http: HttpClient, clock: Clock) -> Adapter:
    return WebhookAdapter(http, url=str(values["url"]), clock=clock, secret=_text(values.get("secret")))


_FACTORIES: Mapping[str, Factory] = {"smtp": _smtp, "zendesk": _zendesk, "bitrix24": _bitrix24, "webhook": _webhook}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _integer(connection: str, key: str, value: object) -> int:
    text = str(value)
    if not text.isdigit():
        raise UsageError(f"connections.{connection}.{key} must be a whole number")
    return int(text)


class _StderrLogger:
    """Writes lines to stderr. Whoever read them may have gone, and the disk that they go to may be full: the work goes on."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(f"{message}\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


class _Forwarded(logging.Handler):
    """What libraries log becomes lines like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(record.name)
        log.log(record.levelno, record.getMessage(), exc_info=record.exc_info)


def configure_logging() -> None:
    """Logs go to stderr, one line each; data go to stdout."""
    logging.basicConfig(level=logging.WARNING, handlers=[_Forwarded()], force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], bool_as_flag=False),
        ],
        logger_factory=lambda *_: _StderrLogger(),
        cache_logger_on_first_use=False,
    )

"""The second listener: an overview, metrics, and whether the daemon is well."""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import jinja2
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.deploy.versions import Version
from engine.dsl.nearest import nearest
from engine.errors import RefusedError
from engine.insight.scores import UNITS, response_rate, survey_scores
from engine.model.delivery import DeliveryState
from engine.runtime.service import Service
from engine.runtime.turn import UNDECLARED
from engine.store.lines import Noted
from engine.store.protocol import Transaction, Waiting
from engine.web.server import is_loopback

_PORT = re.compile(r":[0-9]*$")
_TROUBLE = (DeliveryState.UNKNOWN, DeliveryState.DEAD)
_NOTED = 50  # of what came to nothing, the most frequent
_SHOWN = 10  # deliveries on their way
_COUNTED = 10_000  # newest dropped deliveries that the reasons are counted over
_BREAKER = {"closed": 0, "half-open": 1, "open": 2}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def admin_app(service: Service) -> ASGIApp:
    async def overview(request: Request) -> Response:
        now = asyncio.get_running_loop().time()
        data = await service.store.read(lambda tx: _overview(tx, service))
        data["connections"] = [
            (name, c.held or c.breaker.state(now), math.ceil(c.breaker.wait(now)), c.tally) for name, c in service.meter.couriers.items()
        ]
        return HTMLResponse(_TEMPLATES.get_template("overview.html").render(data), headers=_HEADERS)

    async def metrics(request: Request) -> Response:
        counts = await service.store.read(lambda tx: tx.counts())
        return Response(generate_latest(_registry(service, counts)), media_type=CONTENT_TYPE_LATEST)

    async def healthy(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(request: Request) -> Response:
        """Ready means: a version is deployed and the disk takes writes. Whoever asks often causes no write by it."""
        try:
            await service.store.prove_writable()
        except RefusedError as error:
            return JSONResponse({"status": "not ready", "reason": str(error)}, status_code=503)
        if service.version is None:
            return JSONResponse({"status": "not ready", "reason": "no version is applied"}, status_code=503)
        return JSONResponse({"status": "ready", "deployment": service.version.number})

    routes = [
        Route("/", overview),
        Route("/metrics", metrics),
        Route("/healthz", healthy),
        Route("/readyz", ready),
    ]
    return _OnlyHere(Starlette(routes=routes))


class _OnlyHere:
    """Answers only who asks for this machine by a name of loopback: a page that gave its own name our address must read nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        if not host or is_loopback(host if _PORT.search(host) else f"{host}:"):
            await self._app(scope, receive, send)
            return
        answer = PlainTextResponse("ask for localhost or the address of loopback that --admin names", status_code=421)
        await answer(scope, receive, send)


def _overview(tx: Transaction, service: Service) -> dict[str, Any]:
    version = service.version
    return {
        "project": version.definitions.project.name if version else "",
        "deployment": version.number if version else None,
        "scores": survey_scores(tx, version.definitions) if version else [],
        "units": UNITS,
        "response": response_rate(tx),
        "funnel": tx.funnel(),
        "pauses": tx.pauses(),
        "counts": tx.counts(),
        "trouble": tx.outbox(_TROUBLE, 20),
        "set_aside": _set_aside(tx),
        "not_sent": _reasons(tx),
        "noted": [(line, _meant(line, version)) for line in tx.noted(_NOTED)],
        "pending": tx.outbox((DeliveryState.PENDING, DeliveryState.SENDING), _SHOWN),
        "shown": _SHOWN,
    }


def _set_aside(tx: Transaction) -> list[tuple[Waiting, str, int, str]]:
    """Events that were not decided: the newest, each with its state, how many wait behind it, and why."""
    behind = tx.held_behind()
    return [
        (waiting, settled.state.name.lower(), behind.get(waiting.seq, 0), _last_line(settled.note)) for waiting, settled in tx.set_aside(20)
    ]


def _last_line(note: str | None) -> str:
    """Of a traceback, what went wrong; a reason is one line anyway."""
    return (note or "").strip().rpartition("\n")[2]


def _meant(line: Noted, version: Version | None) -> str | None:
    """The event type that was probably meant by one that nobody declared."""
    return nearest(line.what, version.rules.events) if version is not None and line.why == UNDECLARED else None


def _reasons(tx: Transaction) -> list[tuple[str, str, int]]:
    """What was not sent, by origin and reason, the most frequent first."""
    dropped = tx.outbox((DeliveryState.DROPPED,), _COUNTED)
    counted = Counter((line.delivery.origin, line.reason or "") for line in dropped)
    return [(origin, reason, count) for (origin, reason), count in counted.most_common()]


class _Snapshot:
    """Prometheus asks a collector; ours has the numbers already."""

    def __init__(self, service: Service, counts: dict[str, int]) -> None:
        self._service, self._counts = service, counts

    def collect(self) -> list[Any]:
        meter = self._service.meter
        events = CounterMetricFamily("sounding_events", "Events since the start", labels=["what"])
        events.add_metric(["accepted"], meter.accepted)
        events.add_metric(["repeated"], meter.repeated)
        events.add_metric(["decided"], meter.decided)
        events.add_metric(["parked"], meter.parked)
        events.add_metric(["quarantined"], meter.quarantined)
        events.add_metric(["undeclared"], meter.undeclared)
        breakers = GaugeMetricFamily("sounding_breaker", "Circuit breaker: 0 closed, 1 half open, 2 open", labels=["connection"])
        held = GaugeMetricFamily("sounding_held", "1 where a pause or the brake holds a connection back", labels=["connection"])
        now = asyncio.get_running_loop().time()
        deliveries = CounterMetricFamily("sounding_deliveries", "Deliveries since the start", labels=["connection", "result"])
        for name, courier in meter.couriers.items():
            tally = courier.tally
            for result, value in (("sent", tally.sent), ("retried", tally.retried), ("dead", tally.dead), ("unknown", tally.unknown)):
                deliveries.add_metric([name, result], value)
            held.add_metric([name], int(courier.held is not None))
            breakers.add_metric([name], _BREAKER[courier.breaker.state(now)])
        rows = GaugeMetricFamily("sounding_rows", "Rows in the store", labels=["what"])
        for what, value in sorted(self._counts.items()):
            rows.add_metric([what], value)
        return [events, deliveries, breakers, held, rows]


def _registry(service: Service, counts: dict[str, int]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(_Snapshot(service, counts))
    return registry

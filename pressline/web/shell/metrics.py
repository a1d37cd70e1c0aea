"""What the web says of itself, for Prometheus: docs/metrics.md tells the meaning of each figure."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUESTS = Counter(
    "pressline_web_requests_total",
    "Requests answered, by route and class of status.",
    ["route", "status"],
    registry=REGISTRY,
)
DURATION = Histogram(
    "pressline_web_request_seconds",
    "Time to answer, by class of route (page, api, static); streams are left out.",
    ["kind"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
STREAMS = Gauge(
    "pressline_web_streams", "Boards and terminals that follow live figures.", registry=REGISTRY
)
for kind in ("page", "api", "static"):
    DURATION.labels(kind)

EVENTS = "/api/events"


class Measured:
    """Counts requests. Plain ASGI: it must let event streams through as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), "5xx"

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = f"{message['status'] // 100}xx"
            await send(message)

        follows = scope["path"] == EVENTS
        if follows:
            STREAMS.inc()
        try:
            await self.app(scope, receive, send_counted)
        finally:
            route = route_of(scope)
            REQUESTS.labels(route, status).inc()
            if follows:
                STREAMS.dec()
            else:
                DURATION.labels(kind_of(route)).observe(time.perf_counter() - began)


def route_of(scope: Scope) -> str:
    """The route as the application declares it, never the address asked for: there are few."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    return "/static" if scope["path"].startswith("/static/") else "other"


def kind_of(route: str) -> str:
    """Page, api or static."""
    if route.startswith("/static"):
        return "static"
    return "api" if route.startswith(("/api/", "/qr/", "/healthz")) else "page"

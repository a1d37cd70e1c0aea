"""The web: wall board, terminals, work orders, and the calls they make.

Pages never write past `mes_bridge.acts`: every change is an act with a person and a UUID.
"""

import asyncio
import contextlib
import ipaddress
import os
import re
import socket
import threading
from collections.abc import AsyncGenerator, Generator, Sequence
from dataclasses import dataclass
from types import FrameType

import structlog
import uvicorn
from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from database.migrate import require_current
from people import roles
from pressline.tls import Served
from pressline.web.api import acts, description
from pressline.web.collection import freshness, quarantine
from pressline.web.floor import attention, notifications, qr, terminal, wall
from pressline.web.office import (
    attachment,
    bom,
    die,
    item,
    lot,
    partner,
    people,
    printed,
    tokens,
    work_order,
    work_orders,
)
from pressline.web.office import roles as role_pages
from pressline.web.shell import health, home, listing, live, problems, search, sheet, sign_in, trust
from pressline.web.shell.limits import FILES_AT, Limits, PromptProtocol
from pressline.web.shell.listening import bound
from pressline.web.shell.metrics import Measured
from pressline.web.shell.pages import STATIC
from pressline.web.shell.request import DOOR, WORK, Clock, Lane, present
from pressline.web.shell.sign_in import BY_ACT, rights_of

log = structlog.get_logger()

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
PARTS = (
    health, home, wall, terminal, work_order, work_orders, attention, notifications,
    people, item, bom, die, partner, lot, printed, freshness, quarantine, sign_in, acts, live, qr,
    listing, role_pages, trust, sheet, search, tokens, description, attachment,
)  # fmt: skip
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\s]+)(?::[0-9]+)?")
FILE_TYPE = "application/octet-stream"
GRACE = 2  # seconds that answers in flight are given at the end


def make_application(
    database: str, clock: Clock = present, names: Sequence[str] = (), served: Served | None = None
) -> FastAPI:
    """The application on one database; `clock` says what time it is.

    `names` are hosts by which it may be asked for, beside loopback; `served` the certificate that
    it is served with, if it serves HTTPS itself.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        app.state.pins = CapacityLimiter(max(1, (os.cpu_count() or 2) // 2))
        app.state.work, app.state.door = Lane(database, WORK), Lane(database, DOOR)
        async with (
            health.probing(app, database),
            app.state.work.opened(),
            app.state.door.opened(),
        ):
            following = asyncio.create_task(app.state.feed.run())
            try:
                yield
            finally:
                app.state.feed.close()
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following

    app = FastAPI(
        title="pressline", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.state.clock, app.state.served = clock, served
    app.state.feed = live.Feed(database, clock)
    app.state.calls = calls()
    for router in routers():
        require_rights(router)
        app.include_router(router)
    problems.answer_for(app)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(Limits)
    app.add_middleware(Guard, names=_known(names))
    app.add_middleware(Measured)  # outermost: what the guard refuses counts, too
    return app


def make_plain_door(served: Served, port: int, names: Sequence[str] = ()) -> FastAPI:
    """What is served beside HTTPS: how a device learns to trust it, and the way there.

    `port` is that of HTTPS. Nobody signs in here, and nothing is asked of the database.
    """
    app = FastAPI(title="pressline", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.clock, app.state.served, app.state.https_port = present, served, port
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (trust.router, trust.outside):
        require_rights(router)
        app.include_router(router)
    problems.answer_for(app)
    app.add_middleware(Guard, names=_known(names))
    return app


def _known(names: Sequence[str]) -> frozenset[str]:
    return frozenset({*LOOPBACK, *(name.lower() for name in names)})


class NoRightError(Exception):
    """A route says neither which right it needs nor that it is for everybody."""


def routers() -> list[APIRouter]:
    """The routes of all parts."""
    return [part.router for part in PARTS]


def calls() -> list[APIRoute]:
    """The routes that programs call."""
    found = [route for router in routers() for route in router.routes]
    return [each for each in found if isinstance(each, APIRoute) and each.path.startswith("/api/")]


def require_rights(router: APIRouter) -> None:
    """A route without a right, or with one that nobody can have, does not start."""
    known = {*roles.known(), BY_ACT, None}
    for route in router.routes:
        if isinstance(route, APIRoute) and not rights_of(route) & known:
            raise NoRightError(
                f"{route.path} needs no right that the house knows: give its route "
                "dependencies=[needs(…)], or for_everybody()"
            )


class Guard:
    """Refuses requests by another name, and writes that another site's page could have caused.

    Adds headers to every answer.

    Plain ASGI: it must let event streams through as they are.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self.app, self.names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(request, MutableHeaders(scope=message))
            await send(message)

        answer = self._misled(request) or _foreign(request) or self.app
        await answer(scope, receive, send_guarded)

    def _misled(self, request: Request) -> JSONResponse | None:
        """Why a request by another name is refused: it may have been led here."""
        host = _host_name(request.headers.get("host", ""))
        if host in self.names:
            return None
        cure = "start the pages with --names, or set PRESSLINE_WEB_NAMES, to be known by it"
        return _refusal(
            421, "unknown_host", f"{host or 'No host'} is not this server's name; {cure}"
        )


def _host_name(host: str) -> str:
    """The name or address in a Host header, without the port."""
    told = HOST.fullmatch(host.lower())
    return told[1].strip("[]") if told else ""


def _add_headers(request: Request, headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Cache-Control", _cached(request))


def _cached(request: Request) -> str:
    """Pages name people and their figures are of now: nobody keeps them."""
    if not request.url.path.startswith("/static/"):
        return "no-store"
    return "public, max-age=31536000" if "v" in request.query_params else "no-cache"


def _foreign(request: Request) -> JSONResponse | None:
    """Why a write is refused: a foreign origin, or a body that a plain form could send."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    origin = request.headers.get("origin")
    if origin is not None and origin.split("://", 1)[-1] != request.headers.get("host"):
        return _refusal(403, "foreign_origin", f"{origin} is not this server; use its own pages")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    wanted = FILE_TYPE if request.url.path.startswith(tuple(FILES_AT)) else "application/json"
    if kind != wanted:  # neither can be sent by a plain form
        return _refusal(415, "not_json", f"The body must be sent as {wanted}")
    return None


def _refusal(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"code": code, "message": message}, status)


class Server(uvicorn.Server):
    """A uvicorn server that ends open event streams at the first signal, and exits with 0."""

    def __init__(self, config: uvicorn.Config, feed: live.Feed) -> None:
        super().__init__(config)
        self.feed = feed

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End cleanly; streams first, or they would hold the server until its grace is over."""
        self.feed.close_from_anywhere()
        self.should_exit = True


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the pages are served, and how.

    `names`: hosts by which they are asked for, beside loopback and `host`. `proxy`: addresses whose
    X-Forwarded-For and -Proto are believed. `served`: the certificate of HTTPS, else it is HTTP.
    `plain`: the port of the door beside HTTPS that tells how to trust it (None: there is none).
    """

    host: str
    port: int
    names: Sequence[str] = ()
    proxy: str = ""
    served: Served | None = None
    plain: int | None = None

    @property
    def known(self) -> tuple[str, ...]:
        """Every name by which the pages may be asked for."""
        return (self.host, *self.names, *(self.served.names if self.served else ()))


def serve(database: str, doors: Doors) -> None:
    """Serve until SIGTERM or SIGINT; waits for a database that is away at the start.

    Raises ListenError when the port is taken, OutdatedError when the schema is not this program's.
    """
    with bound(doors.host, doors.port) as door, _beside(doors):
        require_current(database)
        _serve_at(door, make_application(database, names=doors.known, served=doors.served), doors)


def _serve_at(door: socket.socket, app: FastAPI, doors: Doors) -> None:
    _warn(doors)
    config = configured(app, doors)
    scheme = "https" if doors.served else "http"
    log.info("pages are served", url=f"{scheme}://{doors.host}:{doors.port}/")
    Server(config, app.state.feed).run(sockets=[door])


def _warn(doors: Doors) -> None:
    if doors.served is None and not _is_loopback(doors.host):
        log.warning(
            "the pages can be reached from the network",
            host=doors.host,
            cure="serve HTTPS (pressline tls make, web run --tls) or put TLS in front; badge and "
            "PIN travel in clear text otherwise",
        )
    if doors.served is not None and doors.served.is_old(present()):
        log.warning(
            "the certificate of the pages ends soon, or has ended",
            until=f"{doors.served.until:%Y-%m-%d}",
            cure="make another (pressline tls make), then start the pages again",
        )


@contextlib.contextmanager
def _beside(doors: Doors) -> Generator[None]:
    """The door without HTTPS, in a thread of its own, while the other one is open."""
    if doors.served is None or doors.plain is None:
        yield
        return
    app = make_plain_door(doors.served, doors.port, doors.known)
    with bound(doors.host, doors.plain) as door:
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.should_exit = True
            thread.join(GRACE)


def configured(app: FastAPI, doors: Doors) -> uvicorn.Config:
    """How the application is served; only a proxy that is named is believed who asks, and how."""
    return uvicorn.Config(
        app,
        host=doors.host,
        port=doors.port,
        http=PromptProtocol,
        proxy_headers=bool(doors.proxy),
        forwarded_allow_ips=doors.proxy or None,
        ssl_certfile=doors.served.certificate if doors.served else None,
        ssl_keyfile=doors.served.key if doors.served else None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE,
        server_header=False,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

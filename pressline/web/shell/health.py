"""Whether the database answers: asked apart from everybody else, so that a crowd cannot hide it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import psycopg
import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse

from database.connection import BoundedAsyncConnection, session
from database.limits import PROBE
from pressline.web.shell.sign_in import for_everybody

log = structlog.get_logger()

router = APIRouter()


class ProbeConnection(BoundedAsyncConnection):
    """A connection that is asked one thing only."""

    limits = PROBE


class Probe:
    """Asks on a connection of its own; who asks while it is being asked gets the same answer."""

    def __init__(self, database: str) -> None:
        self._address = session(database, PROBE, "pressline web")
        self._connection: ProbeConnection | None = None
        self._fresh = True
        self._asking: asyncio.Task[str | None] | None = None

    async def trouble(self) -> str | None:
        """None while the database answers, else what it said, or that it said nothing."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(self._asking)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._asking is not None:
            await asyncio.wait([self._asking])
        if self._connection is not None:
            await self._connection.close()

    async def _ask(self) -> str | None:
        """Twice when there is a connection: one may have broken while idle."""
        trouble = await self._try()
        return trouble if trouble is None or self._fresh else await self._try()

    async def _try(self) -> str | None:
        self._fresh = self._connection is None
        try:
            if self._connection is None:
                self._connection = await ProbeConnection.connect(self._address, autocommit=True)
            await self._connection.execute("select 1")
        except psycopg.Error as error:
            await self._drop()
            return " ".join(str(error).split())
        return None

    async def _drop(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


@asynccontextmanager
async def probing(app: FastAPI, database: str) -> AsyncGenerator[None]:
    """While this lasts, the application has a probe."""
    app.state.probe = Probe(database)
    try:
        yield
    finally:
        await app.state.probe.close()


@router.get("/healthz", dependencies=[for_everybody()])
async def health(request: Request) -> JSONResponse:
    """200 while the database answers, else 503 with what is wrong, within ten seconds."""
    trouble = await request.app.state.probe.trouble()
    if trouble is None:
        return JSONResponse({"status": "ok"})
    log.warning("answered 503", path="/healthz", reason=trouble)
    told = "The database does not answer; the log of the web says why."
    return JSONResponse({"code": "no_database", "message": told}, 503)

"""What every request is given: a connection on loan, and the time.

A request that waits for a connection holds no thread: threads that wait would starve those that
have one and want to go on. So many connections, so many who wait, and nobody for longer than
`PATIENCE`; who comes then is told to come again. Signing in has a lane of its own, so that people
get in while the rest of the plant is acting.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeVar

import anyio
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import Depends, Request
from psycopg_pool import ConnectionPool, PoolTimeout

from database.connection import Connection, PageConnection, SilentError, session
from database.limits import PAGE

Pool = ConnectionPool[Connection]
Clock = Callable[[], datetime]
T = TypeVar("T")

WORK, DOOR = 10, 3  # connections for pages and acts, and for signing in; streams need none
QUEUE = 1000  # requests that may wait for one
PATIENCE = 20.0  # seconds they wait
ANSWER = 5.0  # seconds in which the database must give a connection


class CrowdedError(Exception):
    """More requests than can be answered in time; nothing was done, the same may be asked again."""


class Lane:
    """Connections of one pool, and the requests that wait for them in the order they came."""

    def __init__(self, database: str, size: int, queue: int = QUEUE) -> None:
        self.pool = Pool(
            session(database, PAGE, "pressline web"),
            connection_class=PageConnection,
            min_size=1,
            max_size=size,
            timeout=ANSWER,
            open=False,
            check=ConnectionPool.check_connection,
        )
        self.size, self.queue = size, queue
        self.waiting = 0
        self.silence: tuple[float, Exception] | None = None  # when the server last did not answer

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """The lane while the application is up."""
        self.free = asyncio.Semaphore(self.size)
        self.threads = CapacityLimiter(self.size)  # of its own: others cannot use them up
        await self._call(self.pool.open)
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self._call(self.pool.close)

    @asynccontextmanager
    async def lend(self) -> AsyncGenerator[Connection]:
        """A connection whose work is committed when all went well, else rolled back.

        Raises CrowdedError.
        """
        await self._turn()
        try:
            connection = await self._call(self.pool.getconn)
            try:
                yield connection
            except BaseException:
                await self._end(connection, commit=False)
                raise
            await self._end(connection, commit=True)
        except (SilentError, PoolTimeout) as error:
            self.silence = time.monotonic(), error
            raise
        finally:
            self.free.release()

    async def _turn(self) -> None:
        if self.waiting >= self.queue:
            raise CrowdedError
        self.waiting += 1
        came = time.monotonic()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.free.acquire()
        except TimeoutError:
            raise CrowdedError from None
        finally:
            self.waiting -= 1
        if self.silence is not None and self.silence[0] > came:  # what others waited for in vain
            self.free.release()
            raise self.silence[1]

    async def _end(self, connection: Connection, *, commit: bool) -> None:
        with anyio.CancelScope(shield=True):
            await self._call(partial(self._give_back, connection, commit=commit))

    def _give_back(self, connection: Connection, *, commit: bool) -> None:
        try:
            if commit:
                connection.commit()
        finally:
            self.pool.putconn(connection)  # rolls back what was not committed

    async def _call(self, what: Callable[[], T]) -> T:
        return await run_sync(what, limiter=self.threads)


async def lend(request: Request) -> AsyncIterator[Connection]:
    """A connection whose work is committed when the request ends well, else rolled back."""
    lane: Lane = request.app.state.work
    async with lane.lend() as connection:
        yield connection


def present() -> datetime:
    """The present; an application under test has a clock of its own."""
    return datetime.now(UTC)


async def told_time(request: Request) -> datetime:
    """The instant of this request."""
    return request.app.state.clock()


Now = Annotated[datetime, Depends(told_time)]
Database = Annotated[Connection, Depends(lend, scope="function")]

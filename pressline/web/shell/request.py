"""What every request is given: a connection from one pool, and the time."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from psycopg_pool import ConnectionPool

from database.connection import Connection, PageConnection, session
from database.limits import PAGE

Pool = ConnectionPool[Connection]
Clock = Callable[[], datetime]
MOST = 10  # connections; streams need none of them


def open_pool(database: str) -> Pool:
    """A pool that opens connections as requests need them; a frozen server is told in time."""
    return ConnectionPool[Connection](
        session(database, PAGE, "pressline web"),
        connection_class=PageConnection,
        min_size=1,
        max_size=MOST,
        timeout=5,
        open=False,
        check=ConnectionPool.check_connection,
    )


def lend(request: Request) -> Iterator[Connection]:
    """A connection whose work is committed when the request ends well, else rolled back."""
    pool: Pool = request.app.state.pool
    with pool.connection() as connection:
        yield connection


def present() -> datetime:
    """The present; an application under test has a clock of its own."""
    return datetime.now(UTC)


def told_time(request: Request) -> datetime:
    """The instant of this request."""
    return request.app.state.clock()


Now = Annotated[datetime, Depends(told_time)]
Database = Annotated[Connection, Depends(lend, scope="function")]

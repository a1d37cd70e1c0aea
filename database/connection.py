"""Connections to PostgreSQL: one way to open them, one way to wait for a server that is away."""

import os
import time
from collections.abc import Callable

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from database.errors import UnreachableError

Connection = psycopg.Connection[TupleRow]

log = structlog.get_logger()

# Compiling a plan takes seconds where the server's planner thinks it worth it; ours run in ms.
SESSION = "-c TimeZone=UTC -c jit=off"
RETRY_FIRST = 0.2  # seconds
RETRY_LONGEST = 1.0  # seconds; a few programs ask, and a plant waits for them


def database_url(given: str | None = None) -> str:
    """The database address: the given one, else DATABASE_URL.

    Raises UnreachableError when neither is there.
    """
    url = given or os.environ.get("DATABASE_URL")
    if not url:
        raise UnreachableError(
            "No database address. Set DATABASE_URL (postgresql://user@host:5432/name) "
            "or pass --database; `make demo` brings its own server."
        )
    return url


def connect(url: str, *, autocommit: bool = False, application: str = "pressline") -> Connection:
    """Open a connection; sessions run in UTC.

    Raises UnreachableError with the address and the cure when no server answers.
    """
    try:
        return psycopg.connect(
            url, autocommit=autocommit, application_name=application, options=SESSION
        )
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split()).rstrip(".?")
        raise UnreachableError(
            f"No database at {_without_password(url)}: {reason}. "
            "Is the server running, and is DATABASE_URL right?"
        ) from error


def _without_password(url: str) -> str:
    known = conninfo_to_dict(url)
    known.pop("password", None)
    return make_conninfo("", **known)


def wait_connect(
    url: str, *, stop: Callable[[], bool], autocommit: bool = False, application: str = "pressline"
) -> Connection | None:
    """Connect, waiting as long as the database is away; None when `stop()` turned true.

    Says once that it waits, and once that the database is back.
    """
    pause, said = RETRY_FIRST, False
    while not stop():
        try:
            connection = connect(url, autocommit=autocommit, application=application)
        except UnreachableError as error:
            if not said:
                log.warning("waiting for the database", reason=str(error))
                said = True
            time.sleep(pause)
            pause = min(pause * 2, RETRY_LONGEST)
        else:
            if said:
                log.info("the database is back")
            return connection
    return None

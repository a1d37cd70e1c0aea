"""Connections to PostgreSQL: one way to open them, one way to wait for a server that is away.

A server that is frozen (a host without memory, a disk that hangs) breaks no connection and answers
nothing. Each connection knows its limits and tells such a silence as an OperationalError.
"""

import os
import time
from collections.abc import Callable, Generator
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from database.errors import AddressError, UnreachableError
from database.limits import ASK_AFTER_S, ASK_S, COMMAND, CONNECT_S, KEEPALIVE, PAGE, Limits

Connection = psycopg.Connection[TupleRow]
AnyConnection = Connection | psycopg.AsyncConnection[TupleRow]
T = TypeVar("T")

log = structlog.get_logger()

SAMPLE = "change-me"  # what our sample files had for a password
# Compiling a plan takes seconds where the server's planner thinks it worth it; ours run in ms.
SESSION = "-c TimeZone=UTC -c jit=off"
RETRY_FIRST = 0.2  # seconds
RETRY_LONGEST = 1.0  # seconds; a few programs ask, and a plant waits for them


class SilentError(psycopg.OperationalError):
    """The server takes connections' bytes and answers nothing; the connection has been closed."""


def database_url(given: str | None = None) -> str:
    """The database address: the given one, else DATABASE_URL.

    Raises UnreachableError when neither is there, AddressError when it cannot be one.
    """
    url = given or os.environ.get("DATABASE_URL")
    if not url:
        raise UnreachableError(
            "No database address. Set DATABASE_URL (postgresql://user@host:5432/name) "
            "or pass --database; `make demo` brings its own server."
        )
    check_address(url)
    known = conninfo_to_dict(url)
    if is_sample(str(known.get("password") or os.environ.get("PGPASSWORD", ""))):
        raise UnreachableError(
            "The password of the database is still the sample's. Change it where it is set (.env, "
            "PGPASSWORD or the address), and in the server: "
            f"alter role {known.get('user') or 'pressline'} password '…'"
        )
    return url


def is_sample(password: str) -> bool:
    """Whether a password is what sample files have in its place: everybody knows it."""
    return password.strip().lower().startswith(SAMPLE)


def session(url: str, limits: Limits, application: str = "pressline") -> str:
    """The address of a session in UTC with these limits; what the address sets itself stays."""
    given = conninfo_to_dict(url)
    options = f"{SESSION} {limits.options} {given.pop('options', '')}".strip()
    ours = {"connect_timeout": CONNECT_S} | conninfo_to_dict(KEEPALIVE)
    return make_conninfo("", **(ours | given), options=options, application_name=application)


class BoundedConnection(Connection):
    """A connection whose server must answer within `limits`, else it is closed: SilentError."""

    limits: Limits = COMMAND

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **rest: Any) -> T:
        """Wait for an answer, no longer than the limits say."""
        return super().wait(_bounded(self, gen, self.limits, self._is_there), *args, **rest)

    def _is_there(self) -> bool:
        """Whether the server takes a new connection; a refusal is an answer, too."""
        known = self.info.get_parameters() | {"password": self.info.password or None}
        try:
            psycopg.connect(**known | {"connect_timeout": ASK_S}).close()  # pyright: ignore[reportArgumentType] - libpq's own parameters
        except psycopg.errors.ConnectionTimeout:
            return False
        except psycopg.OperationalError:
            return True
        return True


class PageConnection(BoundedConnection):
    """A connection that pages and calls are answered on."""

    limits = PAGE


class BoundedAsyncConnection(psycopg.AsyncConnection[TupleRow]):
    """The same for coroutines; it needs limits with an end, since it asks nobody."""

    limits: Limits = PAGE

    async def wait(self, gen: Generator[Any, Any, T], *args: Any, **rest: Any) -> T:
        """Wait for an answer, no longer than the limits say."""
        return await super().wait(_bounded(self, gen, self.limits), *args, **rest)


def _bounded(
    connection: AnyConnection,
    gen: Generator[Any, Any, T],
    limits: Limits,
    is_there: Callable[[], bool] | None = None,
) -> Generator[Any, Any, T]:
    """The waits of `gen`; psycopg wakes it every tenth of a second, also when nothing came."""
    since = asked = time.monotonic()
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            now = time.monotonic()
            if ready:
                since = asked = now
            elif connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                silent = limits.answer_s is not None and now - since > limits.answer_s
                if is_there is not None and now - asked > ASK_AFTER_S:
                    silent, asked = silent or not is_there(), time.monotonic()
                if silent:
                    _give_up(connection, since)
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


def _give_up(connection: AnyConnection, since: float) -> None:
    connection.pgconn.finish()
    raise SilentError(
        f"the server has said nothing for {time.monotonic() - since:.0f} s; it hangs: look at its "
        "memory and disks, then start it again"
    )


def connect(
    url: str,
    *,
    autocommit: bool = False,
    application: str = "pressline",
    limits: Limits = COMMAND,
) -> Connection:
    """Open a connection; sessions run in UTC, within limits.

    Raises UnreachableError with the address and the cure when no server answers, AddressError when
    the address cannot be one.
    """
    check_address(url)
    try:
        opened = BoundedConnection.connect(session(url, limits, application), autocommit=autocommit)
    except UnicodeError as error:  # two dots in a row, or 64 letters between dots
        raise AddressError(
            f"The database address names a host that cannot be one. {FORM}"
        ) from error
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).partition("Is the server")[0].split()).rstrip(".?")
        raise UnreachableError(
            f"No database at {_without_password(url)}: {reason}. "
            "Is the server running, and is DATABASE_URL right?"
        ) from error
    opened.limits = limits
    return opened


def check_address(url: str) -> None:
    """AddressError, with the cure, unless this can be the address of a database."""
    if "://" in url and url.partition("://")[0] not in ("postgresql", "postgres"):
        raise AddressError(f"The database address does not begin with postgresql://. {FORM}")
    try:
        known = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise AddressError(f"The database address cannot be read. {FORM}") from error
    port = str(known.get("port") or "")
    if not all(each.isdecimal() and 0 < int(each) < 65_536 for each in port.split(",") if each):
        raise AddressError(f"The database address names {port} as its port, which is none. {FORM}")
    host = str(known.get("host") or "")
    if "@" in host and not host.startswith("@"):  # `@name` is an abstract socket
        cure = "Write each @, :, / and % of the password as %40, %3A, %2F and %25."
        raise AddressError(
            f"The database address has an @ too many: {host.rpartition('@')[2]} is its host, and "
            f"what stands before is taken for a part of it. {cure}"
        )


FORM = (
    "Write DATABASE_URL or --database as postgresql://user:password@host:5432/name, with each "
    "@, :, / and % of the password as %40, %3A, %2F and %25."
)


def _without_password(url: str) -> str:
    known = conninfo_to_dict(url)
    known.pop("password", None)
    return make_conninfo("", **known)


def wait_connect(
    url: str,
    *,
    stop: Callable[[], bool],
    autocommit: bool = False,
    application: str = "pressline",
    limits: Limits = COMMAND,
    quiet: bool = False,
) -> Connection | None:
    """Connect, waiting as long as the database is away; None when `stop()` turned true.

    Says once that it waits, and once that the database is back; `quiet`: another thread does.
    """
    pause, said = RETRY_FIRST, quiet
    while not stop():
        try:
            connection = connect(url, autocommit=autocommit, application=application, limits=limits)
        except UnreachableError as error:
            if not said:
                log.warning("waiting for the database", reason=str(error))
                said = True
            time.sleep(pause)
            pause = min(pause * 2, RETRY_LONGEST)
        else:
            if said and not quiet:
                log.info("the database is back")
            return connection
    return None

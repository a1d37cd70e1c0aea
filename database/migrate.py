"""Bring a database to this program's schema: migrations in order, then the views.

Migrations are plain SQL files, each run once in a transaction of its own; one whose first line is
`-- no transaction` runs statement by statement. Views hold no data: a view is one file that says
what it is now (views.py).
"""

import contextlib
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from database import references, views
from database.connection import Connection, connect, wait_connect
from database.errors import NewerError, OutdatedError
from database.patience import patiently

FOLDER = Path(__file__).parent
NO_TRANSACTION = b"-- no transaction"


def migrate(url: str) -> list[str]:
    """Apply what is missing, make the views again; returns the names of the applied migrations.

    Foreign keys that old rows broke are tried again.

    Programs that start together migrate in turn. Raises NewerError for a schema that this program
    does not know, BlockedError or SetAsideError when the views could not be made.
    """
    with connect(url, autocommit=True) as connection, _alone(url, connection):
        _refuse_newer(connection)
        missing = _pending(connection)
        if missing or not views.replace(connection):
            _rebuild(connection, missing)
        views.make_again(connection)
        references.validate(connection)
    return missing


def _rebuild(connection: Connection, missing: list[str]) -> None:
    """Views stand on columns that a migration may change: they go first and come last."""
    views.take_down(connection)
    try:
        for name in missing:
            _apply(connection, name)
    except psycopg.Error:
        with contextlib.suppress(psycopg.Error):  # where the old schema still bears them
            views.put_up(connection)
        raise
    views.put_up(connection)


def _apply(connection: Connection, name: str) -> None:
    text = (FOLDER / "migrations" / f"{name}.sql").read_bytes()
    if text.startswith(NO_TRANSACTION):
        for statement in re.split(rb";[ \t]*\n", text):
            connection.execute(statement)
        _note(connection, name)
        return

    def work() -> None:
        connection.execute(text)
        _note(connection, name)

    patiently(connection, work)


def _note(connection: Connection, name: str) -> None:
    connection.execute("insert into migration values (%s)", [name])


@contextmanager
def _alone(url: str, connection: Connection) -> Generator[None]:
    """Nobody else migrates meanwhile: a lock on our own table, which no reader may take."""
    row = connection.execute("select to_regclass('public.migration')").fetchone()
    if row == (None,):
        make_first_table(connection)
    with connect(url) as holder:
        holder.execute("set lock_timeout = 0")
        holder.execute("lock table migration in share update exclusive mode")
        yield


def make_first_table(connection: Connection) -> None:
    """`if not exists` is no lock: of two that find no table one fails in the catalogue."""
    with contextlib.suppress(
        psycopg.errors.UniqueViolation,
        psycopg.errors.DuplicateObject,  # its row type
        psycopg.errors.DuplicateTable,
    ):
        connection.execute("create table if not exists migration (name text primary key)")


def require_current(
    url: str, *, stop: Callable[[], bool] = lambda: False, quiet: bool = False
) -> None:
    """Raise OutdatedError or NewerError, naming what differs, unless the schema is this program's.

    Waits while the database is away, until `stop()` turns true: a server that recovers from a
    crash takes connections and drops them again, so whoever asks first must be able to ask twice.
    """
    missing = None
    while missing is None and (connection := wait_connect(url, stop=stop, quiet=quiet)) is not None:
        missing = _missing(connection)
    if missing:
        raise OutdatedError(
            f"The database lacks {', '.join(missing)}. Run `pressline migrate`, then start again."
        )


def _missing(connection: Connection) -> list[str] | None:
    """Names of migrations that are missing; None when the database went away."""
    try:
        with connection:
            _refuse_newer(connection)
            return _pending(connection)
    except psycopg.errors.UndefinedTable:
        return _known()
    except psycopg.OperationalError:
        return None


def _refuse_newer(connection: Connection) -> None:
    unknown = sorted(_done(connection) - set(_known()))
    if unknown:
        raise NewerError(
            f"The database has {', '.join(unknown)}, which this program does not know: a newer "
            "pressline made it. Install that version; the way back is the backup from before."
        )


def _known() -> list[str]:
    return sorted(path.stem for path in (FOLDER / "migrations").glob("*.sql"))


def _done(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("select name from migration")}


def _pending(connection: Connection) -> list[str]:
    done = _done(connection)
    return [name for name in _known() if name not in done]

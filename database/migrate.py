"""Bring a database to this program's schema: migrations in order, then the views anew.

Migrations are plain SQL files, each run once in its own transaction. Views hold no data, so they
are dropped and made again at every migration: a view is one file that says what it is now.
"""

from collections.abc import Callable
from pathlib import Path

import psycopg

from database.connection import Connection, connect, wait_connect
from database.errors import OutdatedError

FOLDER = Path(__file__).parent
ONE_AT_A_TIME = 7_266_001  # advisory lock: two programs that start together migrate in turn


def migrate(url: str) -> list[str]:
    """Apply what is missing, make the views again; returns the names of the applied migrations."""
    with connect(url) as connection:
        connection.execute("select pg_advisory_lock(%s)", [ONE_AT_A_TIME])
        connection.execute("create table if not exists migration (name text primary key)")
        missing = _pending(connection)
        for name in missing:
            with connection.transaction():
                connection.execute((FOLDER / "migrations" / f"{name}.sql").read_bytes())
                connection.execute("insert into migration values (%s)", [name])
        _views(connection)
    return missing


def require_current(url: str, *, stop: Callable[[], bool] = lambda: False) -> None:
    """Raise OutdatedError, naming what is missing, unless the schema is this program's.

    Waits while the database is away, until `stop()` turns true: a server that recovers from a
    crash takes connections and drops them again, so whoever asks first must be able to ask twice.
    """
    missing = None
    while missing is None and (connection := wait_connect(url, stop=stop)) is not None:
        missing = _missing(connection)
    if missing:
        raise OutdatedError(
            f"The database lacks {', '.join(missing)}. Run `pressline migrate`, then start again."
        )


def _missing(connection: Connection) -> list[str] | None:
    """Names of migrations that are missing; None when the database went away."""
    try:
        with connection:
            return _pending(connection)
    except psycopg.errors.UndefinedTable:
        return _known()
    except psycopg.OperationalError:
        return None


def _known() -> list[str]:
    return sorted(path.stem for path in (FOLDER / "migrations").glob("*.sql"))


def _pending(connection: Connection) -> list[str]:
    done = {name for (name,) in connection.execute("select name from migration")}
    return [name for name in _known() if name not in done]


def _views(connection: Connection) -> None:
    with connection.transaction():
        connection.execute("drop schema if exists board cascade")
        connection.execute("create schema board")
        for path in sorted((FOLDER / "views").glob("*.sql")):
            connection.execute(path.read_bytes())

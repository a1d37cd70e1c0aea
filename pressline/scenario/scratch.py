"""Databases to play on: one per folder, copied from one that was migrated once, dropped after.

On the server of DATABASE_URL where it is set, else on an embedded one that goes with the program.
"""

import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from itertools import count

from psycopg import sql
from psycopg.conninfo import make_conninfo

from database.connection import connect
from database.migrate import migrate
from database.server import Server, embedded_binaries, private_folder

SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")  # nothing is kept


class Scratch:
    """Makes fresh migrated databases on a server; `server` is an address there that may create."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._name = f"pressline_scenario_{os.getpid()}"
        self._numbers = count(1)

    @contextmanager
    def fresh(self) -> Generator[str]:
        """Address of a database of its own, dropped at the end."""
        with self._database(f"{self._name}_{next(self._numbers)}", self._name) as address:
            yield address

    @contextmanager
    def template(self) -> Generator[None]:
        """While this lasts, databases can be copied."""
        with self._database(self._name, "template0") as address:  # nobody ever is in that one
            migrate(address)
            self._close(self._name)
            yield

    def _close(self, name: str) -> None:
        """Nobody gets in any more, and who is in must leave: workers of extensions, for one."""
        with connect(self.server, autocommit=True) as admin:
            closed = sql.SQL("alter database {} allow_connections false")
            admin.execute(closed.format(sql.Identifier(name)))
            admin.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
                [name],
            )

    @contextmanager
    def _database(self, name: str, template: str) -> Generator[str]:
        new, old = sql.Identifier(name), sql.Identifier(template)
        with connect(self.server, autocommit=True) as admin:
            admin.execute(sql.SQL("create database {} template {}").format(new, old))
        try:
            yield make_conninfo(self.server, dbname=name)
        finally:
            with connect(self.server, autocommit=True) as admin:
                admin.execute(sql.SQL("drop database if exists {} with (force)").format(new))


@contextmanager
def scratch() -> Generator[Scratch]:
    """A place for databases; raises DatabaseError when no server answers or may be started."""
    with _server() as address:
        databases = Scratch(address)
        with databases.template():
            yield databases


@contextmanager
def _server() -> Generator[str]:
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    folder = private_folder("pressline-scenario-")
    server = Server(embedded_binaries(), folder / "data", "", SETTINGS)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)

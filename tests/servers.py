"""PostgreSQL servers for tests: one per flavour and worker, with a migrated database to copy."""

import itertools
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from database.roles import PROGRAMS
from database.schema import furnish
from database.server import Server, embedded_binaries, let_server_pass, timescale_binaries

TEST_SETTINGS = ("fsync=off", "max_connections=60", "timescaledb.telemetry_level=off")
numbers = itertools.count(1)


def flavours() -> list[str]:
    return ["plain", "timescale"] if timescale_binaries() else ["plain"]


@dataclass
class Flavour:
    """A running server of one flavour, with a migrated database to copy from."""

    name: str
    server: Server
    made: list[str] = field(default_factory=list[str])

    def copy(self) -> str:
        """A fresh migrated database; its address."""
        name = f"test_{next(numbers)}"
        with psycopg.connect(self.server.url, autocommit=True) as admin:
            strategy = "wal_log" if self.name == "timescale" else "file_copy"  # the faster one
            admin.execute(
                f"create database {name} template template_pressline strategy {strategy}"  # pyright: ignore[reportCallIssue, reportArgumentType]
            )
        self.made.append(name)
        return self.server.url_of(name)

    def drop_all(self) -> None:
        with psycopg.connect(self.server.url, autocommit=True) as admin:
            for name in self.made:
                admin.execute(f"drop database if exists {name} with (force)")  # pyright: ignore[reportCallIssue, reportArgumentType]
        self.made.clear()


def as_program(url: str, program: str) -> str:
    """The address with which a program of a plant comes, with its own rights and no more."""
    return make_conninfo(url, user=PROGRAMS[program])


@contextmanager
def running_flavour(name: str, *more: str) -> Generator[Flavour]:
    """A server of that flavour while it is used; `more`: further settings, `name=value`."""
    folder = Path(tempfile.mkdtemp(prefix="pressline-test-"))
    let_server_pass(folder)
    binaries = timescale_binaries() if name == "timescale" else embedded_binaries()
    assert binaries is not None
    timescale = name == "timescale"
    settings = TEST_SETTINGS if timescale else TEST_SETTINGS[:2]
    server = Server(
        binaries, folder / "data", "timescaledb" if timescale else "", (*settings, *more)
    )
    server.start()
    try:
        with psycopg.connect(server.url, autocommit=True) as admin:
            admin.execute("create database template_pressline")
        furnish(server.url_of("template_pressline"))
        if timescale:
            with psycopg.connect(server.url, autocommit=True) as admin:
                admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = 'template_pressline' and pid <> pg_backend_pid()"
                )
                admin.execute("alter database template_pressline allow_connections false")
        yield Flavour(name, server)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)

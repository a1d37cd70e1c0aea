"""Serving: how it starts, what it says, how it ends."""

import os
import signal
import time
from collections.abc import Callable

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from web_process import process

from database.connection import connect
from database.errors import OutdatedError
from pressline.web.shell.application import Doors, serve

# Serving is the same on every flavour of the database.
pytestmark = pytest.mark.parametrize("flavour", ["plain"], indirect=True, scope="session")


def test_it_ends_at_once_and_cleanly_with_streams_open(database: str) -> None:
    with process(database) as (started, url), httpx.Client(timeout=30) as client:
        with client.stream("GET", f"{url}/api/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 1000"
            os.kill(started.pid, signal.SIGTERM)
            for _ in lines:
                pass
        out, _ = started.communicate(timeout=30)
        assert started.returncode == 0, out
        assert "Traceback" not in out, out


def test_serving_beyond_loopback_is_said_aloud(database: str) -> None:
    with process(database, "0.0.0.0") as (started, _):
        os.kill(started.pid, signal.SIGTERM)
        out, _ = started.communicate(timeout=30)
        assert "can be reached from the network" in out
        assert started.returncode == 0


def test_loopback_needs_no_warning(database: str) -> None:
    with process(database) as (started, _):
        os.kill(started.pid, signal.SIGINT)
        out, _ = started.communicate(timeout=30)
        assert "network" not in out
        assert started.returncode == 0


def test_an_old_schema_is_refused_with_the_cure(new_database: Callable[[], str]) -> None:
    url = new_database()
    with connect(url) as connection:
        connection.execute("delete from migration where name like '0003%'")
    with pytest.raises(OutdatedError, match="pressline migrate"):
        serve(url, Doors("127.0.0.1", 0))


def test_while_the_database_is_away_people_are_told(database: str) -> None:
    """Cutting every connection and refusing new ones is what a crash looks like from here."""
    name = str(conninfo_to_dict(database)["dbname"])
    admin_url = make_conninfo(database, dbname="postgres")
    with process(database) as (_, url), psycopg.connect(admin_url, autocommit=True) as admin:
        open_to(admin, name, allowed=False)
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
        )
        away = httpx.get(f"{url}/wall", headers={"Accept-Language": "zh"}, timeout=30)
        assert away.status_code == 503
        assert "数据库没有响应" in away.text
        open_to(admin, name, allowed=True)
        while httpx.get(f"{url}/healthz", timeout=30).status_code != 200:
            time.sleep(0.1)


def open_to(admin: psycopg.Connection, name: str, *, allowed: bool) -> None:
    admin.execute(
        sql.SQL("alter database {} allow_connections {}").format(
            sql.Identifier(name), sql.Literal(allowed)
        )
    )

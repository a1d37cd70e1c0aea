"""A server that hangs breaks no connection and answers nothing: whoever waits is told in time."""

import os
import signal
import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql

from database.connection import SilentError, connect
from database.errors import UnreachableError
from database.limits import ASK_AFTER_S, COMMAND, PAGE, PROBE, SERVICE, Limits
from database.server import Server

TOLD_WITHIN_S = 10.0


EACH = {"command": COMMAND, "service": SERVICE, "page": PAGE, "probe": PROBE}


@pytest.mark.parametrize("limits", EACH.values(), ids=EACH)
def test_a_frozen_server_is_told_within_ten_seconds(
    own_server: Server, frozen: Callable[[], None], limits: Limits
) -> None:
    with connect(own_server.url, limits=limits, autocommit=True) as connection:
        connection.execute("select 1")
        frozen()
        began = time.monotonic()
        with pytest.raises(SilentError, match="it hangs"):
            connection.execute("select 2")
        assert time.monotonic() - began < TOLD_WITHIN_S
        assert connection.closed
    with pytest.raises(UnreachableError, match="timeout expired"):
        connect(own_server.url)


def test_a_slow_statement_of_a_person_is_waited_for(own_server: Server) -> None:
    with connect(own_server.url, autocommit=True) as connection:
        slow = connection.execute(
            "select pg_sleep(%s), clock_timestamp() > now()", [ASK_AFTER_S + 1]
        )
        assert slow.fetchone() == ("", True)


def test_the_server_ends_what_takes_too_long_and_locks_that_are_not_given(
    own_server: Server,
) -> None:
    with (
        connect(own_server.url) as holder,
        connect(own_server.url, limits=PROBE, autocommit=True) as one,
    ):
        with pytest.raises(psycopg.errors.QueryCanceled):
            one.execute("select pg_sleep(60)")
        holder.execute("create table held ()")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            one.execute("create table if not exists held ()")
        assert not one.closed


def test_one_hanging_session_is_given_up_although_others_are_answered(own_server: Server) -> None:
    with connect(own_server.url, limits=PROBE, autocommit=True) as connection:
        pid = connection.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(SilentError):
                connection.execute("select 1")
        finally:
            os.kill(pid, signal.SIGCONT)


def test_what_the_address_sets_itself_stays(own_server: Server) -> None:
    own = f"{own_server.url}&options=-c%20work_mem%3D5MB&connect_timeout=7"
    with connect(own, limits=PAGE) as connection:
        shown = [
            connection.execute(sql.SQL("show {}").format(sql.Identifier(name))).fetchone()
            for name in ("work_mem", "TimeZone", "statement_timeout", "lock_timeout")
        ]
        assert shown == [("5MB",), ("UTC",), ("7s",), ("6s",)]
        assert connection.info.get_parameters()["connect_timeout"] == "7"

"""Each program has the rights it needs, and a reader none that harms."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from database.connection import Connection, connect
from database.errors import UnreachableError
from database.health import findings, is_at_work
from database.migrate import migrate
from database.roles import (
    BOARD,
    OWNER,
    PROGRAMS,
    RightsError,
    as_owner,
    make_board_role,
    make_roles,
)
from database.server import Server
from database.watch import LONGEST_S, end_overdue
from ingest.store import hold_host

INGEST, BRIDGE, WEB = PROGRAMS.values()
TOP = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def plant(own_server: Server) -> Server:
    """A server whose database was migrated by a superuser, before there were roles."""
    migrate(own_server.url)
    make_roles(own_server.url, {BOARD: "secret"})
    migrate(as_owner(own_server.url))
    return own_server


@pytest.fixture
def board(plant: Server) -> Iterator[Connection]:
    address = make_conninfo(plant.url_as(BOARD), password="secret")
    with psycopg.connect(address, autocommit=True) as onlooker:
        yield onlooker


def may(connection: Connection, statement: LiteralString) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


MATRIX: dict[LiteralString, set[str]] = {
    "insert into signal.outbox (uuid, site, node) values ('u', 's', 'n')": {OWNER, INGEST, WEB},
    "select from signal.reading": {OWNER, INGEST, BRIDGE, WEB},
    "insert into mes.timer values ('x', '2026-01-01')": {OWNER, BRIDGE, WEB},
    "select from people.person": {OWNER, BRIDGE, WEB},
    "update mes.posting set qty = 1": {OWNER},
    "delete from erp.stock_move": {OWNER},
    "truncate mes.timer": {OWNER},
    "select mes.hold('{}')": {OWNER, BRIDGE, WEB},
    "select from people.work_queue for update skip locked": {OWNER, BRIDGE, WEB},
    "lock table people.attachment in share row exclusive mode": {OWNER, BRIDGE, WEB},
    "select from board.press_now": {OWNER, BRIDGE, WEB, BOARD},
    "create table mes.own (n int)": {OWNER},
    "create schema own": {OWNER},
    "create temp table own (n int)": {OWNER, INGEST, BRIDGE, WEB},
    "select pg_advisory_xact_lock(1)": set(),
    "select lo_create(0)": set(),
    "create role own": set(),
    "set log_statement = 'none'": set(),
    "copy (select 1) to program 'cat'": set(),
    "select pg_read_file('PG_VERSION')": set(),
}  # fmt: skip


@pytest.mark.parametrize("statement", MATRIX)
def test_a_role_may_do_its_work_and_no_more(plant: Server, statement: LiteralString) -> None:
    able: set[str] = set()
    for role in (OWNER, INGEST, BRIDGE, WEB, BOARD):
        address = make_conninfo(plant.url_as(role), password="secret" if role == BOARD else "")
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute("set default_transaction_read_only = off")
            if may(connection, statement):
                able.add(role)
    assert able == MATRIX[statement]


def test_no_program_asks_for_advisory_locks_that_its_role_may_not_take() -> None:
    """A superuser may, and so does every test that is one: it would fail in the plant only."""
    rooms = ("database", "people", "plant", "erp_core", "mes_bridge", "ingest", "pressline")
    takes = re.compile(r"(?<!\^)pg_(try_)?advisory_")
    sources = [path for room in rooms for path in (TOP / room).rglob("*") if path.is_file()]
    asked = {
        path.relative_to(TOP).as_posix()
        for path in sources
        if path.suffix in {".py", ".sql"} and takes.search(path.read_text())
    }
    assert asked == {"database/health.py"}  # it tells whether the board role may take one


def test_whatever_was_made_before_is_the_owners(plant: Server) -> None:
    with connect(plant.url) as connection:
        others = connection.execute(
            """select c.oid::regclass::text from pg_class c where relnamespace::regnamespace::text
               in ('signal', 'people', 'plant', 'erp', 'mes', 'board')
               and relowner::regrole::text <> 'pressline_owner'
               union all select p.oid::regprocedure::text from pg_proc p where
               pronamespace::regnamespace::text
               in ('signal', 'people', 'plant', 'erp', 'mes', 'board')
               and proowner::regrole::text <> 'pressline_owner'"""
        ).fetchall()
    assert others == []


def test_roles_are_made_by_who_may(plant: Server) -> None:
    with pytest.raises(RightsError, match="pressline_web may not make roles"):
        make_roles(plant.url_as(WEB), {})


def test_a_role_that_was_made_mighty_is_mended(plant: Server) -> None:
    with connect(plant.url) as admin:
        admin.execute("alter role pressline_web superuser")
    with connect(plant.url_as(WEB), application="pressline web"):
        told = "\n".join(map(str, findings(plant.url)))
    assert "not well: web works as pressline_web, a superuser; run `pressline roles`" in told
    make_roles(plant.url, {})
    with connect(plant.url_as(WEB), application="pressline web"):
        assert "well: web works as pressline_web" in map(str, findings(plant.url))


def test_a_reader_who_calls_itself_ingest_is_not_at_work(plant: Server, board: Connection) -> None:
    board.execute("set application_name = 'pressline ingest'")
    assert not is_at_work(plant.url, "ingest")
    with connect(plant.url_as(INGEST), application="pressline ingest"):
        assert is_at_work(plant.url, "ingest")


def test_limits_that_a_reader_lifts_are_told_and_put_back(plant: Server, board: Connection) -> None:
    board.execute("set default_transaction_read_only = off")
    board.execute("alter role board set statement_timeout = 0")
    board.execute("alter role board set work_mem = '1GB'")
    told = "\n".join(map(str, findings(plant.url)))
    assert "statement_timeout is 0, not 10s" in told
    assert "work_mem is 1GB" in told
    make_board_role(plant.url, "secret")
    assert "well: the board role's limits are as they were made" in map(str, findings(plant.url))


def test_what_a_reader_leaves_open_is_ended(plant: Server, board: Connection) -> None:
    board.execute("set idle_in_transaction_session_timeout = 0")
    board.execute("begin")
    board.execute("select from board.press_now")
    with connect(plant.url_as(BRIDGE), autocommit=True) as bridge:
        assert end_overdue(bridge) == []
        bridge.execute("select pg_sleep(%s)", [LONGEST_S + 0.5])
        [ended] = end_overdue(bridge)
    assert ended.pid == board.info.backend_pid
    assert "idle in transaction for" in ended.why
    with pytest.raises(psycopg.OperationalError):
        board.execute("select 1")


def test_a_reader_who_holds_locks_is_ended(plant: Server, board: Connection) -> None:
    """Where no superuser took the functions away."""
    with connect(plant.url) as admin:
        admin.execute("grant execute on function pg_advisory_lock(bigint) to board")
    board.execute("select pg_advisory_lock(7266001)")
    told = "\n".join(map(str, findings(plant.url)))
    assert "not well: the board role can take advisory locks" in told
    migrate(as_owner(plant.url))  # nobody waits for such locks any more
    with connect(plant.url_as(BRIDGE), autocommit=True) as bridge:
        assert [each.why for each in end_overdue(bridge)] == ["advisory locks"]
    with connect(plant.url) as admin:
        admin.execute("revoke execute on function pg_advisory_lock(bigint) from board")


def test_a_host_is_one_session_and_a_reader_with_its_number_is_none(
    plant: Server, board: Connection
) -> None:
    with connect(plant.url_as(INGEST), autocommit=True) as second:
        with connect(plant.url_as(INGEST), autocommit=True) as first:
            assert hold_host(first, "one")
            assert hold_host(first, "one")
            assert not hold_host(second, "one")
            assert hold_host(second, "other")
        with connect(plant.url) as admin:  # the process id of the dead has come again
            admin.execute(
                "update signal.host set pid = %s where id = 'one'", [board.info.backend_pid]
            )
        assert hold_host(second, "one")


def test_a_wrong_password_of_the_board_is_refused(plant: Server) -> None:
    with pytest.raises(UnreachableError, match="password authentication failed"):
        connect(make_conninfo(plant.url_as(BOARD), password="guessed"))

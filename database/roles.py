"""Who may do what in the database: a login role for each program, with the rights it needs.

The owner makes schemas and changes no data of its own accord; ingest writes what machines say and
reads no books; bridge and web write the books and take no schema apart; the board role reads the
views of schema board. None is a superuser. What a role may do to which table is in
views/90_grants.sql, given anew at each migration.
"""

from collections.abc import Mapping
from pathlib import Path

from psycopg import sql
from psycopg.conninfo import make_conninfo

from database.connection import Connection, connect
from database.errors import DatabaseError

OWNER, BOARD = "pressline_owner", "board"
PROGRAMS = {"ingest": "pressline_ingest", "bridge": "pressline_bridge", "web": "pressline_web"}
ROLES = (OWNER, *PROGRAMS.values())
PROGRAM_SESSIONS, BOARD_SESSIONS = 100, 20
BOARD_LIMITS = {
    "statement_timeout": "10s",
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": "5s",
    "default_transaction_read_only": "on",
    "jit": "off",  # plans take longer than the queries
}
RIGHTS = Path(__file__).with_name("sql") / "rights.sql"


class RightsError(DatabaseError):
    """Roles are made by who may make roles."""


def make_roles(url: str, passwords: Mapping[str, str]) -> list[str]:
    """Make the roles of owner, programs and boards, or mend them; hand what is there to the owner.

    `passwords` by role; a role keeps the one it has, and without any is let in by other means
    only. Asked of a superuser, or of who owns the database and may make roles. Returns their names.
    """
    made = [*ROLES, *([BOARD] if BOARD in passwords else [])]
    with connect(url) as connection:
        _require_administrator(connection)
        for role in ROLES:
            _make(connection, role, PROGRAM_SESSIONS, passwords.get(role))
        connection.execute(
            sql.SQL("grant {} to current_user").format(sql.Identifier(OWNER))
        )  # who is no superuser must be one of them to hand over
        if BOARD in made:
            _make_board(connection, passwords[BOARD])
        connection.execute(RIGHTS.read_bytes())
    return made


def make_board_role(url: str, password: str) -> None:
    """Make role `board`, or change its password and put back its limits."""
    with connect(url) as connection:
        _require_administrator(connection)
        _make_board(connection, password)
        connection.execute(RIGHTS.read_bytes())


def as_owner(url: str) -> str:
    """The address of who administers the server, at work as the owner."""
    return make_conninfo(url, options=f"-c role={OWNER}")


def _make_board(connection: Connection, password: str) -> None:
    _make(connection, BOARD, BOARD_SESSIONS, password)
    connection.execute("alter role board reset all")
    for name, value in BOARD_LIMITS.items():
        connection.execute(
            sql.SQL("alter role board set {} = {}").format(sql.Identifier(name), sql.Literal(value))
        )
    if _exists(connection, PROGRAMS["bridge"]):  # it ends what board leaves open
        connection.execute("grant board to pressline_bridge")


def _make(connection: Connection, role: str, sessions: int, password: str | None) -> None:
    """Create or alter; whatever rights it had been given beyond these, it has no longer."""
    verb = "alter" if _exists(connection, role) else "create"
    connection.execute(
        sql.SQL("{} role {} login nocreatedb nocreaterole {} connection limit {} {}").format(
            sql.SQL(verb),
            sql.Identifier(role),
            sql.SQL("nosuperuser noreplication nobypassrls" if _is_super(connection) else ""),
            sql.Literal(sessions),
            sql.SQL("password {}").format(sql.Literal(password)) if password else sql.SQL(""),
        )
    )


def _exists(connection: Connection, role: str) -> bool:
    found = connection.execute("select from pg_roles where rolname = %s", [role])
    return found.fetchone() is not None


def _is_super(connection: Connection) -> bool:
    row = connection.execute(
        "select rolsuper from pg_roles where rolname = current_user"
    ).fetchone()
    return row is not None and bool(row[0])


def _require_administrator(connection: Connection) -> None:
    row = connection.execute(
        "select current_user from pg_roles where rolname = current_user "
        "and not rolsuper and not rolcreaterole"
    ).fetchone()
    if row is not None:
        raise RightsError(
            f"Role {row[0]} may not make roles. Give --database the address of a superuser, or of "
            "a role with CREATEROLE that owns the database; the programs need neither."
        )

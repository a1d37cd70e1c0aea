"""The views of schema board: replaced where they stand, else dropped and made again.

What others built on them is set aside meanwhile, in table `set_aside`, and made again after;
nothing is ever dropped by `cascade`.
"""

import re
from dataclasses import dataclass
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from database.connection import Connection
from database.errors import SetAsideError
from database.patience import patiently
from database.roles import ROLES

FOLDER = Path(__file__).with_name("views")
SQL = Path(__file__).with_name("sql")
OURS = ["signal", "erp", "mes", "board", "people", "plant", "planning", "plantwork"]
STATEMENT = re.compile(rb"^(?=(?:create|do|grant|revoke|comment|alter) )", re.MULTILINE)
ONE_LOCK_MS = (12_000,)  # who holds nothing else is in no deadlock; a board's statement has 10 s
DECLARED = re.compile(rb"^create or replace (?:view|function) board\.(\w+)", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Built:
    """A view or function that stands on our views, or is one of them."""

    oid: int
    kind: str  # as `drop` names it
    name: str
    owner: str
    ours: bool
    remade: bool
    bears: list[int]  # what stands on it
    extras: list[str]  # what would be lost with it


def replace(connection: Connection) -> bool:
    """Make each view anew where it stands, readers beside; False when a shape has changed.

    One at a time: who waits for one lock and holds no other can be in no deadlock.
    """
    declared = {name.decode() for path in _files() for name in DECLARED.findall(path.read_bytes())}
    there = {name for (name,) in connection.execute(THERE)}
    if there - declared:
        return False
    try:
        for path in _files():
            for statement in STATEMENT.split(path.read_bytes()):
                patiently(connection, partial(_run, connection, statement), ONE_LOCK_MS)
    except psycopg.ProgrammingError:
        return False
    return True


def take_down(connection: Connection) -> None:
    """Drop the views; what others built on them is kept in `set_aside` first."""
    patiently(connection, lambda: _drop_all(connection))


def put_up(connection: Connection) -> None:
    """Make the views."""

    def work() -> None:
        connection.execute("create schema if not exists board")
        _make(connection)

    patiently(connection, work)


def make_again(connection: Connection) -> None:
    """Make what was set aside; raises SetAsideError naming what could not be made and why."""
    row = connection.execute("select to_regclass('public.set_aside')").fetchone()
    if row == (None,):
        return
    failed: list[str] = []
    for number, name, statements in connection.execute(
        "select n, name, statements from set_aside order by n"
    ).fetchall():
        try:
            with connection.transaction():
                connection.execute("set local search_path = ''")
                for statement in statements:
                    connection.execute(statement)
                connection.execute("delete from public.set_aside where n = %s", [number])
        except psycopg.Error as error:
            failed.append(f"{name} ({str(error).splitlines()[0]})")
    if failed:
        raise SetAsideError(
            f"Built by others on views that have changed, and not to be made again: "
            f"{'; '.join(failed)}. Their text is in table set_aside: make them for the new views, "
            "then delete their rows. Everything else is done."
        )


def _sql(name: str) -> bytes:
    return (SQL / f"{name}.sql").read_bytes()


def _files() -> list[Path]:
    return sorted(FOLDER.glob("**/*.sql"))


def _run(connection: Connection, statement: bytes) -> None:
    connection.execute(statement)


def _make(connection: Connection) -> None:
    for path in _files():
        connection.execute(path.read_bytes())


def _drop_all(connection: Connection) -> None:
    connection.execute("set local search_path = ''")
    with connection.cursor(row_factory=class_row(Built)) as cursor:
        built = {
            each.oid: each for each in cursor.execute(_sql("standing"), {"ours": OURS}).fetchall()
        }
    going = [
        built[oid]
        for oid in TopologicalSorter({o: b.bears for o, b in built.items()}).static_order()
        if built[oid].remade or not built[oid].ours
    ]
    _keep(connection, going[::-1])
    try:
        for each in going:
            connection.execute(f"drop {each.kind} {each.name}".encode())
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege) as no:
        more = no.diag.message_detail or f"give its role to {connection.info.user}"
        raise SetAsideError(
            f"{no.diag.message_primary}: {more}. Nothing has been changed; move it away, then run "
            "`pressline migrate` again."
        ) from no


def _keep(connection: Connection, built: list[Built]) -> None:
    """Write down what others built, and what others were given on ours, in order of making."""
    others = [each for each in built if not each.ours]
    for each in others:
        if each.extras:
            raise SetAsideError(
                f"{each.name} of {each.owner} stands on our views with {', '.join(each.extras)}, "
                "and that would be lost. Nothing has been changed; drop it, migrate, make it again."
            )
    rights = {each: _statements(connection, "rights_given", each) for each in built if each.ours}
    kept = [(f"rights on {each.name}", told) for each, told in rights.items() if told]
    kept += [(each.name, _statements(connection, "statements", each)) for each in others]
    if kept:
        connection.execute(SET_ASIDE)
    for name, statements in kept:
        connection.execute(
            "insert into public.set_aside (name, statements) values (%s, %s)", [name, statements]
        )


def _statements(connection: Connection, query: str, of: Built) -> list[str]:
    known = [*ROLES, "board"]
    row = connection.execute(_sql(query), {"oid": of.oid, "known": known}).fetchone()
    return row[0] if row else []


SET_ASIDE = """
create table if not exists public.set_aside (
  n bigint generated always as identity primary key,
  name text not null,
  statements text[] not null
)
"""
THERE = """
select relname from pg_class where relnamespace = to_regnamespace('board') and relkind in ('v', 'm')
union select proname from pg_proc where pronamespace = to_regnamespace('board')
"""

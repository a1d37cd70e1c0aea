"""Whether pressline's processes are at work, and with which rights, as the database sees it."""

from dataclasses import dataclass

from database.connection import Connection, connect
from database.limits import PROBE
from database.references import loose
from database.roles import BOARD_LIMITS


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `cure` is empty when it is as it should be."""

    told: str
    cure: str = ""

    def __str__(self) -> str:
        return f"not well: {self.told}; {self.cure}" if self.cure else f"well: {self.told}"


def is_at_work(url: str, process: str) -> bool:
    """Whether `process` ('ingest', 'bridge' or 'web') holds a session on this database.

    A process that died, hangs without a connection or talks to another database does not.
    Raises UnreachableError when no server answers.
    """
    with connect(url, application="pressline health", limits=PROBE) as connection:
        return at_work_on(connection, process)


def at_work_on(connection: Connection, process: str) -> bool:
    """The same, asked on a connection that is there.

    Anybody may call a session anything, so it must be of a role that may write what machines said
    or what people did.
    """
    return connection.execute(SESSIONS, [f"pressline {process}"]).fetchone() is not None


def findings(url: str) -> list[Finding]:
    """Everything that `pressline health` looks at."""
    with connect(url, application="pressline health", limits=PROBE) as connection:
        works = [_process(connection, process) for process in ("ingest", "bridge", "web")]
        row = connection.execute("select rolsuper or rolcreaterole or rolcreatedb from pg_roles "
                                 "where rolname = 'board'").fetchone()  # fmt: skip
        works += _references(connection)
        if row is None:
            return [*works, Finding("no board role")]
        return [*works, _board_rights(connection, mighty=row[0]), _board_limits(connection),
                _board_sessions(connection)]  # fmt: skip


def _process(connection: Connection, process: str) -> Finding:
    rows = connection.execute(SESSIONS, [f"pressline {process}"]).fetchall()
    if not rows:
        return Finding(f"{process} is not at work", "start it, or read its log")
    roles = ", ".join(sorted({role for role, _ in rows}))
    if any(mighty for _, mighty in rows):
        return Finding(
            f"{process} works as {roles}, a superuser",
            "run `pressline roles` and give it a role of its own in DATABASE_URL",
        )
    return Finding(f"{process} works as {roles}")


def _references(connection: Connection) -> list[Finding]:
    """Old rows that name what is not there; nothing where all is well."""
    return [
        Finding(
            f"{each.rows} rows of {each.table} name what is not in {each.target}: "
            f"{', '.join(each.names)}",
            "load or mend them (plant file, masters), then run `pressline migrate`",
        )
        for each in loose(connection)
    ]


def _board_rights(connection: Connection, *, mighty: bool) -> Finding:
    rows = connection.execute(TOO_MUCH).fetchall()
    can = [what for (what,) in rows] + (["make roles or databases"] if mighty else [])
    if can:
        return Finding(
            f"the board role can {', '.join(can)}",
            "run `pressline board-role` as a superuser on this database",
        )
    return Finding("the board role reads the views of schema board, and nothing else")


def _board_limits(connection: Connection) -> Finding:
    rows = connection.execute(SETTINGS).fetchall()
    found = dict(str(each).split("=", 1) for (each,) in rows)
    changed = [
        f"{name} is {found.get(name, 'not set')}, not {value}"
        for name, value in BOARD_LIMITS.items()
        if found.get(name) != value
    ] + [f"{name} is {found[name]}" for name in sorted(set(found) - set(BOARD_LIMITS))]
    if changed:
        return Finding(
            f"the board role's settings were changed: {', '.join(changed)}",
            "`pressline board-role` puts them back; what it leaves open, the bridge ends",
        )
    return Finding("the board role's limits are as they were made")


def _board_sessions(connection: Connection) -> Finding:
    row = connection.execute(OPEN).fetchone()
    assert row is not None
    if row[1]:
        return Finding(
            f"{row[1]} of {row[0]} board sessions hold a transaction for longer than 30 s",
            "the bridge ends them: is it at work, as a member of board (`pressline roles`)?",
        )
    return Finding(f"{row[0]} board sessions, none of them holds anything")


SESSIONS = """
select a.usename::text, r.rolsuper
from pg_stat_activity a join pg_roles r on r.oid = a.usesysid
where a.application_name = %s and a.datname = current_database()
  and (has_table_privilege(a.usesysid, 'signal.reading', 'insert')
       or has_table_privilege(a.usesysid, 'people.act', 'insert'))
"""
TOO_MUCH = """
select what from (values
  ('write temporary tables', has_database_privilege('board', current_database(), 'temporary')),
  ('make schemas', has_database_privilege('board', current_database(), 'create')),
  ('make tables in schema public', has_schema_privilege('board', 'public', 'create')),
  ('take advisory locks', has_function_privilege('board', 'pg_advisory_lock(bigint)', 'execute')),
  ('write large objects', has_function_privilege('board', 'lo_create(oid)', 'execute')),
  ('read tables', exists (
    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('signal', 'people', 'plant', 'erp', 'mes') and c.relkind in ('r', 'p', 'v')
      and has_table_privilege('board', c.oid, 'select')))
) as v (what, so) where so
"""
SETTINGS = """
select unnest(s.setconfig) from pg_db_role_setting s join pg_roles r on r.oid = s.setrole
where r.rolname = 'board' and s.setdatabase in (
  0, (select oid from pg_database where datname = current_database()))
"""
OPEN = """
select count(*), count(*) filter (where xact_start < clock_timestamp() - interval '30 s')
from pg_stat_activity where usename = 'board' and datname = current_database()
"""

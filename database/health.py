"""Whether a pressline process is at work, as the database sees it."""

from database.connection import Connection, connect


def is_at_work(url: str, process: str) -> bool:
    """Whether `process` ('ingest' or 'bridge') holds a session on this database.

    A process that died, hangs without a connection or talks to another database does not.
    Raises UnreachableError when no server answers.
    """
    with connect(url, application="pressline health") as connection:
        return at_work_on(connection, process)


def at_work_on(connection: Connection, process: str) -> bool:
    """The same, asked on a connection that is there."""
    row = connection.execute(
        "select from pg_stat_activity where application_name = %s and datname = current_database()",
        [f"pressline {process}"],
    ).fetchone()
    return row is not None

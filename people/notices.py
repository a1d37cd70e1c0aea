"""What waits for someone: one row per thing, closed when it is done."""

from datetime import datetime

from database.connection import Connection


def raise_once(
    connection: Connection, kind: str, subject: str, press: str | None, role: str, now: datetime
) -> bool:
    """Say that something waits; True when it was not said before. A closed one is opened again."""
    raised = connection.execute(
        """
        insert into people.notice as n (at, kind, subject, press, role)
        values (%s, %s, %s, %s, %s)
        on conflict (kind, subject) do update
        set at = excluded.at, press = excluded.press, role = excluded.role,
            done_at = null, done_by = null
        where n.done_at is not null
        """,
        [now, kind, subject, press, role],
    )
    return raised.rowcount == 1


def close(connection: Connection, kind: str, subject: str, now: datetime) -> bool:
    """Say that it is done; True when it was open."""
    closed = connection.execute(
        "update people.notice set done_at = %s "
        "where kind = %s and subject = %s and done_at is null",
        [now, kind, subject],
    )
    return closed.rowcount == 1


def closed_by(connection: Connection, who: str, at: datetime) -> None:
    """Whose act closed what was closed at that instant; what goes away by itself has nobody."""
    connection.execute(
        "update people.notice set done_by = %s where done_at = %s and done_by is null",
        [who, at],
    )

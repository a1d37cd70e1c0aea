"""What waits for someone: one row per thing, closed when it is done."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from database.connection import Connection


@dataclass(frozen=True, slots=True)
class Notification:
    """Something that waits for people of a role; `subject` names it within its `kind`."""

    id: int
    at: datetime
    kind: str
    subject: str
    press: str | None
    role: str


def raise_once(
    connection: Connection, kind: str, subject: str, press: str | None, role: str, now: datetime
) -> bool:
    """Say that something waits; True when it was not said before. A closed one is opened again."""
    raised = connection.execute(
        """
        insert into erp.notification as n (at, kind, subject, press, role)
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
        "update erp.notification set done_at = %s "
        "where kind = %s and subject = %s and done_at is null",
        [now, kind, subject],
    )
    return closed.rowcount == 1


def closed_by(connection: Connection, who: str, at: datetime) -> None:
    """Whose act closed what was closed at that instant; what goes away by itself has nobody."""
    connection.execute(
        "update erp.notification set done_by = %s where done_at = %s and done_by is null",
        [who, at],
    )


def open_for(connection: Connection, role: str, lines: Sequence[str] = ()) -> list[Notification]:
    """What waits for a role on these lines, oldest first; no lines means every line.

    A manager sees what waits for anyone. What belongs to no press is seen on every line.
    """
    with connection.cursor(row_factory=class_row(Notification)) as cursor:
        return cursor.execute(
            """
            select n.id, n.at, n.kind, n.subject, n.press, n.role
            from erp.notification n left join board.press p on p.press = n.press
            where n.done_at is null
              and (n.role = %(role)s or %(role)s = 'manager')
              and (%(lines)s::text[] = '{}' or n.press is null or p.line = any(%(lines)s))
            order by n.at, n.id
            """,
            {"role": role, "lines": list(lines)},
        ).fetchall()

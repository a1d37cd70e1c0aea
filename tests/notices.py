"""What waits for whom, as tests ask for it."""

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


def open_for(connection: Connection, role: str, lines: Sequence[str] = ()) -> list[Notification]:
    """What waits for a role on these lines, oldest first; no lines means every line.

    A manager sees what waits for anyone. What belongs to no press is seen on every line.
    """
    with connection.cursor(row_factory=class_row(Notification)) as cursor:
        return cursor.execute(
            """
            select n.id, n.at, n.kind, n.subject, n.press, n.role
            from people.notice n left join board.press p on p.press = n.press
            where n.done_at is null
              and (n.role = %(role)s or %(role)s = 'manager')
              and (%(lines)s::text[] = '{}' or n.press is null or p.line = any(%(lines)s))
            order by n.at, n.id
            """,
            {"role": role, "lines": list(lines)},
        ).fetchall()

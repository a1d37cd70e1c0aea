"""What waits for someone: one row per thing, closed when it is done.

Where nobody sees to it in the time that its kind has, the next role is told as well.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from database.connection import Connection
from people import jobs, robots
from people.jobs import Job, JobKind, JobKinds

ESCALATE = "notice.escalate"  # the kind of job


class NoticeKind(NamedTuple):
    """A kind that a room raises, and the role that it waits for at first."""

    code: str
    role: str


NoticeKinds = Mapping[str, NoticeKind]


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
            done_at = null, done_by = null, escalated_at = null, escalated_to = null
        where n.done_at is not null
        returning id
        """,
        [now, kind, subject, press, role],
    ).fetchone()
    if raised is None:
        return False
    connection.execute("delete from people.notice_read where notice = %s", raised)
    _set_clock(connection, raised[0], kind, now, now)
    facts = {"kind": kind, "subject": subject, "press": press, "role": role}
    robots.tell(connection, kind, _cause(raised[0], now), facts, now)
    return True


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


def mark_read(connection: Connection, notices: Sequence[int], who: str, now: datetime) -> None:
    """Somebody has read them; the first time counts. The caller says which they may see."""
    connection.execute(
        "insert into people.notice_read (notice, who, at) "
        "select n.id, %s, %s from people.notice n where n.id = any (%s) on conflict do nothing",
        [who, now, list(notices)],
    )


def reset_clocks(connection: Connection, kind: str, now: datetime) -> None:
    """The time of a kind was changed: open ones go by it from when they were raised."""
    rows = connection.execute(
        "select id, at from people.notice "
        "where kind = %s and done_at is null and escalated_at is null order by id",
        [kind],
    ).fetchall()
    connection.execute(
        "delete from people.job where kind = %s and key = any (%s)",
        [ESCALATE, [_cause(notice, at) for notice, at in rows]],
    )
    for notice, at in rows:
        _set_clock(connection, notice, kind, at, now)


def _set_clock(
    connection: Connection, notice: int, kind: str, raised: datetime, now: datetime
) -> None:
    row = connection.execute(
        "select minutes from people.notice_kind where code = %s", [kind]
    ).fetchone()
    if row is not None and row[0] is not None:
        jobs.add(
            connection, ESCALATE, _cause(notice, raised), now,
            due=raised + timedelta(minutes=row[0]),
            args={"notice": notice, "raised": raised.isoformat()},
        )  # fmt: skip


def _cause(notice: int, raised: datetime) -> str:
    return f"{notice}/{raised.astimezone(UTC).isoformat()}"


def _escalate(connection: Connection, batch: Sequence[Job], now: datetime) -> None:
    """Tell the next role of what is still open since it was raised."""
    for job in batch:
        row = connection.execute(
            """
            update people.notice n set escalated_at = %(now)s, escalated_to = k.next_role
            from people.notice_kind k
            where n.id = %(notice)s and n.at = %(raised)s and n.done_at is null
              and n.escalated_at is null and k.code = n.kind and k.next_role <> n.role
            returning n.kind, n.subject, n.press, n.role, n.escalated_to
            """,
            {**job.args, "now": now},
        ).fetchone()
        if row is not None:
            kind, subject, press, role, to = row
            facts = {"kind": kind, "subject": subject, "press": press, "role": role}
            up = {**facts, "escalated_to": to}
            robots.tell(connection, kind, f"{job.key}/up", up, now)


JOBS: JobKinds = MappingProxyType({ESCALATE: JobKind(_escalate)})

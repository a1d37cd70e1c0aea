"""What the board role leaves open is ended.

A role may always change its own settings and a session its own, so limits that are settings are
manners, not walls. The bridge, a member of the role, ends what goes beyond them.
"""

from dataclasses import dataclass

import structlog

from database.connection import Connection

log = structlog.get_logger()

LONGEST_S = 15  # of a transaction; a statement has 10 s by the role's own setting


@dataclass(frozen=True)
class Ended:
    """A session that was ended, and why."""

    pid: int
    why: str


def end_overdue(connection: Connection) -> list[Ended]:
    """End the board sessions whose transaction is too old or that hold locks of the program's kind.

    Nobody is ended by who may not: another role than a superuser or a member.
    """
    rows = connection.execute(OVERDUE, {"longest": LONGEST_S}).fetchall()
    ended = [Ended(pid, why) for pid, why, gone in rows if gone]
    for each in ended:
        log.warning("a session of the board role was ended", pid=each.pid, why=each.why)
    return ended


OVERDUE = """
with board as (
  select a.pid, a.state, extract(epoch from clock_timestamp() - a.xact_start) as seconds,
         exists (select from pg_locks l where l.pid = a.pid and l.locktype = 'advisory') as holds
  from pg_stat_activity a
  where a.usename = 'board' and a.datname = current_database() and pg_has_role(a.usesysid, 'usage')
)
select pid,
       case when holds then 'advisory locks'
            else format('%%s for %%s s', state, round(seconds)) end,
       pg_terminate_backend(pid)
from board where holds or seconds > %(longest)s
"""

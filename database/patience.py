"""Changing what others read, without standing in their way.

Whoever waits for a lock holds up all who come after, and who holds locks while waiting can be
waited for in turn. So each try is short, far below the time after which the server looks for
deadlocks and ends somebody; then the locks are let go and it is tried again.
"""

import random
import time
from collections.abc import Callable
from itertools import cycle

import psycopg

from database.connection import Connection
from database.errors import BlockedError

TRIES_MS = (300, 600, 900)  # the server's deadlock_timeout is a second
PAUSE_S = (0.05, 0.3)
PATIENCE_S = 60.0  # a board's statement has 10 s


def patiently(
    connection: Connection, work: Callable[[], None], tries_ms: tuple[int, ...] = TRIES_MS
) -> None:
    """Do `work` in a transaction, again and again until it gets its locks.

    Raises BlockedError, naming who stands in the way, when it got none for a minute.
    """
    end = time.monotonic() + PATIENCE_S
    for each_ms in cycle(tries_ms):
        try:
            with connection.transaction():
                connection.execute("select set_config('lock_timeout', %s, true)", [f"{each_ms}ms"])
                work()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > end:
                raise BlockedError(
                    f"No lock for {PATIENCE_S:.0f} s ({str(error).splitlines()[0]}). In the way: "
                    f"{_in_the_way(connection)}. End these sessions, then run it again."
                ) from error
            time.sleep(random.uniform(*PAUSE_S))  # noqa: S311 - so that two do not keep step
        else:
            return


def _in_the_way(connection: Connection) -> str:
    rows = connection.execute(
        """
        select distinct a.pid, a.usename, a.application_name
        from pg_locks l join pg_stat_activity a on a.pid = l.pid
        join pg_class c on c.oid = l.relation join pg_namespace n on n.oid = c.relnamespace
        where l.granted and a.pid <> pg_backend_pid() and a.datname = current_database()
          and n.nspname not in ('pg_catalog', 'pg_toast', 'information_schema')
          and c.relname <> 'migration'
        order by a.pid
        """
    ).fetchall()
    return "; ".join(f"{who} in {what or '?'} (pid {pid})" for pid, who, what in rows) or "nobody"

"""Jobs: what is to be done after an act or by the clock, kept as rows until it is done.

A job is written in the transaction of its cause: it is there if and only if the cause is. What does
them is `people.worker`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from database.connection import Connection


@dataclass(frozen=True, slots=True)
class Job:
    """One row: `key` names its cause within its kind, `act` the act that it follows."""

    id: int
    kind: str
    key: str
    queue: str | None
    args: Mapping[str, Any]
    made_at: datetime
    tries: int
    act: str | None


class Later(Exception):  # noqa: N818 - no error: it is too early
    """Raised by an effect: nothing of it was done, try again at `at`; that is no failure.

    With a reason (`why`) it is told on the list, and the whole queue waits.
    """

    def __init__(self, at: datetime, why: str | None = None) -> None:
        super().__init__(why or f"not before {at.isoformat()}")
        self.at, self.why = at, why


Effect = Callable[[Connection, Sequence[Job], datetime], Sequence[Job] | None]


@dataclass(frozen=True, slots=True)
class JobKind:
    """What jobs of one kind do, in the transaction in which they are taken off the list.

    `effect` raises to be tried again: what it wrote is rolled back. It returns the jobs that it
    did, None for all that it was given. `together`: so many jobs of one
    queue are given to it at once. An effect that is `outside` reaches beyond the database: it is
    done at least once, and never in a preview or a scenario.
    """

    effect: Effect
    together: int = 1
    outside: bool = False


JobKinds = Mapping[str, JobKind]


def add(
    connection: Connection, kind: str, key: str, now: datetime, *,
    due: datetime | None = None, queue: str | None = None, args: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Have something done at `due` (default: at once), in the caller's transaction.

    A job of that key that still waits stays as it is. Give each cause a key of its own: a job that
    is being done right now need not see what its second cause has written.
    """
    if queue is not None:
        connection.execute(
            "insert into people.work_queue (name) values (%s) on conflict do nothing", [queue]
        )
    connection.execute(
        "insert into people.job (kind, key, queue, args, made_at, due, act) "
        "values (%s, %s, %s, %s, %s, %s, nullif(current_setting('pressline.act', true), '')::uuid) "
        "on conflict do nothing",
        [kind, key, queue, Jsonb(dict(args or {})), now, due or now],
    )
    connection.execute("select pg_notify('job', '')")

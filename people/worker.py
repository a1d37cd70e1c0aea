"""The worker: does each job exactly once in effect, however often it is killed.

A job is locked, its effect and its mark are one transaction: a worker that dies gives the row back
with its connection. One that fails is tried again after growing waits, and given up after
`MOST_TRIES`; then somebody is told. What was due while no worker ran is done when one does.
"""

import contextlib
import threading
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import structlog
from psycopg.rows import class_row

from database.connection import Connection, wait_connect
from database.errors import AddressError, NewerError, OutdatedError
from database.limits import SERVICE
from database.migrate import require_current
from people import notices
from people.jobs import Job, JobKinds, Later

FIRST_WAIT = timedelta(seconds=10)  # after the first failure; twice as long after each
LONGEST_WAIT = timedelta(hours=1)
MOST_TRIES = 10  # about two hours and a half
SOON = timedelta(seconds=1)  # when somebody holds what it needs
LOCK = "1s"  # an effect waits no longer for what others hold
LOOK = 1.0  # seconds after which a worker that was not woken looks by itself
PATIENCE = 5.0  # seconds that an effect in the middle is given at the end
FAILED = "job_failed"  # the kind of notice
TOLD = "leader"  # whom it waits for
NOTICES = (notices.NoticeKind(FAILED, TOLD),)

log = structlog.get_logger()


def work(connection: Connection, kinds: JobKinds, now: datetime, *, outside: bool = True) -> int:
    """Do everything that is due at `now`, each in a transaction; returns how many jobs were done.

    Without `outside` those that reach beyond the database stay.
    """
    done = 0
    mine = sorted(name for name, kind in kinds.items() if outside or not kind.outside)
    while (n := _next(connection, kinds, mine, now)) is not None:
        done += n
    return done


def follow(connection: Connection, kinds: JobKinds, act: str, now: datetime) -> None:
    """What the act has for after-effects, now and in its transaction; what fails is raised."""
    mine = sorted(name for name, kind in kinds.items() if not kind.outside)
    while batch := _take(connection, kinds, mine, now, act):
        with contextlib.suppress(Later):
            kinds[batch[0].kind].effect(connection, batch, now)
        _end(connection, batch)


def _next(
    connection: Connection, kinds: JobKinds, mine: Sequence[str], now: datetime
) -> int | None:
    """Do the next job, or the next ones of a queue together; None when nothing is due."""
    with connection.transaction():
        batch = _take(connection, kinds, mine, now, None)
        if not batch:
            return None
        try:
            with connection.transaction():
                _prepare(connection, batch)
                did = kinds[batch[0].kind].effect(connection, batch, now)
                connection.execute("set constraints all immediate")
        except Exception as error:
            if connection.closed:
                raise
            _put_back(connection, batch, error, now)
            return 0
        done = batch if did is None else did
        _end(connection, done)
        return len(done)


def _take(
    connection: Connection, kinds: JobKinds, mine: Sequence[str], now: datetime, act: str | None
) -> list[Job]:
    """Lock the job that has waited longest, with those behind it in its queue."""
    busy: list[str] = []
    values: dict[str, Any] = {"mine": list(mine), "busy": busy, "now": now, "act": act}
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        while (first := cursor.execute(_FIRST, values).fetchone()) is not None:
            if first.queue is None:
                return [first]
            if _held(connection, first.queue):
                behind = {"queue": first.queue, "kind": first.kind}
                most = {"most": kinds[first.kind].together}
                return cursor.execute(_QUEUED, values | behind | most).fetchall()
            busy.append(first.queue)
    return []


def _held(connection: Connection, queue: str) -> bool:
    """Whether the queue is this transaction's now; False where another worker is at it."""
    row = connection.execute(
        "select true from people.work_queue where name = %s for update skip locked", [queue]
    ).fetchone()
    return row is not None


def _prepare(connection: Connection, batch: Sequence[Job]) -> None:
    """What an effect changes is told in the trail as the act's; it waits for nobody for long."""
    connection.execute(
        "select set_config('lock_timeout', %s, true), set_config('pressline.act', %s, true)",
        [LOCK, batch[0].act or ""],
    )


def _end(connection: Connection, batch: Sequence[Job]) -> None:
    connection.execute("delete from people.job where id = any (%s)", [[job.id for job in batch]])


def _put_back(
    connection: Connection, batch: Sequence[Job], error: Exception, now: datetime
) -> None:
    """To be done later; or never, when it has failed too often."""
    if isinstance(error, Later):
        _wait(connection, batch, error.at, error.why, now)
    elif isinstance(error, psycopg.errors.LockNotAvailable):
        _wait(connection, batch, now + SOON, None, now)
    else:
        log.error("a job failed", kind=batch[0].kind, key=batch[0].key, exc_info=error)
        for job in batch:
            _failed(connection, job, str(error) or type(error).__name__, now)


def _wait(
    connection: Connection, batch: Sequence[Job], until: datetime, why: str | None, now: datetime
) -> None:
    until = max(until, now + SOON)
    connection.execute(
        "update people.job set due = %s, error = coalesce(%s, error) where id = any (%s)",
        [until, why, [job.id for job in batch]],
    )


def _failed(connection: Connection, job: Job, error: str, now: datetime) -> None:
    tries = job.tries + 1
    given_up = now if tries >= MOST_TRIES else None
    pause = min(FIRST_WAIT * 2 ** min(tries - 1, 20), LONGEST_WAIT)
    connection.execute(
        "update people.job set tries = %s, error = %s, due = %s, failed_at = %s where id = %s",
        [tries, error[:2000], now + pause, given_up, job.id],
    )
    if given_up:
        notices.raise_once(connection, FAILED, f"{job.kind}/{job.id}", None, TOLD, now)


@contextlib.contextmanager
def running(database: str, kinds: JobKinds) -> Generator[None]:
    """A worker beside the caller's own work, in a thread; it ends with the block."""
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(database, kinds, stop), name="jobs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)


def serve(database: str, kinds: JobKinds, stop: threading.Event) -> None:
    """Do jobs as they are due until `stop`; while the database is away, wait for it.

    Beside the bridge, which says that it waits, or that the address cannot be one.
    """
    try:
        require_current(database, stop=stop.is_set, quiet=True)
    except AddressError:
        return
    except (OutdatedError, NewerError) as error:
        log.warning("no jobs are done", reason=str(error))
        return
    while not stop.is_set():
        connection = wait_connect(
            database, stop=stop.is_set, autocommit=True, application="pressline jobs",
            limits=SERVICE, quiet=True,
        )  # fmt: skip
        if connection is None:
            return
        try:
            with connection:
                _serve(connection, kinds, stop)
        except Exception as error:
            log.warning("the worker starts anew", reason=str(error).strip())
            stop.wait(LOOK)


def _serve(connection: Connection, kinds: JobKinds, stop: threading.Event) -> None:
    connection.execute("listen job")
    while not stop.is_set():
        work(connection, kinds, datetime.now(UTC))
        for _ in connection.notifies(timeout=LOOK, stop_after=1):
            pass


_COLUMNS = "select j.id, j.kind, j.key, j.queue, j.args, j.made_at, j.tries, j.act::text"
_DUE = """
from people.job j
where j.failed_at is null and j.due <= %(now)s and j.kind = any (%(mine)s)
  and (%(act)s::text is null or j.act = %(act)s::uuid)
"""
# A queue whose first job waits for another try waits as a whole; one that is locked is passed over.
_OLDEST = """
  and (j.queue is null or j.queue <> all (%(busy)s) and not exists (
    select from people.job b
    where b.queue = j.queue and b.error is not null and b.failed_at is null and b.due > %(now)s))
order by j.due, j.id limit 1 for update skip locked
"""
_BEHIND = """
  and j.queue = %(queue)s and j.kind = %(kind)s
order by j.made_at, j.id limit %(most)s for update skip locked
"""
_FIRST = _COLUMNS + _DUE + _OLDEST
_QUEUED = _COLUMNS + _DUE + _BEHIND

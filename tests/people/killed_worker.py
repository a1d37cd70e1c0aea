"""A worker that is killed in the middle of an effect: `python killed_worker.py DATABASE`."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from database.connection import Connection, connect
from people import worker
from people.jobs import Job, JobKind


def effect(connection: Connection, _jobs: Sequence[Job], _now: datetime) -> None:
    """Change something, say so, and never come back."""
    connection.execute("update people.person set name = 'half done' where code = 'P'")
    sys.stdout.write("in the middle\n")
    sys.stdout.flush()
    sys.stdin.read()


with connect(sys.argv[1], autocommit=True) as opened:
    worker.work(opened, {"rename": JobKind(effect)}, datetime.now(UTC))

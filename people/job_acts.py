"""What people do about jobs that were given up: have them tried again, or leave it."""

from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from people import notices
from people.acts import Deed, Kind, Kinds, Outcome
from people.arguments import Arguments, Reason, Whole
from people.refusal import Refused
from people.worker import FAILED

Number = Annotated[Whole, Field(ge=1, le=2**62)]


class Retry(Arguments):
    """job.retry{job}: it is tried at once, and as often as at first."""

    job: Number


class Drop(Retry):
    """job.drop{job, reason}: it is never done."""

    reason: Reason


def _retry(deed: Deed, given: Retry) -> Outcome:
    told = _given_up(deed, given.job)
    deed.connection.execute(
        "update people.job set failed_at = null, tries = 0, due = %s where id = %s",
        [deed.now, given.job],
    )
    deed.connection.execute("select pg_notify('job', '')")
    return {"message": "job_retried", **told}


def _drop(deed: Deed, given: Drop) -> Outcome:
    told = _given_up(deed, given.job)
    deed.connection.execute("delete from people.job where id = %s", [given.job])
    return {"message": "job_dropped", **told}


def _given_up(deed: Deed, job: int) -> Outcome:
    """Lock a job that nobody tries any more, and close what was told of it."""
    row = deed.connection.execute(
        "select kind, key, failed_at from people.job where id = %s for update", [job]
    ).fetchone()
    if row is None:
        raise Refused("job_unknown", job=job)
    kind, key, failed = row
    if failed is None:
        raise Refused("job_not_failed", job=job)
    deed.touches("job", str(job))
    notices.close(deed.connection, FAILED, f"{kind}/{job}", deed.now)
    return {"job": job, "kind": kind, "key": key}


ACTS: Kinds = MappingProxyType({"job.retry": Kind(Retry, _retry), "job.drop": Kind(Drop, _drop)})

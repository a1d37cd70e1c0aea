"""What is to be done after an act: exactly once, however often what does it fails or is killed."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from notices import open_for

from database.connection import Connection, connect
from people import acts, job_acts, jobs, worker
from people.acts import Act, Deed, Kind, Kinds, Outcome
from people.arguments import Arguments, Code
from people.jobs import Job, JobKind, JobKinds, Later
from people.refusal import Refused

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Hello(Arguments):
    """hello{name}: P is called so, but later."""

    name: Code


def _hello(deed: Deed, given: Hello) -> Outcome:
    deed.then("rename", name=given.name)
    return {"message": "hello"}


def _rename(connection: Connection, batch: Sequence[Job], _now: datetime) -> None:
    for job in batch:
        connection.execute(
            "update people.person set name = name || %s where code = 'P'", [job.args["name"]]
        )


def _fail(connection: Connection, batch: Sequence[Job], now: datetime) -> None:
    _rename(connection, batch, now)
    raise ValueError("the printer is out of paper")


ACTS: Kinds = {"hello": Kind(Hello, _hello), **job_acts.ACTS}
GOOD: JobKinds = {"rename": JobKind(_rename)}
BAD: JobKinds = {"rename": JobKind(_fail)}


@pytest.fixture
def shop(database: str) -> Iterator[Connection]:
    with connect(database, autocommit=True) as opened:
        opened.execute("insert into people.role_right values ('manager', 'hello')")
        opened.execute("insert into people.person (code, name, role) values ('P', '', 'manager')")
        yield opened


def do(shop: Connection, kind: str, /, after: timedelta = timedelta(), **args: Any) -> UUID:
    act = Act(uuid4(), "P", None, NOW + after, kind, args)
    with shop.transaction():
        acts.record(shop, act, NOW + after, ACTS)
    return act.id


def called(shop: Connection) -> str:
    row = shop.execute("select name from people.person where code = 'P'").fetchone()
    assert row is not None
    return row[0]


def waiting(shop: Connection) -> list[tuple[Any, ...]]:
    return shop.execute(
        "select key, tries, due, error, failed_at from people.job where kind = 'rename' order by id"
    ).fetchall()


def test_an_after_effect_is_there_if_and_only_if_its_act_is(shop: Connection) -> None:
    with shop.transaction(force_rollback=True):
        acts.record(shop, Act(uuid4(), "P", None, NOW, "hello", {"name": "A"}), NOW, ACTS)
    assert waiting(shop) == []
    number = do(shop, "hello", name="A")
    assert waiting(shop) == [(str(number), 0, NOW, None, None)]
    assert called(shop) == ""


def test_it_is_done_once_and_told_as_the_acts_doing(shop: Connection) -> None:
    number = do(shop, "hello", name="A")
    assert worker.work(shop, GOOD, NOW) == 1
    assert worker.work(shop, GOOD, NOW + HOUR) == 0
    assert (called(shop), waiting(shop)) == ("A", [])
    told = shop.execute("select after from people.change where act = %s", [number]).fetchall()
    assert told == [({"name": "A"},)]


def test_a_preview_does_it_in_process_and_takes_all_of_it_back(shop: Connection) -> None:
    seen: list[str] = []

    def look(connection: Connection, batch: Sequence[Job], now: datetime) -> None:
        _rename(connection, batch, now)
        seen.append(called(connection))

    def outside(_connection: Connection, _batch: Sequence[Job], _now: datetime) -> None:
        seen.append("sent to the world")

    act = Act(uuid4(), "P", None, NOW, "hello", {"name": "A"})
    acts.preview(shop, act, NOW, ACTS, {"rename": JobKind(look)})
    acts.preview(shop, act, NOW, ACTS, {"rename": JobKind(outside, outside=True)})
    assert (seen, called(shop), waiting(shop)) == (["A"], "", [])


def test_what_fails_changes_nothing_is_tried_again_and_at_last_somebody_is_told(
    shop: Connection,
) -> None:
    do(shop, "hello", name="A")
    at, pauses = NOW, list[timedelta]()
    for tries in range(1, worker.MOST_TRIES + 1):
        assert open_for(shop, "leader") == []
        worker.work(shop, BAD, at)
        ((_, count, due, error, _),) = waiting(shop)
        assert (count, error) == (tries, "the printer is out of paper")
        assert worker.work(shop, GOOD, due - timedelta(seconds=1)) == 0
        pauses.append(due - at)
        at = due
    assert waiting(shop)[0][-1] is not None
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (worker.FIRST_WAIT, worker.LONGEST_WAIT)
    (told,) = open_for(shop, "leader")
    assert told.kind == "job_failed"
    assert worker.work(shop, GOOD, at + HOUR) == 0
    assert called(shop) == ""


def given_up(shop: Connection) -> int:
    do(shop, "hello", name="A")
    for n in range(worker.MOST_TRIES):
        worker.work(shop, BAD, NOW + n * HOUR)
    row = shop.execute("select id from people.job where failed_at is not null").fetchone()
    assert row is not None
    return row[0]


def test_a_person_has_it_tried_again(shop: Connection) -> None:
    job = given_up(shop)
    do(shop, "job.retry", 10 * HOUR, job=job)
    assert open_for(shop, "leader") == []
    with pytest.raises(Refused, match="job_not_failed"):
        do(shop, "job.retry", 10 * HOUR, job=job)
    assert worker.work(shop, GOOD, NOW + 10 * HOUR) == 1
    assert called(shop) == "A"
    with pytest.raises(Refused, match="job_unknown"):
        do(shop, "job.retry", 10 * HOUR, job=job)


def test_a_person_drops_it_with_a_reason(shop: Connection) -> None:
    job = given_up(shop)
    with pytest.raises(Refused, match="reason_missing"):
        do(shop, "job.drop", 10 * HOUR, job=job)
    do(shop, "job.drop", 10 * HOUR, job=job, reason="no longer wanted")
    assert (waiting(shop), open_for(shop, "leader")) == ([], [])


def test_a_worker_that_is_killed_in_the_middle_loses_nothing_and_doubles_nothing(
    shop: Connection, database: str
) -> None:
    do(shop, "hello", name="A")
    program = Path(__file__).with_name("killed_worker.py")
    with subprocess.Popen(
        [sys.executable, program, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, cwd=Path(__file__).parents[2],
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "in the middle\n"
        assert worker.work(shop, GOOD, NOW) == 0  # it is being done
        child.kill()
    shop.execute("select from people.job for update")  # until the server has seen it die
    assert called(shop) == ""
    assert worker.work(shop, GOOD, NOW) == 1
    assert called(shop) == "A"


def test_two_workers_share_what_is_due(shop: Connection, database: str) -> None:
    for name in "AB":
        do(shop, "hello", name=name)
    with connect(database, autocommit=True) as other:
        found: list[int] = []

        def meanwhile(connection: Connection, batch: Sequence[Job], now: datetime) -> None:
            if not found:
                found.append(worker.work(other, {"rename": JobKind(_nothing)}, NOW))
            _rename(connection, batch, now)

        assert worker.work(shop, {"rename": JobKind(meanwhile)}, NOW) == 1
        assert found == [1]
    assert waiting(shop) == []


def _nothing(_connection: Connection, _batch: Sequence[Job], _now: datetime) -> None:
    """Done."""


def test_what_was_due_while_nobody_worked_is_done_in_its_order(shop: Connection) -> None:
    for hours, name in ((3, "C"), (1, "A"), (2, "B"), (30, "Z")):
        due = NOW + hours * HOUR
        jobs.add(shop, "rename", name, NOW, due=due, args={"name": name})
    assert worker.work(shop, GOOD, NOW + 24 * HOUR) == 3
    assert called(shop) == "ABC"


def test_one_cause_is_one_job(shop: Connection) -> None:
    for n in range(3):
        jobs.add(shop, "rename", "k", NOW + n * HOUR, args={"name": "A"})
    assert worker.work(shop, GOOD, NOW + 3 * HOUR) == 1


def test_a_queue_is_done_together_in_its_order_and_waits_as_a_whole(shop: Connection) -> None:
    batches: list[str] = []
    until = NOW + HOUR

    def together(_connection: Connection, batch: Sequence[Job], now: datetime) -> None:
        batches.append("".join(job.args["name"] for job in batch))
        if now < until:
            raise Later(until)

    kinds = {"rename": JobKind(together, together=3)}
    for n, name in enumerate("ABCDE"):
        at = NOW + timedelta(seconds=n)
        jobs.add(shop, "rename", name, at, due=NOW, queue="q", args={"name": name})
    assert worker.work(shop, kinds, NOW) == 0
    assert {(tries, due) for _, tries, due, _, _ in waiting(shop)} == {(0, until)}
    batches.clear()
    assert worker.work(shop, kinds, until) == 5
    assert batches == ["ABC", "DE"]


def test_behind_one_that_failed_its_queue_waits_and_the_others_go_on(shop: Connection) -> None:
    jobs.add(shop, "rename", "1", NOW, queue="q", args={"name": "A"})
    worker.work(shop, BAD, NOW)
    jobs.add(shop, "rename", "2", NOW, queue="q", args={"name": "B"})
    jobs.add(shop, "rename", "3", NOW, queue="other", args={"name": "C"})
    assert worker.work(shop, GOOD, NOW) == 1
    assert called(shop) == "C"
    assert worker.work(shop, GOOD, NOW + HOUR) == 2
    assert called(shop).startswith("C")


def test_what_somebody_else_holds_is_waited_for_and_is_no_failure(
    shop: Connection, database: str
) -> None:
    do(shop, "hello", name="A")
    with connect(database) as other:
        other.execute("select from people.person where code = 'P' for update")
        assert worker.work(shop, GOOD, NOW) == 0
    ((_, tries, due, _, _),) = waiting(shop)
    assert (tries, due) == (0, NOW + worker.SOON)
    assert worker.work(shop, GOOD, due) == 1


def test_the_worker_is_woken_by_the_act(shop: Connection, database: str) -> None:
    done = threading.Event()

    def tell(_connection: Connection, _batch: Sequence[Job], _now: datetime) -> None:
        done.set()

    with worker.running(database, {"rename": JobKind(tell)}):
        do(shop, "hello", name="A")
        assert done.wait(20)
    assert waiting(shop) == []
